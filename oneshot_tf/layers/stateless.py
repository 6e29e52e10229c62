"""A Keras network as a function of its weights: called with other values, it keeps none of them.

For the time of a call, each layer's attribute that holds a weight holds the given value instead, as
PyTorch's `functional_call` does. One thread at a time may call a network so.
"""

import contextlib
import threading

import tensorflow as tf

_ONE_AT_A_TIME = threading.RLock()


def call(network, learned, inputs, training=False):
    """What a network gives of `inputs` with other trainable weights than its own.

    Args:
      network: a built Keras layer or model.
      learned: a list of tensors or variables, one for each of `network.trainable_variables`.
      inputs: whatever the network takes.
      training: batch norm takes the batch's statistics; running ones do not move. Else it has
        the network's running statistics.

    Returns:
      The network's output.

    Raises:
      ValueError: as many values as weights are needed, each of its weight's shape, and weights have
        to be plain attributes of layers, read anew in every call.
    """
    own = network.trainable_variables
    if len(learned) != len(own):
        raise ValueError(f"`learned` must have {len(own)} weights. Received: {len(learned)}")
    for value, variable in zip(learned, own, strict=True):
        if not value.shape.is_compatible_with(variable.shape):
            raise ValueError(
                f"`{variable.name}` must be {variable.shape}. Received: shape={value.shape}"
            )
    given = {id(variable): value for variable, value in zip(own, learned, strict=True)}
    with _ONE_AT_A_TIME, _holding(network, given), tf.GradientTape() as tape:
        outputs = network(inputs, training=training)
    # a call of a `tf.function`, or a weight inside a list, would silently be of the own weights
    missed = [v.name for v in tape.watched_variables() if id(v) in given and v is not given[id(v)]]
    if missed and not all(v is w for v, w in zip(learned, own, strict=True)):
        raise ValueError(
            f"`{missed[0]}` is not read as a plain attribute of its layer, so that no other value "
            "can be given to it"
        )
    return outputs


@contextlib.contextmanager
def _holding(network, given):
    """Layers hold the values of {id of a weight: value}, and batch norm's momentum is 1."""
    before = []
    try:
        for layer in network._flatten_layers():
            held = vars(layer)
            for name, variable in list(held.items()):
                if id(variable) in given:
                    before.append((held, name, variable))
                    held[name] = _as_read(variable, given[id(variable)], layer)
            if "moving_mean" in held:  # statistics that stay as they are, to the bit
                before.append((held, "momentum", held["momentum"]))
                held["momentum"] = 1.0
        yield
    finally:
        for held, name, value in before:
            held[name] = value


def _as_read(variable, value, layer):
    """The value as reading the variable would give it: in mixed precision it is cast for its layer."""
    if not hasattr(variable, "_should_cast"):
        return value
    return tf.cast(value, layer.compute_dtype)

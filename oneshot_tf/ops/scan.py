"""The loop of memories that are written picture by picture.

Recurrent cells have a loop of their own, `layers/unroll.py`, for the sake of their kernels' gradient.
"""

import tensorflow as tf


def scan(step, state, inputs, outputs=()):
    """Runs `step` along the first dimension of its inputs, T times, in one `while_loop`.

    Args:
      step: (t, state, inputs at t) -> (state, outputs at t), t an int32 scalar tensor. The state's
        tensors keep their shapes.
      state: a structure of tensors.
      inputs: a structure of tensors [T, ...].
      outputs: the dtypes of the tuple of tensors that a step gives.

    Returns:
      (the state after the last step, a tuple of tensors [T, ...]); gradients flow through both.
    """
    flat = tf.nest.flatten(inputs)
    steps = tf.shape(flat[0])[0]
    # reading through a TensorArray: the gradient of indexing would be a full [T, ...] per step
    sources = [tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]).unstack(x) for x in flat]

    def body(t, state, arrays):
        now = tf.nest.pack_sequence_as(inputs, [source.read(t) for source in sources])
        after, made = step(t, state, now)
        # broadcasting a known size with an unknown one forgets even the rank, which no loop allows
        tf.nest.map_structure(lambda x, old: x.set_shape(old.shape), after, state)
        return t + 1, after, tuple(a.write(t, x) for a, x in zip(arrays, made, strict=True))

    arrays = tuple(tf.TensorArray(kind, steps) for kind in outputs)
    start = (tf.constant(0), state, arrays)
    _, state, arrays = tf.while_loop(lambda t, *_: t < steps, body, start)
    return state, tuple(array.stack() for array in arrays)

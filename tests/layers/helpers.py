"""What the tests of the cells share: random weights, random states, and the comparison with loops."""

import numpy as np
import tensorflow as tf

INPUTS, UNITS, ROWS, WIDTH, BATCH, STEPS = 5, 4, 6, 3, 2, 6
WEIGHTS = ("kernel", "bias", "recurrent_kernel", "head_kernel", "head_bias", "alpha")


def build(cell, seed=0):
    """Builds a cell and gives every weight random numbers; biases and gates are not zero then."""
    cell.build([None, None, INPUTS])
    random = np.random.default_rng(seed)
    for weight in cell.trainable_variables:
        weight.assign(random.normal(scale=0.7, size=weight.shape))
    return cell


def numpy_weights(cell):
    """{name: array} of the weights that the cell has."""
    found = {name: getattr(cell, name, None) for name in WEIGHTS}
    return {name: weight.numpy() for name, weight in found.items() if weight is not None}


def random_inputs(steps=STEPS, batch=BATCH, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(steps, batch, INPUTS)).astype(np.float32)


def random_state(cell, batch=BATCH, seed=0):
    """A state as it may be in the middle of an episode: no two rows are alike."""
    random = np.random.default_rng(seed)

    def fill(name, tensor):
        if name in ("write_weights", "read_weights", "weights"):
            numbers = random.random(tensor.shape)
            return tf.constant(numbers / numbers.sum(axis=-1, keepdims=True), tf.float32)
        if name == "usage":
            return tf.constant(random.random(tensor.shape), tf.float32)
        if name == "cleared":
            return tf.one_hot(random.integers(0, tensor.shape[1], tensor.shape[0]), tensor.shape[1])
        return tf.constant(random.normal(scale=0.5, size=tensor.shape), tf.float32)

    start = cell.initial_state(batch)
    controller = {name: fill("", tensor) for name, tensor in start.controller._asdict().items()}
    own = {name: fill(name, t) for name, t in start._asdict().items() if name != "controller"}
    return type(start)(controller=type(start.controller)(**controller), **own)


def as_dictionaries(state):
    """A state as nested dictionaries of arrays."""
    return {
        name: as_dictionaries(value) if hasattr(value, "_asdict") else np.asarray(value)
        for name, value in state._asdict().items()
    }


def assert_states_close(state, expected, tolerance=1e-5):
    for name, value in expected.items():
        found = getattr(state, name)
        if isinstance(value, dict):
            assert_states_close(found, value, tolerance)
        else:
            message = f"in {type(state).__name__}.{name}"
            np.testing.assert_allclose(
                found, value, rtol=tolerance, atol=tolerance, err_msg=message
            )
    assert set(expected) == set(state._fields)


def step(cell, inputs, state):
    """One step by itself. inputs [B, D] -> (output, state)."""
    gates = tf.matmul(inputs, cell.kernel) + cell.bias
    if cell.recurrent_kernel is not None:
        gates += tf.matmul(cell.recurrent_inputs(state), cell.recurrent_kernel)
    return cell.step(gates, state, cell.read_heads())


def check_against_loops(cell, reference_step):
    """Runs the cell beside the loops: from a random state freely, from the first state in step.

    From the first state many rows are equally unused, so that rounding chooses among them; there
    the loops start each step from the cell's own state.

    Args:
      cell: a built cell.
      reference_step: (weights, inputs [B, D], state) -> (output, state).
    """
    weights, inputs = numpy_weights(cell), random_inputs()
    for state, freely in [(random_state(cell), True), (cell.initial_state(BATCH), False)]:
        expected = as_dictionaries(state)
        for t in range(STEPS):
            if not freely:
                expected = as_dictionaries(state)
            expected_output, expected = reference_step(weights, inputs[t], expected)
            output, state = step(cell, tf.constant(inputs[t]), state)
            np.testing.assert_allclose(output, expected_output, rtol=1e-5, atol=1e-5)
            assert_states_close(state, expected)


def plain_run(cell, inputs, state):
    """The sequence as a plain Python loop: (outputs [T, B, O], last state)."""
    outputs = []
    for t in range(inputs.shape[0]):
        output, state = step(cell, inputs[t], state)
        outputs.append(output)
    return tf.stack(outputs), state


def one_of_each_cell(controller="lstm"):
    """{name: a built small cell}, with all options on."""
    from oneshot_tf.layers.feature_label_cell import FeatureLabelCell
    from oneshot_tf.layers.lrua_cell import LRUACell
    from oneshot_tf.layers.ntm_cell import NTMCell
    from oneshot_tf.layers.plain_cell import PlainCell

    shared = {"usage_decay": 0.9, "key_strength": True, "initial_strength": 2.0, "least_norm": 0.1}
    sizes = (controller, UNITS, ROWS, WIDTH)
    return {
        "flmn": build(
            FeatureLabelCell(
                *sizes,
                **shared,
                key="feature",
                write_gate="scalar",
                read_after_write=True,
                erase_label=True,
            )
        ),
        "lrua": build(
            LRUACell(
                *sizes,
                2,
                **shared,
                write_gate="step",
                add_vector="separate",
                shared_rows=False,
                read_after_write=True,
            )
        ),
        "ntm": build(NTMCell(*sizes, 2, shifts=1, read_after_write=False)),
        "plain": build(PlainCell(controller, UNITS)),
    }

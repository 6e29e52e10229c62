import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.unroll import unroll
from tests.layers.helpers import (
    BATCH,
    ROWS,
    STEPS,
    one_of_each_cell,
    plain_run,
    random_inputs,
)  # fmt: skip

CELLS = ["flmn", "lrua", "ntm", "plain"]
CONTROLLERS = ["lstm", "mlp"]


@pytest.fixture(scope="module")
def cells():
    return {kind: one_of_each_cell(kind) for kind in CONTROLLERS}


@pytest.fixture(params=CELLS)
def cell(request, cells):
    return cells["lstm"][request.param]


def assert_same(found, expected, tolerance=1e-5):
    tf.nest.assert_same_structure(found, expected)
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def objective(outputs, state):
    """A number that every output and every part of the last state has a say in."""
    random = np.random.default_rng(3)
    parts = [outputs, *tf.nest.flatten(state)]
    return tf.add_n([tf.reduce_sum(p * random.normal(size=p.shape)) for p in parts])


def gradients_of(cell, run, inputs, state=None):
    """(gradient of inputs, {name: gradient of weight}); from the cell's first state by default."""
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs, last = run(cell, inputs, state or cell.initial_state(inputs.shape[1]))
        loss = objective(outputs, last)
    found = tape.gradient(loss, [inputs, *cell.trainable_variables])
    names = [weight.name for weight in cell.trainable_variables]
    return found[0], dict(zip(names, found[1:], strict=True))


def with_unroll(**options):
    def run(cell, inputs, state):
        ran = unroll(cell, inputs, state, **options)
        return ran.outputs, ran.state

    return run


def assert_gradients_close(found, expected):
    assert set(found) == set(expected) and None not in found.values()
    for name, gradient in expected.items():
        largest = np.abs(gradient).max()
        assert largest > 1e-6, f"{name} has no say; the comparison would be empty"
        np.testing.assert_allclose(
            found[name], gradient, rtol=1e-5, atol=1e-5 * largest, err_msg=name
        )


@pytest.mark.parametrize("loop", [True, False])
def test_equals_a_plain_loop(cell, loop):
    inputs, state = random_inputs(), cell.initial_state(BATCH)
    ran = unroll(cell, tf.constant(inputs), state, loop=loop)
    outputs, last = plain_run(cell, tf.constant(inputs), state)
    assert_same(ran.outputs, outputs)
    assert_same(ran.state, last)
    assert ran.trace == {}


def test_two_halves_with_the_state_carried_equal_the_whole(cell):
    inputs, state = tf.constant(random_inputs()), cell.initial_state(BATCH)
    whole = unroll(cell, inputs, state)
    first = unroll(cell, inputs[:2], state)
    second = unroll(cell, inputs[2:], first.state)
    assert_same(tf.concat([first.outputs, second.outputs], axis=0), whole.outputs)
    assert_same(second.state, whole.state)


@pytest.mark.parametrize("controller", CONTROLLERS)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("loop", [True, False])
def test_deferred_gradient_equals_the_plain_tape(cells, controller, name, loop):
    cell, inputs = cells[controller][name], random_inputs()
    expected_input, expected = gradients_of(cell, plain_run, inputs)
    found_input, found = gradients_of(cell, with_unroll(loop=loop), inputs)
    assert_gradients_close(found, expected)
    np.testing.assert_allclose(found_input, expected_input, rtol=1e-5, atol=1e-5)


def test_gradient_reaches_the_first_state(cell):
    inputs, state = tf.constant(random_inputs()), cell.initial_state(BATCH)
    watched = tf.nest.map_structure(lambda s: s + 0.1, state)
    found = []
    for run in (with_unroll(), plain_run):
        with tf.GradientTape() as tape:
            tape.watch(tf.nest.flatten(watched))
            loss = objective(*run(cell, inputs, watched))
        flat = tf.nest.flatten(watched)
        found.append(tape.gradient(loss, flat, unconnected_gradients="zero"))
    assert_same(*found)
    assert max(np.abs(g).max() for g in found[0]) > 1e-3


@pytest.mark.parametrize("loop", [True, False])
def test_a_padded_step_leaves_the_state_untouched(cell, loop):
    inputs, state = tf.constant(random_inputs(steps=1)), cell.initial_state(BATCH)
    mask = tf.constant([[True, False]])
    ran = unroll(cell, inputs, state, mask=mask, loop=loop)
    free = unroll(cell, inputs, state, loop=loop)
    for new, stepped, old in zip(
        *map(tf.nest.flatten, (ran.state, free.state, state)), strict=True
    ):
        np.testing.assert_array_equal(new[0], stepped[0])
        np.testing.assert_array_equal(new[1], old[1])


@pytest.mark.parametrize("loop", [True, False])
def test_padding_equals_the_shorter_sequence_in_outputs_and_gradients(cell, loop):
    inputs, there = random_inputs(), [0, 2, 3, 5]
    mask = tf.repeat(tf.constant([t in there for t in range(STEPS)])[:, None], BATCH, axis=1)

    def padded(cell, inputs, state):
        ran = unroll(cell, inputs, state, mask=mask, loop=loop)
        return tf.gather(ran.outputs, there), ran.state

    state = cell.initial_state(BATCH)
    assert_same(
        padded(cell, tf.constant(inputs), state), plain_run(cell, tf.constant(inputs[there]), state)
    )
    expected_input, expected = gradients_of(cell, plain_run, inputs[there])
    found_input, found = gradients_of(cell, padded, inputs)
    assert_gradients_close(found, expected)
    np.testing.assert_allclose(tf.gather(found_input, there), expected_input, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(tf.gather(found_input, [1, 4]), np.zeros((2, BATCH, 5)))


@pytest.mark.parametrize("loop", [True, False])
def test_trace(cell, loop):
    inputs, state = tf.constant(random_inputs()), cell.initial_state(BATCH)
    ran = unroll(cell, inputs, state, loop=loop, trace=True)
    one = unroll(cell, inputs[:1], state).state
    assert set(ran.trace) == set(cell.trace(state))
    for name, weights in ran.trace.items():
        rows = cell.trace(state)[name].shape[1]
        assert weights.shape == (STEPS, BATCH, rows, ROWS)
        np.testing.assert_allclose(weights[0], cell.trace(one)[name], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(weights[-1], cell.trace(ran.state)[name], rtol=1e-5, atol=1e-6)
    assert_same(ran.outputs, unroll(cell, inputs, state).outputs)


# slow because XLA compiles these for seconds; a plain cell and a memory's are compiled always
@pytest.mark.parametrize(
    "cell",
    ["plain", "lrua", *(pytest.param(n, marks=pytest.mark.slow) for n in ("flmn", "ntm"))],
    indirect=True,
)
def test_xla_equals_the_while_loop(cell):
    inputs = random_inputs()
    run = with_unroll()

    @tf.function(jit_compile=True)
    def compiled(inputs):
        with tf.GradientTape() as tape:
            outputs, state = run(cell, inputs, cell.initial_state(BATCH))
            loss = objective(outputs, state)
        return outputs, state, tape.gradient(loss, cell.trainable_variables)

    outputs, state, gradients = compiled(tf.constant(inputs))
    expected = unroll(cell, tf.constant(inputs), cell.initial_state(BATCH))
    assert_same(outputs, expected.outputs)
    assert_same(state, expected.state)
    _, wanted = gradients_of(cell, run, inputs)
    assert_gradients_close(dict(zip(wanted, gradients, strict=True)), wanted)


def test_unrolling_needs_a_known_number_of_steps(cell):
    @tf.function(input_signature=[tf.TensorSpec([None, BATCH, 5])])
    def run(inputs):
        return unroll(cell, inputs, cell.initial_state(BATCH), loop=False).outputs

    with pytest.raises(ValueError, match="static number of steps"):
        run.get_concrete_function()


def test_the_while_loop_takes_any_number_of_steps_and_episodes(cell):
    @tf.function(input_signature=[tf.TensorSpec([None, None, 5])])
    def run(inputs):
        return unroll(cell, inputs, cell.initial_state(tf.shape(inputs)[1])).outputs

    for steps, batch in [(3, 1), (5, 2)]:
        inputs = random_inputs(steps, batch)
        outputs, _ = plain_run(cell, tf.constant(inputs), cell.initial_state(batch))
        assert_same(run(tf.constant(inputs)), outputs)


def bodies_of(graph):
    """The operations' types in the body of every loop of a graph and of what it calls."""
    library = {f.signature.name: f.node_def for f in graph.as_graph_def().library.function}
    loops = [n for nodes in library.values() for n in nodes if n.op.endswith("While")]
    return [{node.op for node in library[loop.attr["body"].func.name]} for loop in loops]


def test_no_weight_is_read_inside_the_loop(cell):
    @tf.function(autograph=False)
    def gradients():
        return gradients_of(cell, with_unroll(), random_inputs())[1]

    bodies = bodies_of(gradients.get_concrete_function().graph)
    assert len(bodies) >= 2 and all("MatMul" in body for body in bodies)
    assert not any("ReadVariableOp" in body for body in bodies)

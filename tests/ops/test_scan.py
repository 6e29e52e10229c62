import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops.scan import scan


def step(t, state, now):
    """A state that decays and takes the inputs up; gives what it was, and its step."""
    x, mark = now
    new = tf.where(mark[:, None], 0.5 * state + x, state)
    return new, (state * x, t)


def loop(state, x, marks):
    outputs = []
    for row, mark in zip(x, marks, strict=True):
        outputs.append(state * row)
        state = np.where(mark[:, None], 0.5 * state + row, state)
    return state, np.array(outputs)


@pytest.mark.parametrize("known", [(4, 2, 3), (None, 2, 3), (None, None, 3), (None, None, None)])
def test_against_a_loop(random, known):
    x = random.normal(size=(4, 2, 3)).astype(np.float32)
    marks, state = random.random((4, 2)) < 0.5, random.normal(size=(2, 3)).astype(np.float32)
    specs = [
        tf.TensorSpec(known[1:]),
        tf.TensorSpec(known),
        tf.TensorSpec(known[:2], tf.bool),
    ]
    expected, outputs = loop(state, x, marks)
    run = tf.function(
        lambda s, *now: scan(step, s, now, (tf.float32, tf.int32)), input_signature=specs
    )
    for found in (
        run(state, x, marks),
        scan(
            step, tf.constant(state), (tf.constant(x), tf.constant(marks)), (tf.float32, tf.int32)
        ),
    ):
        np.testing.assert_allclose(found[0], expected, rtol=1e-6)
        np.testing.assert_allclose(found[1][0], outputs, rtol=1e-6)
        np.testing.assert_array_equal(found[1][1], range(4))


def test_gradients_flow_through_state_inputs_and_outputs(random):
    x, state = random.normal(size=(4, 2, 3)), random.normal(size=(2, 3))
    marks = tf.constant(random.random((4, 2)) < 0.5)

    def total(state, x):
        after, (outputs, _) = scan(step, state, (x, marks), (x.dtype, tf.int32))
        return tf.reduce_sum(tf.cos(after)) + tf.reduce_sum(tf.sin(outputs))

    analytic, numeric = tf.test.compute_gradient(total, [tf.constant(state), tf.constant(x)])
    for ours, theirs in zip(analytic, numeric, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        assert np.abs(ours).max() > 0.1


def test_a_step_that_forgets_the_shape_is_no_error():
    """Which broadcasting sizes that are known with sizes that are not does."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2]), tf.TensorSpec([3, None])])
    def run(state, x):
        def forget(_, state, now):
            return tf.py_function(lambda s: s + 1.0, [state], tf.float32), ()

        return scan(forget, state, x)[0]

    found = run(tf.zeros([5, 2]), tf.zeros([3, 1]))
    np.testing.assert_array_equal(found, tf.fill([5, 2], 3.0))

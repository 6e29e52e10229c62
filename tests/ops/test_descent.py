import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import descent


def plain_adam(gradient, value, steps, rate):
    """Kingma and Ba's algorithm 1 for one number."""
    first = second = 0.0
    for t in range(1, steps + 1):
        g = gradient(value)
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * g * g
        value -= rate * (first / (1 - 0.9**t)) / ((second / (1 - 0.999**t)) ** 0.5 + 1e-8)
    return value


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_against_a_loop_of_numbers(steps):
    values = [tf.constant([1.0, -2.0]), tf.constant([[0.5]])]
    found = descent.adam(
        lambda v: tf.reduce_sum(v[0] ** 4) + 3.0 * tf.reduce_sum(v[1] ** 2), values, steps, 0.1
    )
    expected = [plain_adam(lambda x: 4 * x**3, x, steps, 0.1) for x in (1.0, -2.0)]
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)
    np.testing.assert_allclose(
        found[1], [[plain_adam(lambda x: 6 * x, 0.5, steps, 0.1)]], rtol=1e-4
    )


def test_steps_by_small_gradients_are_hardly_smaller():
    """The small number of the algorithm is beside the root, not under it."""
    for slope in (1e-4, 1e-6):
        (found,) = descent.adam(lambda v, s=slope: s * v[0], [tf.constant(1.0)], 3, 0.1)
        expected = plain_adam(lambda _, s=slope: s, 1.0, 3, 0.1)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        assert expected < 0.71


def test_in_a_graph_it_leaves_the_variables_alone():
    weight = tf.Variable([3.0])

    @tf.function
    def tuned():
        return descent.adam(lambda v: tf.reduce_sum(v[0] ** 2), [weight], 20, 0.1)

    first, second = tuned()[0], tuned()[0]
    assert float(first[0]) < 2.0
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(weight, [3.0])


def test_what_the_loss_does_not_use_stays():
    used, idle = descent.adam(
        lambda v: tf.reduce_sum(v[0] ** 2), [tf.constant([1.0]), tf.constant([2.0])], 3, 0.1
    )
    assert float(used[0]) < 1.0 and float(idle[0]) == 2.0


def test_steps_go_on_from_a_state():
    """Three and then four of them are seven: moments and their corrections go on."""
    values = [tf.constant([1.0, -2.0])]
    state = descent.AdamState(tf.constant(0), [tf.zeros([2])], [tf.zeros([2])])
    for steps, done in ((3, 3), (4, 7)):
        values, state = descent.adam_from(
            state, lambda _, v: tf.reduce_sum(v[0] ** 4), values, steps, 0.1
        )
        assert int(state.steps) == done
        expected = [plain_adam(lambda x: 4 * x**3, x, done, 0.1) for x in (1.0, -2.0)]
        np.testing.assert_allclose(values[0], expected, rtol=1e-4)


def test_every_step_has_a_loss_of_its_own():
    """Numbered from 0; without momentum the first steps follow the signs of their gradients."""
    zeros = [tf.zeros([])]
    state = descent.AdamState(tf.constant(0), zeros, list(zeros))
    signs = tf.constant([1.0, 1.0, -1.0])
    found, _ = descent.adam_from(
        state, lambda i, v: signs[i] * v[0], [tf.constant(0.0)], 3, 0.1, beta_1=0.0
    )
    np.testing.assert_allclose(found[0], -0.1, rtol=1e-3)

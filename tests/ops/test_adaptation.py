import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import adaptation
from tests.numpy_reference import adaptation as plain

D, H, K = 3, 4, 3
RATES = {
    "one": [0.3, 0.3],
    "tensor": [[0.3, 0.1], [0.3, 0.1]],
    "step": [[0.3, 0.1], [0.02, 0.4]],
    "weight": None,  # [MSGD]: as large as the weights
}


@pytest.fixture
def problem(random):
    """(weights, support, query), float64."""
    weights = [random.normal(size=(D, H)), random.normal(size=(H, K))]
    support, query = (
        (random.normal(size=(n, D)), random.integers(0, K, n).astype(np.int32)) for n in (5, 6)
    )
    return weights, support, query


def loss_of(inputs, labels):
    def loss(weights):
        scores = tf.matmul(tf.tanh(tf.matmul(tf.constant(inputs), weights[0])), weights[1])
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores))

    return loss


def rates_of(name, random):
    if name != "weight":
        return RATES[name]
    return [[random.uniform(0.1, 0.5, (D, H)), random.uniform(0.1, 0.5, (H, K))] for _ in range(2)]


def meta_gradient(problem, rates, second_order):
    weights, support, query = problem
    values = [tf.constant(w) for w in weights]
    with tf.GradientTape() as tape:
        tape.watch(values)
        end = adaptation.path(loss_of(*support), values, rates, second_order)[-1]
        loss = loss_of(*query)(end)
    return end, tape.gradient(loss, values)


@pytest.mark.parametrize("name", list(RATES))
def test_steps_and_meta_gradient_against_numpy(problem, random, name):
    weights, support, query = problem
    rates = rates_of(name, random)
    as_lists = [[r, r] if isinstance(r, float) else r for r in rates]
    end, exact = meta_gradient(problem, rates, second_order=True)
    expected = plain.adapted(weights, support, as_lists)
    slopes = plain.meta_gradient(weights, support, query, as_lists)
    for found, value in zip([*end, *exact], [*expected, *slopes], strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-6, atol=1e-8)
    # of first order: the gradient where the steps have led
    _, rough = meta_gradient(problem, rates, second_order=False)
    for found, value in zip(rough, plain.gradient(expected, *query), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)
    assert max(np.abs(a - b).max() for a, b in zip(rough, exact, strict=True)) > 1e-2


def test_the_orders_agree_in_the_limit_of_a_small_rate(problem):
    """Their difference falls with the rate: tenfold, where the rate does."""
    differences = []
    for rate in (1e-3, 1e-4):
        (_, exact), (_, rough) = (meta_gradient(problem, [rate], order) for order in (True, False))
        differences.append(max(np.abs(a - b).max() for a, b in zip(exact, rough, strict=True)))
    assert differences[1] < 1e-3
    assert differences[0] / differences[1] == pytest.approx(10.0, rel=0.05)


def test_no_steps_are_the_initialisation(problem):
    weights, support, _ = problem
    for end in (
        adaptation.path(loss_of(*support), weights, [])[-1],
        adaptation.sgd(loss_of(*support), weights, 0.3, 0),
    ):
        for found, value in zip(end, weights, strict=True):
            np.testing.assert_array_equal(found, value)


def test_a_path_has_every_stop_and_the_loop_ends_where_it_does(problem):
    weights, support, _ = problem
    stops = adaptation.path(loss_of(*support), weights, [0.3] * 3)
    assert len(stops) == 4
    for steps, stop in enumerate(stops):
        end = adaptation.sgd(loss_of(*support), weights, 0.3, steps)
        for found, value in zip(end, stop, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-12)


def test_rates_are_learned(problem):
    """By the rate, the loss after a step changes by minus the product of both gradients."""
    weights, support, query = problem
    rates = [tf.constant(0.2, tf.float64), tf.constant(0.1, tf.float64)]
    with tf.GradientTape() as tape:
        tape.watch(rates)
        end = adaptation.path(loss_of(*support), weights, [rates])[-1]
        loss = loss_of(*query)(end)
    before = plain.gradient(weights, *support)
    after = plain.gradient([e.numpy() for e in end], *query)
    for found, a, b in zip(tape.gradient(loss, rates), before, after, strict=True):
        np.testing.assert_allclose(found, -np.sum(a * b), rtol=1e-9)


def test_in_a_graph_variables_stay_and_what_is_not_used_does_too(problem):
    _, support, _ = problem
    used, idle = tf.Variable([3.0]), tf.Variable([2.0])

    @tf.function
    def end():
        return adaptation.sgd(lambda v: tf.reduce_sum(v[0] ** 2), [used, idle], 0.1, 4)

    np.testing.assert_allclose(end()[0], [3.0 * 0.8**4], rtol=1e-6)
    np.testing.assert_array_equal(end()[1], [2.0])
    np.testing.assert_array_equal(used, [3.0])


def test_weights_of_all_steps():
    """As the authors' code has it: epoch by epoch of 10, with three steps."""
    for epoch in range(11):
        each, least = 1.0 / 3.0, 0.03 / 3.0
        if epoch == 10:
            expected = [0.0, 0.0, 1.0]
        else:
            earlier = max(each - epoch * each / 10.0, least)
            expected = [earlier, earlier, min(each + epoch * 2 * each / 10.0, 1.0 - 2 * least)]
        found = adaptation.multi_step_weights(3, tf.constant(epoch / 10.0))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("size, count", [(2, 6), (4, 6), (6, 6), (9, 6), (1, 1)])
def test_every_pass_shows_every_row_once(size, count):
    """Steps end to end are passes end to end, in orders that differ and are always the same."""
    find = tf.function(lambda step: adaptation.rows_of_step(step, size, tf.constant(count)))
    steps = [find(tf.constant(i)).numpy() for i in range(12)]
    assert {len(rows) for rows in steps} == {min(size, count)}
    rows = np.concatenate(steps)
    passes = rows[: len(rows) // count * count].reshape(-1, count)
    np.testing.assert_array_equal(
        np.sort(passes, axis=1), np.tile(np.arange(count), (len(passes), 1))
    )
    assert count == 1 or len({tuple(order) for order in passes}) > 1
    again = [adaptation.rows_of_step(i, size, count) for i in range(12)]
    np.testing.assert_array_equal(np.concatenate(again), rows)

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.run_config import TrainOptions
from oneshot_tf.training import optimizers


def rates(steps, **options):
    options = TrainOptions(**{"learning_rate": 0.4, "batch_size": 4, "episodes": 400, **options})
    schedule = optimizers.schedule(options)
    return [float(schedule(tf.constant(step, tf.int64))) for step in steps]


def test_constant():
    np.testing.assert_allclose(rates([0, 7, 10**6]), [0.4] * 3, rtol=1e-6)


def test_cosine_ends_at_zero_with_the_last_update():
    expected = [0.4, 0.2 * (1 + np.cos(np.pi / 4)), 0.2, 0.0, 0.0]
    found = rates([0, 25, 50, 100, 200], schedule="cosine")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_linear_ends_at_zero_with_the_last_update():
    found = rates([0, 25, 50, 100, 200], schedule="linear")
    np.testing.assert_allclose(found, [0.4, 0.3, 0.2, 0.0, 0.0], rtol=1e-6, atol=1e-8)


def test_halve_goes_by_episodes():
    found = rates([0, 9, 10, 19, 20], schedule="halve", halve_every=40)
    np.testing.assert_allclose(found, [0.4, 0.4, 0.2, 0.2, 0.1], rtol=1e-6)


def test_decay_begins_at_its_episode():
    """One rate for so many epochs, then lower in each: an epoch is 40 episodes, 10 updates."""
    sizes = {"schedule": "decay", "decay_from": 80, "decay_every": 40, "decay_by": 4.0}
    found = rates([0, 19, 20, 29, 30, 39, 40], **sizes)
    np.testing.assert_allclose(found, [0.4, 0.4, 0.1, 0.1, 0.025, 0.025, 0.00625], rtol=1e-6)
    found = rates([0, 9, 10], schedule="decay", decay_every=40)
    np.testing.assert_allclose(found, [0.2, 0.2, 0.1], rtol=1e-6)


def test_sgd_without_momentum_is_plain_descent():
    options = TrainOptions(optimizer="sgd", learning_rate=0.5, momentum=0.0)
    optimizer, weight = optimizers.make(options), tf.Variable([3.0])
    optimizer.build([weight])
    for expected in (2.5, 2.0):
        optimizer.apply_gradients([(tf.ones([1]), weight)])
        np.testing.assert_allclose(weight, [expected], rtol=1e-6)


def test_rmsprop_is_that_of_graves():
    """Mean square over 0.95, momentum 0.9: against a loop."""
    options = TrainOptions(optimizer="rmsprop", learning_rate=0.1)
    optimizer, weight = optimizers.make(options), tf.Variable([3.0])
    optimizer.build([weight])
    expected, square, step = 3.0, 0.0, 0.0
    for gradient in (1.0, -0.5, 2.0, 2.0):
        square = 0.95 * square + 0.05 * gradient**2
        step = 0.9 * step + gradient / np.sqrt(square + optimizer.epsilon)
        expected -= 0.1 * step
        optimizer.apply_gradients([(tf.constant([gradient]), weight)])
        np.testing.assert_allclose(weight, [expected], rtol=1e-5)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_warmup_rises_linearly_to_the_schedule(schedule):
    found = rates([0, 4, 9, 10, 30], schedule=schedule, warmup=40)
    plain = rates([0, 4, 9, 10, 30], schedule=schedule)
    np.testing.assert_allclose(found, np.multiply(plain, [0.1, 0.5, 1, 1, 1]), rtol=1e-5)


@pytest.mark.parametrize("episodes, batch, expected", [(1, 16, 1), (16, 16, 1), (17, 16, 2)])
def test_updates(episodes, batch, expected):
    assert optimizers.updates(episodes, batch) == expected


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_the_optimizer_named_goes_downhill_at_the_rate_of_its_update(name):
    options = TrainOptions(optimizer=name, learning_rate=0.1, schedule="cosine", episodes=64)
    optimizer, weight = optimizers.make(options), tf.Variable([3.0])
    optimizer.build([weight])
    assert type(optimizer).__name__.lower() == name
    for update in range(4):
        expected = 0.05 * (1 + np.cos(np.pi * update / 4))
        optimizer.apply_gradients([(2 * weight, weight)])
        np.testing.assert_allclose(optimizer.learning_rate, expected, rtol=1e-5)
    assert abs(float(weight[0])) < 2.9


def test_weight_decay_is_adamws_alone():
    for name, changes in [("adamw", True), ("adam", False)]:
        options = TrainOptions(optimizer=name, weight_decay=0.5, learning_rate=0.1)
        optimizer, weight = optimizers.make(options), tf.Variable([2.0])
        optimizer.build([weight])
        optimizer.apply_gradients([(tf.zeros([1]), weight)])
        np.testing.assert_allclose(weight, [2.0 * (1 - 0.1 * 0.5) if changes else 2.0], rtol=1e-6)

import math

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import meta_lstm
from tests.numpy_reference import meta_learners as plain

UNITS, N = 3, 4


@pytest.fixture
def weights(random):
    """Float64 weights of every part, of moderate size."""
    first = meta_lstm.LSTMWeights(
        random.normal(size=(4 + UNITS, 4 * UNITS)), random.normal(size=4 * UNITS)
    )
    gates = [random.normal(size=s) for s in ((UNITS + 2, 1), 1, (UNITS + 2, 1), 1)]
    return meta_lstm.MetaLSTMWeights(first, *gates)


def run(weights, theta, gradients, losses):
    state = meta_lstm.initial_state(tf.constant(theta), UNITS)
    for gradient, loss in zip(gradients, losses, strict=True):
        state = meta_lstm.step(weights, state, tf.constant(gradient), tf.constant(loss, tf.float64))
    return state


def test_updates_against_numpy(weights, random):
    theta, gradients = random.normal(size=N), random.normal(size=(3, N)) * 10.0 ** -np.arange(N)
    losses = [2.0, 0.3, 1e-6]
    found = run(weights, theta, gradients, losses).theta
    np.testing.assert_allclose(
        found, plain.meta_lstm(weights, theta, gradients, losses), rtol=1e-10
    )


@pytest.mark.parametrize("rate", [0.1, 0.01])
def test_with_gates_held_at_one_and_the_rate_it_is_gradient_descent(weights, random, rate):
    zeros = np.zeros((UNITS + 2, 1))
    held = weights._replace(
        input_kernel=zeros,
        input_bias=np.asarray([math.log(rate / (1.0 - rate))]),
        forget_kernel=zeros,
        forget_bias=np.asarray([50.0]),
    )
    theta, gradients = random.normal(size=N), random.normal(size=(5, N))
    found = run(held, theta, gradients, [1.0] * 5).theta
    np.testing.assert_allclose(found, theta - rate * gradients.sum(axis=0), rtol=1e-10)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, (-1.0, 0.0)),
        (1e-12, (-1.0, 1e-12 * math.exp(10.0))),
        (-1e-12, (-1.0, -1e-12 * math.exp(10.0))),
        (math.exp(-10.0), (-1.0, 1.0)),
        (-1.0, (0.0, -1.0)),
        (1e30, (math.log(1e30) / 10.0, 1.0)),
    ],
)
def test_preprocessing_by_the_formula(value, expected):
    found = meta_lstm.preprocess(tf.constant([value], tf.float64))
    np.testing.assert_allclose(found[0], expected, rtol=1e-12, atol=1e-15)


def test_preprocessing_has_a_finite_gradient_everywhere():
    values = tf.constant([0.0, 1e-20, -1e-6, 3.0, 1e20])
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = tf.reduce_sum(meta_lstm.preprocess(values))
    assert np.isfinite(tape.gradient(found, values)).all()


def test_a_wrong_shape_is_said():
    state = meta_lstm.initial_state(tf.zeros([3]), UNITS)
    with pytest.raises(ValueError, match="`theta` must be"):
        meta_lstm.step(None, state, tf.zeros([4]), tf.constant(1.0))

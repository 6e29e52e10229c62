import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.bi_lstm import BiLSTM
from tests.numpy_reference import matching as reference

WIDTH, UNITS = 3, 4
THERE = np.array([[True] * 5, [True, False, True, True, False]])


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture
def layer():
    keras.utils.set_random_seed(0)
    built = BiLSTM(WIDTH, UNITS)
    built.build(None)
    return built


@pytest.mark.parametrize("training", [False, True])
def test_against_loops(layer, training):
    rows = draw(0, 2, 5, WIDTH)
    outputs, last = layer(tf.constant(rows), tf.constant(THERE), training=training)
    for b in range(2):
        kept = np.flatnonzero(THERE[b])
        expected, final = np.zeros((5, UNITS)), np.zeros(UNITS)
        for cell, order in zip(layer.directions, (kept, kept[::-1]), strict=True):
            hidden = carry = [0.0] * UNITS
            for s in order:
                hidden, carry = reference.lstm(
                    rows[b, s], hidden, carry, reference.weights_of(cell)
                )
                expected[s] += hidden
            final += hidden
        np.testing.assert_allclose(outputs[b].numpy()[kept], expected[kept], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(last[b], final, rtol=1e-5, atol=1e-6)


def test_equals_keras_in_value_and_gradient(layer):
    rows, there = tf.constant(draw(0, 2, 5, WIDTH)), tf.constant(THERE)
    keras_lstm = keras.layers.Bidirectional(
        keras.layers.RNN(keras.layers.LSTMCell(UNITS)), merge_mode="sum"
    )
    keras_lstm.build(tf.TensorShape([None, None, WIDTH]))
    keras_lstm.set_weights([w for c in layer.directions for w in reference.weights_of(c)])
    variables = [w for c in layer.directions for w in (c.kernel, c.recurrent_kernel, c.bias)]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(rows)
        own = tf.reduce_sum(layer(rows, there, training=True)[1] ** 2)
        theirs = tf.reduce_sum(keras_lstm(rows, mask=there) ** 2)
    np.testing.assert_allclose(own, theirs, rtol=1e-5)
    found = tape.gradient(own, [rows, *variables])
    expected = tape.gradient(theirs, [rows, *keras_lstm.trainable_variables])
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


def test_wrong_shapes_are_named(layer):
    with pytest.raises(ValueError, match="`there` must be"):
        layer(tf.zeros([1, 4, WIDTH]), tf.fill([1, 5], True))

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.hypernetwork import ContextualLearner, PredictedConv
from tests.numpy_reference import matching as reference

WIDTH, UNITS, OUTPUTS = 3, 4, 5


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture
def contextual():
    layer = ContextualLearner(WIDTH, UNITS, OUTPUTS)
    layer.build(None)
    return layer


def final_state(rows, weights):
    """The last output of an LSTM that reads `rows` in their order."""
    hidden = carry = [0.0] * UNITS
    for row in rows:
        hidden, carry = reference.lstm(row, hidden, carry, weights)
    return np.array(hidden)


def test_contextual_learner_against_loops(contextual):
    keys, used = draw(0, 3, 4, WIDTH), [4, 2, 1]
    there = tf.range(4) < tf.constant(used)[:, None]
    found = contextual(tf.constant(keys), there)
    forward, backward = (reference.weights_of(cell) for cell in contextual.lstm.directions)
    for b, count in enumerate(used):
        rows = keys[b, :count]
        summed = final_state(rows, forward) + final_state(rows[::-1], backward)
        expected = summed @ contextual.predictor.kernel.numpy()
        np.testing.assert_allclose(found[b], expected, rtol=1e-4, atol=1e-5)


def test_unused_slots_never_reach_the_prediction(contextual):
    keys, there = draw(0, 2, 4, WIDTH), tf.range(4) < tf.constant([[3], [1]])
    other = np.where(there.numpy()[..., None], keys, 7.0).astype(np.float32)
    found = contextual(tf.constant(keys), there)
    np.testing.assert_array_equal(found, contextual(tf.constant(other), there))


@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize("last_relu", [False, True])
def test_predicted_conv_is_three_convolutions_then_norm_and_pooling(added, last_relu):
    layer = PredictedConv(4, added=added, last_relu=last_relu)
    layer.build([None, 4, 4, 2])
    assert (np.abs(layer.out_of.kernel).max() == 0.0) == added  # what is added starts at nothing
    layer.out_of.kernel.assign(draw(2, 1, 1, 4, 4))
    features, predicted = tf.constant(draw(0, 2, 3, 4, 4, 2)), tf.constant(draw(1, 2, 36))
    beside = draw(3, 2, 3, 4, 4, 4) if added else None
    flat = tf.reshape(beside, [6, 4, 4, 4]) if added else None
    found = layer(features, predicted, flat)
    for b in range(2):
        kernel = tf.reshape(predicted[b], [3, 3, 4, 1])
        inner = tf.nn.conv2d(features[b], layer.into.kernel, 1, "SAME")
        inner = tf.nn.depthwise_conv2d(inner, kernel, [1, 1, 1, 1], "SAME")
        out = tf.nn.conv2d(inner, layer.out_of.kernel, 1, "SAME")
        if added:
            out += beside[b]
        out /= np.sqrt(1.0 + 1.001e-5)  # running statistics at their start
        out = tf.nn.relu(out) if last_relu else out
        expected = tf.nn.max_pool2d(out, 2, 2, "VALID")
        np.testing.assert_allclose(found[b], expected, rtol=1e-4, atol=1e-5)


def test_norm_by_picture_needs_no_running_statistics():
    layer = PredictedConv(4, norm="picture")
    layer.build([None, 4, 4, 2])
    features, predicted = tf.constant(draw(0, 2, 3, 4, 4, 2)), tf.constant(draw(1, 2, 36))
    found = layer(features, predicted)
    np.testing.assert_array_equal(found, layer(features, predicted, training=True))
    np.testing.assert_allclose(layer(features, 9.0 * predicted), found, rtol=1e-3, atol=1e-3)
    assert len(layer.non_trainable_variables) == 0


def test_other_predictions_give_other_features():
    layer = PredictedConv(4)
    layer.build([None, 4, 4, 2])
    features = tf.constant(draw(0, 2, 3, 4, 4, 2))
    found = [layer(features, tf.constant(draw(seed, 2, 36))) for seed in (1, 2)]
    assert np.abs(found[0] - found[1]).max() > 1e-2


def test_sizes():
    layer = PredictedConv(64)
    layer.build([None, 3, 3, 64])
    assert layer.num_predicted == 576
    found = layer(tf.zeros([2, 5, 3, 3, 64]), tf.zeros([2, 576]))
    assert found.shape == (2, 5, 1, 1, 64)
    with pytest.raises(ValueError, match="`predicted` must be"):
        layer(tf.zeros([2, 5, 3, 3, 64]), tf.zeros([2, 575]))
    assert layer.flops(3, 64) == 2 * 9 * (64 * 64 * 2 + 9 * 64)

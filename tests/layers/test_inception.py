import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.inception import Inception


@pytest.fixture(scope="module")
def layer():
    """Built once: it takes ten seconds."""
    keras.utils.set_random_seed(0)
    layer = Inception(precision="mixed_bfloat16")
    layer(tf.zeros([1, 75, 75, 3]))
    return layer


def test_features_of_pictures(layer):
    pictures = tf.stack([tf.random.stateless_uniform([75, 75, 3], [0, 0]), tf.ones([75, 75, 3])])
    features = layer(pictures)
    assert features.shape == (2, 2048) and features.dtype == tf.float32
    largest = features.numpy().max()  # small, before training has set batch norm's statistics
    np.testing.assert_allclose(layer(pictures[1:])[0], features[1], atol=0.03 * largest)
    assert np.abs(features[0] - features[1]).max() > 0.1 * largest
    assert {v.dtype for v in layer.learned} == {tf.float32}
    # 23.8 million in the paper's count, 2 million of them in the classifier that is left out
    assert 21e6 < sum(v.shape.num_elements() for v in layer.learned) < 22e6
    assert keras.mixed_precision.global_policy().name == "float32"
    assert 0.3e9 < layer.flops() < 0.5e9  # 11.4 billion at 299 x 299


def test_statistics_move_in_training_unless_frozen(layer):
    running = [v for v in layer.network.non_trainable_variables if "moving_mean" in v.name]
    pictures = tf.random.stateless_uniform([2, 75, 75, 3], [1, 0])
    for frozen in (True, False):
        layer.frozen, layer.network.trainable = frozen, not frozen
        before = running[0].numpy()
        layer(pictures, training=True)
        assert np.array_equal(running[0], before) == frozen
        assert bool(layer.learned) != frozen


@pytest.mark.slow  # traces Inception twice more
def test_a_function_of_its_weights(layer):
    layer.frozen, layer.network.trainable = False, True
    pictures = tf.random.stateless_uniform([2, 75, 75, 3], [1, 0])
    before = [v.numpy() for v in layer.variables]
    own = layer.embed(layer.learned, pictures)
    rounding = 0.03 * np.abs(own).max()
    np.testing.assert_allclose(own, layer(pictures), atol=rounding)
    zeros = [tf.zeros(v.shape) for v in layer.learned]
    np.testing.assert_array_equal(layer.embed(zeros, pictures, training=True), tf.zeros([2, 2048]))
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.vae import Decoder, DetailEncoder, GaussianHead


def test_a_head_is_two_linear_maps():
    layer = GaussianHead(5, 3)
    layer.build(None)
    features = tf.random.stateless_normal([4, 2, 5], [0, 0])
    found = layer(features)
    raw = features.numpy() @ layer.linear.kernel.numpy() + layer.linear.bias.numpy()
    np.testing.assert_allclose(found.means, raw[..., :3], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.variances, np.exp(raw[..., 3:]), rtol=1e-4)


@pytest.mark.parametrize("side, channels", [(8, 1), (28, 1), (42, 3)])
def test_details_are_those_of_each_picture_alone(side, channels):
    layer = DetailEncoder((side, side, channels), hidden=5)
    layer.build(None)
    images = tf.random.stateless_uniform([2, 3, side, side, channels], [0, 0]).numpy()
    flat = images.reshape(2, 3, -1) @ layer.hidden.kernel.numpy() + layer.hidden.bias.numpy()
    np.testing.assert_allclose(layer(images), np.maximum(flat, 0.0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer(images[1]), np.maximum(flat[1], 0.0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (42, 42, 3), (9, 5, 1), (1, 3, 2)])
def test_pictures_come_back_in_their_size(shape):
    layer = Decoder(5, shape, filters=(4, 2))
    layer.build(None)
    found = layer(tf.zeros([2, 3]), tf.zeros([2, 2]))
    assert found.shape == (2, *shape)


def test_content_and_style_both_change_the_picture():
    layer = Decoder(5, (8, 8, 1), filters=(4, 2))
    layer.build(None)
    content, style = tf.ones([1, 3]), tf.ones([1, 2])
    plain = layer(content, style)
    assert np.abs(layer(-content, style) - plain).max() > 1e-3
    assert np.abs(layer(content, -style) - plain).max() > 1e-3

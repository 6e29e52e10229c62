import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.vae import Decoder, PosteriorHeads


def test_heads_are_four_linear_maps():
    layer = PosteriorHeads(5, content=3, style=2)
    layer.build(None)
    features = tf.random.stateless_normal([4, 2, 5], [0, 0])
    found = layer(features)
    raw = features.numpy() @ layer.heads.kernel.numpy() + layer.heads.bias.numpy()
    np.testing.assert_allclose(found.content.means, raw[..., :3], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.content.variances, np.exp(raw[..., 3:6]), rtol=1e-4)
    np.testing.assert_allclose(found.style.means, raw[..., 6:8], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.style.variances, np.exp(raw[..., 8:]), rtol=1e-4)


@pytest.mark.parametrize("side, channels", [(8, 1), (28, 1), (42, 3)])
def test_pictures_come_back_in_their_size(side, channels):
    layer = Decoder(5, (side, side, channels), filters=4)
    layer.build(None)
    found = layer(tf.zeros([2, 3]), tf.zeros([2, 2]))
    assert found.shape == (2, side, side, channels)


def test_content_and_style_both_change_the_picture():
    layer = Decoder(5, (8, 8, 1), filters=4)
    layer.build(None)
    content, style = tf.ones([1, 3]), tf.ones([1, 2])
    plain = layer(content, style)
    assert np.abs(layer(-content, style) - plain).max() > 1e-3
    assert np.abs(layer(content, -style) - plain).max() > 1e-3

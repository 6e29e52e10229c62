import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.plain_net import PlainNet


@pytest.fixture
def make():
    def make(size=28, **options):
        keras.utils.set_random_seed(1)
        net = PlainNet(3, filters=8, **options)
        net.build(tf.TensorShape([None, size, size, 1]))
        return net

    return make


def test_pools_round_up(make):
    assert make().sides == [28, 14, 7, 4, 2, 1]
    assert make().dense.shape == (8, 8)


def test_the_slow_network_by_hand(make):
    net, images = make(8, blocks=2), tf.random.stateless_uniform([2, 8, 8, 1], [0, 0])
    now = images
    for kernel in net.kernels:
        now = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(now, kernel, 1, "SAME")), 2, 2, "SAME")
    dense = tf.nn.relu(tf.reshape(now, [2, -1]) @ net.dense)
    np.testing.assert_allclose(net.features(net.own, images), dense, atol=1e-6)
    np.testing.assert_allclose(net.logits(net.own, images), dense @ net.last, atol=1e-6)


def test_keys_may_be_negative(make):
    images = tf.random.stateless_uniform([20, 8, 8, 1], [0, 0])
    lowest = {
        relu: tf.reduce_min((net := make(8, blocks=2, relu=relu)).features(net.own, images))
        for relu in (True, False)
    }
    assert lowest[True] == 0.0 and lowest[False] < 0.0


def test_the_last_layer_sees_keys_after_a_relu(make):
    net = make(8, blocks=2, relu=False)
    images = tf.random.stateless_uniform([20, 8, 8, 1], [0, 0])
    features = np.maximum(net.features(net.own, images), 0.0)
    np.testing.assert_allclose(net.logits(net.own, images), features @ net.last, atol=1e-6)


def test_fast_weights_of_all_pictures_or_of_each(make):
    """The same fast weights for all are those, repeated for each."""
    net, images = make(8, blocks=2), tf.random.stateless_uniform([3, 8, 8, 1], [0, 0])
    fast = tf.nest.map_structure(lambda v: 0.5 * v, net.own)
    each = tf.nest.map_structure(lambda v: tf.repeat(v[None], 3, axis=0), fast)
    together, apart = (net.logits(net.own, images, given) for given in (fast, each))
    np.testing.assert_allclose(together, apart, atol=1e-5)
    assert np.abs(together - net.logits(net.own, images)).max() > 1e-3


def test_operations(make):
    assert make(8, blocks=2).flops() == 2.0 * 9 * 8 * 8**2 + 2.0 * 9 * 8 * 8 * 4**2

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.adaptable_net import AdaptableNet, head_logits
from oneshot_tf.layers.conv4 import EPSILON, Conv4


@pytest.fixture
def images():
    return tf.random.stateless_uniform([6, 14, 14, 1], [0, 0])


@pytest.fixture
def make():
    def make(way=3, **options):
        net = AdaptableNet(way, filters=4, blocks=2, **options)
        net.build(tf.TensorShape([None, 14, 14, 1]))
        return net

    return make


@pytest.mark.parametrize("all_kept", [False, True])
def test_strides_by_hand(make, images, all_kept):
    """Convolution of stride 2, normalised by the first four pictures, ReLU; then the mean, or all."""
    net = make(mean=not all_kept)
    found, statistics = net.features(net.own.blocks, images, 4)
    now = images.numpy()
    for block, (mean, variance) in zip(net.own.blocks, statistics, strict=True):
        now = tf.nn.conv2d(now, block.kernel, 2, "SAME").numpy()
        speakers = now[:4].reshape(-1, 4)
        np.testing.assert_allclose(mean, speakers.mean(0), atol=1e-6)
        np.testing.assert_allclose(variance, speakers.var(0), atol=1e-6)
        now = np.maximum((now - speakers.mean(0)) / np.sqrt(speakers.var(0) + EPSILON), 0.0)
    assert now.shape == (6, 4, 4, 4)
    expected = now.reshape(6, -1) if all_kept else now.mean(axis=(1, 2))
    assert net.width == expected.shape[1]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("counted", [None, 4, 6])
def test_with_pools_it_is_conv4(make, images, random, counted):
    """Whichever sign the factors have, by running statistics or those of the first so many pictures."""
    net, conv4 = make(strides=False, mean=False), Conv4(4, 2)
    conv4(images)
    for i, (ours, theirs) in enumerate(zip(net.learned, conv4.learned, strict=True)):
        theirs.kernel.assign(ours.kernel)
        for one, other in [
            (ours.factor, theirs.factor),
            (ours.offset, theirs.offset),
            (net.running[i][0], conv4.running[i][0]),
        ]:
            values = random.normal(size=4)
            values[:2] = np.abs(values[0]), -np.abs(values[1])
            one.assign(values)
            other.assign(values)
    speakers = None if counted is None else (tf.range(6) < counted)[None]
    expected = conv4.embed(conv4.learned, images, speakers=speakers)
    found, statistics = net.features(net.own.blocks, images, counted)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    given, _ = net.features(net.own.blocks, images, None, statistics)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)
    first = tf.nn.conv2d(images, net.learned[0].kernel, 1, "SAME")[:counted].numpy()
    mean = net.running[0][0] if counted is None else first.mean((0, 1, 2))
    np.testing.assert_allclose(statistics[0][0], mean, atol=1e-6)
    assert net.width == found.shape[1] == 3 * 3 * 4
    assert net.flops() == conv4.flops()


def test_operations_of_strides_are_a_quarter_where_sizes_are_even(make):
    net = make()
    first, second = 2.0 * 9 * 4 * 7**2, 2.0 * 9 * 4 * 4 * 4**2  # 14 -> 7 -> 4
    assert net.flops() == first + second


def test_one_column_stands_for_all_classes(make):
    net = make(way=None)
    head, bias = net.columns(net.own, 5)
    assert head.shape == (4, 5) and bias.shape == (5,)
    for k in range(5):
        np.testing.assert_array_equal(head[:, k], net.head[:, 0])
    logits = head_logits(net.own._replace(head=head, head_bias=bias), tf.ones([2, 4]))
    np.testing.assert_allclose(logits, tf.fill([2, 5], tf.reduce_sum(net.head)), rtol=1e-5)


def test_running_statistics_follow(make, images):
    net = make()
    _, statistics = net.features(net.own.blocks, images, 6)
    net.keep_running(statistics)
    np.testing.assert_allclose(net.running[0][0], 0.02 * statistics[0][0], rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(net.running[1][1], 0.98 + 0.02 * statistics[1][1], rtol=1e-5)

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import dynamic_conv


def draw(seed, *shape):
    return tf.random.stateless_normal(shape, [seed, 0])


def plainly(features, filters):
    """A pixel of a channel of a picture at a time."""
    batch, count, height, width, channels = features.shape
    reach_y, reach_x = filters.shape[1] // 2, filters.shape[2] // 2
    out = np.zeros(features.shape)
    for b, n, y, x, f in np.ndindex(batch, count, height, width, channels):
        total = 0.0
        for dy in range(-reach_y, reach_y + 1):
            for dx in range(-reach_x, reach_x + 1):
                if 0 <= y + dy < height and 0 <= x + dx < width:
                    weight = float(filters[b, dy + reach_y, dx + reach_x, f])
                    total += weight * float(features[b, n, y + dy, x + dx, f])
        out[b, n, y, x, f] = total
    return out


@pytest.mark.parametrize("size", [(2, 3, 4, 3, 2), (1, 1, 3, 3, 5), (3, 2, 1, 1, 1)])
def test_against_loops(size):
    features, filters = draw(0, *size), draw(1, size[0], 3, 3, size[-1])
    found = dynamic_conv.episode_depthwise(features, filters)
    expected = plainly(features.numpy(), filters.numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_equal_filters_for_all_episodes_are_a_depthwise_convolution():
    features, kernel = draw(0, 3, 4, 5, 5, 6), draw(1, 3, 3, 6)
    found = dynamic_conv.episode_depthwise(features, tf.tile(kernel[None], [3, 1, 1, 1]))
    flat = tf.reshape(features, [12, 5, 5, 6])
    expected = tf.nn.depthwise_conv2d(flat, kernel[..., None], [1, 1, 1, 1], "SAME")
    np.testing.assert_allclose(tf.reshape(found, [12, 5, 5, 6]), expected, rtol=1e-4, atol=1e-5)


def test_a_one_in_the_middle_changes_nothing():
    features = draw(0, 2, 3, 4, 4, 2)
    one = tf.tile(tf.one_hot(4, 9)[None, :, None], [2, 1, 2])
    found = dynamic_conv.episode_depthwise(features, tf.reshape(one, [2, 3, 3, 2]))
    np.testing.assert_array_equal(found, features)


def test_gradients_reach_features_and_filters_with_unknown_sizes():
    @tf.function(
        input_signature=[tf.TensorSpec([None, None, 3, 3, 2]), tf.TensorSpec([None, 3, 3, 2])]
    )
    def gradients(features, filters):
        with tf.GradientTape() as tape:
            tape.watch([features, filters])
            total = tf.reduce_sum(tf.sin(dynamic_conv.episode_depthwise(features, filters)))
        return tape.gradient(total, [features, filters])

    for batch, count in ((2, 3), (1, 5)):
        features, filters = draw(0, batch, count, 3, 3, 2), draw(1, batch, 3, 3, 2)
        found = gradients(features, filters)

        def total(x, w):
            return tf.reduce_sum(tf.sin(dynamic_conv.episode_depthwise(x, w)))

        _, numeric = tf.test.compute_gradient(total, [features, filters], delta=1e-2)
        for ours, theirs in zip(found, numeric, strict=True):
            np.testing.assert_allclose(tf.reshape(ours, [-1]), theirs[0], rtol=2e-2, atol=2e-2)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="`filters` must be"):
        dynamic_conv.episode_depthwise(tf.zeros([2, 3, 4, 4, 5]), tf.zeros([2, 3, 3, 6]))

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers import conv4
from oneshot_tf.layers.conv4 import EPSILON, MOMENTUM, Conv4


def make(size=8, channels=1, **options):
    layer = Conv4(**{"filters": 3, "blocks": 2, **options})
    layer(tf.zeros([1, size, size, channels]))
    return layer


def shake(layer, seed=0):
    """Gives every weight and running average a value of its own."""
    random = np.random.default_rng(seed)
    for v in layer.variables:
        v.assign(random.uniform(0.5, 1.5, v.shape) * random.choice([-1.0, 1.0], v.shape))
    for _, variance in layer.running:
        variance.assign(tf.abs(variance))


def plainly(layer, images, statistics):
    """The same in numpy, a pixel at a time; `statistics(features, i)` -> (mean, variance)."""
    features = np.asarray(images, np.float64)
    for i, block in enumerate(layer.learned):
        kernel = block.kernel.numpy().astype(np.float64)
        n, side = features.shape[:2]
        padded = np.pad(features, [(0, 0), (1, 1), (1, 1), (0, 0)])
        out = np.zeros((n, side, side, kernel.shape[-1]))
        for y in range(side):
            for x in range(side):
                window = padded[:, y : y + 3, x : x + 3]
                out[:, y, x] = np.einsum("nabc,abcf->nf", window, kernel)
        if block.bias is not None:
            out = out + block.bias.numpy()
        mean, variance = statistics(out, i)
        out = (out - mean) / np.sqrt(
            variance + EPSILON
        ) * block.factor.numpy() + block.offset.numpy()
        if i + 1 < layer.blocks or layer.last_relu:
            out = np.maximum(out, 0.0)
        half = side // 2
        out = out[:, : 2 * half, : 2 * half].reshape(n, half, 2, half, 2, -1).max(axis=(2, 4))
        features = out
    return features.reshape(len(features), -1)


@pytest.mark.parametrize("last_relu", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size, channels", [(8, 1), (7, 3)])
def test_against_loops(random, size, channels, bias, last_relu):
    layer = make(size, channels, bias=bias, last_relu=last_relu)
    shake(layer)
    images = random.random((4, size, size, channels)).astype(np.float32)
    found = layer(images)
    running = [[v.numpy() for v in pair] for pair in layer.running]
    expected = plainly(layer, images, lambda _, i: running[i])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    in_training = layer(images, training=True)
    expected = plainly(layer, images, lambda x, _: (x.mean((0, 1, 2)), x.var((0, 1, 2))))
    np.testing.assert_allclose(in_training, expected, rtol=1e-3, atol=1e-3)


def test_against_keras_layers(random):
    """The same weights in Keras' own layers."""
    layer = make(8)
    shake(layer)
    stack = keras.Sequential()
    for i, block in enumerate(layer.learned):
        convolution = keras.layers.Conv2D(3, 3, padding="same", use_bias=False)
        norm = keras.layers.BatchNormalization(epsilon=EPSILON)
        for part in (convolution, norm, keras.layers.ReLU(), keras.layers.MaxPool2D(2)):
            stack.add(part)
        stack.build([None, 8, 8, 1])
        convolution.set_weights([block.kernel])
        norm.set_weights([block.factor, block.offset, *layer.running[i]])
    images = random.random((3, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(
        layer(images), stack(images).numpy().reshape(3, -1), rtol=1e-5, atol=1e-5
    )


def test_running_averages_move_by_one_batch_in_training_only(random):
    layer = make()
    images = random.random((4, 8, 8, 1)).astype(np.float32)
    layer(images)
    assert (layer.running[0][0].numpy() == 0.0).all()
    layer(images, training=True)
    features = tf.nn.conv2d(images, layer.learned[0].kernel, 1, "SAME").numpy()
    mean = (1.0 - MOMENTUM) * features.mean((0, 1, 2))
    np.testing.assert_allclose(layer.running[0][0], mean, rtol=1e-4, atol=1e-7)
    variance = MOMENTUM + (1.0 - MOMENTUM) * features.var((0, 1, 2), ddof=1)
    np.testing.assert_allclose(layer.running[0][1], variance, rtol=1e-5)


def test_embed_takes_other_weights_and_leaves_its_own(random):
    layer, other = make(), make()
    shake(other)
    images = random.random((2, 8, 8, 1)).astype(np.float32)
    before = layer(images)
    found = layer.embed(other.learned, images)
    for (mean, variance), (other_mean, other_variance) in zip(
        other.running, layer.running, strict=True
    ):
        mean.assign(other_mean)
        variance.assign(other_variance)
    np.testing.assert_array_equal(found, other(images))  # learned weights of the other, only
    np.testing.assert_array_equal(layer(images), before)


def test_embed_in_training_takes_the_batchs_statistics_and_keeps_the_running_ones(random):
    layer, other = make(), make()
    shake(layer)
    shake(other, 1)
    images = random.random((4, 8, 8, 1)).astype(np.float32)
    before = [v.numpy() for v in layer.variables]
    found = layer.embed(other.learned, images, training=True)
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    np.testing.assert_array_equal(found, other(images, training=True))
    assert np.abs(found - layer.embed(other.learned, images)).max() > 0.1


def test_speakers_alone_make_the_statistics(random):
    """Two episodes of four pictures; two of each speak for all four."""
    layer = make()
    shake(layer)
    images = random.random((8, 8, 8, 1)).astype(np.float32)
    marks = np.array([[True, True, False, False], [False, True, False, True]])
    found = layer(images, speakers=tf.constant(marks)).numpy()

    for b in (0, 1):

        def of_speakers(features, _, b=b):
            spoken = features[marks[b]]
            return spoken.mean((0, 1, 2)), spoken.var((0, 1, 2))

        expected = plainly(layer, images[4 * b : 4 * b + 4], of_speakers)
        np.testing.assert_allclose(found[4 * b : 4 * b + 4], expected, rtol=1e-3, atol=1e-3)


def test_mixed_precision_is_near_and_keeps_weights_and_features_in_float32(random):
    layer, mixed = make(), make(precision="mixed_bfloat16")
    for ours, theirs in zip(mixed.variables, layer.variables, strict=True):
        ours.assign(theirs)
    images = random.random((4, 8, 8, 1)).astype(np.float32)
    found = mixed(images, training=True)
    assert found.dtype == tf.float32 and {v.dtype for v in mixed.variables} == {tf.float32}
    difference = np.abs(found - layer(images, training=True))
    assert 0 < difference.max() < 0.2


@pytest.mark.parametrize("size, width", [(28, 64), (64, 1024), (84, 1600)])
def test_the_papers_sizes(size, width):
    layer = Conv4()
    assert layer(tf.zeros([1, size, size, 1])).shape == (1, width)


def test_too_small_pictures_are_an_error():
    with pytest.raises(ValueError, match="16 pixels or more. Received: 8 x 8"):
        make(8, blocks=4)


def test_flops_count_multiplications_and_additions():
    assert make(8).flops() == 2 * (9 * 3 * 64 + 9 * 9 * 16)


def trained(layer, images, weights):
    """(features, running statistics, gradients of all weights) of one training pass in a graph."""

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            features = layer(images, training=True)
            loss = tf.reduce_sum(features * weights)
        return features, tape.gradient(loss, layer.trainable_variables)

    features, gradients = step()
    return features, [v for pair in layer.running for v in pair], gradients


@pytest.mark.parametrize("last_relu", [True, False])
def test_compiled_or_not_a_training_pass_is_the_same(random, monkeypatch, last_relu):
    images = random.random((6, 7, 7, 2)).astype(np.float32)
    weights = random.normal(size=(6, 3)).astype(np.float32)
    results, calls, fused = [], [], conv4.pooled_norm.fused
    monkeypatch.setattr(conv4.pooled_norm, "fused", lambda *a: calls.append(1) or fused(*a))
    for least in (10**9, 0):
        monkeypatch.setattr(conv4, "COMPILED", least)
        layer = make(7, 2, last_relu=last_relu)
        shake(layer)
        results.append(tf.nest.flatten(trained(layer, images, weights)))
        assert len(calls) == (0 if least else layer.blocks)
    for composed, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, composed, rtol=2e-4, atol=2e-4)


def test_what_is_compiled_has_one_known_shape_in_float32(monkeypatch):
    """Every shape is compiled anew: episodes of drawn sizes would do so again and again."""
    monkeypatch.setattr(conv4, "COMPILED", 0)
    monkeypatch.setattr(conv4.pooled_norm, "fused", lambda *_: pytest.fail("compiled"))
    layer = make()
    layer(tf.zeros([2, 8, 8, 1]), training=True)  # not in a graph
    unknown = tf.TensorSpec([None, 8, 8, 1], tf.float32)
    tf.function(lambda x: layer(x, training=True), input_signature=[unknown])(
        tf.zeros([2, 8, 8, 1])
    )
    half = make(precision="mixed_bfloat16")
    tf.function(lambda x: half(x, training=True))(tf.zeros([2, 8, 8, 1]))

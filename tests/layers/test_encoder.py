import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.encoder import INITIAL_LENGTH, ConvEncoder, FlatEncoder


def test_flat_encoder_keeps_the_pixels_in_order():
    images = np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2)
    np.testing.assert_array_equal(FlatEncoder()(images), images.reshape(2, 12))


@pytest.mark.parametrize("size, blocks, side", [(8, 2, 2), (9, 2, 3), (20, 3, 3)])
def test_conv_encoder_halves_rounding_up(size, blocks, side):
    encoder = ConvEncoder(filters=4, blocks=blocks)
    assert encoder(tf.zeros([2, size, size, 1])).shape == (2, side * side * 4)


def test_conv_encoder_normalises_by_the_batch_only_in_training(random):
    encoder = ConvEncoder(filters=3, blocks=1)
    images = random.normal(5.0, 2.0, (4, 6, 6, 1)).astype(np.float32)
    encoder(images)
    together = encoder(images, training=False)
    alone = tf.concat([encoder(image[None], training=False) for image in images], axis=0)
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
    in_training = encoder(images, training=True)
    assert np.abs(in_training - together).max() > 0.1
    moved = encoder(images, training=False)  # the running averages have moved by one batch
    assert np.abs(moved - together).max() > 1e-3


def test_every_picture_gets_the_learned_length(random):
    encoder = ConvEncoder(filters=3, blocks=2)
    images = random.random((5, 8, 8, 1)).astype(np.float32)
    for length in (INITIAL_LENGTH, 2.5):
        encoder.length.assign(length)
        lengths = np.linalg.norm(encoder(images, training=True), axis=1)
        np.testing.assert_allclose(lengths, np.full(5, length), rtol=1e-5)


def test_mixed_precision_keeps_weights_and_features_in_float32():
    encoder = ConvEncoder(filters=3, blocks=1, precision="mixed_bfloat16")
    images = tf.random.stateless_uniform([2, 6, 6, 1], [0, 0])
    found = encoder(images)
    assert found.dtype == tf.float32
    assert {w.dtype for w in encoder.trainable_variables} == {tf.float32}
    assert encoder.stack(images).dtype == tf.bfloat16
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 4.0, rtol=1e-3)


def test_centred_features_share_nothing_in_a_batch_and_follow_running_averages_in_a_test(random):
    images = random.random((64, 9, 9, 1)).astype(np.float32)
    encoder = ConvEncoder(filters=8, blocks=2, centred=True)
    plain = ConvEncoder(filters=8, blocks=2)
    plain(images)
    embedded = plain(images, training=True).numpy()
    assert cosines(embedded).mean() > 0.8  # what the option is for
    embedded = encoder(images, training=True).numpy()
    assert abs(cosines(embedded).mean()) < 0.05
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), INITIAL_LENGTH, rtol=1e-5)
    for _ in range(400):
        encoder(images, training=True)
    together = encoder(images, training=False).numpy()
    np.testing.assert_allclose(together, encoder(images, training=True), atol=0.1)
    alone = np.concatenate([encoder(image[None], training=False) for image in images])
    np.testing.assert_allclose(together, alone, atol=5e-3)
    assert len(encoder.trainable_variables) == len(plain.trainable_variables)


def cosines(embedded):
    """Of every two different ones."""
    unit = embedded / np.linalg.norm(embedded, axis=1, keepdims=True)
    return (unit @ unit.T)[~np.eye(len(unit), dtype=bool)]


def shake(layer, seed=0):
    random = np.random.default_rng(seed)
    for variable in layer.variables:
        variable.assign(random.uniform(0.5, 1.5, variable.shape))


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("centred", [False, True])
def test_conv_encoder_is_a_function_of_its_weights(random, precision, training, centred):
    """With its own weights to the bit what it gives; with another's what that one gives."""
    ours, theirs = (
        ConvEncoder(filters=3, blocks=2, centred=centred, precision=precision) for _ in range(2)
    )
    images = tf.constant(random.random((4, 9, 9, 2)), tf.float32)
    for seed, layer in enumerate((ours, theirs)):
        layer(images)
        shake(layer, seed)
    for mine, other in zip(
        theirs.non_trainable_variables, ours.non_trainable_variables, strict=True
    ):
        mine.assign(other)
    before = [v.numpy() for v in ours.variables]
    own = ours.embed(ours.learned, images, training)
    found = ours.embed(theirs.learned, images, training)
    for variable, value in zip(ours.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    rounding = 0.05 if precision == "mixed_bfloat16" else 0.0
    for embedded, layer in ((own, ours), (found, theirs)):
        np.testing.assert_allclose(
            embedded, layer(images, training=training), atol=rounding, rtol=0
        )
    assert np.abs(own - found).max() > 0.1
    flat = tf.nest.flatten(ours.learned)
    assert {id(v) for v in flat if v is not None} == {id(v) for v in ours.trainable_variables}


def test_flat_encoder_has_no_weights():
    encoder, images = FlatEncoder(), tf.ones([2, 3, 3, 1])
    np.testing.assert_array_equal(encoder.embed(encoder.learned, images, True), encoder(images))
    assert not encoder.learned

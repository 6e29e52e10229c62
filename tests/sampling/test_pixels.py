import numpy as np
import tensorflow as tf

from oneshot_tf.sampling import pixels

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 5, 2), np.uint8)


def test_gather_gives_pictures_as_numbers_from_0_to_1():
    indices = np.array([[5, 0, 5], [1, 2, 3]], np.int32)
    found = pixels.gather(tf.constant(IMAGES), tf.constant(indices), None)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, IMAGES[indices] / 255.0, rtol=1e-6)


def test_gather_turns_each_picture_by_its_own_quarters():
    indices, turns = np.array([[0, 1, 2, 3], [3, 3, 3, 3]]), np.array([[0, 1, 2, 3], [3, 2, 1, 0]])
    found = pixels.gather(*(tf.constant(a) for a in (IMAGES, indices, turns)))
    for b in range(2):
        for k in range(4):
            expected = np.rot90(IMAGES[indices[b, k]], turns[b, k]) / 255.0
            np.testing.assert_allclose(found[b, k], expected, rtol=1e-6)


def test_quarter_turns_equal_tensorflows():
    turned = pixels.quarter_turns(tf.constant(IMAGES[:4]), tf.range(4))
    for k in range(4):
        np.testing.assert_array_equal(turned[k], tf.image.rot90(IMAGES[k], k))


def test_shapes_are_known_while_tracing():
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.int32)])
    def run(indices):
        found = pixels.gather(tf.constant(IMAGES), indices, tf.zeros_like(indices))
        assert found.shape.as_list() == [None, 3, 5, 5, 2]
        return found

    np.testing.assert_allclose(run(tf.constant([[1, 2, 3]]))[0], IMAGES[1:4] / 255.0, rtol=1e-6)

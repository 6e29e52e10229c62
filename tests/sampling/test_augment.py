import importlib.util

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from oneshot_tf.sampling import augment


def pictures(count=3, size=11, seed=0):
    return np.random.default_rng(seed).random((count, size, size, 1)).astype(np.float32)


def move(images, angles, shifts):
    matrix = augment.affine_matrix(
        tf.constant(angles, tf.float32), tf.constant(shifts, tf.float32), images.shape[1]
    )
    return augment.transform(tf.constant(images), matrix).numpy()


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_addons") is None, reason="needs tensorflow-addons"
)
def test_addons_and_the_operation_under_them_give_the_same_pixels():
    random = np.random.default_rng(0)
    angles, shifts = random.uniform(-0.5, 0.5, 8), random.uniform(-4, 4, (8, 2))
    matrix = augment.affine_matrix(
        tf.constant(angles, tf.float32), tf.constant(shifts, tf.float32), 21
    )
    images = tf.constant(pictures(8, 21))
    assert augment._addons_transform() is not None
    found = augment.transform(images, matrix)
    np.testing.assert_array_equal(found, augment.native_transform(images, matrix))


def test_without_addons_the_native_operation_does_it(monkeypatch):
    monkeypatch.setattr(augment, "_addons_transform", lambda: None)
    images = pictures()
    np.testing.assert_allclose(move(images, [0.0] * 3, [[0.0, 0.0]] * 3), images, atol=1e-6)


@pytest.mark.parametrize("right, down", [(0, 0), (3, 0), (0, -2), (-1, 4)])
def test_shift_by_whole_pixels(right, down):
    images, expected = pictures(), np.zeros((3, 11, 11, 1), np.float32)
    for y in range(11):
        for x in range(11):
            if 0 <= y - down < 11 and 0 <= x - right < 11:
                expected[:, y, x] = images[:, y - down, x - right]
    found = move(images, [0.0] * 3, [[right, down]] * 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("quarters", [-1, 0, 1, 2])
def test_rotation_by_quarters_is_counter_clockwise(quarters):
    images = pictures()
    found = move(images, [quarters * np.pi / 2] * 3, [[0.0, 0.0]] * 3)
    np.testing.assert_allclose(found, np.rot90(images, quarters, axes=(1, 2)), atol=1e-4)


def test_the_turn_comes_before_the_shift():
    image = np.zeros((1, 11, 11, 1), np.float32)
    image[0, 5, 8] = 1.0  # three to the right of the centre
    found = move(image, [np.pi / 2], [[2.0, 0.0]])  # goes three above it, then two to the right
    assert np.unravel_index(found[0, :, :, 0].argmax(), (11, 11)) == (2, 7)


def test_each_picture_is_varied_by_its_own_noise_within_the_bounds():
    image = np.zeros((3, 11, 11, 1), np.float32)
    image[:, 5, 5] = 1.0
    noise = tf.constant([[0.5, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 0.0]])
    found = augment.vary(tf.constant(image), noise, 30.0, 4.0).numpy()[..., 0]
    places = [np.unravel_index(picture.argmax(), (11, 11)) for picture in found]
    assert places == [(5, 5), (5, 9), (1, 5)]


def test_rotation_goes_as_far_as_asked():
    image = np.zeros((2, 41, 41, 1), np.float32)
    image[:, 20, 38] = 1.0  # 18 to the right of the centre
    found = augment.vary(
        tf.constant(image), tf.constant([[1.0, 0.5, 0.5], [0.0, 0.5, 0.5]]), 30.0, 0.0
    )
    for picture, sign in zip(found.numpy()[..., 0], (1, -1), strict=True):
        y, x = np.unravel_index(picture.argmax(), (41, 41))
        angle = np.degrees(np.arctan2(20 - y, x - 20))
        assert angle == pytest.approx(sign * 30.0, abs=2.5)


@pytest.mark.parametrize("degrees", [-30.0, 45.0])
def test_a_slant_moves_what_is_high_to_the_right(degrees):
    image = np.zeros((1, 41, 41, 1), np.float32)
    image[0, [10, 20, 30], 20] = 1.0  # ten above the centre, on it, ten below
    noise = tf.constant([[0.5, 0.5, 0.5, 1.0, 0.5, 0.5]])
    found = augment.vary(tf.constant(image), noise, 0.0, 0.0, max_slant=degrees)[0, :, :, 0]
    lean = 10 * np.tan(np.radians(degrees))
    columns = np.arange(41)
    for row, place in ((10, 20 + lean), (20, 20), (30, 20 - lean)):
        mean = np.sum(found[row] * columns) / np.sum(found[row])
        assert mean == pytest.approx(place, abs=1e-3)


def test_stretching_multiplies_width_and_height():
    image = np.zeros((1, 41, 41, 1), np.float32)
    image[0, 20, 26] = image[0, 10, 20] = 1.0  # six to the right, ten above
    noise = tf.constant([[0.5, 0.5, 0.5, 0.5, 1.0, 0.0]])  # half as wide again, half as tall
    found = augment.vary(tf.constant(image), noise, 0.0, 0.0, max_stretch=0.5)[0, :, :, 0].numpy()
    assert np.unravel_index(found[:, 24:].argmax(), (41, 17)) == (20, 29 - 24)
    assert np.unravel_index(found[:20].argmax(), (20, 41)) == (15, 20)


def test_the_slant_comes_before_the_turn_and_the_shift():
    image = np.zeros((1, 41, 41, 1), np.float32)
    image[0, 12, 20] = 1.0  # eight above; the slant takes it eight right, the turn eight up-left
    matrix = augment.affine_matrix(
        *(tf.constant(value, tf.float32) for value in ([np.pi / 2], [[3.0, 0.0]])),
        41,
        tf.constant([np.pi / 4]),
        tf.ones([1, 2]),
    )
    found = augment.transform(tf.constant(image), matrix).numpy()[0, :, :, 0]
    assert np.unravel_index(found.argmax(), (41, 41)) == (12, 15)


def test_form_left_alone_is_the_same_as_no_form():
    noise = tf.constant(np.random.default_rng(1).random((3, 6)), tf.float32)
    images = tf.constant(pictures())
    plain = augment.vary(images, noise[:, :3], 20.0, 2.0)
    even = tf.concat([noise[:, :3], tf.fill([3, 3], 0.5)], axis=1)
    np.testing.assert_allclose(augment.vary(images, even, 20.0, 2.0, 15.0, 0.3), plain, atol=1e-5)


@pytest.mark.parametrize("most", [0.4, 1.0])
def test_thickening_goes_part_of_the_way_to_the_brightest_neighbour(most):
    images, noise = pictures(2, 6), np.array([0.25, 1.0], np.float32)
    expected = np.empty_like(images)
    for n in range(2):
        for y in range(6):
            for x in range(6):
                near = images[n, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2, 0].max()
                share = most * noise[n]
                expected[n, y, x] = (1 - share) * images[n, y, x] + share * near
    found = augment.thicken(tf.constant(images), tf.constant(noise), most)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("size, target", [(105, 20), (105, 28), (28, 20)])
def test_resize_equals_pillows_bilinear(size, target):
    image = (np.random.default_rng(0).random((size, size)) * 255).astype(np.uint8)
    found = augment.resize(tf.constant(image[None, :, :, None] / 255.0, tf.float32), target)
    pillow = np.asarray(Image.fromarray(image).resize((target, target), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(found[0, :, :, 0], pillow / 255.0, atol=1 / 255)


def test_no_retracing():
    traces = []

    @tf.function
    def run(images, noise):
        traces.append(1)
        return augment.resize(augment.vary(images, noise, 10.0, 2.0), 5)

    for seed in range(3):
        run(tf.constant(pictures(seed=seed)), tf.random.stateless_uniform([3, 3], [seed, 0]))
    assert len(traces) == 1

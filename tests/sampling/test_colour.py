import colorsys

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.sampling import colour


def pictures(count=5, height=9, width=7, channels=3, seed=0):
    shape = (count, height, width, channels)
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def noise(count, width, seed=1):
    return np.random.default_rng(seed).random((count, width)).astype(np.float32)


def reflected(index, size):
    """Where a pixel outside comes from, the edge not repeated."""
    index = -index if index < 0 else index
    return 2 * (size - 1) - index if index >= size else index


@pytest.mark.parametrize("padding", [1, 3, 6])
def test_crop_equals_a_loop(padding):
    images, random = pictures(), noise(5, 2)
    found = colour.crop(tf.constant(images), tf.constant(random), padding)
    expected = np.zeros_like(images)
    for n in range(5):
        down, right = (int(u * (2 * padding + 1)) - padding for u in random[n])
        for y in range(9):
            for x in range(7):
                expected[n, y, x] = images[n, reflected(y + down, 9), reflected(x + right, 7)]
    np.testing.assert_array_equal(found, expected)


def test_crop_equals_numpys_reflection():
    images = pictures()
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="reflect")
    corner = colour.crop(tf.constant(images), tf.zeros([5, 2]), 2)
    np.testing.assert_array_equal(corner, padded[:, :9, :7])
    last = np.full((5, 2), np.nextafter(np.float32(1), np.float32(0)))
    corner = colour.crop(tf.constant(images), tf.constant(last), 2)
    np.testing.assert_array_equal(corner, padded[:, -9:, -7:])


def test_every_place_of_a_cut_is_equally_likely():
    images = np.zeros((5000, 5, 5, 1), np.float32)
    images[:, 2, 2] = 1.0
    found = colour.crop(tf.constant(images), tf.constant(noise(5000, 2)), 1).numpy()[..., 0]
    counts = found.sum(axis=0)[1:4, 1:4]
    assert counts.sum() == 5000
    assert np.abs(counts - 5000 / 9).max() < 4 * np.sqrt(5000 * 8 / 81)


def test_numbers_below_a_half_mirror_exactly():
    images = pictures()
    random = np.array([0.0, 0.49, 0.5, 0.99, 0.3], np.float32)
    found = colour.flip(tf.constant(images), tf.constant(random))
    for n in range(5):
        expected = images[n, :, ::-1] if random[n] < 0.5 else images[n]
        np.testing.assert_array_equal(found[n], expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_no_strength_is_no_change(channels):
    images = pictures(channels=channels)
    found = colour.jitter(tf.constant(images), tf.constant(noise(5, 3)), 0.0)
    np.testing.assert_allclose(found, images, atol=1e-6)


def gray_of(images):
    if images.shape[-1] == 1:
        return images
    return (images @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_jitter_equals_one_step_after_the_other(channels, strength):
    images, random = pictures(channels=channels), noise(5, 3)
    found = colour.jitter(tf.constant(images), tf.constant(random), strength)
    for n, image in enumerate(images):
        brightness, contrast, saturation = 1 + strength * (2 * random[n] - 1)
        image = image * brightness
        mean = gray_of(image).mean()
        image = mean + (image - mean) * contrast
        image = gray_of(image) + (image - gray_of(image)) * saturation
        np.testing.assert_allclose(found[n], np.clip(image, 0, 1), atol=1e-5)


def test_values_stay_between_0_and_1():
    found = colour.jitter(tf.constant(pictures(200)), tf.constant(noise(200, 3)), 1.0).numpy()
    assert found.min() == 0.0 and found.max() == 1.0 and np.isfinite(found).all()


def test_saturation_goes_to_gray_and_keeps_the_hue():
    image = np.full((2, 3, 3, 3), [0.5, 0.3, 0.4], np.float32)
    random = tf.constant([[0.5, 0.5, 0.0], [0.5, 0.5, 0.75]])  # only the saturation changes
    found = colour.jitter(tf.constant(image), random, 1.0).numpy()[:, 0, 0]
    np.testing.assert_allclose(found[0], found[0][:1].repeat(3), atol=1e-6)
    hues = [colorsys.rgb_to_hsv(*(float(v) for v in c))[0] for c in (image[1, 0, 0], found[1])]
    assert hues[0] == pytest.approx(hues[1], abs=1e-5)


def test_shapes_are_known_and_one_trace_is_enough():
    traces = []

    @tf.function
    def run(images, random):
        traces.append(1)
        images = colour.flip(colour.crop(images, random[:, :2], 2), random[:, 2])
        images = colour.jitter(images, random[:, 3:], 0.4)
        assert images.shape.as_list() == [5, 9, 7, 3]
        return images

    for seed in range(3):
        run(tf.constant(pictures(seed=seed)), tf.constant(noise(5, 6, seed)))
    assert len(traces) == 1

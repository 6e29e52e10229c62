import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions
from oneshot_tf.sampling import augment, colour, few_shot, source
from tests.sampling.helpers import find_drawings

DRAWINGS = np.array([[0, 4, 8], [3, 3, 1]], np.int32)


@pytest.fixture
def dataset(make_dataset):
    return make_dataset([4, 5])


def noise(seed=0):
    return tf.random.stateless_uniform([2, 3, 3], [seed, 0])


def test_pictures_as_they_are(dataset, make_source):
    found = source.pictures(make_source(dataset), DRAWINGS, tf.zeros_like(DRAWINGS), None)
    np.testing.assert_array_equal(find_drawings(dataset, found), DRAWINGS)


def test_turned_classes(dataset, make_source):
    population = make_source(dataset, rotations=True)
    assert population.population.num_classes == 8 and population.population.turns == 4
    found = source.pictures(population, DRAWINGS, tf.ones_like(DRAWINGS), None)
    np.testing.assert_array_equal(find_drawings(dataset, found, turns=1), DRAWINGS)


def test_pictures_are_varied_at_full_size_and_then_resized(make_dataset, make_source):
    dataset = make_dataset([4, 5], size=12)
    population = make_source(dataset, image_size=6, max_rotation=30.0, max_shift=21.0)
    found = source.pictures(population, DRAWINGS, tf.zeros_like(DRAWINGS), noise())
    assert found.shape == (2, 3, 6, 6, 1)
    full = tf.constant(dataset.images[DRAWINGS.ravel()] / 255.0, tf.float32)
    shift = 21.0 * 12 / 105  # pixels of a drawing of 105 x 105
    varied = augment.vary(full, tf.reshape(noise(), [-1, 3]), 30.0, shift)
    expected = tf.image.resize(varied, [6, 6], antialias=True)
    np.testing.assert_allclose(tf.reshape(found, [6, 6, 6, 1]), expected, atol=1e-6)
    others = source.pictures(population, DRAWINGS, tf.zeros_like(DRAWINGS), noise(1))
    assert np.abs(others - found).max() > 0.05


@pytest.mark.parametrize(
    "said, varied",
    [
        ({}, False),
        ({"max_rotation": 5.0}, True),
        ({"max_shift": 1.0}, True),
        ({"max_slant": 5.0}, True),
        ({"max_stretch": 0.1}, True),
    ],
)
def test_only_what_is_to_be_varied_is_varied(dataset, said, varied):
    options = DataOptions(image_size=8, **said)
    assert source.make(dataset, options, rotations=False, vary=True).varied == varied
    assert not source.make(dataset, options, rotations=False, vary=False).varied


COLOUR = {"random_crop": 2, "flip": True, "colour_jitter": 0.3}


@pytest.mark.parametrize(
    "options, width, varied",
    [
        ({}, 0, False),
        ({"max_shift": 1.0}, 3, True),
        ({"max_slant": 1.0}, 6, True),
        ({"max_stretch": 0.1}, 6, True),
        ({"bold": 0.1}, 1, False),
        ({"random_crop": 2}, 2, False),
        ({"flip": True}, 1, False),
        ({"colour_jitter": 0.1}, 3, False),
        ({**COLOUR, "max_rotation": 3.0}, 9, True),
        ({**COLOUR, "max_rotation": 3.0, "max_slant": 2.0, "bold": 1.0}, 13, True),
    ],
)
def test_only_what_is_asked_for_takes_random_numbers(dataset, make_source, options, width, varied):
    population = make_source(dataset, **options)
    assert (source.noise_width(population), population.varied) == (width, varied)


def test_pictures_are_cut_mirrored_and_coloured_in_training_alone(dataset, make_source):
    population, random = (
        make_source(dataset, **COLOUR),
        tf.random.stateless_uniform([2, 3, 6], [5, 0]),
    )
    found = source.pictures(population, DRAWINGS, tf.zeros_like(DRAWINGS), random)
    flat = tf.constant(dataset.images[DRAWINGS.ravel()] / 255.0, tf.float32)
    numbers = tf.reshape(random, [6, 6])
    expected = colour.crop(flat, numbers[:, :2], 2)
    expected = colour.flip(expected, numbers[:, 2])
    expected = colour.jitter(expected, numbers[:, 3:], 0.3)
    np.testing.assert_allclose(tf.reshape(found, [6, 8, 8, 1]), expected, atol=1e-6)
    every = DataOptions(image_size=8, bold=0.7, **COLOUR)
    tested = source.make(dataset, every, rotations=False, vary=False)
    assert source.noise_width(tested) == 0
    untouched = source.pictures(tested, DRAWINGS, tf.zeros_like(DRAWINGS), None)
    np.testing.assert_array_equal(find_drawings(dataset, untouched), DRAWINGS)


def test_turned_pictures_are_cut_after_the_resize(make_dataset, make_source):
    dataset = make_dataset([4, 5], size=12)
    population = make_source(dataset, image_size=6, max_rotation=9.0, random_crop=1)
    random = tf.random.stateless_uniform([2, 3, 5], [5, 0])
    found = source.pictures(population, DRAWINGS, tf.zeros_like(DRAWINGS), random)
    numbers = tf.reshape(random, [6, 5])
    full = tf.constant(dataset.images[DRAWINGS.ravel()] / 255.0, tf.float32)
    expected = augment.resize(augment.vary(full, numbers[:, :3], 9.0, 0.0), 6)
    expected = colour.crop(expected, numbers[:, 3:], 1)
    np.testing.assert_allclose(tf.reshape(found, [6, 6, 6, 1]), expected, atol=1e-6)


def test_slanted_pictures_are_thickened_after_the_resize(make_dataset, make_source):
    dataset = make_dataset([4, 5], size=12)
    options = {"image_size": 6, "max_slant": 9.0, "max_stretch": 0.1, "bold": 0.7}
    population = make_source(dataset, **options)
    random = tf.random.stateless_uniform([2, 3, 7], [5, 0])
    found = source.pictures(population, DRAWINGS, tf.zeros_like(DRAWINGS), random)
    numbers = tf.reshape(random, [6, 7])
    full = tf.constant(dataset.images[DRAWINGS.ravel()] / 255.0, tf.float32)
    expected = augment.resize(augment.vary(full, numbers[:, :6], 0.0, 0.0, 9.0, 0.1), 6)
    expected = augment.thicken(expected, numbers[:, 6], 0.7)
    np.testing.assert_allclose(tf.reshape(found, [6, 6, 6, 1]), expected, atol=1e-6)


def test_a_cut_needs_pixels_to_mirror(dataset):
    with pytest.raises(UserError, match="--random_crop must be below --image_size=8. Received: 8"):
        options = DataOptions(image_size=8, random_crop=8)
        source.make(dataset, options, rotations=False, vary=False, train=True)


def test_embedded_episodes_hold_the_embeddings_of_the_same_pictures(make_dataset, make_source):
    """Batches of another size than the data, and turned classes."""
    population = make_source(make_dataset([4, 5, 6]), rotations=True)

    def embed(images):
        return tf.reshape(images, [-1, 64]) * tf.range(1.0, 65.0)

    options = {"seed": 0, "stream": "test", "batch": 3, "way": 5, "shot": 1, "queries": 2}
    pictures = few_shot.sampler(population, **options)(tf.constant(0))
    found = few_shot.sampler(source.embedded(population, embed, batch=7), **options)(tf.constant(0))
    for part in ("support", "query"):
        expected = tf.reshape(embed(getattr(pictures, part)), getattr(found, part).shape)
        np.testing.assert_allclose(getattr(found, part), expected, rtol=1e-6)
    np.testing.assert_array_equal(found.support_labels, pictures.support_labels)


def test_fewer_large_pictures_are_embedded_at_once(make_dataset, make_source, monkeypatch):
    population, sizes = make_source(make_dataset([4, 5])), set()

    def embed(images):
        tf.numpy_function(lambda n: sizes.add(int(n)), [tf.shape(images)[0]], [], stateful=True)
        return tf.reshape(images, [-1, 64])

    monkeypatch.setattr(source, "MOST_PIXELS", 2 * 64 + 1)
    assert source.embedded(population, embed).features.shape == (9, 64)
    assert sizes == {2, 1}


def test_pictures_that_are_varied_anew_cannot_be_embedded_once(make_dataset, make_source):
    with pytest.raises(ValueError, match="varied anew"):
        source.embedded(make_source(make_dataset([4, 4]), flip=True), tf.identity)

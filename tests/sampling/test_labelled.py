import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.sampling import labelled
from tests.sampling.helpers import assert_equal_episodes, find_drawings

SIZES = [5, 8, 2]


@pytest.fixture
def dataset(make_dataset):
    return make_dataset(SIZES)


def make(population, batch=4):
    return labelled.sampler(population, seed=0, stream="train", batch=batch)


@pytest.mark.parametrize("options", [{}, {"flip": True, "random_crop": 2}, {"max_rotation": 20.0}])
def test_a_picture_depends_on_its_number_alone(dataset, make_source, options):
    population = make_source(dataset, rotations=True, **options)
    together = make(population)(tf.constant(6))
    for b in range(4):
        assert_equal_episodes(make(population, batch=1)(tf.constant(6 + b)), together, b)


def test_labels_are_the_classes_of_the_drawings(dataset, make_source):
    drawn = make(make_source(dataset), batch=200)(tf.constant(0))
    rows = find_drawings(dataset, drawn.images)
    classes = np.searchsorted(dataset.offsets, rows, side="right") - 1
    np.testing.assert_array_equal(drawn.labels, classes)


def test_turned_classes_are_classes_of_their_own(dataset, make_source):
    drawn = make(make_source(dataset, rotations=True), batch=300)(tf.constant(0))
    by_turn = np.stack([find_drawings(dataset, drawn.images, turns) for turns in range(4)])
    turns, rows = by_turn.argmax(axis=0), by_turn.max(axis=0)
    classes = np.searchsorted(dataset.offsets, rows, side="right") - 1
    np.testing.assert_array_equal(drawn.labels, classes + len(SIZES) * turns)


def test_every_class_and_every_drawing_of_it_is_as_likely(dataset, make_source):
    drawn = make(make_source(dataset), batch=1500)(tf.constant(0))
    counts = np.bincount(drawn.labels, minlength=3)
    assert np.abs(counts - 500).max() < 4 * np.sqrt(1500 * 2 / 9)
    rows = np.bincount(find_drawings(dataset, drawn.images), minlength=sum(SIZES))
    for start, size in zip(dataset.offsets, SIZES, strict=False):
        assert np.abs(rows[start : start + size] - 500 / size).max() < 4.5 * np.sqrt(500 / size)


def test_the_largest_number_stays_below_the_limit():
    noise = tf.constant([0.0, 0.5, np.nextafter(np.float32(1.0), np.float32(0.0))])
    assert labelled.below(noise, 3 * 2**22 + 1).numpy().max() <= 3 * 2**22
    assert labelled.below(noise, 4).numpy().tolist() == [0, 2, 3]

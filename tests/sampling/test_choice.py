import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.sampling import choice

SIZES = [3, 9, 4, 5, 3]  # pictures of each class, unequal


@pytest.fixture
def dataset(make_dataset):
    return make_dataset(SIZES)


def draw(dataset, batch, way=3, per_class=3, num_labels=None, rotations=False, seed=0, first=0):
    """(`Choice` of `batch` episodes as numpy, `Population`)."""
    people = choice.population(dataset, rotations)
    num_labels = num_labels or way
    width = choice.choose_width(people, way, num_labels)
    noise = choice.uniform_rows(seed, "train", tf.constant(first), batch, width)
    chosen = choice.choose(noise, people, way, per_class, num_labels)
    return choice.Choice(*(part.numpy() for part in chosen)), people


def class_of(dataset, drawings):
    return np.searchsorted(dataset.offsets, drawings, side="right") - 1


@pytest.mark.parametrize("first, batch", [(0, 4), (4, 2), (5, 3), (2**33, 2)])
def test_a_row_belongs_to_its_episode_alone(first, batch):
    rows = choice.uniform_rows(7, "train", tf.constant(first, tf.int64), batch, 5)
    for b in range(batch):
        alone = choice.uniform_rows(7, "train", tf.constant(first + b, tf.int64), 1, 5)
        np.testing.assert_array_equal(alone[0], rows[b])


def test_seeds_streams_and_episodes_share_no_numbers():
    rows = [
        choice.uniform_rows(seed, stream, tf.constant(0), 3, 50).numpy()
        for seed in (0, 1, 2)
        for stream in choice.STREAMS
    ]
    numbers = np.concatenate(rows).ravel()
    # 1350 of 2^23 numbers: by chance about 0.1 pairs are equal, a shared row would give 50
    assert len(np.unique(numbers)) > len(numbers) - 5
    assert numbers.min() >= 0 and numbers.max() < 1


@pytest.mark.parametrize("rotations", [False, True])
def test_nothing_is_drawn_twice(dataset, rotations):
    chosen, _ = draw(dataset, 200, rotations=rotations)
    for b in range(200):
        classes = class_of(dataset, chosen.drawings[b])
        assert (classes == classes[:, :1]).all()  # a row is of one class
        assert len({*zip(classes[:, 0], chosen.turns[b], strict=True)}) == 3
        assert all(len(set(row)) == 3 for row in chosen.drawings[b])
        assert sorted(chosen.labels[b]) == [0, 1, 2]


def test_classes_of_unequal_sizes_give_all_their_drawings_and_no_others(dataset):
    chosen, _ = draw(dataset, 400)
    assert chosen.drawings.min() == 0 and chosen.drawings.max() == sum(SIZES) - 1
    assert set(chosen.drawings.ravel()) == set(range(sum(SIZES)))


@pytest.mark.parametrize("rotations", [False, True])
def test_classes_are_equally_likely(dataset, rotations):
    chosen, people = draw(dataset, 1000, rotations=rotations)
    classes = class_of(dataset, chosen.drawings[:, :, 0]) + len(SIZES) * chosen.turns
    counts = np.bincount(classes.ravel(), minlength=people.num_classes)
    share = 3 / people.num_classes
    bound = 4 * np.sqrt(1000 * share * (1 - share))
    assert np.abs(counts - 1000 * share).max() < bound


def test_drawings_of_a_class_are_equally_likely(dataset):
    chosen, _ = draw(dataset, 1500, way=5)
    for c, size in enumerate(SIZES):
        of_class = chosen.drawings[class_of(dataset, chosen.drawings) == c] - dataset.offsets[c]
        counts, share = np.bincount(of_class, minlength=size), 3 / size
        assert np.abs(counts - 1500 * share).max() <= 4 * np.sqrt(1500 * share * (1 - share))


def test_labels_are_a_uniform_permutation(dataset):
    chosen, _ = draw(dataset, 1200)
    permutations, counts = np.unique(chosen.labels, axis=0, return_counts=True)
    assert len(permutations) == 6
    assert np.abs(counts - 200).max() < 4 * np.sqrt(200 * 5 / 6)


def test_labels_out_of_many(dataset):
    chosen, _ = draw(dataset, 100, num_labels=50)
    assert all(len(set(row)) == 3 for row in chosen.labels)
    assert chosen.labels.min() >= 0 and 45 <= chosen.labels.max() < 50


def test_labels_tell_nothing_about_classes(dataset):
    chosen, _ = draw(dataset, 2000, way=3)
    classes = class_of(dataset, chosen.drawings[:, :, 0])
    for c in range(len(SIZES)):
        counts = np.bincount(chosen.labels[classes == c], minlength=3)
        assert np.abs(counts - counts.sum() / 3).max() < 4 * np.sqrt(counts.sum() * 2 / 9)


def test_too_many_classes_are_refused(dataset):
    people = choice.population(dataset, rotations=False)
    with pytest.raises(UserError, match="6 classes.*Received: 5 classes of random; lower --way"):
        choice.check(dataset, people, 6, 1)
    choice.check(dataset, choice.population(dataset, rotations=True), 20, 3)


def test_a_class_that_is_too_small_is_named(make_dataset):
    dataset = make_dataset([5, 4, 2, 3])
    with pytest.raises(UserError, match="needs 3 pictures a class. Class 'class2' of random has 2"):
        choice.check(dataset, choice.population(dataset, rotations=False), 2, 3)


@pytest.mark.parametrize("turns", [1, 4])
def test_within_groups_an_episode_is_of_one_group_and_no_group_is_too_small(make_dataset, turns):
    dataset, groups = make_dataset([4] * 7), np.array([0, 1, 0, 1, 1, 2, 0])  # 3, 3 and 1 classes
    people = choice.within_groups(choice.population(dataset, turns == 4), list("bcbccdb"))
    width = choice.choose_width(people, 3, 3)
    noise = choice.uniform_rows(0, "test", tf.constant(0), 200, width)
    drawings = choice.choose(noise, people, 3, 2, 3).drawings.numpy()
    found = groups[class_of(dataset, drawings)]
    assert (found == found[:, :1, :1]).all()
    counts = np.bincount(found[:, 0, 0], minlength=3)
    # the third has one class only, or four with its turns
    assert (counts > 0).tolist() == [True, True, turns == 4]
    expected = 200 / np.count_nonzero(counts)
    assert np.abs(counts[counts > 0] - expected).max() < 4 * np.sqrt(expected)


def test_without_groups_nothing_changes(dataset):
    plain, _ = draw(dataset, 5)
    people = choice.population(dataset, False)
    noise = choice.uniform_rows(0, "train", tf.constant(0), 5, choice.choose_width(people, 3, 3))
    assert people.groups is None and noise.shape[1] == len(SIZES) + 3 * max(SIZES) + 3
    np.testing.assert_array_equal(choice.choose(noise, people, 3, 3, 3).drawings, plain.drawings)


def test_no_group_is_large_enough(make_dataset):
    dataset = make_dataset([4] * 5)
    people = choice.within_groups(choice.population(dataset, False), list("aabbb"))
    with pytest.raises(UserError, match="Received: 3 classes in the largest group of random"):
        choice.check(dataset, people, 4, 2)

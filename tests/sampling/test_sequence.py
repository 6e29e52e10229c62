import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis.extra import numpy as arrays

from oneshot_tf.episodes import count_presentations
from oneshot_tf.errors import UserError
from oneshot_tf.sampling import sequence
from tests.sampling.helpers import assert_equal_episodes, find_drawings

SIZES = [4, 7, 5, 6]
WAY, PER_CLASS = 3, 4


@pytest.fixture
def dataset(make_dataset):
    return make_dataset(SIZES)


def make(population, batch=5, **options):
    options = {"seed": 0, "stream": "train", "way": WAY, "per_class": PER_CLASS, **options}
    return sequence.sampler(population, batch=batch, **options)


@pytest.mark.parametrize("counts", ["equal", "random"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_rotation": 20.0, "max_shift": 1.0, "image_size": 6},
        {"random_crop": 2, "flip": True, "max_shift": 1.0},
    ],
)
def test_an_episode_depends_on_its_number_alone(dataset, make_source, counts, options):
    population = make_source(dataset, rotations=True, **options)
    many, one = (make(population, batch, counts=counts) for batch in (5, 1))
    together = many(tf.constant(10, tf.int64))
    for b in range(5):
        assert_equal_episodes(one(tf.constant(10 + b, tf.int64)), together, b)
    shifted = many(tf.constant(12, tf.int64))
    np.testing.assert_array_equal(shifted.inputs[0], together.inputs[2])


def test_streams_and_seeds_differ(dataset, make_source):
    population, first = make_source(dataset), tf.constant(0)
    found = [
        make(population, seed=seed, stream=stream)(first).inputs.numpy()
        for seed, stream in [(0, "train"), (0, "validation"), (0, "test"), (1, "train")]
    ]
    for i, inputs in enumerate(found):
        for other in found[i + 1 :]:
            assert (inputs != other).any(axis=(1, 2, 3, 4)).all()


def test_an_episode_is_made_of_different_drawings_of_its_classes(dataset, make_source):
    episode = make(make_source(dataset), batch=20)(tf.constant(0))
    assert episode.inputs.shape == (20, WAY * PER_CLASS, 8, 8, 1)
    drawings = find_drawings(dataset, episode.inputs)
    classes = np.searchsorted(dataset.offsets, drawings, side="right") - 1
    for b in range(20):
        assert len(set(drawings[b])) == WAY * PER_CLASS
        assert np.bincount(episode.labels[b]).tolist() == [PER_CLASS] * WAY
        assert len({*zip(classes[b], episode.labels[b].numpy(), strict=True)}) == WAY


def test_order_is_shuffled(dataset, make_source):
    labels = make(make_source(dataset), batch=600)(tf.constant(0)).labels.numpy()
    for t in range(WAY * PER_CLASS):  # at every step every label is equally likely
        counts = np.bincount(labels[:, t], minlength=WAY)
        assert np.abs(counts - 200).max() < 4 * np.sqrt(600 * 2 / 9)
    same = (labels[:, 1:] == labels[:, :-1]).mean()  # a shuffle: 3 of the 11 others are alike
    assert abs(same - 3 / 11) < 0.03


def test_random_counts_vary_and_never_repeat_a_drawing(dataset, make_source):
    episode = make(make_source(dataset), batch=100, per_class=3, counts="random")(tf.constant(0))
    drawings = find_drawings(dataset, episode.inputs)
    assert all(len(set(row)) == 9 for row in drawings)
    counts = np.array([np.bincount(row, minlength=WAY) for row in episode.labels])
    assert counts.sum(axis=1).tolist() == [9] * 100
    assert {*range(1, 5)} <= set(counts.ravel()) and counts.max() <= 4  # the smallest class has 4


def test_labels_out_of_many(dataset, make_source):
    labels = make(make_source(dataset), batch=50, num_labels=3125)(tf.constant(0)).labels.numpy()
    assert all(len(set(row)) == WAY for row in labels) and 2500 < labels.max() < 3125


@hypothesis.given(
    arrays.arrays(
        np.int32, st.tuples(st.integers(1, 3), st.integers(1, 8)), elements=st.integers(0, 3)
    )
)
@hypothesis.settings(deadline=None, max_examples=30)
def test_presentations(labels):
    expected = np.zeros_like(labels)
    for b in range(labels.shape[0]):
        seen = {}
        for t, label in enumerate(labels[b]):
            seen[label] = seen.get(label, 0) + 1
            expected[b, t] = seen[label]
    found = count_presentations(tf.constant(labels))
    np.testing.assert_array_equal(found, expected)


def test_one_trace_for_all_episodes(dataset, make_source):
    sample, traces = make(make_source(dataset)), []

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)])
    def run(first):
        traces.append(1)
        return sample(first)

    for first in (0, 5, 2**40):
        assert_equal_episodes(
            run(tf.constant(first, tf.int64)), sample(tf.constant(first, tf.int64))
        )
    assert len(traces) == 1


def test_what_the_data_cannot_fill_is_refused_before_anything_runs(dataset, make_source):
    with pytest.raises(UserError, match="lower --way"):
        make(make_source(dataset), way=5)
    with pytest.raises(UserError, match="Class 'class0' of random has 4.*lower --shot"):
        make(make_source(dataset), per_class=5)


def test_in_rounds_every_class_is_shown_once_before_any_again(dataset, make_source):
    episode = make(make_source(dataset), batch=20, rounds=True)(tf.constant(0))
    rounds = episode.labels.numpy().reshape(20, PER_CLASS, WAY)
    np.testing.assert_array_equal(np.sort(rounds, axis=2), np.tile(range(WAY), (20, PER_CLASS, 1)))
    assert len({tuple(row) for row in rounds.reshape(-1, WAY)}) == 6  # in every order
    shown = np.sort(find_drawings(dataset, episode.inputs), axis=1)
    assert (np.diff(shown, axis=1) > 0).all()

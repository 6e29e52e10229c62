import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.sampling import few_shot
from tests.sampling.helpers import assert_equal_episodes, find_drawings

SIZES = [5, 8, 6, 5]
WAY, SHOT, QUERIES = 3, 2, 3


@pytest.fixture
def dataset(make_dataset):
    return make_dataset(SIZES)


def make(population, batch=4, **options):
    options = {"seed": 0, "stream": "test", "way": WAY, "shot": SHOT, "queries": QUERIES, **options}
    return few_shot.sampler(population, batch=batch, **options)


def classes_of(dataset, drawings):
    return np.searchsorted(dataset.offsets, drawings, side="right") - 1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_rotation": 30.0, "max_shift": 2.0},
        {"random_crop": 2, "flip": True, "colour_jitter": 0.3},
    ],
)
def test_an_episode_depends_on_its_number_alone(dataset, make_source, options):
    population = make_source(dataset, rotations=True, **options)
    together = make(population)(tf.constant(6))
    for b in range(4):
        assert_equal_episodes(make(population, batch=1)(tf.constant(6 + b)), together, b)


def test_streams_differ(dataset, make_source):
    first, second = (
        make(make_source(dataset), stream=stream)(tf.constant(0)).support.numpy()
        for stream in ("test", "validation")
    )
    assert (first != second).any(axis=(1, 2, 3, 4)).all()


def test_support_and_queries_share_classes_but_no_drawing(dataset, make_source):
    episode = make(make_source(dataset), batch=60)(tf.constant(0))
    assert episode.support.shape == (60, WAY * SHOT, 8, 8, 1)
    assert episode.query.shape == (60, WAY * QUERIES, 8, 8, 1)
    support, query = (find_drawings(dataset, part) for part in (episode.support, episode.query))
    for b in range(60):
        together = np.concatenate([support[b], query[b]])
        assert -1 not in together and len(set(together)) == WAY * (SHOT + QUERIES)
        labels = np.concatenate([episode.support_labels[b], episode.query_labels[b]])
        assert len({*zip(classes_of(dataset, together), labels, strict=True)}) == WAY
        assert np.bincount(episode.support_labels[b]).tolist() == [SHOT] * WAY
        assert np.bincount(episode.query_labels[b]).tolist() == [QUERIES] * WAY


def test_support_is_shuffled(dataset, make_source):
    labels = make(make_source(dataset), batch=600)(tf.constant(0)).support_labels.numpy()
    for s in range(WAY * SHOT):
        counts = np.bincount(labels[:, s], minlength=WAY)
        assert np.abs(counts - 200).max() < 4 * np.sqrt(600 * 2 / 9)
    same = (labels[:, 1:] == labels[:, :-1]).mean()  # one of the five others is alike
    assert abs(same - 1 / 5) < 0.04


def test_all_pictures_of_a_turned_class_are_turned_alike(dataset, make_source):
    episode = make(make_source(dataset, rotations=True), batch=30)(tf.constant(0))
    pictures = np.concatenate([episode.support, episode.query], axis=1)
    labels = np.concatenate([episode.support_labels, episode.query_labels], axis=1)
    by_turn = np.stack([find_drawings(dataset, pictures, turns) for turns in range(4)])
    assert ((by_turn >= 0).sum(axis=0) == 1).all()
    turns, drawings = by_turn.argmax(axis=0), by_turn.max(axis=0)
    classes = classes_of(dataset, drawings) + len(SIZES) * turns
    for b in range(30):
        assert len({*zip(classes[b], labels[b], strict=True)}) == WAY
    assert set(turns.ravel()) == {0, 1, 2, 3}


def test_what_the_data_cannot_fill_is_refused(dataset, make_source):
    with pytest.raises(UserError, match="5 classes needs as many. Received: 4 classes"):
        make(make_source(dataset), way=5)
    with pytest.raises(UserError, match="needs 6 pictures a class. Class 'class0'"):
        make(make_source(dataset), shot=3)


def sizes_of(episode):
    """(way, shot) of a batch, the same in all its episodes."""
    found = {
        (len(np.unique(labels)), *np.unique(np.bincount(labels)))
        for labels in episode.support_labels.numpy()
    }
    assert len(found) == 1
    (sizes,) = found
    assert len(sizes) == 2  # all classes have as many pictures
    return sizes


def test_way_and_shot_are_drawn_for_every_batch(dataset, make_source):
    sample = tf.function(make(make_source(dataset), way=4, way_from=2, shot_from=1))
    seen = set()
    for b in range(60):
        episode = sample(tf.constant(4 * b))
        way, shot = sizes_of(episode)
        seen.add((way, shot))
        assert episode.query.shape == (4, way * QUERIES, 8, 8, 1)
        assert np.bincount(episode.query_labels[0]).tolist() == [QUERIES] * way
        drawings = find_drawings(dataset, np.concatenate([episode.support, episode.query], 1))
        for row in drawings:
            assert -1 not in row and len(set(row)) == way * (shot + QUERIES)
    assert seen == {(way, shot) for way in (2, 3, 4) for shot in (1, 2)}
    assert sample.experimental_get_tracing_count() == 1


def test_drawn_sizes_work_with_turned_and_varied_pictures(dataset, make_source):
    population = make_source(dataset, rotations=True, flip=True, random_crop=1)
    episode = make(population, way=4, way_from=2)(tf.constant(0))
    assert episode.support.shape[1] == sizes_of(episode)[0] * SHOT


def test_a_span_of_one_size_is_that_size(dataset, make_source):
    population = make_source(dataset)
    plain = make(population)(tf.constant(3))
    assert_equal_episodes(make(population, way_from=WAY, shot_from=SHOT)(tf.constant(3)), plain)


@pytest.mark.parametrize("share", [1, 2, 3])
def test_shares_of_a_batch_are_its_rows_though_way_and_shot_are_drawn(dataset, make_source, share):
    """What a replica draws is its part of what one device draws."""
    population = make_source(dataset, rotations=True, max_rotation=20.0)
    options = {"way": 4, "way_from": 2, "shot_from": 1}
    whole = make(population, batch=6, **options)
    part = make(population, batch=share, whole_batch=6, **options)
    settings = set()
    for start in range(0, 60, 6):
        expected = whole(tf.constant(start, tf.int64))
        settings.add((expected.support.shape[1], expected.query.shape[1]))
        for i in range(0, 6, share):
            rows = type(expected)(*(values[i : i + share] for values in expected))
            assert_equal_episodes(part(tf.constant(start + i, tf.int64)), rows)
    assert len(settings) > 2

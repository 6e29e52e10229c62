"""Episodes of pictures in files equal those of pictures in memory, whoever reads them and when."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.data import folder
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions
from oneshot_tf.sampling import few_shot, labelled, pipeline, sequence, source

MEMORY = DataOptions(
    dataset="folder", image_size=8, channels=3, random_crop=2, flip=True, colour_jitter=0.2
)
FILES = dataclasses.replace(MEMORY, read="files")
SIZES = {f"class{c}": 5 + c % 2 for c in range(6)}
KINDS = {
    "few_shot": (few_shot, {"way": 3, "shot": 2, "queries": 2}),
    "way and shot drawn": (
        few_shot,
        {"way": 4, "shot": 3, "queries": 2, "way_from": 2, "shot_from": 1},
    ),
    "sequence": (sequence, {"way": 3, "per_class": 3}),
    "labelled": (labelled, {}),
}


@pytest.fixture
def make_samplers(picture_folder):
    """(kind, rotations) -> samplers of the same pictures in memory and in files."""

    def make(kind, rotations=False, batch=2, **sizes):
        place = picture_folder(SIZES)
        module, arguments = KINDS[kind]
        return [
            module.sampler(
                source.make(
                    folder.load(place, options),
                    options,
                    rotations=rotations,
                    vary=False,
                    train=True,
                ),
                seed=3,
                stream="train",
                batch=batch,
                **{**arguments, **sizes},
            )
            for options in (MEMORY, FILES)
        ]

    return make


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rotations", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_episodes_are_those_in_memory_to_the_bit(make_samplers, kind, rotations):
    memory, files = make_samplers(kind, rotations)
    assert pipeline.reads_files(files) and not pipeline.reads_files(memory)
    for first in (0, 6, 2**33):
        assert_equal(files(tf.constant(first, tf.int64)), memory(tf.constant(first, tf.int64)))
        compiled = tf.function(files)(tf.constant(first, tf.int64))
        assert_equal(compiled, tf.function(memory)(tf.constant(first, tf.int64)))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_ahead_is_what_is_drawn(make_samplers, kind):
    memory, files = make_samplers(kind)
    strategy = tf.distribute.get_strategy()
    ahead = pipeline.batches(files, 2, strategy, 5)
    for update, read in zip(range(5, 9), ahead, strict=False):
        assert_equal(files.finish(*read), memory(tf.constant(2 * update, tf.int64)))


def test_a_feed_begins_at_any_update(make_samplers):
    memory, files = make_samplers("few_shot")
    feed = pipeline.Feed(files, 2, tf.distribute.get_strategy())
    for start, num in ((3, 2), (5, 1), (6, 2), (0, 2)):  # on and on, then back
        iterator = feed.take(start, num)
        for update in range(start, start + num):
            assert_equal(files.finish(*next(iterator)), memory(tf.constant(2 * update, tf.int64)))


def test_shapes_are_known_where_they_are_fixed(make_samplers):
    _, files = make_samplers("few_shot")
    drawn, stored = pipeline.batches(files, 2, tf.distribute.get_strategy(), 0).element_spec
    assert drawn.drawings.shape == (2, 12) and stored.shape == (24, 8, 8, 3)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_damaged_file_is_named(make_samplers, tmp_path, ahead):
    _, files = make_samplers("few_shot", way=6)
    for path in (tmp_path / "pictures" / "class4").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    message = r"class4.\d\.png is not a readable picture \(.*\); replace"
    with pytest.raises(UserError, match=message), pipeline.user_errors():
        if ahead:
            feed = pipeline.Feed(files, 2, tf.distribute.get_strategy())
            next(feed.take(0, 1))
        else:
            files(tf.constant(0, tf.int64))


def test_other_errors_stay_what_they_are():
    error = tf.errors.InvalidArgumentError(None, None, "elsewhere")
    with pytest.raises(tf.errors.InvalidArgumentError, match="elsewhere"), pipeline.user_errors():
        raise error

import dataclasses
import json
import threading

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import data
from oneshot_tf.data import prepared, shards
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions
from oneshot_tf.sampling import few_shot, pipeline, source

SETTINGS = {"dataset": "imagenet", "image_size": 8, "channels": 3, "read": "files"}


@pytest.fixture
def options(ilsvrc, tmp_path):
    """Of a prepared folder; the files are in `ilsvrc`."""
    files = DataOptions(**SETTINGS, data_dir=str(ilsvrc), random_crop=2, flip=True)
    shards.prepare(files, tmp_path / "out")
    return dataclasses.replace(files, data_dir=str(tmp_path / "out"))


def test_episodes_are_those_of_the_files(options, ilsvrc):
    samplers = [
        few_shot.sampler(
            source.make(data.load(o), o, rotations=False, vary=False, train=True),
            seed=1, stream="train", batch=2, way=3, shot=1, queries=1,
        )
        for o in (options, dataclasses.replace(options, data_dir=str(ilsvrc)))
    ]  # fmt: skip
    assert all(map(pipeline.reads_files, samplers))
    for first in (0, 10):
        shards, files = (sample(tf.constant(first, tf.int64)) for sample in samplers)
        for a, b in zip(shards, files, strict=True):
            np.testing.assert_array_equal(a, b)


def test_many_threads_read_the_same_shard(options):
    images = data.load(options).images
    expected, wrong = images[:], []

    def look(seed):
        rows = np.random.default_rng(seed).integers(0, 12, 200)
        if not np.array_equal(images[rows], expected[rows]):
            wrong.append(seed)

    threads = [threading.Thread(target=look, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"image_size": 16}, "was prepared with --image_size=8. Received: --image_size=16; say"),
        ({"channels": 1}, "was prepared with --channels=3. Received: --channels=1"),
        ({"dataset": "folder"}, "was prepared with --dataset=imagenet. Received: --dataset=folder"),
    ],
)
def test_other_settings_are_refused(options, changed, said):
    with pytest.raises(UserError, match=said):
        data.load(dataclasses.replace(options, **changed))


def test_changed_pixels_are_noticed(options, tmp_path):
    path = tmp_path / "out" / "shards" / "00000.tfrecord"
    content = bytearray(path.read_bytes())
    index = data.load(options)
    content[index.images.table.at[4] + 10] ^= 1
    path.write_bytes(content)
    dataset = data.load(options)
    dataset.images[:4]
    with pytest.raises(UserError, match=r"00000\.tfrecord is damaged at n02085620/n02085620_20\."):
        dataset.images[4:5]


def test_a_folder_that_is_not_whole(options, tmp_path):
    place = tmp_path / "out"
    index = json.loads((place / prepared.INDEX).read_text())
    (place / prepared.INDEX).write_text(json.dumps({**index, "format": 0}))
    with pytest.raises(UserError, match="must be of format 1. Received: 0; prepare"):
        data.load(options)
    (place / prepared.INDEX).write_text(json.dumps(index))
    (place / prepared.TABLE).write_bytes(b"PK")
    with pytest.raises(UserError, match=r"rows\.npz must be the table of 12 pictures; run"):
        data.load(options)
    (place / "shards" / "00000.tfrecord").unlink()
    with pytest.raises(UserError, match=r"00000\.tfrecord must be there with \d+ bytes; run"):
        data.load(options)


def test_find(tmp_path, options):
    assert prepared.find([tmp_path / "nothing", tmp_path]) is None
    assert prepared.find([tmp_path / "nothing", tmp_path / "out"]) == tmp_path / "out"


def test_memory(options, monkeypatch):
    monkeypatch.setattr(prepared.os, "sysconf", lambda _: 10)
    with pytest.raises(UserError, match=r"--read=memory needs room .* a machine of 0\.0 GiB"):
        data.load(dataclasses.replace(options, read="memory"))

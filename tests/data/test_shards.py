"""What is prepared is what the files give, to the bit, and whole or not there."""

import dataclasses
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import data
from oneshot_tf.commands import prepare
from oneshot_tf.data import prepared, shards
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Five pictures of 8 x 8 a shard, decoded two at a time."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 5 * 8 * 8 * 3 + 7)
    monkeypatch.setattr(shards, "_AT_ONCE", 2)


@pytest.fixture(params=["imagenet", "folder"])
def options(request, ilsvrc):
    usual = {**data.find(request.param).defaults, "dataset": request.param}
    return DataOptions(
        **usual | {"data_dir": str(ilsvrc), "image_size": 8, "channels": 3, "read": "files"}
    )


def read(options, place, **changed):
    return data.load(dataclasses.replace(options, data_dir=str(place), **changed))


def assert_same(found, expected):
    assert found.class_names == expected.class_names
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    np.testing.assert_array_equal(found.images[:], expected.images[:])


def test_rows_are_those_of_the_files(options, tmp_path):
    shards.prepare(options, tmp_path / "out")
    files, stored = read(options, options.data_dir), read(options, tmp_path / "out")
    assert isinstance(stored.images, prepared.PreparedImages)
    assert_same(stored, files)
    assert stored.sha256() == files.sha256()  # so that a run on the files goes on here
    rows = np.array([7, 0, 7, 11, 2], np.int32)
    np.testing.assert_array_equal(stored.images[rows], files.images[rows])
    some = files.class_names[::-2]
    assert_same(stored.select(some), files.select(some))
    assert stored.select(some).sha256() == files.select(some).sha256()
    assert_same(read(options, tmp_path / "out", read="memory"), files)
    assert_same(read(options, tmp_path / "out", skip_damaged=True), files)


def test_the_command(options, tmp_path, capsys):
    words = [f"--dataset={options.dataset}", f"--data_dir={options.data_dir}", "--image_size=8"]
    prepare.main(["prepare", *words, "--channels=3", f"--output={tmp_path / 'out'}"])
    line = capsys.readouterr().out
    assert line == (
        "Done: 12 pictures of 4 classes in 3 shards, 0.00 GiB. Next: python train.py --model=matching "
        f"--dataset={options.dataset} --data_dir={tmp_path / 'out'} --image_size=8 --channels=3 --read=files\n"
    )
    assert_same(read(options, tmp_path / "out"), read(options, options.data_dir))


@pytest.mark.parametrize("options", ["imagenet"], indirect=True)
def test_shards_are_tfrecords_that_others_can_read(options, tmp_path):
    shards.prepare(options, tmp_path / "out")
    files = read(options, options.data_dir)
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ("image", "class", "name")}
    features |= {"label": tf.io.FixedLenFeature([], tf.int64)}
    paths = sorted(map(str, (tmp_path / "out" / "shards").glob("*.tfrecord")))
    examples = [tf.io.parse_single_example(r, features) for r in tf.data.TFRecordDataset(paths)]
    assert len(examples) == 12
    for row, example in enumerate(examples):
        pixels = np.frombuffer(example["image"].numpy(), np.uint8).reshape(8, 8, 3)
        np.testing.assert_array_equal(pixels, files.images[row : row + 1][0])
        assert files.class_names[int(example["label"])].encode() == example["class"].numpy()
        assert example["name"].numpy().startswith(example["class"].numpy() + b"/")


@pytest.mark.parametrize("after", [0, 7])
def test_an_interrupted_run_goes_on(options, tmp_path, monkeypatch, after):
    """Whatever was done before, no half shard is left, and the rest is made once."""
    place, decoded = tmp_path / "out", []
    source = type(read(options, options.data_dir).images)

    def stored(images, index, original=source.stored):
        if len(decoded) == after and after >= 0:
            raise KeyboardInterrupt
        decoded.append(index)
        return original(images, index)

    with monkeypatch.context() as patch:
        patch.setattr(source, "stored", stored)
        patch.setattr(os, "cpu_count", lambda: 1)
        with pytest.raises(KeyboardInterrupt):
            shards.prepare(options, place)
        names = sorted(p.name for p in place.rglob("*") if p.is_file())
        assert names == (["00000.npz", "00000.tfrecord"] if after else [])
        if after:
            with pytest.raises(UserError, match="was not prepared to its end; run python -m"):
                read(options, place)
        (place / "shards").mkdir(parents=True, exist_ok=True)
        (place / "shards" / "00001.tfrecord.1.part").write_bytes(b"half")  # as a kill leaves it
        after, kept = -1, len(decoded)
        decoded.clear()
        shards.prepare(options, place)
        assert len(decoded) == (12 - 5 if kept else 12)
    assert_same(read(options, place), read(options, options.data_dir))
    assert not list(place.rglob("*.part"))


def test_shards_of_other_files_or_settings_are_made_again(options, tmp_path, ilsvrc):
    place = tmp_path / "out"
    shards.prepare(options, place)
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*.tfrecord")}
    shards.prepare(options, place)
    assert before == {path: path.stat().st_mtime_ns for path in place.rglob("*.tfrecord")}
    path = next(iter(before))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"must be there with \d+ bytes; run python"):
        read(options, place)
    last = sorted(ilsvrc.glob("*/*"))[-1]
    last.write_bytes(sorted(ilsvrc.glob("*/*"))[0].read_bytes())
    shards.prepare(options, place)
    assert_same(read(options, place), read(options, options.data_dir))
    smaller = dataclasses.replace(options, image_size=4)
    shards.prepare(smaller, place)
    assert_same(read(smaller, place), read(smaller, options.data_dir))
    assert len(list(place.rglob("*.tfrecord"))) == 1


@pytest.mark.parametrize("skip", [False, True])
def test_damaged_pictures_are_named_or_left_out(options, tmp_path, ilsvrc, capsys, skip):
    damaged = sorted(ilsvrc.glob("*/*_20.JPEG"))[:2]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:200])
    chosen = dataclasses.replace(options, skip_damaged=skip)
    if not skip:
        message = f"{damaged[0].name} is not a readable picture .*; or leave it out with --skip"
        with pytest.raises(UserError, match=message):
            shards.prepare(chosen, tmp_path / "out")
        assert not list((tmp_path / "out").rglob("*.tfrecord"))
        return
    shards.prepare(chosen, tmp_path / "out")
    lines = capsys.readouterr().out.splitlines()
    assert [str(p) in line for p, line in zip(damaged, lines, strict=True)] == [True, True]
    stored, files = read(chosen, tmp_path / "out"), read(chosen, options.data_dir)
    assert_same(stored, files)
    assert len(stored.images) == 10 and stored.sha256() == files.sha256()
    with pytest.raises(UserError, match="is not a readable picture"):
        shards.prepare(options, tmp_path / "out")


@pytest.mark.parametrize("options", ["imagenet"], indirect=True)
def test_a_class_of_which_nothing_is_left(options, tmp_path, ilsvrc):
    for path in (ilsvrc / "n02085620").iterdir():
        path.write_bytes(b"")
    shards.prepare(dataclasses.replace(options, skip_damaged=True), tmp_path / "out")
    found = read(options, tmp_path / "out")
    assert found.class_names == ("n01498041", "n02113799", "n04612504")
    assert found.class_sizes.tolist() == [3, 3, 3]


def test_what_cannot_be_prepared(options, tmp_path):
    with pytest.raises(UserError, match="--dataset must be one of folder, imagenet. Received: lfw"):
        shards.prepare(dataclasses.replace(options, dataset="lfw"), tmp_path / "out")
    shards.prepare(options, tmp_path / "out")
    again = dataclasses.replace(options, data_dir=str(tmp_path / "out"))
    with pytest.raises(UserError, match="is prepared already; name the pictures"):
        shards.prepare(again, tmp_path / "other")
    assert (tmp_path / "out" / prepared.INDEX).is_file()
    with pytest.raises(UserError, match="--output is missing"):
        prepare.main(["prepare", "--dataset=imagenet", "--data_dir=x"])
    if options.dataset == "folder":
        with pytest.raises(UserError, match="--output must be outside of --data_dir"):
            shards.prepare(options, tmp_path / "ilsvrc" / "out")
    for place in (options.data_dir, pathlib.Path(options.data_dir) / options.dataset):
        with pytest.raises(UserError, match="--output must (not be where|be outside of)"):
            shards.prepare(options, pathlib.Path(place))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be written .*; name another --output"):
        shards.prepare(options, tmp_path / "file")

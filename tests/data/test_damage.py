import dataclasses
import json

import pytest

from oneshot_tf import data
from oneshot_tf.data import damage
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

SIZES = {"a": 3, "b": 2, "c": 4}


@pytest.fixture
def place(picture_folder):
    """Three classes; two pictures of one are cut short, and one is no picture."""
    place = picture_folder(SIZES)
    for name in ("c/0.png", "c/2.png"):
        content = (place / name).read_bytes()
        (place / name).write_bytes(content[: len(content) // 2])
    (place / "a" / "9.jpg").write_bytes(b"no picture")
    return place


@pytest.fixture
def classes(place):
    return {
        label: sorted((place, f"{label}/{path.name}") for path in (place / label).iterdir())
        for label in SIZES
    }


@pytest.mark.parametrize("read", ["memory", "files"])
def test_left_out_and_said(place, capsys, read):
    options = DataOptions(
        dataset="folder", data_dir=str(place), image_size=8, read=read, skip_damaged=True
    )
    dataset = data.load(options)
    assert dataset.class_sizes.tolist() == [3, 2, 2]
    assert dataset.images[:].shape == (7, 8, 8, 1)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("folder: left out 3 of 10 pictures: ")
    assert "9.jpg is not a readable picture" in line and line.endswith("(2 more)")
    with pytest.raises(UserError, match=r"9\.jpg is not a readable picture"):
        data.load(dataclasses.replace(options, skip_damaged=False)).images[:]


def test_checked_once_and_again_when_a_file_changes(place, classes, own_cache, monkeypatch):
    left = damage.leave_out("some", classes)
    (kept,) = own_cache.glob("some-damaged-*.json")
    assert len(json.loads(kept.read_text())) == 3
    with monkeypatch.context() as patch:
        patch.setattr(damage, "find", lambda *_: pytest.fail("checked again"))
        assert damage.leave_out("some", classes) == left
    (place / "c" / "3.png").write_bytes(b"")
    assert len(damage.leave_out("some", classes)["c"]) == 1


def test_a_class_of_which_nothing_is_left(place, classes):
    for path in (place / "b").iterdir():
        path.write_bytes(b"")
    assert list(damage.leave_out("some", classes)) == ["a", "c"]


def test_whole_files_stay(classes, capsys):
    whole = {"b": classes["b"]}
    assert damage.leave_out("some", whole) == whole
    assert not capsys.readouterr().out


def test_more_files_than_are_handed_out_at_once(classes, monkeypatch):
    monkeypatch.setattr(damage, "_AT_ONCE", 4)
    files = [file for group in classes.values() for file in group]
    assert len(damage.find("some", files)) == 3


def test_an_archive_that_is_one_stream(tmp_path):
    with pytest.raises(UserError, match=r"front to end only"):
        damage.leave_out("lfw", {"Ann": [(tmp_path / "lfw.tgz", "Ann/Ann_0001.jpg")]})

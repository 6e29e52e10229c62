import os
import shutil

import numpy as np
import pytest

from oneshot_tf.data import folder
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

OPTIONS = DataOptions(dataset="folder", image_size=8)


def test_sorted_and_unequal(picture_folder):
    dataset = folder.load(picture_folder({"b": 3, "a": 2, "c d é": 5}), OPTIONS)
    assert dataset.class_names == ("a", "b", "c d é")
    assert dataset.class_sizes.tolist() == [2, 3, 5]
    assert dataset.images.shape == (10, 8, 8, 1)


def test_colour(picture_folder):
    options = DataOptions(dataset="folder", image_size=8, channels=3)
    assert folder.load(picture_folder({"a": 2, "b": 2}), options).images.shape == (4, 8, 8, 3)


def test_junk_and_deeper_folders_are_passed_over(picture_folder):
    path = picture_folder({"a": 2, "b": 2, ".hidden": 2, "__MACOSX": 1})
    (path / "a" / "Thumbs.db").write_bytes(b"junk")
    (path / "a" / ".DS_Store").write_bytes(b"junk")
    (path / "README.txt").write_text("not in a class")
    (path / "a" / "deeper").mkdir()
    shutil.copy(path / "a" / "0.png", path / "a" / "deeper")
    dataset = folder.load(path, OPTIONS)
    assert dataset.class_names == ("a", "b") and dataset.class_sizes.tolist() == [2, 2]


@pytest.mark.parametrize("content", [b"", b"Hello", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_what_is_no_picture_is_named(picture_folder, content):
    path = picture_folder({"a": 2, "b": 2})
    (path / "b" / "notes.txt").write_bytes(content)
    with pytest.raises(UserError, match=r"notes\.txt is not a readable picture"):
        folder.load(path, OPTIONS)


def test_truncated_picture(picture_folder):
    path = picture_folder({"a": 2, "b": 2})
    file = path / "a" / "1.png"
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(UserError, match=r"1\.png is not a readable picture"):
        folder.load(path, OPTIONS)


@pytest.mark.parametrize(
    "sizes, message",
    [
        ({"a": 2, "lone": 1}, "'lone' has 1"),
        ({"a": 5}, "1 classes"),
        ({"a": 2, "b": 0}, "'b' has 0"),
    ],
)
def test_too_few(picture_folder, sizes, message):
    with pytest.raises(UserError, match=message):
        folder.load(picture_folder(sizes), OPTIONS)


def test_no_such_folder(tmp_path):
    with pytest.raises(UserError, match="not a folder"):
        folder.load(tmp_path / "nothing", OPTIONS)


def test_a_name_that_is_no_text(picture_folder):
    data_dir = picture_folder({"a": 2, "b": 2})
    try:
        (data_dir / os.fsdecode(b"caf\xe9")).mkdir()
    except OSError:
        pytest.skip("this disk takes no such name")
    with pytest.raises(
        UserError, match=r"a name in UTF-8. Received: 'caf\\udce9' in .*; rename it"
    ):
        folder.load(data_dir, OPTIONS)


def test_cache_goes_by_content_and_options(picture_folder, own_cache):
    path = picture_folder({"a": 2, "b": 2})
    first = folder.load(path, OPTIONS)
    shutil.copytree(path, path.with_name("copy"))
    assert folder.load(path.with_name("copy"), OPTIONS).sha256() == first.sha256()
    assert len(list(own_cache.iterdir())) == 1
    folder.load(path, DataOptions(dataset="folder", image_size=8, ink="light"))
    assert len(list(own_cache.iterdir())) == 2
    (path / "a" / "1.png").rename(path / "b" / "2.png")
    shutil.copy(path / "a" / "0.png", path / "a" / "1.png")
    changed = folder.load(path, OPTIONS)
    assert changed.class_sizes.tolist() == [2, 3]
    np.testing.assert_array_equal(changed.images[0], changed.images[1])

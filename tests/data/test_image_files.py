import zipfile

import numpy as np
import pytest

from oneshot_tf.data import image_files
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

FILES = {"b/n00000002/2.jpg": 40, "b/n00000002/10.jpg": 80, "n00000001/1.png": 120}


@pytest.fixture
def store(tmp_path, encode):
    """Writes pictures of one gray each, as a folder or as a zip."""

    def write(kind, files=FILES):
        folder = tmp_path / "store"
        for name, value in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(np.full((6, 9, 3), value, np.uint8)))
        (folder / "notes.txt").write_text("no picture")
        (folder / ".hidden.jpg").write_text("no picture")
        if kind == "folder":
            return folder
        with zipfile.ZipFile(tmp_path / "store.zip", "w") as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder).as_posix())
            archive.writestr("__MACOSX/b/._2.jpg", b"no picture")
        return tmp_path / "store.zip"

    return write


def write_csvs(folder, **parts):
    folder.mkdir(exist_ok=True)
    for part in image_files.PARTS:
        (folder / f"{part}.csv").write_text(parts.get(part, "filename,label\n"))
    return folder


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_pictures_of_a_store(store, kind):
    path = store(kind)
    names = image_files.names(path)
    assert names == sorted(FILES)
    classes = image_files.sorted_classes(image_files.by_folder(path, names))
    assert {label: [name for _, name in files] for label, files in classes.items()} == {
        "n00000001": ["n00000001/1.png"],
        "n00000002": ["b/n00000002/2.jpg", "b/n00000002/10.jpg"],  # by number
    }
    options = DataOptions(image_size=4, channels=3)
    dataset = image_files.build("some", classes, options)
    assert dataset.images.shape == (3, 4, 4, 3) and dataset.offsets.tolist() == [0, 1, 3]
    assert dataset.images[:, 0, 0, 0].tolist() == [120, 40, 80]


def test_classes_out_of_several_stores(store, encode, tmp_path):
    first, second = store("zip"), tmp_path / "other"
    second.mkdir()
    (second / "5.png").write_bytes(encode(np.full((4, 4), 200, np.uint8)))
    classes = {
        "x": [(first, "b/n00000002/2.jpg"), (second, "5.png")],
        "y": [(first, sorted(FILES)[2])],
    }
    dataset = image_files.build("some", classes, DataOptions(image_size=4, ink="light"))
    assert dataset.images[:, 0, 0, 0].tolist() == [40, 200, 120]


def test_gray_pictures_get_three_channels(tmp_path, encode):
    (tmp_path / "1.jpg").write_bytes(encode(np.full((4, 4), 90, np.uint8), "JPEG"))
    options = DataOptions(image_size=4, channels=3)
    found = image_files.build("some", {"x": [(tmp_path, "1.jpg")]}, options).images
    assert found.shape == (1, 4, 4, 3) and (found == 90).all()


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_hash_is_of_contents_and_classes(store, kind):
    path = store(kind)
    classes = image_files.by_folder(path, image_files.names(path))
    first = image_files.sha256(classes)
    renamed = {"n00000009" if c == "n00000001" else c: files for c, files in classes.items()}
    assert image_files.sha256(renamed) != first
    assert image_files.sha256(classes) == first
    store(kind, {**FILES, "n00000001/1.png": 121})
    assert image_files.sha256(classes) != first


def test_a_picture_that_is_none_is_named(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"1\.jpg is not a readable picture"):
        image_files.build("some", {"x": [(tmp_path, "1.jpg")]}, DataOptions())


def test_a_picture_that_is_gone_is_named(tmp_path):
    with pytest.raises(UserError, match=r"1\.jpg cannot be read"):
        image_files.build("some", {"x": [(tmp_path, "1.jpg")]}, DataOptions())


def test_csvs_in_a_folder_and_at_any_depth_of_a_zip(tmp_path):
    folder = write_csvs(tmp_path / "csvs", train="filename,label\na.jpg,n1\nb.jpg,n2\n")
    expected = {"train": {"a.jpg": "n1", "b.jpg": "n2"}, "val": {}, "test": {}}
    assert image_files.read_csvs(folder) == expected
    with zipfile.ZipFile(tmp_path / "csvs.zip", "w") as archive:
        for part in image_files.PARTS:
            archive.write(folder / f"{part}.csv", f"deeper/{part}.csv")
    assert image_files.read_csvs(tmp_path / "csvs.zip") == expected
    (folder / "val.csv").unlink()
    assert image_files.read_csvs(folder) is None
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("train.csv", "filename,label\n")
    assert image_files.read_csvs(tmp_path / "none.zip") is None


@pytest.mark.parametrize(
    "text, message",
    [
        ("name,label\na,b\n", "must have the columns"),
        ("filename,label\na,b,c\n", "must have the columns"),
        ("", "must have the columns"),
        ("filename,label\na,b\na,c\n", r"train\.csv names a file twice"),
        ("filename,label\nv.jpg,b\n", "share files"),
        ("filename,label\n\0,b\n\udcff,b\n", r"train\.csv is no CSV file"),
    ],
)
def test_csvs_that_are_none(tmp_path, text, message):
    folder = write_csvs(tmp_path / "csvs", val="filename,label\nv.jpg,n1\n")
    (folder / "train.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=message):
        image_files.read_csvs(folder)


def test_pictures_by_csvs(tmp_path):
    stores = {tmp_path / "a": ["x/1.jpg"], tmp_path / "b": ["2.jpg", "3.jpg"]}
    tables = {"train": {"1.jpg": "n1", "3.jpg": "n1"}, "val": {"2.jpg": "n2"}, "test": {}}
    assert image_files.by_table(tables, stores, "here") == {
        "n1": [(tmp_path / "a", "x/1.jpg"), (tmp_path / "b", "3.jpg")],
        "n2": [(tmp_path / "b", "2.jpg")],
    }
    tables["test"] = {"4.jpg": "n3", "5.jpg": "n3"}
    with pytest.raises(UserError, match=r"of here name 2 pictures of 5 that are not.*first 4\.jpg"):
        image_files.by_table(tables, stores, "here")

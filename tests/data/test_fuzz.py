"""Foreign bytes: whatever a file has in it, it is read, or refused in one line."""

import csv
import io
import json
import pickle
import tarfile
import zipfile

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from oneshot_tf.data import archives, image_files, pickled, pictures, prepared, shards
from oneshot_tf.run_config import DataOptions
from tests.foreign_bytes import changed_json, damaged, many, read

pytestmark = pytest.mark.slow
OPTIONS = DataOptions(image_size=6, channels=1)


def picture_files():
    random, files = np.random.default_rng(0), []
    for mode, shape, kinds in (
        ("L", (5, 7), ("PNG", "JPEG", "GIF", "BMP", "TIFF")),
        ("RGBA", (6, 6, 4), ("PNG", "WEBP", "TIFF")),
        ("RGB", (4, 9, 3), ("JPEG", "PPM", "WEBP")),
    ):
        image = Image.fromarray(random.integers(0, 256, shape, np.uint8), mode)
        for kind in kinds:
            file = io.BytesIO()
            image.save(file, kind)
            files.append(file.getvalue())
    return files


@many
@given(damaged(picture_files()), st.sampled_from([1, 3]))
def test_pictures(content, channels):
    options = DataOptions(image_size=6, channels=channels)
    found = read(pictures.prepare, content, "picture", options)
    assert found is None or (found.shape == (6, 6, channels) and found.dtype == np.uint8)


def csv_files():
    file = io.StringIO()
    csv.writer(file).writerows([["filename", "label"], ["a.jpg", "n01"], ['b"é.jpg', "n02"]])
    return [file.getvalue().encode(), file.getvalue().encode("utf-16"), b"filename,label\n"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("place")


@many
@given(content=damaged(csv_files()))
def test_csv_files(place, content):
    for part in ("val", "test"):
        (place / f"{part}.csv").write_text(f"filename,label\n{part}.jpg,n03\n")
    (place / "train.csv").write_bytes(content)
    found = read(image_files.read_csvs, place)
    assert found is None or set(found) == {"train", "val", "test"}


def pickles():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    values = [{"image_data": array, "class_dict": {"n01": [0, 1]}}, [array, "a", 1.5, None], array]
    return [pickle.dumps(value, protocol) for value in values for protocol in (0, 2, 4, 5)]


@many
@given(content=damaged(pickles()))
def test_pickles(place, content):
    (place / "a.pkl").write_bytes(content)
    before = sorted(place.rglob("*"))
    read(pickled.load, place / "a.pkl")
    assert sorted(place.rglob("*")) == before


def zips():
    files = []
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", kind) as archive:
            archive.writestr("a/0.png", b"12345678" * 4)
            archive.writestr("b/1.png", b"")
        files.append(file.getvalue())
    return files


def tars():
    files = []
    for mode in ("w", "w:gz"):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode=mode) as archive:
            for name in ("a/0.png", "b/" + "1" * 120 + ".png"):
                member = tarfile.TarInfo(name)
                member.size = 8
                archive.addfile(member, io.BytesIO(b"12345678"))
        files.append(file.getvalue())
    return files


@pytest.mark.parametrize(("name", "files"), [("a.zip", zips()), ("a.tar", tars())])
def test_archives(tmp_path, name, files):
    path = tmp_path / "in" / name
    path.parent.mkdir()

    @many
    @given(damaged(files))
    def holds(content):
        path.write_bytes(content)
        names = read(archives.names, path)
        if names:
            read(lambda: list(archives.contents(path, names)))
        assert list(tmp_path.rglob("*")) == [path.parent, path]  # nothing is unpacked

    holds()


@pytest.fixture(scope="module")
def prepared_files(tmp_path_factory, encode):
    """{name: content} of a folder of prepared pictures."""
    folder, random = tmp_path_factory.mktemp("made") / "pictures", np.random.default_rng(0)
    for c in "ab":
        (folder / c).mkdir(parents=True)
        for k in range(3):
            picture = encode(random.integers(0, 256, (6, 6), np.uint8))
            (folder / c / f"{k}.png").write_bytes(picture)
    output = folder.parent / "prepared"
    options = DataOptions(dataset="folder", data_dir=str(folder), image_size=6, read="files")
    shards.prepare(options, output)
    return {
        p.relative_to(output).as_posix(): p.read_bytes() for p in output.rglob("*") if p.is_file()
    }


@pytest.mark.parametrize(
    ("part", "end"), [("prepared.json", ""), ("rows.npz", ""), ("shards", ".tfrecord")]
)
def test_prepared_pictures(tmp_path, prepared_files, part, end):
    options = DataOptions(dataset="folder", image_size=6, read="memory")
    (name,) = (name for name in prepared_files if name.startswith(part) and name.endswith(end))
    for path, content in prepared_files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    right = prepared_files[name]
    strategy = damaged([right])
    if part == "prepared.json":
        strategy = st.one_of(
            strategy, changed_json(json.loads(right)).map(json.dumps).map(str.encode)
        )

    @many
    @given(strategy)
    def holds(content):
        (tmp_path / name).write_bytes(content)
        found = read(prepared.load, "folder", tmp_path, options)
        assert found is None or found.images.shape == (6, 6, 6, 1)

    holds()

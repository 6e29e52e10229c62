import io
import tarfile
import zipfile

import numpy as np
import pytest

from oneshot_tf import data
from oneshot_tf.data import lfw, splits
from oneshot_tf.errors import UserError

PEOPLE = {"Ann_Lee": 3, "Bo": 2, "Zed_of_1": 5}


def options(**changed):
    usual = {**lfw.SOURCE.defaults, "image_size": 8, "min_images": 1, "ink": "light"}
    return lfw.LFWOptions(**usual | {"mirrored_copies": "none"} | changed)


@pytest.fixture
def pictures(encode):
    """{name in an archive: bytes}, each picture gray, of its own value."""
    found = {}
    for row, (person, count) in enumerate(PEOPLE.items()):
        for k in range(count):
            pixels = np.full((8, 8, 3), 60 * row + 7 * k, np.uint8)
            found[f"{person}/{person}_{k + 1:04d}.jpg"] = encode(pixels, "PNG")
    return found


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def write_tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in reversed(files.items()):
            member = tarfile.TarInfo(f"lfw/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_folder(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


LAYOUTS = {
    "official": lambda d, f: write_tar(d / "lfw.tgz", f),
    "aligned": lambda d, f: write_tar(d / "lfwa.tar.gz", f),
    "zip": lambda d, f: write_zip(d / "lfw_84.zip", f),
    "folder": lambda d, f: write_folder(d / "lfw", f),
    "aligned folder": lambda d, f: write_folder(d / "lfw2", f),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout(tmp_path, pictures, layout):
    LAYOUTS[layout](tmp_path, pictures | {"README.txt": b"text", "Bo/notes.txt": b"text"})
    dataset = data.load(options(data_dir=str(tmp_path)))
    assert dataset.class_names == tuple(PEOPLE)
    assert dataset.class_sizes.tolist() == list(PEOPLE.values())
    expected = [60 * row + 7 * k for row, n in enumerate(PEOPLE.values()) for k in range(n)]
    assert dataset.images[:, 4, 4, 0].tolist() == expected


def test_few_pictures_and_mirrored_copies(tmp_path, pictures):
    write_zip(tmp_path / "lfw_84.zip", pictures)
    chosen = options(data_dir=str(tmp_path), min_images=3, mirrored_copies="horizontal")
    dataset = data.load(chosen)
    assert dataset.class_names == ("Ann_Lee", "Zed_of_1")
    assert dataset.class_sizes.tolist() == [6, 10]
    with pytest.raises(UserError, match="--min_images must be at most 5"):
        data.load(options(data_dir=str(tmp_path), min_images=6))


def test_large_pictures_are_cut_to_their_middle(tmp_path, encode):
    pixels = np.zeros((250, 250), np.uint8)
    pixels[62:188, 62:188] = 200
    write_folder(tmp_path / "lfw", {"Bo/Bo_0001.png": encode(pixels)})
    cut = data.load(options(data_dir=str(tmp_path), centre_crop=126))
    assert (cut.images == 200).all()
    whole = data.load(options(data_dir=str(tmp_path), centre_crop=0))
    assert whole.images.min() == 0


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda d: None, "is not in .*--data_dir"),
        (lambda d: (d / "lfw").mkdir(), "must hold <person>/<person>_0001.jpg"),
        (lambda d: (d / "lfw.tgz").write_bytes(b"no archive"), "lfw.tgz is damaged"),
        (lambda d: write_folder(d / "lfw", {"Bo/Bo_0001.jpg": b"no picture"}), "readable picture"),
    ],
)
def test_errors(tmp_path, spoil, message):
    spoil(tmp_path)
    with pytest.raises(UserError, match=message):
        data.load(options(data_dir=str(tmp_path)))


def test_the_stored_split_has_the_papers_counts():
    split = splits.stored("tseran", "lfw")
    assert [len(split.train) + len(split.validation), len(split.test)] == [343, 80]
    everybody = [*split.train, *split.validation, *split.test]
    assert lfw.derive_split(everybody) == split


def test_the_real_people(real_data):
    if not (real_data / "lfw_84.zip").is_file():
        pytest.skip("needs lfw_84.zip")
    chosen = lfw.LFWOptions(data_dir=str(real_data), **lfw.SOURCE.defaults)
    dataset = data.load(chosen)
    assert (dataset.num_classes, dataset.class_sizes.min()) == (423, 10)
    assert lfw.derive_split(dataset.class_names) == splits.load(dataset, chosen)

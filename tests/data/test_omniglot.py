import zipfile

import numpy as np
import pytest

from oneshot_tf.data import download, omniglot
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

OPTIONS = DataOptions(image_size=20)
PARTS = omniglot.PARTS
CHARACTERS = {"images_background": ("Greek", 3), "images_evaluation": ("Tengwar", 2)}


def drawings(part):
    """(path, value of the ink's column) of every picture of a small part."""
    alphabet, characters = CHARACTERS[part]
    for c in range(characters):
        for k in range(20):
            yield f"{part}/{alphabet}/character{c + 1:02d}/{c + 1:04d}_{k + 1:02d}.png", 5 * c + k


@pytest.fixture
def small(tmp_path, encode, monkeypatch):
    """Writes both parts, as zips or as folders; the expected numbers are theirs."""
    expected = {part: number for part, (_, number) in CHARACTERS.items()}
    monkeypatch.setattr(omniglot, "PARTS", expected)

    def write(folders=False, skip=()):
        for part in CHARACTERS:
            with zipfile.ZipFile(tmp_path / f"{part}.zip", "w") as archive:
                for name, column in drawings(part):
                    pixels = np.full((105, 105), True)
                    pixels[:, column] = False
                    if name not in skip:
                        archive.writestr(name, encode(pixels))
                archive.writestr(f"__MACOSX/{part}/._x.png", b"junk")
                if folders:
                    archive.extractall(tmp_path)
            if folders:
                (tmp_path / f"{part}.zip").unlink()
        return tmp_path

    return write


@pytest.mark.parametrize("folders", [False, True])
def test_small(small, folders):
    dataset = omniglot.load(small(folders), DataOptions(image_size=105))
    assert dataset.class_names == (
        *(f"Greek/character0{n}" for n in (1, 2, 3)),
        *(f"Tengwar/character0{n}" for n in (1, 2)),
    )
    assert dataset.images.shape == (100, 105, 105, 1)
    columns = dataset.images[20:40].mean(axis=1)[..., 0].argmax(-1)
    assert columns.tolist() == [5 + k for k in range(20)]  # ink is 255, drawings in order
    assert set(np.unique(dataset.images)) == {0, 255}


def test_zips_and_folders_give_the_same(small):
    assert omniglot.load(small(), OPTIONS).sha256() == omniglot.load(small(True), OPTIONS).sha256()


def test_missing_drawing(small):
    path = small(skip=["images_background/Greek/character02/0002_07.png"])
    with pytest.raises(UserError, match="found 3 characters, 1 of them incomplete"):
        omniglot.load(path, OPTIONS)


def test_incomplete(small, monkeypatch):
    """What is only like Omniglot is refused."""
    path = small()
    monkeypatch.setattr(omniglot, "PARTS", PARTS)
    with pytest.raises(UserError, match="expected 964 characters x 20 drawings, found 3"):
        omniglot.load(path, OPTIONS)


def test_truncated(small):
    path = small() / "images_evaluation.zip"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match=r"images_evaluation\.zip is damaged"):
        omniglot.load(path.parent, OPTIONS)


def test_name_outside(small):
    path = small()
    with zipfile.ZipFile(path / "images_evaluation.zip", "a") as archive:
        archive.writestr("../images_evaluation/Greek/character09/0009_01.png", b"")
    with pytest.raises(UserError, match="outside its folder"):
        omniglot.load(path, OPTIONS)


def test_unreadable_picture(small):
    path = small()
    with zipfile.ZipFile(path / "images_evaluation.zip", "a") as archive:
        archive.writestr("images_evaluation/Greek/character09/0009_01.png", b"no picture")
    with pytest.raises(UserError, match=r"0009_01\.png is not a readable picture"):
        omniglot.load(path, OPTIONS)


def test_missing_is_fetched_with_its_checksum(tmp_path, monkeypatch):
    def fetch(urls, target, md5):
        assert all(url.endswith("images_background.zip") for url in urls)
        assert (target, md5) == (
            tmp_path / "images_background.zip",
            omniglot.MD5["images_background"],
        )
        raise download.DownloadError("no network")

    monkeypatch.setattr(download, "fetch", fetch)
    with pytest.raises(download.DownloadError):
        omniglot.load(tmp_path, OPTIONS)


def test_real(all_omniglot):
    assert all_omniglot.images.shape == (32460, 20, 20, 1)
    assert all_omniglot.num_classes == 1623
    assert all_omniglot.class_names == tuple(sorted(all_omniglot.class_names))
    assert all_omniglot.class_names[0] == "Alphabet_of_the_Magi/character01"
    assert 0.05 < all_omniglot.images.mean() / 255 < 0.2  # ink is 1

import dataclasses
import os
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from oneshot_tf import data
from oneshot_tf.data import imagenet, lazy_images
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

FILES = DataOptions(**{**imagenet.SOURCE.defaults, "dataset": "imagenet", "image_size": 32})
MEMORY = dataclasses.replace(FILES, read="memory")


def in_zips(tree, place):
    place.mkdir(parents=True)
    for folder in sorted(tree.iterdir()):
        with zipfile.ZipFile(place / f"{folder.name}.zip", "w") as archive:
            for path in folder.iterdir():
                archive.write(path, path.name)


def in_tars(tree, place):
    place.mkdir(parents=True)
    for folder in sorted(tree.iterdir()):
        with tarfile.open(place / f"{folder.name}.tar", "w") as archive:
            for path in folder.iterdir():
                archive.add(path, path.name)


def expected(path):
    """The middle square, by its corners."""
    image = Image.open(path).convert("RGB")
    side, (width, height) = min(image.size), image.size
    corner = (width - side) // 2, (height - side) // 2
    image = image.crop((*corner, corner[0] + side, corner[1] + side))
    return np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("inside", ["", "train", "imagenet/train", "ILSVRC2012_img_train"])
@pytest.mark.parametrize("read", ["files", "memory"])
def test_folders(ilsvrc, tmp_path, inside, read):
    place = tmp_path / "data" / inside
    place.parent.mkdir(parents=True, exist_ok=True)
    ilsvrc.rename(place)
    options = dataclasses.replace(FILES, read=read, data_dir=str(tmp_path / "data"))
    dataset = data.load(options)
    assert isinstance(dataset.images, lazy_images.LazyImages) == (read == "files")
    assert dataset.name == "imagenet" and dataset.images.shape == (12, 32, 32, 3)
    assert dataset.class_sizes.tolist() == [3, 3, 3, 3]
    first = sorted((place / dataset.class_names[0]).iterdir(), key=lambda path: len(path.name))
    assert [path.stem.rpartition("_")[2] for path in first] == ["7", "20", "100"]
    for row, path in enumerate(first):  # by number, not by the text
        np.testing.assert_array_equal(dataset.images[row : row + 1][0], expected(path))


def test_a_zip_a_class(ilsvrc, tmp_path):
    in_zips(ilsvrc, tmp_path / "zips" / "train")
    from_zips, from_folders = (imagenet.load(p, FILES) for p in (tmp_path / "zips", ilsvrc))
    assert from_zips.class_names == from_folders.class_names
    np.testing.assert_array_equal(from_zips.images[:], from_folders.images[:])
    memory = imagenet.load(tmp_path / "zips", MEMORY)
    np.testing.assert_array_equal(memory.images, from_folders.images[:])


@pytest.mark.parametrize("options", [FILES, MEMORY])
def test_tars_have_to_be_extracted(ilsvrc, tmp_path, options):
    in_tars(ilsvrc, tmp_path / "tars" / "train")
    with pytest.raises(UserError, match=r"n\d{8}\.tar can be read .* only; extract .*<wnid>/\*"):
        imagenet.load(tmp_path / "tars", options)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "ILSVRC2012_img_train.tar").write_bytes(b"")
    with pytest.raises(UserError, match=r"ILSVRC2012_img_train\.tar can be read"):
        imagenet.load(tmp_path / "one", options)


def test_missing_says_what_to_put_where(tmp_path):
    with pytest.raises(UserError, match=r"ImageNet is not in .*as train/<wnid>/\*\.JPEG, or name"):
        imagenet.load(tmp_path, FILES)


def test_a_class_without_pictures_is_named(ilsvrc):
    (ilsvrc / "n00000001").mkdir()
    with pytest.raises(UserError, match="none in 1 of 5, first n00000001; complete it"):
        imagenet.load(ilsvrc, FILES)


@pytest.mark.parametrize("skip", [False, True])
def test_a_damaged_picture_is_named_or_left_out(ilsvrc, capsys, skip):
    path = next(ilsvrc.glob("*/*_20.JPEG"))
    path.write_bytes(path.read_bytes()[:200])
    options = dataclasses.replace(FILES, skip_damaged=skip)
    if skip:
        assert len(imagenet.load(ilsvrc, options).images[:]) == 11
        assert f"left out 1 of 12 pictures: {path}" in capsys.readouterr().out
    else:
        with pytest.raises(UserError, match=f"{path.name} is not a readable picture"):
            imagenet.load(ilsvrc, options).images[:]


def test_what_does_not_fit_in_memory_is_refused(ilsvrc, monkeypatch):
    imagenet.load(ilsvrc, MEMORY)
    monkeypatch.setattr(os, "sysconf", lambda _: 10)  # bytes of a page, and pages
    with pytest.raises(UserError, match=r"needs room for 0\.0 GiB .*say --read=files"):
        imagenet.load(ilsvrc, MEMORY)
    imagenet.load(ilsvrc, FILES)


def test_the_split_wants_all_classes(ilsvrc):
    dataset = imagenet.load(ilsvrc, FILES)
    split = data.splits.load(dataset, FILES)
    with pytest.raises(UserError, match=r"imagenet lacks \d+ classes of the split, first 'n0"):
        dataset.select(split.test)

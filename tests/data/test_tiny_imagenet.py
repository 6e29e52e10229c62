import zipfile

import numpy as np
import pytest

from oneshot_tf.data import splits, tiny_imagenet
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

OPTIONS = DataOptions(dataset="tiny_imagenet", image_size=64, channels=3)
CLASSES = {"train": "n00000002", "val": "n00000003", "test": "n00000001"}
COUNT = 12  # so that 10 comes after 9 by number, not by name


def value(wnid, picture):
    return 60 * int(wnid[-1]) + 3 * picture


@pytest.fixture
def pictures(encode):
    """{file name: bytes}; every second picture is gray, as some of the real ones are."""
    found = {}
    for wnid in CLASSES.values():
        for picture in range(COUNT):
            shape = (64, 64) if picture % 2 else (64, 64, 3)
            content = encode(np.full(shape, value(wnid, picture), np.uint8), "JPEG")
            found[f"{wnid}_{picture}.JPEG"] = content
    return found


def subset_files(pictures):
    files = {f"images/{name}": content for name, content in pictures.items()}
    for part, wnid in CLASSES.items():
        rows = [f"{wnid}_{picture}.JPEG,{wnid}" for picture in range(COUNT)]
        files[f"{part}.csv"] = "\n".join(["filename,label", *rows]).encode()
    files["classes.csv"] = b"label,name\n"
    return files


def official_files(pictures):
    root = "tiny-imagenet-200"
    files = {f"{root}/train/{name[:9]}/images/{name}": c for name, c in pictures.items()}
    extra = next(iter(pictures.values()))
    files[f"{root}/val/images/val_0.JPEG"] = files[f"{root}/test/images/test_0.JPEG"] = extra
    files[f"{root}/wnids.txt"] = b"n00000001\n"
    return files


def write_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def write_folder(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


LAYOUTS = {
    "zip": lambda d, p: write_zip(d / "tiny_imagenet_fs.zip", subset_files(p)),
    "folder": lambda d, p: write_folder(d / "tiny_imagenet_fs", subset_files(p)),
    "loose": lambda d, p: write_folder(d, subset_files(p)),
    "official zip": lambda d, p: write_zip(d / "tiny-imagenet-200.zip", official_files(p)),
    "official folder": lambda d, p: write_folder(d, official_files(p)),
}


@pytest.mark.parametrize("inside", [False, True], ids=["data_dir", "tiny_imagenet"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout(tmp_path, pictures, layout, inside):
    LAYOUTS[layout](tmp_path / "tiny_imagenet" if inside else tmp_path, pictures)
    dataset = tiny_imagenet.load(tmp_path, OPTIONS)
    assert dataset.name == "tiny_imagenet"
    assert dataset.class_names == tuple(sorted(CLASSES.values()))
    assert dataset.class_sizes.tolist() == [COUNT] * 3
    assert dataset.images.shape == (3 * COUNT, 64, 64, 3)
    expected = [value(wnid, k) for wnid in dataset.class_names for k in range(COUNT)]
    np.testing.assert_allclose(dataset.images.mean(axis=(1, 2, 3)), expected, atol=2)


def test_missing_says_what_to_put_where(tmp_path):
    with pytest.raises(UserError, match=r"Tiny ImageNet is not in .*put tiny-imagenet-200\.zip or"):
        tiny_imagenet.load(tmp_path, OPTIONS)


def test_pictures_that_the_csvs_name_and_that_are_missing(tmp_path, pictures):
    LAYOUTS["loose"](tmp_path, pictures)
    (tmp_path / "images" / "n00000002_7.JPEG").unlink()
    with pytest.raises(UserError, match=r"name 1 pictures of 36 .*first n00000002_7\.JPEG"):
        tiny_imagenet.load(tmp_path, OPTIONS)


@pytest.mark.parametrize("layout", ["zip", "official zip"])
def test_truncated(tmp_path, pictures, layout):
    LAYOUTS[layout](tmp_path, pictures)
    path = next(tmp_path.glob("*.zip"))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match=r"\.zip is damaged"):
        tiny_imagenet.load(tmp_path, OPTIONS)


def test_an_archive_of_something_else(tmp_path):
    write_zip(tmp_path / "tiny-imagenet-200.zip", {"val/images/val_0.JPEG": b""})
    with pytest.raises(UserError, match=r"must hold train/<wnid>/images/\*\.JPEG; found none"):
        tiny_imagenet.load(tmp_path, OPTIONS)


def test_the_csvs_of_mini_imagenet_are_not_its(tmp_path, pictures):
    LAYOUTS["official folder"](tmp_path, pictures)
    for part, wnid in CLASSES.items():
        (tmp_path / f"{part}.csv").write_text(f"filename,label\n{wnid}00000001.jpg,{wnid}\n")
    assert tiny_imagenet.load(tmp_path, OPTIONS).num_classes == 3


@pytest.mark.slow
def test_real(real_data, tmp_path, session_cache, monkeypatch):
    if not (real_data / "tiny_imagenet_fs.zip").is_file():
        pytest.skip("needs tiny_imagenet_fs.zip")
    monkeypatch.setenv("ONESHOT_TF_CACHE", str(session_cache))
    dataset = tiny_imagenet.load(real_data, DataOptions(image_size=16, channels=3))
    assert dataset.images.shape == (40000, 16, 16, 3)
    assert dataset.num_classes == 200 and set(dataset.class_sizes) == {200}
    split = splits.load(dataset, OPTIONS)
    parts = (split.train, split.validation, split.test)
    assert tuple(map(len, parts)) == (128, 32, 40)
    assert sorted(name for part in parts for name in part) == list(dataset.class_names)
    is_gray = (dataset.images == dataset.images[..., :1]).all(axis=(1, 2, 3))
    assert 700 < is_gray.sum() < 1000 and 80 < dataset.images.mean() < 140

import dataclasses
import zipfile

import numpy as np
import pytest

from oneshot_tf import data
from oneshot_tf.data import lazy_images, lfw, pictures, tiny_imagenet
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

SIZE = 6
SIZES = {"n00000001": 4, "n00000002": 3, "n00000003": 5}


def decode(content, where):
    return pictures.to_array(pictures.decode(content, where), SIZE, 3)


@pytest.fixture(params=["folder", "zip"])
def files(request, picture_folder, tmp_path):
    """[(store, name)] of twelve pictures, in a folder or in a zip."""
    place = picture_folder(SIZES)
    names = [f"{label}/{k}.png" for label, count in SIZES.items() for k in range(count)]
    if request.param == "folder":
        return [(place, name) for name in names]
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for name in names:
            archive.write(place / name, name)
    return [(tmp_path / "pictures.zip", name) for name in names]


@pytest.fixture
def images(files):
    return lazy_images.make(files, decode, SIZE, 3)


@pytest.fixture
def expected(files):
    """The same pictures, decoded one by one."""
    return np.stack([decode(lazy_images.read(*file), "a file") for file in files])


def test_rows_are_the_pictures(images, expected):
    assert images.shape == expected.shape and len(images) == 12
    assert images.dtype == np.uint8 and images.ndim == 4
    np.testing.assert_array_equal(images[:], expected)
    np.testing.assert_array_equal(images[3:5], expected[3:5])
    rows = np.array([7, 0, 7, 11, 2], np.int32)
    np.testing.assert_array_equal(images[rows], expected[rows])


def test_many_rows_in_many_threads(images, expected):
    rows = np.random.default_rng(0).integers(0, 12, 500)
    many = images.take(rows)
    np.testing.assert_array_equal(many[np.arange(500)], expected[rows])


def test_taken_and_mirrored(images, expected):
    rows = np.array([5, 1, 1, 8])
    taken = images.take(rows)
    np.testing.assert_array_equal(taken[:], expected[rows])
    mask = np.array([True, False, True, False])
    for axis in (1, 2):
        wanted = np.where(mask[:, None, None, None], np.flip(expected[rows], axis), expected[rows])
        mirrored = taken.mirrored(mask, axis)
        np.testing.assert_array_equal(mirrored[:], wanted)
        np.testing.assert_array_equal(mirrored.take([2, 3])[:], wanted[2:])
        with pytest.raises(ValueError, match="mirrored already"):
            mirrored.mirrored(mask, axis)


def test_a_missing_file_is_named(images, files, tmp_path):
    (tmp_path / "pictures" / "n00000002" / "1.png").unlink()
    if files[0][0].is_dir():
        with pytest.raises(UserError, match=r"1\.png cannot be read \(No such file"):
            images[:]


def test_a_damaged_member_of_a_zip_is_named(files):
    store, name = files[5]
    if store.is_dir():
        return
    content = bytearray(store.read_bytes())
    with zipfile.ZipFile(store) as archive:
        at = archive.getinfo(name).header_offset
    content[at + 80] ^= 255
    store.write_bytes(content)
    with pytest.raises(UserError, match=r"pictures\.zip: n00000002/1\.png is damaged \(.*CRC"):
        lazy_images.make(files, decode, SIZE, 3)[:]


def test_tar_archives_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"lfw\.tgz can be read from front to end only; extract"):
        lazy_images.make([(tmp_path / "lfw.tgz", "a/a_0001.jpg")], decode, SIZE, 3)


def assert_same_data_sets(load, options):
    memory = load(options)
    files = load(dataclasses.replace(options, read="files"))
    assert files.class_names == memory.class_names and files.name == memory.name
    np.testing.assert_array_equal(files.offsets, memory.offsets)
    assert isinstance(files.images, lazy_images.LazyImages)
    np.testing.assert_array_equal(files.images[:], memory.images)
    some = memory.class_names[::-2]
    np.testing.assert_array_equal(files.select(some).images[:], memory.select(some).images)
    np.testing.assert_array_equal(files.select(some).offsets, memory.select(some).offsets)
    assert files.sha256() != files.select(some).sha256() != memory.sha256()
    assert files.sha256() == load(dataclasses.replace(options, read="files")).sha256()


@pytest.mark.parametrize("ink", ["auto", "light"])
def test_folders(picture_folder, ink):
    options = DataOptions(
        dataset="folder", data_dir=str(picture_folder({"b": 3, "a": 4})), image_size=8, ink=ink
    )
    assert_same_data_sets(data.load, options)


@pytest.mark.parametrize("dataset", ["tiny_imagenet", "mini_imagenet"])
def test_imagenet(picture_folder, tmp_path, dataset):
    root = "tiny-imagenet-200/train" if dataset == "tiny_imagenet" else "train"
    place = picture_folder(SIZES)
    for label in SIZES if dataset == "tiny_imagenet" else ():
        path = tmp_path / root / label / "images"
        path.parent.mkdir(parents=True)
        (place / label).rename(path)
    options = DataOptions(
        dataset=dataset, data_dir=str(tmp_path if root[0:2] == "ti" else place), image_size=8
    )
    assert_same_data_sets(data.load, options)


@pytest.mark.parametrize("side", ["none", "horizontal", "vertical"])
def test_faces_and_their_mirror_images(tmp_path, encode, side):
    random = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "lfw_84.zip", "w") as archive:
        for person, count in {"Ann": 3, "Bob": 1, "Cid": 2}.items():
            for k in range(1, count + 1):
                content = encode(random.integers(0, 256, (12, 10, 3), np.uint8), "JPEG")
                archive.writestr(f"{person}/{person}_{k:04d}.jpg", content)
    options = lfw.LFWOptions(image_size=8, min_images=2, centre_crop=9, mirrored_copies=side)
    assert_same_data_sets(lambda o: lfw.load(tmp_path, o), options)


@pytest.mark.parametrize("flag", [{"read": "files"}, {"skip_damaged": True}])
def test_data_sets_that_are_not_picture_files(flag):
    options = DataOptions(dataset="glyphs", **flag)
    with pytest.raises(UserError, match=r"--\w+(=files)? is for folder, mini_.* Received: glyphs"):
        data.load(options)


def test_real(real_data):
    if not (real_data / "tiny_imagenet_fs.zip").is_file():
        pytest.skip("needs tiny_imagenet_fs.zip")
    options = DataOptions(image_size=64, channels=3, read="files")
    dataset = tiny_imagenet.load(real_data, options)
    assert dataset.images.shape == (40000, 64, 64, 3) and dataset.num_classes == 200
    some = dataset.images[::1000]
    assert some.shape == (40, 64, 64, 3) and 80 < some.mean() < 140

import gzip
import struct

import numpy as np
import pytest

from oneshot_tf.data import download, mnist
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

IMAGES, LABELS = mnist.MD5
OPTIONS = DataOptions(image_size=14)


def idx(array, magic=None):
    head = magic or bytes([0, 0, 8, array.ndim])
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def digits():
    """250 images; every image of digit d is filled with the value 20 d + 5."""
    labels = np.random.default_rng(0).permutation(np.arange(250) % 10).astype(np.uint8)
    return np.repeat(labels * 20 + 5, 28 * 28).reshape(-1, 28, 28).astype(np.uint8), labels


@pytest.fixture
def write(tmp_path, digits):
    def write(folder="mnist", zipped=True, images=None, labels=None):
        (tmp_path / folder).mkdir(exist_ok=True)
        contents = {IMAGES: images or idx(digits[0]), LABELS: labels or idx(digits[1])}
        for name, content in contents.items():
            path = tmp_path / folder / (f"{name}.gz" if zipped else name)
            path.write_bytes(gzip.compress(content) if zipped else content)
        return tmp_path

    return write


@pytest.mark.parametrize("folder", ["mnist", "."])
@pytest.mark.parametrize("zipped", [True, False])
def test_layouts(write, folder, zipped):
    dataset = mnist.load(write(folder, zipped), OPTIONS)
    assert dataset.name == "mnist"
    assert dataset.class_names == tuple("0123456789")
    assert dataset.images.shape == (250, 14, 14, 1)
    for digit in range(10):
        own = dataset.images[dataset.offsets[digit] : dataset.offsets[digit + 1]]
        assert len(own) == 25 and (own == 20 * digit + 5).all()


def test_mini_has_twenty_a_class_and_is_the_same_each_time(write, own_cache):
    first = mnist.load_mini(write(), OPTIONS)
    for file in own_cache.iterdir():
        file.unlink()
    assert first.name == "minimnist"
    assert first.class_sizes.tolist() == [20] * 10
    assert mnist.load_mini(write(), OPTIONS).sha256() == first.sha256()


def test_mini_is_drawn_with_seed_0(write, digits, own_cache):
    """Records of miniMNIST are of these very digits: another seed would give others their name."""
    numbered = np.broadcast_to(np.arange(250, dtype=np.uint8)[:, None, None], (250, 28, 28))
    dataset = mnist.load_mini(write(images=idx(np.ascontiguousarray(numbered))), OPTIONS)
    random = np.random.default_rng(0)
    expected = [
        np.sort(random.choice(np.flatnonzero(digits[1] == digit), 20, replace=False))
        for digit in range(10)
    ]
    np.testing.assert_array_equal(dataset.images[:, 0, 0, 0], np.concatenate(expected))


def test_mini_needs_enough_of_each(write, digits):
    images, labels = digits
    keep = (labels != 3) | (np.cumsum(labels == 3) <= 7)
    with pytest.raises(UserError, match="7 images of the digit 3"):
        mnist.load_mini(write(images=idx(images[keep]), labels=idx(labels[keep])), OPTIONS)


@pytest.mark.parametrize("zipped", [True, False])
def test_truncated(write, zipped):
    path = write(zipped=zipped) / "mnist" / (f"{IMAGES}.gz" if zipped else IMAGES)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=IMAGES):
        mnist.load(path.parents[1], OPTIONS)


def test_damaged_gzip(write):
    path = write() / "mnist" / f"{IMAGES}.gz"
    path.write_bytes(b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 100)
    with pytest.raises(UserError, match="damaged"):
        mnist.load(path.parents[1], OPTIONS)


@pytest.mark.parametrize(
    "content", [b"\0\0\x0d\x03" + bytes(20), b"\0\0\x08\x01" + bytes(20), b"a"]
)
def test_wrong_magic(write, content):
    with pytest.raises(UserError, match="must be an IDX file"):
        mnist.load(write(images=content), OPTIONS)


def test_numbers_of_images_and_labels_differ(write, digits):
    with pytest.raises(UserError, match="250 and 249"):
        mnist.load(write(labels=idx(digits[1][:-1])), OPTIONS)


def test_missing_files_are_fetched_with_their_checksum(tmp_path, monkeypatch):
    calls = []

    def fetch(urls, target, md5):
        calls.append((urls, target, md5))
        raise download.DownloadError("no network")

    monkeypatch.setattr(download, "fetch", fetch)
    with pytest.raises(download.DownloadError):
        mnist.load(tmp_path, OPTIONS)
    (urls, target, md5) = calls[0]
    assert target == tmp_path / "mnist" / f"{IMAGES}.gz" and md5 == mnist.MD5[IMAGES]
    assert all(url.endswith(f"{IMAGES}.gz") for url in urls)


def test_real(real_data):
    if not (real_data / "mnist").is_dir():
        pytest.skip("needs MNIST's test files")
    dataset = mnist.load(real_data, DataOptions(image_size=20))
    sizes = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert dataset.class_sizes.tolist() == sizes
    assert 0.1 < dataset.images.mean() / 255 < 0.2  # ink is 1
    mini = mnist.load_mini(real_data, DataOptions(image_size=20))
    ones = dataset.images[dataset.offsets[1] : dataset.offsets[2]]
    assert all((ones == image).all((1, 2, 3)).any() for image in mini.images[20:40])

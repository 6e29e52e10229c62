import numpy as np
import pytest
from PIL import Image

from oneshot_tf.commands import prepare_mini_imagenet
from oneshot_tf.data import mini_imagenet
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

# numbers in ImageNet's names have gaps, and their order is not that of the text
NUMBERS = {"n00000001": [7, 20, 100], "n00000002": [3, 1000, 5], "n00000003": [2, 1]}
TABLES = {
    "train": {"n0000000100000003.jpg": "n00000001", "n0000000100000001.jpg": "n00000001"},
    "val": {"n0000000200000002.jpg": "n00000002"},
    "test": {"n0000000300000001.jpg": "n00000003"},
}
EXPECTED = {  # name in the CSV files: number in ImageNet
    "n0000000100000003.jpg": 100,
    "n0000000100000001.jpg": 7,
    "n0000000200000002.jpg": 5,
    "n0000000300000001.jpg": 1,
}


def gray(number):
    return number % 250


@pytest.fixture
def imagenet(tmp_path, encode):
    for wnid, numbers in NUMBERS.items():
        folder = tmp_path / "ilsvrc" / "train" / wnid
        folder.mkdir(parents=True)
        (folder / "readme.txt").write_text("no picture")
        for number in numbers:
            picture = np.full((60, 90, 3), gray(number), np.uint8)
            (folder / f"{wnid}_{number}.JPEG").write_bytes(encode(picture, "JPEG"))
    return tmp_path / "ilsvrc"


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for part, table in TABLES.items():
        rows = "".join(f"{name},{label}\n" for name, label in table.items())
        (folder / f"{part}.csv").write_text("filename,label\n" + rows)
    return folder


def run(imagenet, data):
    prepare_mini_imagenet.main(["prepare", f"--imagenet={imagenet}", f"--data_dir={data}"])


@pytest.mark.parametrize("inside", [False, True])
def test_pictures_are_found_by_their_number_in_the_class(imagenet, data, inside):
    run(imagenet / "train" if inside else imagenet, data)
    folder = data / "mini_imagenet" / "images"
    assert sorted(path.name for path in folder.iterdir()) == sorted(EXPECTED)
    for name, number in EXPECTED.items():
        picture = np.asarray(Image.open(folder / name))
        assert picture.shape == (84, 84, 3)
        assert abs(picture.mean() - gray(number)) < 2


def test_what_is_made_can_be_loaded(imagenet, data):
    run(imagenet, data)
    dataset = mini_imagenet.load(data, DataOptions(image_size=84, channels=3))
    assert dataset.class_names == tuple(NUMBERS)
    assert dataset.class_sizes.tolist() == [2, 1, 1]


def test_what_is_there_is_not_made_again(imagenet, data):
    run(imagenet, data)
    name = next(iter(EXPECTED))
    path = data / "mini_imagenet" / "images" / name
    path.write_bytes(b"mine")
    run(imagenet, data)
    assert path.read_bytes() == b"mine"


def test_a_class_with_too_few_pictures(imagenet, data):
    (imagenet / "train" / "n00000001" / "n00000001_20.JPEG").unlink()
    message = r"n0000000100000003\.jpg must be one of the 2 pictures.*is the class complete"
    with pytest.raises(UserError, match=message):
        run(imagenet, data)
    assert not (data / "mini_imagenet").exists()


def test_a_folder_that_is_not_imagenet(tmp_path, data):
    with pytest.raises(UserError, match="of 3 classes of 3, first n00000001; --imagenet must be"):
        run(tmp_path / "nothing", data)


def test_no_csv_files(imagenet, tmp_path):
    with pytest.raises(UserError, match=r"must have Ravi's train\.csv"):
        run(imagenet, tmp_path)


def test_both_folders_are_named(imagenet):
    with pytest.raises(UserError, match="--data_dir is missing"):
        prepare_mini_imagenet.main(["prepare", f"--imagenet={imagenet}"])

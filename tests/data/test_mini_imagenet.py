import pickle
import shutil
import zipfile

import numpy as np
import pytest

from oneshot_tf.data import cache, mini_imagenet
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

OPTIONS = DataOptions(dataset="mini_imagenet", image_size=84, channels=3)
WNIDS = {"train": "n00000003", "val": "n00000001", "test": "n00000002"}
COUNT = 4
RED = [10, 20, 30, 40]  # and 50 more for each class in the order of WNIDS


def pixels(index, picture):
    value = np.array([RED[picture] + 50 * index, 128, 255 - RED[picture]], np.uint8)
    return np.tile(value, (84, 84, 1))


def file_name(wnid, picture):
    return f"{wnid}{picture + 1:08d}.jpg"


@pytest.fixture
def small(tmp_path, encode):
    """Writes DIR/pictures/<wnid>/*.jpg and DIR/csvs/*.csv, of which every layout is made."""
    for index, (part, wnid) in enumerate(WNIDS.items()):
        folder = tmp_path / "pictures" / wnid
        folder.mkdir(parents=True)
        rows = ["filename,label"]
        for picture in range(COUNT):
            name = file_name(wnid, picture)
            (folder / name).write_bytes(encode(pixels(index, picture), "JPEG", quality=95))
            rows.append(f"{name},{wnid}")
        (tmp_path / "csvs").mkdir(exist_ok=True)
        (tmp_path / "csvs" / f"{part}.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def copy_csvs(small, data, zipped=False):
    data.mkdir(parents=True, exist_ok=True)
    if zipped:
        shutil.make_archive(str(data / "mini_imagenet_splits"), "zip", small / "csvs")
    else:
        shutil.copytree(small / "csvs", data, dirs_exist_ok=True)


def flat_folder(small, folder):
    folder.mkdir(parents=True)
    for path in sorted((small / "pictures").rglob("*.jpg")):
        shutil.copy(path, folder / path.name)


def flat_zip(small, path, prefix="images/", csvs=False, wnids=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((small / "pictures").rglob("*.jpg")):
            if wnids is None or file.parent.name in wnids:
                archive.write(file, f"{prefix}{file.name}")
        for file in (small / "csvs").iterdir() if csvs else ():
            archive.write(file, f"mini/{file.name}")


def part_zips(small, data, flat):
    data.mkdir(parents=True, exist_ok=True)
    for part, wnid in WNIDS.items():
        prefix = "" if flat else f"{part}/{wnid}/"
        flat_zip(small, data / f"{part}.zip", prefix, wnids=[wnid])


def part_folders(small, data):
    for part, wnid in WNIDS.items():
        shutil.copytree(small / "pictures" / wnid, data / part / wnid)


def pickles(data, protocol=2):
    data.mkdir(parents=True, exist_ok=True)
    for index, (part, wnid) in enumerate(WNIDS.items()):
        images = np.stack([pixels(index, picture) for picture in range(COUNT)])
        content = {"image_data": images, "class_dict": {wnid: list(range(COUNT))}}
        path = data / f"mini-imagenet-cache-{part}.pkl"
        path.write_bytes(pickle.dumps(content, protocol))


LAYOUTS = {
    "csvs and a folder": lambda s, d: (copy_csvs(s, d), flat_folder(s, d / "images")),
    "zipped csvs and a folder": lambda s, d: (copy_csvs(s, d, True), flat_folder(s, d / "images")),
    "csvs and images.zip": lambda s, d: (copy_csvs(s, d), flat_zip(s, d / "images.zip")),
    "one zip": lambda s, d: flat_zip(s, d / "mini-imagenet.zip", "mini/images/", csvs=True),
    "csvs and three zips": lambda s, d: (copy_csvs(s, d), part_zips(s, d, flat=True)),
    "three zips of folders": lambda s, d: part_zips(s, d, flat=False),
    "three folders": part_folders,
    "folders": lambda s, d: shutil.copytree(s / "pictures", d),
    "pickles": lambda s, d: pickles(d),
}


@pytest.mark.parametrize("inside", [False, True], ids=["data_dir", "mini_imagenet"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout(small, layout, inside):
    data = small / "data"
    LAYOUTS[layout](small, data / "mini_imagenet" if inside else data)
    dataset = mini_imagenet.load(data, OPTIONS)
    assert dataset.name == "mini_imagenet"
    assert dataset.class_names == tuple(sorted(WNIDS.values()))
    assert dataset.class_sizes.tolist() == [COUNT] * 3
    assert dataset.images.shape == (12, 84, 84, 3)
    found = dataset.images.mean(axis=(1, 2))
    order = [list(WNIDS.values()).index(name) for name in dataset.class_names]
    expected = [pixels(index, picture)[0, 0] for index in order for picture in range(COUNT)]
    np.testing.assert_allclose(found, expected, atol=4)  # JPEG's own error


@pytest.mark.parametrize("layout", ["folders", "pickles"])
def test_size_and_channels(small, layout):
    LAYOUTS[layout](small, small / "data")
    options = DataOptions(image_size=28)
    assert mini_imagenet.load(small / "data", options).images.shape == (12, 28, 28, 1)


def test_every_layout_has_the_ink_that_is_asked_for(small):
    part_folders(small, small / "files")
    pickles(small / "pickles")

    def load(layout, ink):
        options = DataOptions(image_size=28, ink=ink)
        return mini_imagenet.load(small / layout, options).images.astype(int)

    light = load("pickles", "light")
    np.testing.assert_array_equal(load("pickles", "dark"), 255 - light)
    np.testing.assert_allclose(load("files", "dark"), 255 - light, atol=4)  # JPEG's own error


def test_csvs_and_folders_come_before_pickles(small):
    data = small / "data"
    pickles(data)
    part_folders(small, data)
    (data / "mini-imagenet-cache-train.pkl").write_bytes(b"not read")
    assert mini_imagenet.load(data, OPTIONS).num_classes == 3


def test_csvs_alone_say_where_pictures_are_expected(small):
    copy_csvs(small, small / "data")
    with pytest.raises(
        UserError, match=r"pictures of miniImageNet are not in.*images/\*\.jpg"
    ) as e:
        mini_imagenet.load(small / "data", OPTIONS)
    assert "prepare_mini_imagenet" in str(e.value) and "\n" not in str(e.value)
    with pytest.raises(UserError, match="are not in"):
        mini_imagenet.load(small / "nothing", OPTIONS)


def test_pictures_that_the_csvs_name_and_that_are_missing(small):
    data = small / "data"
    LAYOUTS["csvs and a folder"](small, data)
    for picture in (1, 2):
        (data / "images" / file_name("n00000001", picture)).unlink()
    with pytest.raises(UserError, match=r"name 2 pictures of 12 .*first n0000000100000002\.jpg"):
        mini_imagenet.load(data, OPTIONS)


def test_pictures_of_another_data_set_are_passed_over(small, encode):
    data = small / "data"
    copy_csvs(small, data)
    (data / "images").mkdir()
    (data / "images" / "n00000009_1.JPEG").write_bytes(encode(pixels(0, 0), "JPEG"))
    pickles(data)
    assert mini_imagenet.load(data, OPTIONS).class_names == tuple(sorted(WNIDS.values()))


@pytest.mark.parametrize("layout", ["csvs and images.zip", "one zip", "three zips of folders"])
def test_truncated_zips(small, layout):
    data = small / "data"
    LAYOUTS[layout](small, data)
    path = sorted(data.glob("*.zip"))[0]
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(UserError, match=rf"{path.name} is damaged"):
        mini_imagenet.load(data, OPTIONS)


def test_all_of_imagenet_is_not_it(tmp_path, encode):
    for n in range(101):
        folder = tmp_path / f"n{n:08d}"
        folder.mkdir()
        (folder / "1.JPEG").write_bytes(b"not read")
    with pytest.raises(UserError, match="has 100 classes. Received: 101"):
        mini_imagenet.load(tmp_path, OPTIONS)


def test_some_of_the_pickles(small):
    pickles(small / "data")
    (small / "data" / "mini-imagenet-cache-val.pkl").unlink()
    with pytest.raises(UserError, match=r"lacks mini-imagenet-cache-val\.pkl"):
        mini_imagenet.load(small / "data", OPTIONS)


@pytest.mark.parametrize(
    "content, message",
    [
        ([1, 2], "must be a dictionary of image_data"),
        ({"image_data": np.zeros((2, 84, 84, 3)), "class_dict": {}}, "must be a dictionary"),
        (
            {"image_data": np.zeros((2, 4, 4, 3), np.uint8), "class_dict": {"a": [0, 2]}},
            "rows below",
        ),
        ({"image_data": np.zeros((2, 4, 4, 3), np.uint8), "class_dict": {"a": 3}}, "rows below"),
        ({"image_data": np.zeros((2, 4, 4, 3), np.uint8), "class_dict": {5: [0]}}, "rows below"),
        (
            {"image_data": np.zeros((2, 4, 4, 3), np.uint8), "class_dict": {"n00000003": [0]}},
            "n00000003 is in another part",
        ),
    ],
)
def test_pickles_of_something_else(small, content, message):
    pickles(small / "data")
    path = small / "data" / "mini-imagenet-cache-val.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=message):
        mini_imagenet.load(small / "data", OPTIONS)


def test_a_pickle_that_runs_code_is_refused(small):
    pickles(small / "data")
    target = small / "was_run"
    path = small / "data" / "mini-imagenet-cache-train.pkl"
    path.write_bytes(b"cos\nsystem\n(Vtouch " + str(target).encode() + b"\ntR.")
    with pytest.raises(UserError, match=r"calls os\.system; refused"):
        mini_imagenet.load(small / "data", OPTIONS)
    assert not target.exists()


def test_read_once(small, monkeypatch):
    pickles(small / "data")
    first = mini_imagenet.load(small / "data", OPTIONS)
    monkeypatch.setattr(mini_imagenet, "_from_pickles", None)
    assert mini_imagenet.load(small / "data", OPTIONS).sha256() == first.sha256()
    assert len(list(cache.cache_dir().iterdir())) == 1

"""miniImageNet (Vinyals et al., 2016; the classes and pictures of Ravi and Larochelle, 2017).

100 classes of ImageNet of 600 pictures each, 84 x 84 in colour, under ImageNet's names (wnids). The
pictures may not be passed on, so nothing is downloaded. Read from the first of these that is in the
data directory or in its folder `mini_imagenet`:

- Ravi's train.csv, val.csv and test.csv, loose or in `mini_imagenet_splits.zip`, with the pictures
  in a folder `images`, in one zip (`images.zip` or `mini*imagenet*.zip`, which may have the CSV
  files inside) or in train.zip, val.zip and test.zip. Zips with a folder a class need no CSV files;
- folders train, val and test of `<wnid>/*.jpg`, or one folder of `<wnid>/*.jpg`;
- the pickles `mini-imagenet-cache-{train,val,test}.pkl`.
"""

import pathlib
import re

import numpy as np
from PIL import Image

from oneshot_tf.data import cache, image_files, pickled, pictures
from oneshot_tf.data.dataset import Dataset
from oneshot_tf.data.sources import COLOUR, IMAGENET_LICENCE, DataSource
from oneshot_tf.errors import UserError

MAX_CLASSES = 100
NAME = "mini_imagenet"
PICKLE = "mini-imagenet-cache-{part}.pkl"
CSV_NAME = re.compile(r"(n\d{8})(\d{8})\.jpg")  # in Ravi's files


def load(data_dir, options):
    """The classes of miniImageNet, sorted by name.

    Args:
      data_dir: the folder with the pictures, in one of the layouts above.
      options: `DataOptions`; `image_size`, `channels`, `read` and `skip_damaged` count.

    Raises:
      UserError: the pictures are not there, damaged, fewer than the CSV files name, or of more
        classes than miniImageNet has.
    """
    data_dir = pathlib.Path(data_dir)
    folders = [path for path in (data_dir / NAME, data_dir) if path.is_dir()]
    classes = _listed(folders) or _folders(folders)
    if classes:
        _check_count(classes, data_dir)
        return image_files.load(NAME, classes, options)
    files = _pickles(folders)
    if files and options.read == "files":
        raise UserError(
            f"--read=files is for picture files. Received: {files[0].parent} with pickles; leave it out"
        )
    if files:
        key, settings = cache.file_sha256(files), image_files.settings_of(options)
        return cache.cached(NAME, key, settings, lambda: _from_pickles(files, options))
    raise UserError(
        f"The pictures of miniImageNet are not in {data_dir} and cannot be downloaded; put there, or "
        f"in {data_dir / NAME}: train.csv, val.csv, test.csv and images/*.jpg (or images.zip, or "
        "train.zip, val.zip and test.zip); or folders train, val, test of <wnid>/*.jpg; or "
        f"{PICKLE.format(part='{train,val,test}')}; or make them from ILSVRC2012: "
        "python -m oneshot_tf.prepare_mini_imagenet --help"
    )


def _check_count(classes, where):
    if len(classes) > MAX_CLASSES:
        raise UserError(
            f"miniImageNet has {MAX_CLASSES} classes. Received: {len(classes)} in {where}; from all "
            "of ILSVRC2012 make it with python -m oneshot_tf.prepare_mini_imagenet"
        )


def find_csvs(folders):
    """(place, tables) of Ravi's CSV files in folders or their zips, or None; see `read_csvs`."""
    for folder in folders:
        for place in (folder, folder / "mini_imagenet_splits.zip", *_image_zips(folder)):
            tables = image_files.read_csvs(place) if place.exists() else None
            if tables and all(CSV_NAME.fullmatch(name) for name in tables["train"]):
                return place, tables
    return None


def _listed(folders):
    """{wnid: [(store, name)]} of what the CSV files name, or of zips with a folder a class."""
    csvs = find_csvs(folders)
    for folder in folders:
        parts = [folder / f"{part}.zip" for part in image_files.PARTS]
        for group in ([folder / "images"], *([path] for path in _image_zips(folder)), parts):
            stores = {path: image_files.names(path) for path in group if path.exists()}
            if not any(stores.values()):
                continue
            classes = _labelled(csvs, stores)
            if classes:
                return classes
    return None


def _labelled(csvs, stores):
    """The classes of the pictures of some stores: by the CSV files, else by their folders."""
    by_folder = {}
    for store, found in stores.items():
        for name, files in image_files.by_folder(store, found).items():
            by_folder.setdefault(name, []).extend(files)
    if csvs is None:
        return by_folder
    place, tables = csvs
    basenames = {pathlib.PurePosixPath(name).name for found in stores.values() for name in found}
    # pictures of another data set, or under ImageNet's own names, which the CSV files do not know
    if not any(name in basenames for table in tables.values() for name in table):
        return by_folder
    return image_files.by_table(tables, stores, place)


def _image_zips(folder):
    zips = [path for path in sorted(folder.glob("*.zip")) if _may_be_ours(path.stem.lower())]
    return sorted(zips, key=lambda path: path.stem != "images")


def _may_be_ours(stem):
    return stem == "images" or ("mini" in stem and "imagenet" in stem and "splits" not in stem)


def _folders(folders):
    """{wnid: [(store, name)]} of folders of folders."""
    for folder in folders:
        for roots in ([folder / part for part in image_files.PARTS], [folder]):
            classes = {}
            for root in roots:
                for path in sorted(root.glob("n" + "[0-9]" * 8)):
                    files = [(path, name) for name in image_files.names(path)]
                    classes.setdefault(path.name, []).extend(files)
            if classes:
                return classes
    return None


def _pickles(folders):
    """The three pickles, or None where there is none of them."""
    names = [PICKLE.format(part=part) for part in image_files.PARTS]
    for folder in folders:
        missing = [name for name in names if not (folder / name).is_file()]
        if len(missing) == len(names):
            continue
        if missing:
            raise UserError(f"{folder} has some of the pickles but lacks {', '.join(missing)}")
        return [folder / name for name in names]
    return None


def _from_pickles(files, options):
    classes = {}  # {wnid: [pictures of one file, rows]}
    for file in files:
        for name, found in _read_pickle(file).items():
            if name in classes:
                raise UserError(f"{file}: class {name} is in another part as well; get it again")
            classes[name] = found
    _check_count(classes, files[0].parent)
    names = sorted(classes)
    sizes = [len(classes[name][1]) for name in names]
    size, channels = options.image_size, options.channels
    images = np.empty((sum(sizes), size, size, channels), np.uint8)
    row = 0
    for name in names:
        data, chosen = classes[name]
        for index in chosen:
            picture = pictures.to_array(Image.fromarray(data[index]), size, channels)
            images[row] = pictures.with_ink(picture, options.ink)
            row += 1
    return Dataset(NAME, images, np.cumsum([0, *sizes]).astype(np.int64), tuple(names))


def _read_pickle(path):
    """{wnid: (uint8 [n, H, W, 3], rows)} of one pickle, checked."""
    content = pickled.load(path)
    fields = content if isinstance(content, dict) else {}
    data, rows = fields.get("image_data"), fields.get("class_dict")
    is_data = isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim == 4
    if not is_data or data.shape[3] != 3 or not isinstance(rows, dict):
        raise UserError(
            f"{path} must be a dictionary of image_data, uint8 [n, 84, 84, 3], and class_dict, "
            "{label: rows}; delete it and get it again"
        )
    for name, chosen in rows.items():
        whole = isinstance(chosen, (list, tuple, np.ndarray)) and all(
            isinstance(index, (int, np.integer)) and 0 <= index < len(data) for index in chosen
        )
        if not isinstance(name, str) or not whole:
            raise UserError(
                f"{path}: class {name!r} must have rows below {len(data)}; get it again"
            )
    return {name: (data, list(chosen)) for name, chosen in rows.items()}


SOURCE = DataSource(
    load,
    licence=IMAGENET_LICENCE,
    defaults={**COLOUR, "image_size": 84, "random_crop": 8},
    picture_files=True,
    splits=("ravi", "vinyals"),
)

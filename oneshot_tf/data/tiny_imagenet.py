"""Tiny ImageNet: 200 classes of ImageNet, 64 x 64 in colour, under ImageNet's names (wnids).

Read from the official `tiny-imagenet-200.zip` (its training pictures, 500 a class), from
`tiny_imagenet_fs.zip` (the first 200 of each, with train.csv, val.csv and test.csv beside
`images/`), or from the folders that either extracts to, under the data directory or its folder
`tiny_imagenet`.
"""

import pathlib
import re

from oneshot_tf.data import image_files
from oneshot_tf.data.sources import COLOUR, IMAGENET_LICENCE, DataSource
from oneshot_tf.errors import UserError

_OFFICIAL = re.compile(r"(?:^|/)train/(n\d{8})/images/[^/]+$")
_SUBSET = re.compile(r"n\d{8}_\d+\.JPEG")


def load(data_dir, options):
    """The classes of Tiny ImageNet, sorted by name.

    Args:
      data_dir: the folder with one of the archives, or with what it extracts to.
      options: `DataOptions`; `image_size`, `channels`, `read` and `skip_damaged` count.

    Raises:
      UserError: the pictures are not there, or damaged, or fewer than the CSV files name.
    """
    return image_files.load("tiny_imagenet", _find(pathlib.Path(data_dir)), options)


def _find(data_dir):
    """{wnid: [(store, name)]} of the first layout that is there."""
    folders = [data_dir / "tiny_imagenet", data_dir]
    for folder in folders:
        for place in (folder / "tiny_imagenet_fs.zip", folder / "tiny_imagenet_fs", folder):
            classes = _subset(place) if place.exists() else None
            if classes:
                return classes
    for folder in folders:
        for place in (folder / "tiny-imagenet-200.zip", folder / "tiny-imagenet-200"):
            if place.exists():
                return _official(place)
    raise UserError(
        f"Tiny ImageNet is not in {data_dir}; put tiny-imagenet-200.zip or tiny_imagenet_fs.zip "
        "there, or the folder that it extracts to, or name its folder with --data_dir=DIR"
    )


def _subset(place):
    """The pictures that the CSV files of a zip or a folder name; None where that is not this one."""
    tables = image_files.read_csvs(place)
    if tables is None or not all(_SUBSET.fullmatch(name) for name in tables["train"]):
        return None
    store = place / "images" if place.is_dir() else place
    return image_files.by_table(tables, {store: image_files.names(store)}, place)


def _official(place):
    if place.is_dir():
        # the other pictures, of the official validation and test, are of no class by their folder
        found = [f"train/{name}" for name in image_files.names(place / "train")]
    else:
        found = image_files.names(place)
    classes = {}
    for name in found:
        match = _OFFICIAL.search(name)
        if match:
            classes.setdefault(match[1], []).append((place, name))
    if not classes:
        raise UserError(
            f"{place} must hold train/<wnid>/images/*.JPEG; found none; delete it and get it again"
        )
    return classes


SOURCE = DataSource(
    load,
    licence=IMAGENET_LICENCE,
    defaults={**COLOUR, "image_size": 64, "random_crop": 4},
    picture_files=True,
    splits=("tiny", "dogs"),
)

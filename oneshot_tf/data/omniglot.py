"""Omniglot (Lake et al., 2015): 1,623 characters of 50 alphabets, 20 drawings each, 105 x 105.

Read from the two official zips, or from the folders they extract to, under the data directory.
A class is named `Alphabet/character01`. Pixels are inverted: ink is 255.
"""

import pathlib
import re

import numpy as np

from oneshot_tf.data import archives, cache, download, pictures, splits
from oneshot_tf.data.dataset import from_classes
from oneshot_tf.data.sources import DataSource
from oneshot_tf.errors import UserError

PARTS = {"images_background": 964, "images_evaluation": 659}
MD5 = {
    "images_background": "68d2efa1b9178cc56df9314c21c6e718",
    "images_evaluation": "6b91aef0f799c5bb55b94e3f2daec811",
}
MIRRORS = (
    "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/{part}.zip",
    "https://github.com/brendenlake/omniglot/raw/master/python/{part}.zip",
)
DRAWINGS = 20
_PICTURE = re.compile(r"images_(?:background|evaluation)/([^/]+/character\d+)/(\d+_\d+)\.png$")


def load(data_dir, options):
    """The whole of Omniglot, sorted by class name.

    Args:
      data_dir: folder with `images_background.zip` and `images_evaluation.zip`, or the folders of
        the same names; what is missing is downloaded there.
      options: `DataOptions`; `image_size` and `channels` count.

    Returns:
      A `Dataset` of 1,623 classes x 20 images.

    Raises:
      UserError: missing and not to be downloaded, or not complete.
    """
    data_dir = pathlib.Path(data_dir)
    sources = [_source(data_dir, part) for part in PARTS]
    files = [path for source in sources for path in _files(source)]
    settings = (options.image_size, options.channels)

    def build():
        classes = {}
        for part, source in zip(PARTS, sources, strict=True):
            classes.update(_read(part, source, *settings))
        return from_classes("omniglot", {name: classes[name] for name in sorted(classes)})

    return cache.cached("omniglot", cache.file_sha256(files), settings, build)


def _source(data_dir, part):
    """The zip or the folder of a part; downloads the zip where there is neither."""
    folder, archive = data_dir / part, data_dir / f"{part}.zip"
    if archive.is_file():
        return archive
    if folder.is_dir():
        return folder
    urls = [mirror.format(part=part) for mirror in MIRRORS]
    return download.fetch(urls, archive, MD5[part])


def _files(source):
    return sorted(source.rglob("*.png")) if source.is_dir() else [source]


def _read(part, source, size, channels):
    """{class name: uint8 [20, size, size, channels]} of one part, checked for completeness."""
    drawings = {}
    for name, content in _contents(source):
        match = _PICTURE.search(name)
        if match:
            image = pictures.decode(content, f"{source}: {name}")
            array = 255 - pictures.to_array(image, size, channels)
            drawings.setdefault(match[1], {})[match[2]] = array
    short = [name for name, images in drawings.items() if len(images) != DRAWINGS]
    if len(drawings) != PARTS[part] or short:
        raise UserError(
            f"{source}: expected {PARTS[part]} characters x {DRAWINGS} drawings, found "
            f"{len(drawings)} characters, {len(short)} of them incomplete; download it again"
        )
    return {
        name: np.stack([images[key] for key in sorted(images)]) for name, images in drawings.items()
    }


def _contents(source):
    """(path, bytes) of every PNG of a zip or a folder."""
    if source.is_dir():
        for path in _files(source):
            yield path.relative_to(source.parent).as_posix(), archives.read_file(path)
        return
    with archives.open_zip(source) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".png"):
                yield info.filename, archives.read(archive, info)


SOURCE = DataSource(
    load,
    licence="Omniglot (Lake, Salakhutdinov and Tenenbaum, 2015): MIT licence",
    splits=splits.OMNIGLOT_SPLITS,
    group_of=lambda name: name.split("/")[0],  # its alphabet
)

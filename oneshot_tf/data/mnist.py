"""MNIST's test part (LeCun et al., 1998): 10,000 digits, for transfer to other pictures.

Only the test files `t10k-*` are read, in the IDX format, plain or gzipped, from `data_dir/mnist` or
`data_dir`; training files beside them change nothing. Ink is 255 as it comes.
"""

import gzip
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

from oneshot_tf.data import cache, download, pictures
from oneshot_tf.data.dataset import from_classes
from oneshot_tf.data.sources import DataSource
from oneshot_tf.errors import UserError
from oneshot_tf.files import read_at_most

MD5 = {
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/{file}.gz",
    "https://storage.googleapis.com/cvdf-datasets/mnist/{file}.gz",
)
MINI_PER_CLASS = 20
_UNSIGNED_BYTE = 8
_MAX_BYTES = 1 << 26  # several times the test files


def load(data_dir, options):
    """The 10,000 test digits, classes "0" to "9" of unequal size.

    Args:
      data_dir: folder with the test files, or with a folder `mnist` that has them; what is missing
        is downloaded to the latter.
      options: `DataOptions`; `image_size` and `channels` count.

    Raises:
      UserError: missing and not to be downloaded, or damaged.
    """
    return _load("mnist", data_dir, options, per_class=None)


def load_mini(data_dir, options):
    """miniMNIST: 20 test digits a class, drawn at random with seed 0. Arguments as of `load`."""
    return _load("minimnist", data_dir, options, per_class=MINI_PER_CLASS)


def _load(name, data_dir, options, per_class):
    files = [_file(pathlib.Path(data_dir), file) for file in MD5]
    settings = (options.image_size, options.channels, per_class)

    def build():
        images, labels = read_idx(files[0], 3), read_idx(files[1], 1)
        if len(images) != len(labels) or not len(labels) > 0 or labels.max() > 9:
            raise UserError(
                f"{files[0]} and {files[1].name} must hold as many images as labels 0 to 9; found "
                f"{len(images)} and {len(labels)}; delete both and get them again"
            )
        random = np.random.default_rng(0)
        classes = {}
        for digit in range(10):
            chosen = np.flatnonzero(labels == digit)
            if per_class is not None:
                chosen = _choose(random, chosen, per_class, digit, files[1])
            classes[str(digit)] = _resized(images[chosen], options)
        return from_classes(name, classes)

    return cache.cached(name, cache.file_sha256(files), settings, build)


def _choose(random, indices, count, digit, where):
    if len(indices) < count:
        raise UserError(
            f"{where} has {len(indices)} images of the digit {digit}; expected at least {count}; "
            "delete it and get it again"
        )
    return np.sort(random.choice(indices, count, replace=False))


def _resized(images, options):
    shape = (len(images), options.image_size, options.image_size, options.channels)
    out = np.empty(shape, np.uint8)
    for index, image in enumerate(images):
        image = Image.fromarray(image)
        out[index] = pictures.to_array(image, options.image_size, options.channels)
    return out


def _file(data_dir, file):
    """The path of one of the two files; downloads it where it is missing."""
    for folder in (data_dir / "mnist", data_dir):
        for name in (f"{file}.gz", file, file.replace("-idx", ".idx")):
            if (folder / name).is_file():
                return folder / name
    urls = [mirror.format(file=file) for mirror in MIRRORS]
    return download.fetch(urls, data_dir / "mnist" / f"{file}.gz", MD5[file])


def read_idx(path, rank):
    """The uint8 array of an IDX file, plain or gzipped.

    Args:
      path: the file.
      rank: how many dimensions it must have: 3 for images, 1 for labels.

    Raises:
      UserError: not such a file, or cut short.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = read_at_most(file, _MAX_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and get it again") from None
    if content is None:
        raise UserError(
            f"{path} unpacks to more than {_MAX_BYTES >> 20} MiB; delete it and get it again"
        )
    start = 4 + 4 * rank
    if content[:4] != bytes([0, 0, _UNSIGNED_BYTE, rank]) or len(content) < start:
        raise UserError(
            f"{path} must be an IDX file of bytes with {rank} dimensions; it begins with "
            f"{content[:4].hex() or 'nothing'}; delete it and get it again"
        )
    shape = struct.unpack(f">{rank}I", content[4:start])
    expected = int(np.prod(shape, dtype=object))
    if len(content) - start != expected:
        raise UserError(
            f"{path} must hold {expected} values; found {len(content) - start}; delete it and get "
            "it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


_LICENCE = "MNIST (LeCun, Cortes and Burges): CC BY-SA 3.0"
SOURCE = DataSource(load, licence=_LICENCE)
MINI_SOURCE = DataSource(load_mini, licence=_LICENCE)

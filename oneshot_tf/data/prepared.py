"""Pictures that were prepared: TFRecord shards of raw pixels, and a table of where each one lies.

`python -m oneshot_tf.prepare` makes such a folder:

    prepared.json    what it is of: data set, picture size, classes, shards and their sizes
    rows.npz         of every picture: its shard, where its pixels begin, their checksum, its file
    shards/*.tfrecord    `tf.train.Example`s of `image` (raw bytes), `label`, `class` and `name`

The table makes any row one read at a known place, which TFRecord files alone do not allow. Since
pixels are what the files gave when they were decoded, episodes are the same to the bit, and a run
that began on the files goes on here.
"""

import dataclasses
import functools
import itertools
import os
import pathlib
import typing
import zipfile
import zlib

import numpy as np

from oneshot_tf.data.dataset import Dataset
from oneshot_tf.data.lazy_images import LazyImages
from oneshot_tf.errors import UserError
from oneshot_tf.files import read_json

FORMAT = 1
INDEX, TABLE, SHARDS = "prepared.json", "rows.npz", "shards"
SETTINGS = ("image_size", "channels", "ink")  # of `DataOptions`: what pixels depend on


# what numpy's reader raises on headers that a damaged file may have, beside what one expects
_ODD = (TypeError, SyntaxError, AttributeError, NotImplementedError, MemoryError, OverflowError)


class Table(typing.NamedTuple):
    """Where pictures lie, and what they are of: arrays of n.

    Attributes:
      shard: int32, which shard.
      at: int64, where in it the pixels begin.
      checksum: uint32, CRC-32 of the pixels.
      name: bytes, the path of the file that the picture was.
      size: int64, that file's bytes.
      file_checksum: int64, its CRC-32 where it was in a zip, else -1.
    """

    shard: np.ndarray
    at: np.ndarray
    checksum: np.ndarray
    name: np.ndarray
    size: np.ndarray
    file_checksum: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class PreparedImages(LazyImages):
    """`LazyImages` whose pixels are in shards.

    Attributes:
      shards: path of each shard.
      table: `Table`.
    """

    shards: tuple[str, ...]
    table: Table

    def stored(self, index):
        """uint8 [S, S, C]: the pixels at one place.

        Raises:
          UserError: they are not those that were written; the picture is named.
        """
        shape = (self.size, self.size, self.channels)
        path = self.shards[self.table.shard[index]]
        try:
            file = _opened(path, os.getpid())  # by this name it stays open, whatever others open
            pixels = os.pread(file.fileno(), int(np.prod(shape)), int(self.table.at[index]))
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}); check its rights") from None
        if zlib.crc32(pixels) != self.table.checksum[index]:
            name = os.fsdecode(self.table.name[index])
            raise UserError(
                f"{path} is damaged at {name}; delete it and prepare the pictures again"
            )
        return np.frombuffer(pixels, np.uint8).reshape(shape)

    def origins(self):
        """Those of the files that were prepared, so that a run may go from these to the shards."""
        table = self.table
        for name, size, checksum in zip(table.name, table.size, table.file_checksum, strict=True):
            yield os.fsdecode(name), (int(size), None if checksum < 0 else int(checksum))


# `pread` moves no place in a file: threads share these
@functools.lru_cache(maxsize=128)
def _opened(path, process):
    del process
    return open(path, "rb", buffering=0)


def find(folders):
    """The first of some folders that holds prepared pictures, or None.

    Raises:
      UserError: their preparation did not come to its end.
    """
    for folder in map(pathlib.Path, folders):
        if (folder / INDEX).is_file():
            return folder
        if any((folder / SHARDS).glob("*.tfrecord")):
            raise UserError(
                f"{folder} was not prepared to its end; run python -m oneshot_tf.prepare again, "
                "it goes on where it was"
            )
    return None


def load(name, folder, options):
    """A `Dataset` of prepared pictures.

    Args:
      name: the data set's name.
      folder: the folder that `find` gave.
      options: `DataOptions`; `image_size`, `channels`, `ink` and `read` count.

    Raises:
      UserError: of another data set or other settings, not whole, or of another version.
    """
    index = read_json(folder / INDEX)
    _check(index, name, folder, options)
    _check_form(index, folder)
    shards = [folder / SHARDS / shard for shard in index["shards"]]
    for path, size in zip(shards, index["shards"].values(), strict=True):
        if not path.is_file() or path.stat().st_size != size:
            raise UserError(
                f"{path} must be there with {size} bytes; run python -m oneshot_tf.prepare again"
            )
    table = read_table(folder / TABLE)
    if table is None or len(table.at) != index["offsets"][-1]:
        raise UserError(
            f"{folder / TABLE} must be the table of {index['offsets'][-1]} pictures; run python -m "
            "oneshot_tf.prepare again"
        )
    _opened.cache_clear()  # shards may be others than before
    rows = np.arange(len(table.at))
    images = PreparedImages(
        options.image_size,
        options.channels,
        rows,
        np.zeros(len(rows), np.int8),
        tuple(map(str, shards)),
        table,
    )
    offsets = np.asarray(index["offsets"], np.int64)
    if options.read == "memory":
        check_memory(len(rows) * options.image_size**2 * options.channels)
        images = images[:]
    return Dataset(name, images, offsets, tuple(index["classes"]))


def check_memory(needed):
    """Refuses pictures of more bytes than this machine's memory, where that is known."""
    if not hasattr(os, "sysconf"):
        return
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise UserError(
            f"--read=memory needs room for {needed / 2**30:.1f} GiB of pictures. Received: a machine "
            f"of {there / 2**30:.1f} GiB; say --read=files"
        )


def _check(index, name, folder, options):
    """Refuses what was prepared for something else."""
    found = index.get("format") if isinstance(index, dict) else None
    if found != FORMAT:
        raise UserError(
            f"{folder / INDEX} must be of format {FORMAT}. Received: {found!r}; prepare the pictures again"
        )
    wanted = {"dataset": name, **settings_of(options)}
    for field, value in wanted.items():
        if index.get(field) != value:
            raise UserError(
                f"{folder} was prepared with --{field}={index.get(field)}. Received: --{field}={value}; "
                "say the same (of pictures that are varied, --augment_size is meant), or prepare them again"
            )


def _check_form(index, folder):
    """Refuses an index that names no classes, or files elsewhere."""
    classes, offsets, shards = (index.get(name) for name in ("classes", "offsets", "shards"))
    right = (
        _all_of(str, classes)
        and _all_of(int, offsets)
        and len(offsets) == len(classes) + 1
        and offsets[0] == 0
        and all(a < b for a, b in itertools.pairwise(offsets))
        and isinstance(shards, dict)
        and all(pathlib.PurePath(name).parts == (name,) for name in shards)
        and _all_of(int, list(shards.values()))
    )
    if not right:
        raise UserError(
            f"{folder / INDEX} is damaged (classes, offsets or shards are none); prepare the pictures "
            "again"
        )


def _all_of(kind, values):
    """Whether this is a list of some such, none of them a bool."""
    return isinstance(values, list) and bool(values) and all(type(v) is kind for v in values)


def settings_of(options):
    """{option: value} of what pixels depend on; ink counts on gray pictures alone."""
    found = {name: getattr(options, name) for name in SETTINGS}
    return found if options.channels == 1 else {**found, "ink": None}


def read_table(path):
    """The `Table` of an .npz file, or None where it cannot be read."""
    try:
        with np.load(path) as arrays:
            table = Table(*(arrays[field] for field in Table._fields))
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile, *_ODD):
        return None
    kinds = [array.dtype.kind for array in table]
    alike = len({array.shape for array in table}) == 1 and table.at.ndim == 1
    return table if alike and kinds == list("iiuSii") else None

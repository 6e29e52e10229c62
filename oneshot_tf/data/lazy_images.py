"""Pictures that stay in their files and are decoded when they are asked for."""

import dataclasses
import functools
import os
import pathlib
import typing

import numpy as np

from oneshot_tf.data import archives
from oneshot_tf.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class LazyImages:
    """What looks like a uint8 array [n, S, S, C] to those who read rows of it.

    No pixels are kept: `images[rows]` reads and decodes them. Several threads may do so at once,
    for Pillow lets go of Python's lock; one batch is read by one thread, since threads that share
    the small pictures of a batch wait for the lock longer than they decode.

    Attributes:
      size: S, pixels.
      channels: C.
      rows: int64 [n], which of what is stored each picture is.
      mirror: int8 [n], the axis that each picture is mirrored along, as in [n, S, S, C]; 0 is none.
    """

    size: int
    channels: int
    rows: np.ndarray
    mirror: np.ndarray

    dtype = np.dtype(np.uint8)
    ndim = 4

    @property
    def shape(self):
        return len(self.rows), self.size, self.size, self.channels

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        """uint8 [k, S, S, C]: the pictures at a slice or at integers [k].

        Raises:
          UserError: a file that is gone, or no readable picture; it is named.
        """
        # a batch of episodes may hold one picture often
        if isinstance(index, slice):
            index = np.arange(len(self))[index]
        wanted, places = np.unique(index, return_inverse=True)
        images = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        for i, row in enumerate(wanted):
            picture = self.stored(self.rows[row])
            images[i] = np.flip(picture, self.mirror[row] - 1) if self.mirror[row] else picture
        return images[places.reshape(-1)]

    def stored(self, index):
        """uint8 [S, S, C]: one of what is stored."""
        raise NotImplementedError

    def origins(self):
        """(path, (bytes, checksum or None)) of the file that each of what is stored is read from."""
        raise NotImplementedError

    def take(self, rows, axis=0):
        """The pictures of some rows, still in their files, as `numpy.ndarray.take` has them."""
        if axis != 0:
            raise ValueError(f"`axis` must be 0. Received: {axis}")
        return dataclasses.replace(self, rows=self.rows[rows], mirror=self.mirror[rows])

    def mirrored(self, mask, axis):
        """The same pictures, those where `mask` (bool [n]) is true mirrored along an axis.

        Args:
          mask: which.
          axis: 1 (top to bottom) or 2 (left to right).
        """
        if self.mirror.any():
            raise ValueError("These pictures are mirrored already")
        return dataclasses.replace(self, mirror=np.where(mask, axis, 0).astype(np.int8))

    def fingerprint(self, digest):
        """Feeds a hash with what the pictures are read from: names, sizes, checksums of zips."""
        digest.update(self.rows.tobytes() + self.mirror.tobytes())
        for name, mark in self.origins():
            digest.update(f"{name}\0{mark}\n".encode("utf-8", "surrogateescape"))


@dataclasses.dataclass(frozen=True, eq=False)
class FileImages(LazyImages):
    """`LazyImages` of a file each.

    Attributes:
      files: (store, name) of each picture file: a folder or a zip, and the path in there.
      decode: (bytes, what to call the file in an error) -> uint8 [S, S, C].
    """

    files: typing.Sequence[tuple[typing.Any, str]]
    decode: typing.Callable

    def stored(self, index):
        """uint8 [S, S, C]: the picture of a file."""
        store, name = self.files[index]
        return self.decode(read(store, name), where(store, name))

    def origins(self):
        """Their own names and marks."""
        for (_, name), mark in zip(self.files, marks(self.files), strict=True):
            yield name, mark[:2]


def make(files, decode, size, channels):
    """`FileImages` of all files, in their order.

    Raises:
      UserError: a store that single files cannot be read from.
    """
    for store in {store for store, _ in files}:
        check_store(store)
    _opened.cache_clear()  # an archive may be another one than before
    zipfile_like.cache_clear()
    rows = np.arange(len(files))
    return FileImages(size, channels, rows, np.zeros(len(files), np.int8), files, decode)


def check_store(store):
    """Refuses a store that single files cannot be read from.

    Raises:
      UserError: a tar archive, which has to be read from its front.
    """
    if archives.is_tar(store) and not pathlib.Path(store).is_dir():
        raise UserError(
            f"{store} can be read from front to end only; extract it, or leave out --read=files and "
            "--skip_damaged"
        )


def where(store, name):
    """What an error calls a file."""
    return f"{store}: {name}" if zipfile_like(store) else pathlib.Path(store) / name


def read(store, name):
    """The bytes of one file of a folder or a zip.

    Raises:
      UserError: it cannot be read, or is damaged; it is named.
    """
    if not zipfile_like(store):
        return archives.read_file(pathlib.Path(store) / name)
    try:
        return archives.read_member(_archive(store), name)
    except (*archives.DAMAGE, KeyError) as error:
        raise UserError(f"{store}: {name} is damaged ({error}); get the archive again") from None


@functools.lru_cache(maxsize=64)
def zipfile_like(store):
    """Whether a store is a file, not a folder; asked once, for it is asked for every picture."""
    return not pathlib.Path(store).is_dir()


def marks(files):
    """What tells that a file has changed, of each: (size, checksum or None, time or None)."""
    infos = {
        store: {info.filename: info for info in _archive(store).infolist()}
        for store in {store for store, _ in files}
        if zipfile_like(store)
    }
    for store, name in files:
        if store in infos:
            info = infos[store][name]
            yield info.file_size, info.CRC, None
        else:
            found = _stat(pathlib.Path(store) / name)
            yield found.st_size, None, found.st_mtime_ns


def _stat(path):
    try:
        return path.stat()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check its rights") from None


def _archive(store):
    return _opened(str(store), os.getpid())


# one a process: two that share an open file would move each other's place in it
@functools.lru_cache(maxsize=16)
def _opened(path, process):
    del process
    return archives.open_zip(path)

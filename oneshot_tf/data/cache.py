"""Prepared data sets on disk, by the hash of what they were made from."""

import hashlib
import os
import pathlib
import sys
import zipfile

import numpy as np
import platformdirs

from oneshot_tf.data.dataset import Dataset
from oneshot_tf.files import replacing

_VERSION = 1  # raise it when the preparation of pictures changes


def cache_dir():
    """`$ONESHOT_TF_CACHE`, else the user's cache folder: data folders may be read-only."""
    return pathlib.Path(
        os.environ.get("ONESHOT_TF_CACHE") or platformdirs.user_cache_dir("oneshot_tf")
    )


def file_sha256(paths):
    """One hash over the bytes of some files, in order."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def cached(name, source_sha256, settings, build):
    """The data set `build()` makes, from the cache where it has been made before.

    Args:
      name: the data set's name.
      source_sha256: hash of the files it is made from.
      settings: what else it depends on (sizes and the like), any object with a stable repr.
      build: () -> Dataset.
    """
    key = hashlib.sha256(repr((_VERSION, name, source_sha256, settings)).encode()).hexdigest()[:32]
    path = cache_dir() / f"{name}-{key}.npz"
    dataset = _read(path, name)
    if dataset is not None:
        return dataset
    dataset = build()
    try:
        _write(path, dataset)
    except OSError as error:
        reason = error.strerror or error
        print(f"Not cached: {path.parent} cannot be written ({reason}); going on.", file=sys.stderr)
    return dataset


def _read(path, name):
    """The data set of a cache file, or None where there is none that can be read."""
    try:
        with np.load(path) as arrays:
            names = tuple(arrays["class_names"].tolist())
            return Dataset(name, arrays["images"], arrays["offsets"], names)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # absent, or damaged: made again


def _write(path, dataset):
    with replacing(path, "wb") as file:
        np.savez(
            file,
            images=dataset.images,
            offsets=dataset.offsets,
            class_names=np.array(dataset.class_names),
        )

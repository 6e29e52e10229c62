"""Damaged pictures among the files: found once, and left out of their classes."""

import concurrent.futures
import hashlib
import json
import os
import sys

import tqdm

from oneshot_tf.data import cache, lazy_images, pictures
from oneshot_tf.errors import UserError
from oneshot_tf.files import read_json, write_text

_AT_ONCE = 1000  # files handed to the threads; what waits takes memory


def leave_out(name, classes):
    """The classes without the files that cannot be decoded; a line says which were left out.

    What was found is kept beside the prepared data sets, so that each file is checked once.

    Args:
      name: the data set's name.
      classes: {class: [(store, name)]}.

    Returns:
      Likewise; a class of which nothing is left is left out as well.

    Raises:
      UserError: a store that single files cannot be read from.
    """
    files = [file for group in classes.values() for file in group]
    for store in {store for store, _ in files}:
        lazy_images.check_store(store)
    damaged = _kept(name, files)
    if damaged:
        more = f" ({len(damaged) - 1} more)" if len(damaged) > 1 else ""
        reason = next(iter(damaged.values()))
        print(f"{name}: left out {len(damaged)} of {len(files)} pictures: {reason}{more}")
    left = {
        label: [file for file in group if _key(file) not in damaged]
        for label, group in classes.items()
    }
    return {label: group for label, group in left.items() if group}


def _key(file):
    return f"{file[0]}: {file[1]}"


def _kept(name, files):
    """{file: what is wrong with it} of the damaged ones, from the cache where they are known."""
    digest = hashlib.sha256()
    for file, mark in zip(files, lazy_images.marks(files), strict=True):
        digest.update(f"{_key(file)}\0{mark}\n".encode("utf-8", "surrogateescape"))
    path = cache.cache_dir() / f"{name}-damaged-{digest.hexdigest()[:32]}.json"
    if path.is_file():
        return read_json(path)
    damaged = find(name, files)
    try:
        write_text(path, json.dumps(damaged))
    except (UserError, OSError) as error:
        print(f"{error}; going on, the files will be checked again.", file=sys.stderr)
    return damaged


def find(name, files):
    """{file: what is wrong with it} of the damaged ones of some files; every file is decoded."""
    quiet, reasons = not sys.stderr.isatty(), []
    with (
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm.tqdm(desc=f"{name}: check", total=len(files), disable=quiet) as bar,
    ):
        for at in range(0, len(files), _AT_ONCE):
            reasons += pool.map(_reason, files[at : at + _AT_ONCE])
            bar.update(len(reasons) - bar.n)
    return {_key(f): reason for f, reason in zip(files, reasons, strict=True) if reason}


def _reason(file):
    """The error of a file that cannot be decoded, None of the others."""
    try:
        pictures.decode(lazy_images.read(*file), lazy_images.where(*file))
    except UserError as error:
        return str(error)
    return None

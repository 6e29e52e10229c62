"""Decodes pictures once and writes them as TFRecord shards, which `prepared` reads.

Pixels are stored raw, not as JPEG: decoded once more, they would not be those of the files, and
episodes and resumed runs would change with the preparation; and reading them takes no decoder. At
224 x 224 a picture takes 147 KB, somewhat more than ImageNet's own files; all of them 180 GiB.

A shard appears when it is whole, with what is known of it beside it; a run that was interrupted
goes on behind the last. `prepared.json`, by which the folder is known, comes last.
"""

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import re
import sys
import zipfile
import zlib

import numpy as np
import tqdm

from oneshot_tf import data
from oneshot_tf.data import lazy_images, prepared
from oneshot_tf.errors import UserError
from oneshot_tf.files import dump, replacing, write_text

DATASETS = ("folder", "imagenet")
SHARD_BYTES = 256 << 20  # about; small enough to be made again, large enough to be few
_OURS = re.compile(r"\d{5}\.(tfrecord|npz)(\.\d+\.part)?")
_AT_ONCE = 64  # pictures decoded side by side; what waits takes memory


def prepare(options, output):
    """Writes all shards that are not there yet, then the table and the index.

    Args:
      options: `DataOptions`; `dataset`, `data_dir`, `image_size`, `channels`, `ink` and
        `skip_damaged` count.
      output: the folder, which is made.

    Returns:
      What `prepared.json` says.

    Raises:
      UserError: no pictures, a damaged one (without `skip_damaged`), or no room to write.
    """
    if options.dataset not in DATASETS:
        raise UserError(
            f"--dataset must be one of {', '.join(DATASETS)}. Received: {options.dataset}"
        )
    _check_place(output, options)
    # whether a picture can be decoded shows when it is: no need to try all of them twice
    source = data.load(dataclasses.replace(options, read="files", skip_damaged=False))
    if not isinstance(source.images, lazy_images.FileImages):
        raise UserError(f"--data_dir={options.data_dir} is prepared already; name the pictures")
    _clear(output)
    rows = len(source.images)
    step = max(1, SHARD_BYTES // int(np.prod(source.images.shape[1:])))
    quiet, parts = not sys.stderr.isatty(), []
    with tqdm.tqdm(desc="prepare", total=rows, unit="picture", disable=quiet) as bar:
        marks = list(lazy_images.marks(source.images.files))
        for number, start in enumerate(range(0, rows, step)):
            chosen = range(start, min(start + step, rows))
            parts.append(_shard(source, options, output, number, chosen, marks))
            bar.update(len(chosen))
    return _finish(source, options, output, parts)


def _check_place(output, options):
    """Refuses an output among the pictures, where the next reading would find it in their stead."""
    place, root = output.resolve(), data.data_dir(options).resolve()
    if options.dataset == "folder" and root in (place, *place.parents):
        raise UserError(
            f"--output must be outside of --data_dir, where it would be a class. Received: {output}"
        )
    if place in (root, root / options.dataset):
        raise UserError(
            f"--output must not be where the pictures are looked for. Received: {output}"
        )


def _clear(output):
    """Makes the folder, and what is in it no prepared one until all is done."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / prepared.INDEX).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(output, error.strerror) from None


def _unwritable(path, reason):
    return UserError(f"{path} cannot be written ({reason}); name another --output")


def _shard(source, options, output, number, rows, marks):
    """{field: array} of a shard, made where it is not there whole and of these very files."""
    path = output / prepared.SHARDS / f"{number:05d}.tfrecord"
    beside = path.with_suffix(".npz")
    digest = _digest(source, options, rows, marks)
    found = _read_beside(beside, path, digest)
    if found and (options.skip_damaged or not len(found["left_out"])):
        return found
    beside.unlink(missing_ok=True)  # or an older one would vouch for the new shard
    kept, at, checksums, left_out = _write(source, path, rows, options.skip_damaged)
    files = source.images.files
    found = {
        "digest": np.array(digest),
        "bytes": np.array(path.stat().st_size),
        "rows": np.array(kept, np.int64),
        "left_out": np.array(left_out, np.str_),
        "shard": np.full(len(kept), number, np.int32),
        "at": np.array(at, np.int64),
        "checksum": np.array(checksums, np.uint32),
        "name": np.array([os.fsencode(files[row][1]) for row in kept], np.bytes_),
        "size": np.array([marks[row][0] for row in kept], np.int64),
        "file_checksum": np.array(
            [-1 if marks[row][1] is None else marks[row][1] for row in kept], np.int64
        ),
    }
    _save(beside, found)
    return found


def _digest(source, options, rows, marks):
    """Hash of what a shard is made of: settings, classes, files and when they changed."""
    digest = hashlib.sha256(json.dumps(prepared.settings_of(options)).encode())
    for row, label in zip(rows, _labels(source, rows), strict=True):
        name = f"{label}\0{source.class_names[label]}\0{source.images.files[row][1]}"
        digest.update(f"{name}\0{marks[row]}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _labels(source, rows):
    """int64: the class of each of some rows of a `Dataset`."""
    return np.searchsorted(source.offsets, rows, side="right") - 1


def _read_beside(path, shard, digest):
    """What is known of a whole shard, or None where it is not whole or of something else."""
    try:
        with np.load(path) as arrays:
            found = dict(arrays)
        whole = found["digest"] == digest and shard.stat().st_size == found["bytes"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found if whole else None


def _write(source, path, rows, skip):
    """Writes one shard: all of it or nothing.

    Returns:
      (rows written, where the pixels of each begin, their checksums, errors of those left out).
    """
    import tensorflow as tf  # late: reading needs none

    kept, at, checksums, left_out, end = [], [], [], [], 0
    labels = _labels(source, rows)
    try:
        with replacing(path, "wb") as file, tf.io.TFRecordWriter(file.name) as writer:
            for row, picture in _decoded(source.images, rows, skip):
                if isinstance(picture, UserError):
                    left_out.append(str(picture))
                    continue
                pixels, label = picture.tobytes(), int(labels[row - rows.start])
                record = _example(tf, source, row, label, pixels)
                writer.write(record)
                kept.append(row)
                at.append(end + 12 + record.find(pixels))  # behind the length and its checksum
                checksums.append(zlib.crc32(pixels))
                end += 12 + len(record) + 4
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "message", error)
        raise _unwritable(path, reason) from None
    return kept, at, checksums, left_out


def _decoded(images, rows, skip):
    """(row, pixels, or the `UserError` of a damaged file where those are skipped) of each row."""

    def decode(row):
        try:
            return images.stored(row)
        except UserError as error:
            if not skip:
                raise UserError(f"{error}; or leave it out with --skip_damaged") from None
            return error

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(rows.start, rows.stop, _AT_ONCE):
            chosen = range(start, min(start + _AT_ONCE, rows.stop))
            yield from zip(chosen, pool.map(decode, chosen), strict=True)


def _example(tf, source, row, label, pixels):
    """A serialised `tf.train.Example`, so that other readers know what a shard holds."""

    def of_bytes(*values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    def of_numbers(*values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    features = {
        "image": of_bytes(pixels),
        "shape": of_numbers(*source.images.shape[1:]),
        "label": of_numbers(label),
        "class": of_bytes(source.class_names[label].encode("utf-8", "surrogateescape")),
        "name": of_bytes(os.fsencode(source.images.files[row][1])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _finish(source, options, output, parts):
    """Writes the table and, last, the index; classes of which nothing is left are left out."""
    rows = np.concatenate([part["rows"] for part in parts])
    counts = np.diff(np.searchsorted(rows, source.offsets))
    if not len(rows):
        raise UserError(f"--data_dir={options.data_dir} must have pictures that can be decoded")
    left_out = [reason for part in parts for reason in part["left_out"].tolist()]
    for reason in left_out:
        print(f"left out: {reason}")
    index = {
        "format": prepared.FORMAT,
        "dataset": options.dataset,
        **prepared.settings_of(options),
        "classes": [n for n, count in zip(source.class_names, counts, strict=True) if count],
        "offsets": [0, *np.cumsum(counts[counts > 0]).tolist()],
        "shards": {f"{k:05d}.tfrecord": int(part["bytes"]) for k, part in enumerate(parts)},
        "left_out": left_out,
    }
    table = {
        field: np.concatenate([part[field] for part in parts]) for field in prepared.Table._fields
    }
    for path in (output / prepared.SHARDS).iterdir():
        # of a larger preparation, or of one that was killed
        stale = f"{path.name[:5]}.tfrecord" not in index["shards"] or path.suffix == ".part"
        if _OURS.fullmatch(path.name) and stale:
            path.unlink()
    _save(output / prepared.TABLE, table)
    write_text(output / prepared.INDEX, dump(index))
    return index


def _save(path, arrays):
    try:
        with replacing(path, "wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise _unwritable(path, error.strerror) from None

"""Picture files in folders and archives: what the sources of photographs share.

A picture file is a pair (store, name): the folder or the archive, and its path in there.
"""

import csv
import hashlib
import io
import pathlib
import re
import sys

import numpy as np
import tqdm

from oneshot_tf.data import archives, cache, damage, lazy_images, pictures
from oneshot_tf.data.dataset import Dataset
from oneshot_tf.errors import UserError

WNID = re.compile(r"n\d{8}")  # ImageNet's name of a class
PARTS = ("train", "val", "test")
_SUFFIXES = (".jpg", ".jpeg", ".png")


def names(store):
    """The paths of all pictures of a folder or an archive, sorted; hidden files are passed over.

    Raises:
      UserError: an archive that is damaged.
    """
    store = pathlib.Path(store)
    if store.is_dir():
        found = [path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()]
    else:
        found = archives.names(store)
    return sorted(name for name in found if _is_picture(name))


def _is_picture(name):
    path = pathlib.PurePosixPath(name)
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return path.suffix.lower() in _SUFFIXES and not hidden


def contents(store, wanted):
    """The bytes of each file of a store, in the order of `wanted`."""
    if pathlib.Path(store).is_dir():
        for name in wanted:
            yield archives.read_file(pathlib.Path(store) / name)
    else:
        yield from archives.contents(store, wanted)


def by_folder(store, found):
    """{wnid: [(store, name)]} of the pictures that lie in a folder named like a class."""
    classes = {}
    for name in found:
        folders = [p for p in pathlib.PurePosixPath(name).parts[:-1] if WNID.fullmatch(p)]
        if folders:
            classes.setdefault(folders[-1], []).append((store, name))
    return classes


def read_csvs(place):
    """{part: {file name: class}} of train.csv, val.csv and test.csv, or None where they are not.

    Args:
      place: a folder, or a zip that may have them at any depth.

    Raises:
      UserError: not lines of `filename,label`, or one file named twice.
    """
    texts = _csv_texts(pathlib.Path(place))
    if texts is None:
        return None
    tables = {part: _table(text, f"{place}: {part}.csv") for part, text in texts.items()}
    everything = [name for table in tables.values() for name in table]
    if len(set(everything)) != len(everything):
        raise UserError(f"{place}: train.csv, val.csv and test.csv share files; get them again")
    return tables


def _csv_texts(place):
    wanted = {f"{part}.csv": part for part in PARTS}
    if place.is_dir():
        if not all((place / name).is_file() for name in wanted):
            return None
        return {part: archives.read_file(place / name) for name, part in wanted.items()}
    with archives.open_zip(place) as archive:
        inside = {
            wanted[pathlib.PurePosixPath(name).name]: name
            for name in archive.namelist()
            if pathlib.PurePosixPath(name).name in wanted and "__MACOSX" not in name
        }
        if len(inside) < len(wanted):
            return None
        return {part: archives.read(archive, inside[part]) for part in PARTS}


def _table(content, where):
    try:
        rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{where} is no CSV file ({error}); get it again") from None
    if not rows or rows[0] != ["filename", "label"] or any(len(row) != 2 for row in rows):
        raise UserError(f"{where} must have the columns filename,label alone; get it again")
    table = dict(rows[1:])
    if len(table) != len(rows) - 1:
        raise UserError(f"{where} names a file twice; get it again")
    return table


def by_table(tables, stores, where):
    """{class: [(store, name)]} of what CSV files name, looked up by file name in some stores.

    Args:
      tables: {part: {file name: class}}.
      stores: {store: names in it}.
      where: what to call the CSV files' place in an error.

    Raises:
      UserError: a file is in no store.
    """
    places = {
        pathlib.PurePosixPath(name).name: (store, name)
        for store, found in stores.items()
        for name in found
    }
    labels = {name: label for table in tables.values() for name, label in table.items()}
    missing = [name for name in labels if name not in places]
    if missing:
        raise UserError(
            f"The CSV files of {where} name {len(missing)} pictures of {len(labels)} that are not "
            f"in {', '.join(str(store) for store in stores)}, first {missing[0]}; complete them"
        )
    classes = {}
    for name, label in labels.items():
        classes.setdefault(label, []).append(places[name])
    return classes


def sorted_classes(classes):
    """Classes by name, and the pictures of each by the numbers in their file names."""

    def place(file):
        path = pathlib.PurePosixPath(file[1])
        numbers = re.findall(r"\d+", path.stem)
        return [int(number) for number in numbers], path.name

    return {name: sorted(classes[name], key=place) for name in sorted(classes)}


def sha256(classes):
    """Hash of the class of every picture, its file name, and the bytes that it is read from."""
    digest = hashlib.sha256()
    for store, files in sorted(_by_store(classes).items()):
        is_folder = pathlib.Path(store).is_dir()
        digest.update(b"" if is_folder else cache.file_sha256([store]).encode())
        for label, _, name in files:
            digest.update(f"{label}/{pathlib.PurePosixPath(name).name}\n".encode())
            if is_folder:
                digest.update(
                    hashlib.sha256(archives.read_file(pathlib.Path(store) / name)).digest()
                )
    return digest.hexdigest()


def _by_store(classes):
    """{store: [(class, row of the data set, name)]}, so that every zip is opened once."""
    stores, row = {}, 0
    for label, files in classes.items():
        for store, name in files:
            stores.setdefault(store, []).append((label, row, name))
            row += 1
    return stores


def load(name, classes, options, middle=None):
    """A `Dataset` of picture files, read as `options` say; each is squeezed to a square.

    Args:
      name: the data set's name.
      classes: {class: [(store, name)]}.
      options: `DataOptions`; `image_size`, `channels`, `ink`, `read` and `skip_damaged` count.
      middle: cut larger pictures to their middle square of so many pixels first; 0 does not,
        `pictures.SHORTER_SIDE` cuts all to the largest that they have.

    Raises:
      UserError: damaged pictures, or an archive that cannot be read as `options` say.
    """
    classes = sorted_classes(classes)
    if options.skip_damaged:
        classes = damage.leave_out(name, classes)
    if options.read == "files":
        size = options.image_size, options.channels
        return lazy(name, classes, lambda *file: _decode(*file, options, middle), *size)
    settings = settings_of(options)
    return cache.cached(
        name,
        sha256(classes),
        settings if middle is None else (*settings, middle),
        lambda: build(name, classes, options, middle),
    )


def settings_of(options):
    """What of `DataOptions` the pictures in memory depend on, for `cache.cached`."""
    settings = (options.image_size, options.channels)
    return (*settings, options.ink) if options.channels == 1 else settings


def lazy(name, classes, decode, size, channels):
    """A `Dataset` of pictures that stay in their files.

    Args:
      name: the data set's name.
      classes: {class: [(store, name)]}.
      decode: see `FileImages`.
      size: height and width, pixels.
      channels: 1 or 3.
    """
    files = [file for group in classes.values() for file in group]
    sizes = [len(group) for group in classes.values()]
    images = lazy_images.make(files, decode, size, channels)
    return Dataset(name, images, np.cumsum([0, *sizes]).astype(np.int64), tuple(classes))


def build(name, classes, options, middle=None):
    """A `Dataset` of picture files in memory; arguments as of `load`."""
    sizes = [len(files) for files in classes.values()]
    size, channels = options.image_size, options.channels
    images = np.empty((sum(sizes), size, size, channels), np.uint8)
    quiet = not sys.stderr.isatty()
    with tqdm.tqdm(desc=name, total=len(images), unit="picture", disable=quiet) as bar:
        for store, files in _by_store(classes).items():
            wanted = [file for _, _, file in files]
            for (_, row, file), content in zip(files, contents(store, wanted), strict=True):
                images[row] = _decode(content, f"{store}: {file}", options, middle)
                bar.update()
    return Dataset(name, images, np.cumsum([0, *sizes]).astype(np.int64), tuple(classes))


def _decode(content, where, options, middle):
    image = pictures.centre(pictures.decode(content, where), middle)
    return pictures.with_ink(
        pictures.to_array(image, options.image_size, options.channels), options.ink
    )

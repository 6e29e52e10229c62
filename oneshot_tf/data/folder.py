"""A user's own pictures: `DIR/<class>/*`, one folder a class, or what `prepare` made of them."""

import hashlib
import pathlib

import numpy as np

from oneshot_tf.data import archives, cache, damage, image_files, pictures, prepared
from oneshot_tf.data.dataset import from_classes
from oneshot_tf.data.sources import DataSource
from oneshot_tf.errors import UserError

# What file managers leave behind.
JUNK = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"}


def load(data_dir, options):
    """The pictures of a folder; every folder in it is a class, folders further in are not read.

    Args:
      data_dir: the folder. Hidden files and what file managers leave behind are passed over.
      options: `DataOptions`; `image_size`, `channels`, `ink`, `read` and `skip_damaged` count.

    Returns:
      A `Dataset` with sorted class names and, in each class, pictures sorted by file name.

    Raises:
      UserError: no such folder, fewer than two classes or fewer than two pictures of one, or a
        file that is no readable picture.
    """
    data_dir = pathlib.Path(data_dir)
    if prepared.find([data_dir]):
        dataset = prepared.load("folder", data_dir, options)
        _check(dict(zip(dataset.class_names, dataset.class_sizes, strict=True)), data_dir)
        return dataset
    classes = list_classes(data_dir)
    if options.skip_damaged:
        kept = damage.leave_out("folder", _named(classes, data_dir))
        classes = {name: [data_dir / file for _, file in files] for name, files in kept.items()}
    _check({name: len(files) for name, files in classes.items()}, data_dir)
    if options.read == "files":
        size, channels = options.image_size, options.channels
        return image_files.lazy(
            "folder",
            _named(classes, data_dir),
            lambda content, where: pictures.prepare(content, where, options),
            size,
            channels,
        )
    settings = (options.image_size, options.channels, options.ink)

    def build():
        return from_classes(
            "folder",
            {
                name: np.stack([pictures.prepare(archives.read_file(f), f, options) for f in files])
                for name, files in classes.items()
            },
        )

    return cache.cached("folder", _sha256(classes), settings, build)


def _check(sizes, data_dir):
    """Refuses {class: number of pictures} that nothing can be learned from."""
    small = [name for name, size in sizes.items() if size < 2]
    if len(sizes) < 2 or small:
        found = f"{small[0]!r} has {sizes[small[0]]}" if small else f"{len(sizes)} classes"
        raise UserError(
            f"{data_dir} must hold at least 2 folders, one a class, of at least 2 pictures each; "
            f"{found}; add pictures or remove the class"
        )


def _named(classes, data_dir):
    """{class: [(folder, path in it)]} of {class: [path]}, as `image_files` has them."""
    return {
        name: [(data_dir, path.relative_to(data_dir).as_posix()) for path in files]
        for name, files in classes.items()
    }


def list_classes(data_dir):
    """{class name: [path of each file]} of a folder of folders, both sorted.

    Raises:
      UserError: there is no such folder, or a class's name is not UTF-8.
    """
    data_dir = pathlib.Path(data_dir)
    if not data_dir.is_dir():
        raise UserError(
            f"--data_dir must be a folder of folders of pictures, DIR/<class>/*. Received: "
            f"{data_dir}, which is not a folder"
        )
    folders = [path for path in visible(data_dir) if path.is_dir()]
    for path in folders:
        try:
            path.name.encode()
        except UnicodeEncodeError:  # from an old archive or disk: no text, so no class's name
            raise UserError(
                f"The folder of a class must have a name in UTF-8. Received: {path.name!r} in "
                f"{data_dir}; rename it"
            ) from None
    return {f.name: [path for path in visible(f) if path.is_file()] for f in folders}


def visible(folder):
    """What lies in a folder, sorted by name, without what nobody put there on purpose."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}); check its rights") from None
    return [p for p in paths if not p.name.startswith(".") and p.name.lower() not in JUNK]


def _sha256(classes):
    """Hash of names and contents: a file moved to another class changes it."""
    digest = hashlib.sha256()
    for name, files in classes.items():
        for path in files:
            content = hashlib.sha256(archives.read_file(path)).hexdigest()
            digest.update(f"{name}/{path.name}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


SOURCE = DataSource(
    load,
    licence="pictures of the user who trained the model",
    defaults={"test_rotations": False},
    picture_files=True,
)

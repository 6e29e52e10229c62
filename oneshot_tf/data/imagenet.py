"""ImageNet (ILSVRC2012): the training pictures of 1,000 classes under ImageNet's names (wnids).

Read from `<data_dir>/[imagenet/][train/]`, or a folder `ILSVRC2012_img_train` there:

- a folder a class, `n01440764/n01440764_10026.JPEG`;
- or a zip a class, `n01440764.zip`; the tar archives that ImageNet gives have to be extracted.

The paper says "full size" of its pictures and cites Inception, which takes squares. Here a picture
is cut to the largest square in its middle, so that nothing is squeezed, and resized to
`--image_size` (224; 299 is Inception's own); training varies it by `--random_crop` and `--flip`.
1.28 million pictures do not fit in memory: `--read=files` is this data set's default; and it takes
what `python -m oneshot_tf.prepare` made of them, under the data directory or its `imagenet`.
"""

import pathlib

from oneshot_tf.data import image_files, pictures, prepared
from oneshot_tf.data.sources import COLOUR, IMAGENET_LICENCE, DataSource
from oneshot_tf.errors import UserError

NAME = "imagenet"
EXTRACTED = "ILSVRC2012_img_train"
_CLASS = "n" + "[0-9]" * 8


def load(data_dir, options):
    """The classes of ImageNet, sorted by name.

    Args:
      data_dir: the folder with the pictures, in one of the layouts above.
      options: `DataOptions`; `image_size`, `channels`, `read` and `skip_damaged` count.

    Raises:
      UserError: the pictures are not there, in tar archives, damaged, or too many for the memory.
    """
    data_dir = pathlib.Path(data_dir)
    place = prepared.find([data_dir / NAME, data_dir])
    if place:
        return prepared.load(NAME, place, options)
    classes = _find(data_dir)
    if options.read == "memory":
        count = sum(map(len, classes.values()))
        prepared.check_memory(count * options.image_size**2 * options.channels)
    return image_files.load(NAME, classes, options, pictures.SHORTER_SIDE)


def _find(data_dir):
    """{wnid: [(store, name)]} of the first layout that is there."""
    roots = [
        root / inside for root in (data_dir / NAME, data_dir) for inside in ("train", EXTRACTED, "")
    ]
    for root in roots:
        folders = sorted(path for path in root.glob(_CLASS) if path.is_dir())
        if folders:
            # one store, so that a run does not ask of every class whether it is an archive
            classes = {
                path.name: [(root, f"{path.name}/{name}") for name in image_files.names(path)]
                for path in folders
            }
            return _checked(classes, root)
        zips = sorted(root.glob(f"{_CLASS}.zip"))
        if zips:
            classes = {
                path.stem: [(path, name) for name in image_files.names(path)] for path in zips
            }
            return _checked(classes, root)
        _refuse_tars(root)
    raise UserError(
        f"ImageNet is not in {data_dir} and cannot be downloaded; put the training pictures of "
        f"ILSVRC2012 there, or in {data_dir / NAME}, as train/<wnid>/*.JPEG, or name their folder with "
        "--data_dir=DIR"
    )


def _checked(classes, root):
    empty = [name for name, files in classes.items() if not files]
    if empty:
        raise UserError(
            f"{root} must have pictures in every class. Received: none in {len(empty)} of "
            f"{len(classes)}, first {empty[0]}; complete it, or remove the class"
        )
    return classes


def _refuse_tars(root):
    """ImageNet's own archives: one of all classes, or those that it holds, one a class."""
    tars = [*sorted(root.glob(f"{_CLASS}.tar")), *sorted(root.glob(f"{EXTRACTED}.tar"))]
    if tars:
        raise UserError(
            f"{tars[0]} can be read from front to end only; extract every class to a folder of its "
            f"name, {root / '<wnid>'}/*.JPEG"
        )


SOURCE = DataSource(
    load,
    licence=IMAGENET_LICENCE,
    defaults={**COLOUR, "image_size": 224, "random_crop": 16, "read": "files"},
    picture_files=True,
    splits=("rand", "dogs"),
    framing=lambda options: "the largest square in the middle",
)

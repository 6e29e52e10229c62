"""Makes miniImageNet's pictures from your own ILSVRC2012, by Ravi's CSV files.

DIR has the training pictures, `DIR/<wnid>/<wnid>_<number>.JPEG`; OUT has train.csv, val.csv and
test.csv (or `mini_imagenet_splits.zip`), and gets `OUT/mini_imagenet/images/*.jpg`, 84 x 84.

The CSV files do not name ImageNet's files: n0153282900000005.jpg is picture 5 of class n01532829.
Assumed, as the public preparation scripts do: the class's files in the order of the number behind
the underscore, counted from 1. That cannot be proved from the CSV files, though their numbers, from
1 to 1300, fit; and it takes a class with all its files: one that lacks some is shifted from there.
"""

import io
import re
import sys

import tqdm
from PIL import Image

from oneshot_tf.data import archives, mini_imagenet, pictures
from oneshot_tf.errors import UserError
from oneshot_tf.files import replacing

SIZE, QUALITY = 84, 95
_NUMBER = re.compile(r"_(\d+)\.JPEG", re.IGNORECASE)


def prepare(imagenet, data_dir):
    """Writes all pictures that are not there yet.

    Args:
      imagenet: folder of `<wnid>/*.JPEG`, or one with a folder `train` of those.
      data_dir: folder with the CSV files, which gets the pictures.

    Returns:
      The folder of the pictures.

    Raises:
      UserError: no CSV files, or a class or a picture that they name is not there.
    """
    csvs = mini_imagenet.find_csvs([data_dir / mini_imagenet.NAME, data_dir])
    if csvs is None:
        raise UserError(
            f"{data_dir} must have Ravi's train.csv, val.csv and test.csv, or "
            "mini_imagenet_splits.zip; found neither; put them there"
        )
    labels = {name: label for table in csvs[1].values() for name, label in table.items()}
    sources = _sources(imagenet, labels)
    target = data_dir / mini_imagenet.NAME / "images"
    for name, source in tqdm.tqdm(sources.items(), disable=not sys.stderr.isatty()):
        if not (target / name).is_file():  # so that an interrupted run goes on
            _write(target / name, source)
    return target


def _sources(imagenet, labels):
    """{name in the CSV files: path of the picture in ILSVRC2012}, all of them there."""
    root = imagenet / "train" if (imagenet / "train").is_dir() else imagenet
    files = {label: numbered(root / label) for label in sorted(set(labels.values()))}
    empty = [label for label, found in files.items() if not found]
    if empty:
        raise UserError(
            f"{root} lacks the pictures <wnid>/*.JPEG of {len(empty)} classes of {len(files)}, "
            f"first {empty[0]}; --imagenet must be the folder of ILSVRC2012's training pictures"
        )
    sources = {}
    for name, label in labels.items():
        match = mini_imagenet.CSV_NAME.fullmatch(name)
        number = int(match[2]) if match and match[1] == label else 0
        if not 1 <= number <= len(files[label]):
            raise UserError(
                f"{name} must be one of the {len(files[label])} pictures of {root / label}, counted "
                "from 1; is the class complete?"
            )
        sources[name] = files[label][number - 1]
    return sources


def numbered(folder):
    """The pictures of a class of ILSVRC2012 in the order of the number in their name."""
    found = [(_NUMBER.search(path.name), path) for path in folder.glob("*")]
    return [path for _, path in sorted((int(match[1]), path) for match, path in found if match)]


def _write(path, source):
    try:
        content = archives.read_file(source)
        pixels = pictures.to_array(pictures.decode(content, source), SIZE, 3)
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "JPEG", quality=QUALITY)
        with replacing(path, "wb") as file:
            file.write(encoded.getvalue())
    except OSError as error:
        raise UserError(f"{source} -> {path}: {error.strerror or error}") from None

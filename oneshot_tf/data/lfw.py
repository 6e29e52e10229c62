"""Labeled Faces in the Wild (Huang et al., 2007): pictures of people, a class each.

Read from an archive of `<person>/<person>_0001.jpg`, at any depth: the official `lfw.tgz`, or those
of the aligned pictures, `lfwa.tar.gz` and `lfw-deepfunneled.tgz`, or `lfw_84.zip`; or from the folder
that one of them extracts to; under the data directory or its folder `lfw`.
"""

import dataclasses
import pathlib
import random
import re

from oneshot_tf.data import image_files, splits
from oneshot_tf.data.sources import PHOTOGRAPHS, DataSource
from oneshot_tf.errors import UserError
from oneshot_tf.options import option
from oneshot_tf.run_config import DataOptions

NAME = "lfw"
# aligned ones first: they are what the papers' authors use
ARCHIVES = ("lfwa.tar.gz", "lfw-deepfunneled.tgz", "lfw.tgz", "lfw_84.zip")
FOLDERS = ("lfw2", "lfw-deepfunneled", "lfw_84")
TEST_PEOPLE = 80  # Tseran and Harada's; of their 343 training people, 43 are ours to validate on
VALIDATION_PEOPLE = 43
_PICTURE = re.compile(r"(?:^|/)([^/]+)/\1_\d{4}\.(?:jpe?g|png)$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class LFWOptions(DataOptions):
    """Which people, and what of their pictures."""

    dataset: str = option("lfw", "which data set")
    centre_crop: int = option(
        126,
        "cut larger pictures to their middle square of so many pixels before the resize; 0 (the "
        "paper, whose faces are aligned) does not",
        low=0,
        earlier=0,
    )
    min_images: int = option(
        5,
        "leave out people with fewer pictures (the paper: 3; but 5 gives its 423 people)",
        low=1,
        earlier=1,
    )
    mirrored_copies: str = option(
        "horizontal",
        "every picture's mirror image is a picture of its class as well; the paper's is "
        "`vertical`, upside down",
        choices=("none", "horizontal", "vertical"),
        earlier="none",
    )


def load(data_dir, options):
    """The people with at least `min_images` pictures, sorted by name.

    Args:
      data_dir: the folder with an archive, or with what it extracts to.
      options: `LFWOptions`; `image_size`, `channels`, `ink`, `centre_crop`,
        `min_images`, `mirrored_copies`, `read` and `skip_damaged` count.

    Raises:
      UserError: no pictures there, damaged ones, or nobody with as many.
    """
    people = _find(pathlib.Path(data_dir))
    everybody = image_files.load(NAME, people, options, options.centre_crop)
    dataset = everybody.with_at_least(options.min_images)
    return dataset.with_mirrored_copies(options.mirrored_copies)


def _find(data_dir):
    """{person: [(store, name)]} of the first layout that is there."""
    folders = [data_dir / NAME, data_dir]
    for folder in folders:
        for place in [folder / name for name in (*ARCHIVES, *FOLDERS)]:
            if place.exists():
                return _people(place)
    # the pictures themselves, in the one folder that is named like the data set
    if folders[0].is_dir():
        return _people(folders[0])
    raise UserError(
        f"Labeled Faces in the Wild is not in {data_dir}; put {ARCHIVES[2]} or {ARCHIVES[0]} there, "
        f"or the folder that it extracts to as {folders[0]}, or name its folder with --data_dir=DIR"
    )


def _people(place):
    people = {}
    for name in image_files.names(place):
        match = _PICTURE.search(name)
        if match:
            people.setdefault(match[1], []).append((place, name))
    if not people:
        raise UserError(
            f"{place} must hold <person>/<person>_0001.jpg; found none; delete it and get it again"
        )
    return people


def _framing(options):
    size = options.centre_crop
    return f"the middle {size} x {size} of 250 x 250 pixels" if size else None


def derive_split(class_names):
    """The rule behind the stored split: the paper's counts, shuffled by seed 0.

    Args:
      class_names: the 423 people with at least five pictures.
    """
    names = sorted(class_names)
    random.Random(0).shuffle(names)
    test, rest = names[:TEST_PEOPLE], names[TEST_PEOPLE:]
    return splits.make("tseran", rest[VALIDATION_PEOPLE:], rest[:VALIDATION_PEOPLE], test)


SOURCE = DataSource(
    load,
    licence="Labeled Faces in the Wild (Huang et al., 2007): research",
    Options=LFWOptions,
    defaults={**PHOTOGRAPHS, "image_size": 84},
    picture_files=True,
    splits=("tseran",),
    framing=_framing,
)

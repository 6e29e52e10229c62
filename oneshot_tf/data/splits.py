"""Which classes train, validate and test. Disjoint, by class name, with a hash.

Published splits stand in `oneshot_tf/data/split_files/*.json`. `derive` makes those of Omniglot,
`imagenet_splits` those of ImageNet, miniImageNet and Tiny ImageNet, `lfw` and `ptb` those of people
and words, and tests compare them. Every other data set is split at random from a seed. Any can be
split by a file of one's own (`own_split`).
"""

import dataclasses
import hashlib
import importlib.resources
import json
import random
import typing

from oneshot_tf import data
from oneshot_tf.data import own_split
from oneshot_tf.errors import UserError

# Which alphabets validate and test in the split that Snell et al. published for Vinyals et al.
_VINYALS_VALIDATION = (
    "Armenian", "Bengali", "Early_Aramaic", "Hebrew", "Mkhedruli_(Georgian)",
)  # fmt: skip
_VINYALS_TEST = (
    "Kannada", "Keble", "Malayalam", "Manipuri", "Mongolian", "Old_Church_Slavonic_(Cyrillic)",
    "Oriya", "Sylheti", "Syriac_(Serto)", "Tengwar", "Tibetan", "ULOG",
)  # fmt: skip
_VINYALS_TEST_TOO = tuple(f"Gurmukhi/character{n}" for n in range(42, 46))
# Characters at random by seed 0: how many train, and how many of these are ours to validate on.
_AT_RANDOM = {"flmn": (1209, 109), "characters": (1200, 172)}
OMNIGLOT_SPLITS = ("vinyals", "background", "flmn", "characters")


class Named(typing.NamedTuple):
    """What `load` needs of a data set: its name and its classes'."""

    name: str
    class_names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Split:
    """Class names of each part, each part sorted."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self):
        parts = [set(self.train), set(self.validation), set(self.test)]
        if len(set().union(*parts)) != sum(len(part) for part in parts):
            raise ValueError(f"The parts of split {self.name!r} share classes")

    def sha256(self):
        """Hash of the class names of all three parts, as hex."""
        lines = json.dumps([self.train, self.validation, self.test], ensure_ascii=False)
        return hashlib.sha256(lines.encode()).hexdigest()

    def describe(self):
        """What config and record say of a split."""
        return {
            "name": self.name,
            "classes": [len(self.train), len(self.validation), len(self.test)],
            "sha256": self.sha256(),
        }


def make(name, train, validation, test):
    return Split(name, *(tuple(sorted(part)) for part in (train, validation, test)))


def load(dataset, options):
    """The split that `options` (a `DataOptions`) names for a data set.

    Raises:
      UserError: a name that this data set does not have, a file that is no split of it, or too few classes
        to split.
    """
    published = published_of(dataset.name)
    name = options.split or (published[0] if published else "random")
    if name in published:
        return stored(name, dataset.name)
    if own_split.is_file(name):
        return of_file(name, dataset)
    if name != "random":
        names = ", ".join([*published, "random"])
        raise UserError(
            f"--split of {dataset.name} must be one of {names}, or a file of your own (FILE.json). "
            f"Received: {name}"
        )
    return shuffled(dataset.class_names, options.split_seed)


def of_file(path, dataset=None):
    """The split in a user's file; arguments and errors as of `own_split.read`."""
    name, parts = own_split.read(path, dataset)
    return make(name, **parts)


def published_of(name):
    """Names of the stored splits of a data set, the default first; () of one that has none."""
    return data.find(name).splits if name in data.DATASETS else ()


def shuffled(class_names, seed):
    """64/16/20 % of the classes, shuffled by `seed`; every part has at least two."""
    if len(class_names) < 6:
        raise UserError(
            f"A split into train, validation and test needs at least 6 classes. "
            f"Received: {len(class_names)}; a pretrained model tells as few apart untrained: "
            "python -m oneshot_tf.predict --help"
        )
    names = sorted(class_names)
    random.Random(seed).shuffle(names)
    test = max(2, round(0.2 * len(names)))
    validation = max(2, round(0.16 * len(names)))
    return make(
        f"random-{seed}", names[test + validation :], names[test : test + validation], names[:test]
    )


def stored(name, dataset="omniglot"):
    """A published split of a data set, from the package's file.

    Raises:
      UserError: the file was changed, or what is published of the split is not all of it.
    """
    folder = importlib.resources.files("oneshot_tf.data") / "split_files"
    fields = json.loads((folder / f"{dataset}_{name}.json").read_text(encoding="utf-8"))
    split = make(name, *(_expand(fields[part]) for part in ("train", "validation", "test")))
    if split.sha256() != fields["sha256"]:
        raise UserError(f"The stored split {name} does not have its hash; install the package anew")
    _check_whole(dataset, fields)
    return split


def _check_whole(dataset, fields):
    """Refuses a split read from a scan that lacks classes, where none were drawn in their place."""
    if fields.get("drawn"):
        return
    unread = [f"{slip} is no class that can be told" for slip in fields.get("unmended", ())]
    missing = {part: count for part, count in fields.get("missing", {}).items() if count}
    unread += [f"{count} classes of the {part} list are missing" for part, count in missing.items()]
    if unread:
        raise UserError(
            f"The split {fields['name']} of {dataset} is not known whole: {'; '.join(unread)}; use "
            f"--split={published_of(dataset)[0]} or --split=random"
        )


def derive(name, class_names, background):
    """The rule behind a stored split.

    Args:
      name: one of `OMNIGLOT_SPLITS`.
      class_names: all 1,623 names.
      background: the alphabets of images_background.
    """
    alphabet = {c: c.split("/")[0] for c in class_names}
    if name == "vinyals":
        validation = [c for c in class_names if alphabet[c] in _VINYALS_VALIDATION]
        test = [c for c in class_names if alphabet[c] in _VINYALS_TEST or c in _VINYALS_TEST_TOO]
    elif name == "background":
        # Lake's parts; the last five background alphabets by name validate.
        held_out = sorted(background)[-5:]
        validation = [c for c in class_names if alphabet[c] in held_out]
        test = [c for c in class_names if alphabet[c] not in background]
    else:
        # FLMN's split is random and not published. So are those of most figures above 97 % at 20 ways
        # (`characters`): their test characters share alphabets, and drawers, with the training's.
        known, held_out = _AT_RANDOM[name]
        names = sorted(class_names)
        random.Random(0).shuffle(names)
        test, validation = names[known:], names[known - held_out : known]
    rest = set(class_names) - set(validation) - set(test)
    return make(name, rest, validation, test)


def _expand(alphabets):
    """{"Greek": [1, 2]} -> ["Greek/character01", "Greek/character02"]; a list is one of names."""
    if isinstance(alphabets, list):
        return alphabets
    return [f"{a}/character{n:02d}" for a, numbers in alphabets.items() for n in numbers]


def compact(class_names):
    """The inverse of `_expand`, as the files store it."""
    alphabets = {}
    for name in sorted(class_names):
        alphabet, character = name.split("/character")
        alphabets.setdefault(alphabet, []).append(int(character))
    return alphabets

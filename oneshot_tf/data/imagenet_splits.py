"""How the stored splits of ImageNet and its subsets were made.

`ravi` and `tiny` are the classes of train.csv, val.csv and test.csv. `vinyals` is the list of
appendix B of Matching Networks, read from a scan with slips, which `mend` undoes where only one
real class is meant. The paper has no validation classes: the last 16 of its 80 training classes, in
the order of the list, are ours to validate on.

`rand` and `dogs` test 118 classes of all 1,000, section 4.1.2 and appendix C of Matching Networks.
The scan has 113 of the 118 of `rand`; 106 are real ids, 5 could be mended, 2 could not. All 111 are
tested; 7 classes drawn by seed 0 stand in for the rest (`drawn` in the file), so that as many are
held out as in the paper, though not all of them the paper's. `dogs` are the 118 classes below "dog"
(indices 151 to 268), which the damaged list of the paper is not needed for; on Tiny ImageNet those
6 of its 200. Validation classes are ours again, drawn by seed 0 from what the paper trains on.
"""

import random
import typing

from oneshot_tf.data.splits import make

VINYALS_TRAIN, VINYALS_TEST, VINYALS_VALIDATION = 80, 20, 16
RAND_TEST, FULL_VALIDATION, TINY_VALIDATION = 118, 82, 32


class Mended(typing.NamedTuple):
    """A list of class names without its slips.

    Attributes:
      ids: the real ids, in the order of the list.
      mended: {slip: the real id that it stands for}.
      unmended: slips that could stand for several ids, or for none that fits.
    """

    ids: tuple[str, ...]
    mended: dict[str, str]
    unmended: tuple[str, ...]


def from_tables(name, tables):
    """The `Split` of {part: {file name: class}}, as `image_files.read_csvs` gives it."""
    return make(name, *(set(tables[part].values()) for part in ("train", "val", "test")))


def vinyals(scanned, known):
    """The fields of the stored split `vinyals`.

    Args:
      scanned: {"train": ids, "test": ids} in the order of the scan, slips and all.
      known: all 1,000 real ids.
    """
    train, test = mend(scanned["train"], known), mend(scanned["test"], known)
    split = make(
        "vinyals", train.ids[:-VINYALS_VALIDATION], train.ids[-VINYALS_VALIDATION:], test.ids
    )
    # what could not be mended is named by itself
    found = {part: len(scanned[part]) for part in ("train", "test")}
    return {
        "name": split.name,
        "sha256": split.sha256(),
        "train": list(split.train),
        "validation": list(split.validation),
        "test": list(split.test),
        "scanned": scanned,
        "mended": {**train.mended, **test.mended},
        "unmended": [*train.unmended, *test.unmended],
        "missing": {"train": VINYALS_TRAIN - found["train"], "test": VINYALS_TEST - found["test"]},
    }


def rand(scanned, known):
    """The fields of the stored split `rand` of all of ImageNet.

    Args:
      scanned: the 118 ids in the order of the scan, as far as they are there, slips and all.
      known: all 1,000 real ids.
    """
    listed = mend(scanned, known)
    rest = sorted(set(known) - set(listed.ids))
    drawn = sorted(random.Random(0).sample(rest, RAND_TEST - len(listed.ids)))
    return {
        **held_out("rand", known, {*listed.ids, *drawn}, FULL_VALIDATION),
        "scanned": {"test": list(scanned)},
        "mended": listed.mended,
        "unmended": list(listed.unmended),
        "missing": {"test": RAND_TEST - len(scanned)},
        "drawn": drawn,
    }


def held_out(name, known, test, validation):
    """The fields of a stored split that tests some classes, and validates on some of the others.

    Args:
      name: the split's name.
      known: all class names.
      test: those to test on.
      validation: how many to validate on, drawn by seed 0.
    """
    rest = sorted(set(known) - set(test))
    random.Random(0).shuffle(rest)
    split = make(name, rest[validation:], rest[:validation], test)
    parts = {part: list(getattr(split, part)) for part in ("train", "validation", "test")}
    return {"name": name, "sha256": split.sha256(), **parts}


def mend(ids, known):
    """Undoes the slips in a sorted list of ids.

    A slip is what is no real id. It is mended where exactly one real id has the smallest edit
    distance to it, lies between the real ids before and after it, and is not in the list already.

    Args:
      ids: the list as it was read.
      known: all real ids.

    Returns:
      `Mended`.
    """
    known = sorted(set(known))
    real = set(known) & set(ids)
    proposed = []
    for index, slip in enumerate(ids):
        if slip in real:
            continue
        before = max((i for i in ids[:index] if i in real), default="")
        after = min((i for i in ids[index + 1 :] if i in real), default="~")
        distances = {other: edit_distance(slip, other) for other in known}
        smallest = min(distances.values(), default=0)
        nearest = [other for other, distance in distances.items() if distance == smallest]
        if len(nearest) == 1 and before < nearest[0] < after:
            proposed.append((slip, nearest[0]))
    meant = [other for _, other in proposed]
    # two slips that stand for the same id: at least one of them does not
    mended = {slip: other for slip, other in proposed if meant.count(other) == 1}
    return Mended(
        ids=tuple(mended.get(i, i) for i in ids if i in real or i in mended),
        mended=mended,
        unmended=tuple(i for i in ids if i not in real and i not in mended),
    )


def edit_distance(a, b):
    """How many letters must be put in, left out or changed to get from `a` to `b`."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        above, row = row, [i]
        for j, other in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != other)))
    return row[-1]

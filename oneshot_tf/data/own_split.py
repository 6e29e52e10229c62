"""A user's own split: a JSON file of class names, `{"train": [...], "validation": [...], "test": [...]}`."""

import collections
import pathlib

from oneshot_tf import data
from oneshot_tf.errors import UserError
from oneshot_tf.files import read_json
from oneshot_tf.options import did_you_mean

PARTS = ("train", "validation", "test")
# classes; without validation classes nothing validates
LEAST = {"train": 1, "validation": 0, "test": 2}
FORM = '{"train": [...], "validation": [...], "test": [...]} with the names of classes'


def is_file(name):
    """Whether a value of `--split` names a file."""
    return name is not None and name.lower().endswith(".json")


def read(path, dataset=None):
    """The split in a file.

    Args:
      path: the file, as `--split` has it.
      dataset: what has `name` and `class_names`, all of which the split may name; None: names of any
        classes are taken.

    Returns:
      (the file's stem, {part: class names}).

    Raises:
      UserError: it is not there, is no split, has the name of another split, or names a class twice or
        one that the data set does not have.
    """
    name = _name_of(path)
    if not pathlib.Path(path).is_file():
        raise UserError(
            f"--split={path} must be a file, {FORM}. Received: nothing of that name; restore it, or name "
            "another"
        )
    parts = _parts(path, read_json(path))
    _check_each_once(path, parts)
    for part, least in LEAST.items():
        if len(parts[part]) < least:
            raise UserError(
                f"--split={path} must have at least {least} {part} classes. Received: "
                f"{len(parts[part])}; add some"
            )
    if dataset is not None:
        _check_known(path, parts, dataset)
    return name, parts


def _name_of(path):
    """The stem; records tell splits by it, so that it must be no other split's.

    Raises:
      UserError: it is.
    """
    name = pathlib.Path(path).stem
    published = {known for source in data.every().values() for known in source.splits}
    if name in {*published, "random", "all"} or name.startswith("random-"):
        raise UserError(
            f"--split={path} must have a name of its own. Received: {name}, which is the name of another "
            "split; rename the file"
        )
    return name


def _parts(path, content):
    """{part: class names} of a file's JSON.

    Raises:
      UserError: it has another form.
    """
    found = "no object"
    if isinstance(content, dict):
        unknown = [key for key in content if key not in PARTS]
        wrong = [part for part in PARTS if not _is_names(content.get(part, []))]
        if not unknown and not wrong:
            return {part: content.get(part, []) for part in PARTS}
        found = f"{wrong[0]} is no list of names" if wrong else f"the part {unknown[0]!r}"
        found += did_you_mean(unknown[0], PARTS) if not wrong else ""
    raise UserError(f"--split={path} must be {FORM}. Received: {found}; mend the file")


def _is_names(value):
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _check_each_once(path, parts):
    """Refuses a class that a split names twice.

    Raises:
      UserError: there is one.
    """
    counts = collections.Counter(name for names in parts.values() for name in names)
    for name, count in counts.items():
        if count > 1:
            where = " and ".join(part for part in PARTS if name in parts[part])
            raise UserError(
                f"--split={path} must name each class once. Received: {name!r} {count} times, in {where}; "
                "leave it in one place"
            )


def _check_known(path, parts, dataset):
    """Refuses a class that a data set does not have.

    Raises:
      UserError: there is one.
    """
    known = set(dataset.class_names)
    unknown = [name for names in parts.values() for name in names if name not in known]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise UserError(
            f"--split={path} must name classes of {dataset.name}. Received: {unknown[0]!r}"
            f"{did_you_mean(unknown[0], dataset.class_names)}{more}; mend the file"
        )

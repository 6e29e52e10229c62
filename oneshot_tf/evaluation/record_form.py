"""What a record must have, for files that are not ours, or no longer whole."""

import math
import re

from oneshot_tf.errors import UserError

_KEY = re.compile(r"\d+|\d+w\d+s")  # a presentation, or a way and a shot
_NONE = type(None)


def _number(value):
    return type(value) in (int, float) and math.isfinite(value)


def _whole(value):
    return type(value) is int and 0 <= value < 1 << 53


def _numbers(value):
    """What tables print of a paper: {key: number}, or None."""
    return value is None or (isinstance(value, dict) and all(map(_number, value.values())))


def _accuracy(value):
    return isinstance(value, dict) and all(
        _KEY.fullmatch(key)
        and isinstance(v, dict)
        and _number(v.get("mean"))
        and _number(v.get("ci95"))
        for key, v in value.items()
    )


def _commit(value):
    return isinstance(value, (str, _NONE))


def _finetune(value):
    return value is None or (isinstance(value, dict) and {"steps", "match"} <= set(value))


def _right(value):
    """Right answers of every episode: "3 5 4", by setting."""
    return isinstance(value, dict) and all(_counts(counts) for counts in value.values())


def _shown(value):
    return isinstance(value, dict) and all(_whole(v) or _counts(v) for v in value.values())


def _counts(value):
    return isinstance(value, str) and bool(re.fullmatch(r"\d{1,9}( \d{1,9})*", value))


# {path: (whether it must be there, what it must be, in words)}
FORM = {
    "model": (True, lambda v: isinstance(v, str), "a name"),
    "config": (True, lambda v: isinstance(v, str), "a name"),
    "seed": (True, _whole, "a whole number"),
    "dataset": (True, lambda v: isinstance(v, str), "a name"),
    "split": (False, lambda v: isinstance(v, dict), "an object"),
    "split.name": (False, lambda v: isinstance(v, str), "a name"),
    "protocol": (True, lambda v: isinstance(v, dict), "an object"),
    "protocol.kind": (True, lambda v: v in ("sequence", "few_shot"), "sequence or few_shot"),
    "protocol.part": (False, lambda v: v in ("test", "validation"), "test or validation"),
    "protocol.episodes": (False, _whole, "a whole number"),
    "protocol.seed": (False, _whole, "a whole number"),
    "protocol.bn": (False, lambda v: v in ("running", "support", "batch"), "a kind of statistics"),
    "protocol.finetune": (False, _finetune, "steps and match"),
    "accuracy": (True, _accuracy, "mean and ci95 by presentation, or by way and shot"),
    "paper": (True, _numbers, "numbers, or null"),
    "paper_row": (False, lambda v: isinstance(v, (str, _NONE)), "a name, or null"),
    "train": (True, lambda v: isinstance(v, dict), "an object"),
    "train.episodes": (True, _whole, "a whole number"),
    "train.dataset": (False, lambda v: isinstance(v, str), "a name"),
    "train.commit": (False, _commit, "a commit, or null"),
    "commit": (False, _commit, "a commit, or null"),
    "options": (False, lambda v: isinstance(v, dict), "an object"),
    "options.data": (False, lambda v: isinstance(v, dict), "an object"),
    "options.train": (False, lambda v: isinstance(v, dict), "an object"),
    "options.model": (False, lambda v: isinstance(v, dict), "an object"),
    "right": (False, _right, "whole numbers by setting"),
    "shown": (False, _shown, "whole numbers by setting"),
}


def check(record, path):
    """Refuses what is no record.

    Args:
      record: what a JSON file gave.
      path: the file, for the message.

    Raises:
      UserError: it lacks what records have, or has something else in its place; the first is named.
    """
    if not isinstance(record, dict):
        raise UserError(f"{path} is no record: it must be an object; delete or move it")
    for name, (needed, fits, words) in FORM.items():
        part, _, field = name.partition(".")
        holder, key = (record.get(part, {}), field) if field else (record, part)
        if key not in holder:
            if needed:
                raise UserError(f"{path} is no record: it lacks {name}; delete or move it")
        elif not fits(holder[key]):
            received = " ".join(repr(holder[key])[:60].split())
            raise UserError(
                f"{path} is no record: {name} must be {words}. Received: {received}; delete or move it"
            )
    if "right" in record and not _fit(record["right"], record.get("shown")):
        raise UserError(
            f"{path} is no record: shown must be of the episodes of right; delete or move it"
        )


def _fit(right, shown):
    """Whether every setting says how many answers each of its episodes had, or one number for all."""
    if shown is None or set(right) - set(shown):
        return False
    return all(
        _whole(shown[key]) or shown[key].count(" ") == counts.count(" ")
        for key, counts in right.items()
    )

"""Options as frozen dataclasses: default, help, allowed values and search space in one place.

Flags are made from these (`oneshot_tf/commands/flags.py`), configs are stored from these, and library code
takes them as arguments. The same name means the same thing everywhere.
"""

import dataclasses
import difflib
import types
import typing

from oneshot_tf.errors import UserError

NOT_SAID = object()  # None is a value that an option may have had


def option(
    default,
    help,
    *,
    choices=None,
    low=None,
    high=None,
    search=None,
    span=False,
    earlier=NOT_SAID,
    formerly=None,
):
    """One field of an options class.

    Args:
      default: the value used where nothing is said.
      help: one line for `--help`.
      choices: the allowed values, or None.
      low: the smallest allowed number, or None.
      high: the largest allowed number, or None.
      search: what `oneshot_tf.tune` may try: a list of values, or (low, high, "linear" | "log").
      span: as a flag, `low:high` sets this field and the field `<name>_from` as well.
      earlier: what runs did before the option was there, if that is not the default: configs that
        were stored without it mean this.
      formerly: the name that the option had before; stored configs may use it.
    """
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "search": search}
    metadata["span"] = span
    metadata["earlier"] = default if earlier is NOT_SAID else earlier
    metadata["formerly"] = formerly
    return dataclasses.field(default=default, metadata=metadata)


def span_words(high, low):
    """ "1 to 5" of an option that is drawn between two numbers, else "5"."""
    return f"{high}" if low in (None, high) else f"{low} to {high}"


def field_type(cls, name):
    """The plain type of a field: `int | None` gives int."""
    hint = typing.get_type_hints(cls)[name]
    if isinstance(hint, types.UnionType):
        return next(arg for arg in typing.get_args(hint) if arg is not type(None))
    return hint


@dataclasses.dataclass(frozen=True)
class Options:
    """Base of all options: checks types and ranges when it is made."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            self._check(field, getattr(self, field.name))

    def _check(self, field, value):
        hint = typing.get_type_hints(type(self))[field.name]
        if value is None and isinstance(hint, types.UnionType):
            return
        kind = field_type(type(self), field.name)
        if kind is float and type(value) is int:
            object.__setattr__(self, field.name, float(value))
        elif kind is tuple:
            value = tuple(value) if isinstance(value, (list, tuple)) else (value,)
            object.__setattr__(self, field.name, value)
            if not value or any(type(number) is not int for number in value):
                raise UserError(f"--{field.name} must be whole numbers. Received: {value!r}")
            value = min(value)
        elif type(value) is not kind:
            raise UserError(f"--{field.name} must be {kind.__name__}. Received: {value!r}")
        rule = field.metadata
        if rule["choices"] is not None and value not in rule["choices"]:
            raise UserError(
                f"--{field.name} must be one of {', '.join(map(str, rule['choices']))}. Received: {value}"
            )
        if rule["low"] is not None and value < rule["low"]:
            raise UserError(f"--{field.name} must be at least {rule['low']}. Received: {value}")
        if rule["high"] is not None and value > rule["high"]:
            raise UserError(f"--{field.name} must be at most {rule['high']}. Received: {value}")


def from_fields(cls, fields):
    """An options object from a stored dictionary; an unknown name is an error.

    An option that the dictionary lacks has the value that runs had before there was the option, and
    one that has been renamed since is known by its old name too.
    """
    fields = renamed(cls, fields)
    known = {field.name for field in dataclasses.fields(cls)}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise UserError(
            f"{cls.__name__} has no option {', '.join(unknown)}; the file is of another version"
        )
    return cls(**{**earlier_values(cls), **fields})


def former_names(cls):
    """{old name: name} of the options of a class that have been renamed."""
    found = {field.metadata["formerly"]: field.name for field in dataclasses.fields(cls)}
    found.pop(None, None)
    return found


def renamed(cls, fields):
    """A stored dictionary of options under the names that they have now."""
    names = former_names(cls)
    return {names.get(name, name): value for name, value in fields.items()}


def did_you_mean(name, known):
    """ " (did you mean way?)" where a known name is much like an unknown one, else ""."""
    close = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {close[0]}?)" if close else ""


def earlier_values(cls):
    """{option: what a stored config means that does not name it}."""
    return {field.name: field.metadata["earlier"] for field in dataclasses.fields(cls)}

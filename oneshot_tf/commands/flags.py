"""absl flags made from the options classes, and the frame of every command."""

import dataclasses
import os
import sys

from absl import flags

from oneshot_tf.commands import notes
from oneshot_tf.data import not_an_option
from oneshot_tf.errors import UserError
from oneshot_tf.options import field_type, former_names


class Parsed:
    """What a command line said: only what was said, no defaults.

    Attributes:
      values: {flag name: value} of the flags that were given.
    """

    def __init__(self, values):
        self.values = values

    def get(self, name, default=None):
        return self.values.get(name, default)

    def options(self, cls, defaults=()):
        """An options object: given flags, then `defaults`, then the class's own defaults."""
        fields = {field.name for field in dataclasses.fields(cls)}
        chosen = {k: v for k, v in dict(defaults).items() if k in fields}
        chosen.update({k: v for k, v in self.values.items() if k in fields})
        return cls(**chosen)


def define(values, name, kind, help, choices=None):
    """One absl flag whose default None means: not given."""
    define_kind = {
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        bool: flags.DEFINE_boolean,
        str: flags.DEFINE_string,
    }[kind]
    if choices:
        flags.DEFINE_enum(name, None, list(choices), help, flag_values=values)
    else:
        define_kind(name, None, help, flag_values=values)


def parse(argv, own, groups, models=None, defaults=None, datasets=None):
    """Reads a command line (and the flag files it names).

    Args:
      argv: the words, the command's name first.
      own: {name: (type, help)} of the command's own flags.
      groups: options classes whose fields are flags.
      models: None, or () -> {model name: options class}; then `--model` is a flag too, and a flag
        that the named model does not have is an error.
      defaults: None, or (model name) -> {flag: the model's own default}.
      datasets: None, or () -> {data set name: `DataSource`}; then the options of all of them are
        flags, and one that the data set does not have is an error.

    Returns:
      `Parsed`.

    Raises:
      UserError: an unknown flag, a bad value, words that are no flags, or a flag of another model
        or data set.
      SystemExit: after `--help`.
    """
    values = flags.FlagValues()
    for name, (kind, help) in own.items():
        define(values, name, kind, help)
    known = set(own)
    for cls in groups:
        known |= _define_fields(values, cls, known)
    kinds = {"model": models() if models else {}}
    if models:
        define(values, "model", str, f"which model: {', '.join(kinds['model'])}")
        known.add("model")
    sources = datasets() if datasets else {}
    kinds["dataset"] = {name: source.Options for name, source in sources.items()}
    common = set(known)
    for classes in kinds.values():
        for cls in classes.values():
            known |= _define_fields(values, cls, known)
    flags.DEFINE_boolean("help", False, "this text", flag_values=values)
    try:
        rest = values(argv)
    except flags.UnrecognizedFlagError as error:
        raise UserError(_unknown_flag(error, groups, kinds)) from None
    except flags.Error as error:
        raise UserError(f"{str(error).splitlines()[0]} (--help lists the flags)") from None
    given = _given(values, known, own, groups)
    model = given.get("model")
    own_defaults = defaults(model) if defaults and model in kinds["model"] else {}
    if values["help"].value:
        usual = {**own_defaults, **getattr(sources.get(given.get("dataset")), "defaults", {})}
        splits = getattr(sources.get(given.get("dataset")), "splits", ())
        print(_help(argv[0], own, groups, kinds, given, usual, splits))
        sys.exit(0)
    if len(rest) > 1:
        raise UserError(f"Only flags are expected (--name=value). Received: {rest[1]!r}")
    chosen = {"model": model, "dataset": _dataset(given, own_defaults, groups)}
    _check_owners(set(given) - common, kinds, chosen)
    return Parsed(given)


def _unknown_flag(error, groups, kinds):
    """What is said of a flag that is not there; one that was renamed is named."""
    every = [*groups, *(cls for classes in kinds.values() for cls in classes.values())]
    names = {former_names(cls).get(error.flagname) for cls in every} - {None}
    if names:
        return f"--{error.flagname} is now {' or '.join(f'--{name}' for name in sorted(names))}"
    return f"{str(error).splitlines()[0]} (--help lists the flags)"


def _given(values, known, own, groups):
    """{name: value} of the flags that were said, spans and lists of numbers read."""
    given = {name: _at_home(values[name].value) for name in known if values[name].present}
    fields = [(cls, f) for cls in groups for f in dataclasses.fields(cls)]
    spanning = {f.name for _, f in fields if spans(f)}
    listing = {f.name for cls, f in fields if field_type(cls, f.name) is tuple}
    for name in listing & set(given):
        given[name] = read_numbers(name, given[name])
    for name in spanning & set(given):
        given = {**read_span(name, given[name]), **{k: v for k, v in given.items() if k != name}}
    return given


def _at_home(value):
    """A value whose `~` no shell has replaced: it does not after `=`, nor in a file of flags."""
    if not isinstance(value, str) or "~" not in value:
        return value
    return ",".join(map(os.path.expanduser, value.split(",")))


def _dataset(given, own_defaults, groups):
    """The data set that a command line means: named, the model's default, or the general one."""
    general = [f.default for cls in groups for f in dataclasses.fields(cls) if f.name == "dataset"]
    return given.get("dataset", own_defaults.get("dataset", *general[:1] or [None]))


def _define_fields(values, cls, known):
    """Defines the flags of an options class that are not defined yet; returns their names."""
    names = set()
    for field in dataclasses.fields(cls):
        names.add(field.name)
        if field.name not in known:
            kind = field_type(cls, field.name)
            # choices are checked by the options class: models may allow different ones
            as_text = spans(field) or kind is tuple
            define(values, field.name, str if as_text else kind, field.metadata["help"])
    return names


def spans(field):
    """Whether `--name=low:high` is allowed."""
    return field.metadata.get("span", False)


def read_span(name, text):
    """{name: high, name_from: low} of "low:high"; a single number is the same in both.

    Raises:
      UserError: no whole number, or low above high.
    """
    low, high = _ends(name, text)
    return {name: high, f"{name}_from": low if ":" in text else None}


def read_numbers(name, text):
    """(5, 20) of "5,20", (1, 2, 3) of "1:3", (5,) of "5".

    Raises:
      UserError: no whole number, or low above high.
    """
    found = []
    for part in text.split(","):
        low, high = _ends(name, part)
        found += range(low, high + 1)
    return tuple(dict.fromkeys(found))


def _ends(name, text):
    """[low, high] of "low:high", or the same number twice."""
    low, colon, high = text.partition(":")
    try:
        numbers = [int(low), int(high) if colon else int(low)]
    except ValueError:
        numbers = [1, 0]
    if numbers[0] > numbers[1]:
        raise UserError(f"--{name} must be a whole number, or low:high. Received: {text}")
    return numbers


def listed(value):
    """["a", "b"] of "a,b"; nothing of None."""
    return [part for part in (value or "").split(",") if part]


def _check_owners(specific, kinds, chosen):
    """Refuses a model or a data set that is not there, and flags of those that are not chosen.

    Args:
      specific: names of given flags that are not everybody's.
      kinds: {"model" and "dataset": {name: options class}}.
      chosen: {"model" and "dataset": name or None}.
    """
    for kind, classes in kinds.items():
        name = chosen[kind]
        if not classes or name is None:
            continue
        if name not in classes:
            raise UserError(f"--{kind} must be one of {', '.join(classes)}. Received: {name}")
        owned = set().union(*map(names_of, classes.values()))
        for flag in sorted(specific & owned - names_of(classes[name])):
            raise not_an_option(flag, name, classes)


def names_of(cls):
    """The names of an options class's fields."""
    return {field.name for field in dataclasses.fields(cls)}


def _help(command, own, groups, kinds, given, defaults, splits):
    """The help text: common flags, and those of the chosen model and data set."""
    lines = [f"usage: python {command} --flag=value ...", "", "flags:"]
    lines += [f"  --{name}: {help}" for name, (_, help) in own.items()]
    general = set()
    for cls in groups:
        lines += ["", f"{cls.__name__}:", *_field_lines(cls, defaults)]
        general |= names_of(cls)
    for kind, classes in kinds.items():
        name = given.get(kind)
        if name in classes:
            found = _field_lines(classes[name], defaults, general)
            lines += ["", f"--{kind}={name}:", *(found or ["  no flags of its own"])]
            if kind == "dataset":
                lines.append(
                    f"  its values of --split: {', '.join([*splits, 'random', 'FILE.json'])}"
                )
        elif classes:
            lines += [
                "",
                f"--{kind}: one of {', '.join(classes)}; --{kind}=NAME --help lists its flags",
            ]
    return "\n".join(
        [*lines, "", "--flagfile=FILE reads flags from a file, one a line; later flags win"]
    )


def _field_lines(cls, defaults, listed_already=()):
    lines = []
    for field in dataclasses.fields(cls):
        if field.name in listed_already:
            continue
        choices = field.metadata["choices"]
        allowed = f" [{'|'.join(map(str, choices))}]" if choices else ""
        value = defaults.get(field.name, field.default)
        default = "" if value is None else f" (default: {value})"
        before = field.metadata["formerly"]
        renamed = f" (formerly --{before})" if before else ""
        lines.append(f"  --{field.name}: {field.metadata['help']}{allowed}{default}{renamed}")
    return lines


def run(main):
    """Runs a command: a user's mistake is one line on stderr and exit code 1.

    Args:
      main: (argv) -> exit code or None.
    """
    with notes.kept_back():
        try:
            code = main(sys.argv)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            code = 1
        except BrokenPipeError:
            code = 1
    sys.exit(code or 0)

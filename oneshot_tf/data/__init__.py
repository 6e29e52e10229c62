"""Sources of pictures and sentences. `load` finds one by the name of its data set."""

import dataclasses
import importlib
import os
import pathlib

from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

# name -> its `DataSource`, in a module that is imported only when it is needed
DATASETS = {
    "omniglot": "oneshot_tf.data.omniglot:SOURCE",
    "mnist": "oneshot_tf.data.mnist:SOURCE",
    "minimnist": "oneshot_tf.data.mnist:MINI_SOURCE",
    "glyphs": "oneshot_tf.data.glyphs:SOURCE",
    "folder": "oneshot_tf.data.folder:SOURCE",
    "mini_imagenet": "oneshot_tf.data.mini_imagenet:SOURCE",
    "tiny_imagenet": "oneshot_tf.data.tiny_imagenet:SOURCE",
    "imagenet": "oneshot_tf.data.imagenet:SOURCE",
    "lfw": "oneshot_tf.data.lfw:SOURCE",
    "ptb": "oneshot_tf.data.ptb:SOURCE",
}


def find(name):
    """The `DataSource` of a name.

    Raises:
      UserError: there is no such data set.
    """
    if name not in DATASETS:
        raise UserError(f"--dataset must be one of {', '.join(DATASETS)}. Received: {name}")
    module, _, attribute = DATASETS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def every():
    """{name: `DataSource`} of all data sets."""
    return {name: find(name) for name in DATASETS}


def data_dir(options):
    """`--data_dir`, else `$ONESHOT_TF_DATA`, else `data`."""
    return pathlib.Path(options.data_dir or os.environ.get("ONESHOT_TF_DATA") or "data")


def changed(options, **said):
    """`options` with other values, as an object of the class that the named data set has.

    General options stay as they are. Options that only the other data set has get their defaults.

    Args:
      options: `DataOptions` of any data set.
      **said: {option: value}; `dataset` may be another one.

    Raises:
      UserError: an option that this data set does not have, or a value that it cannot have.
    """
    name = said.get("dataset", options.dataset)
    cls = find(name).Options
    for option in set(said) - _names(cls):
        raise not_an_option(option, name, {n: source.Options for n, source in every().items()})
    kept = _names(cls) & (_names(DataOptions) if name != options.dataset else _names(options))
    return cls(**{**{option: getattr(options, option) for option in kept}, **said})


def _names(options):
    return {field.name for field in dataclasses.fields(options)}


def not_an_option(option, name, classes):
    """The error for an option that belongs to others than `name`, of {name: options class}."""
    owners = [owner for owner, cls in classes.items() if option in _names(cls)]
    belongs = f"; it belongs to {', '.join(owners)}" if owners else "; leave it out"
    return UserError(f"--{option} is not a flag of {name}{belongs}")


def load(options):
    """The `Dataset`, or `Sentences`, that `options` names.

    Args:
      options: the data set's own options class, or plain `DataOptions`; then options that only
        this data set has are at their defaults.

    Raises:
      UserError: unknown name, or the pictures are not there, or not in files of their own.
    """
    source = find(options.dataset)
    for flag, is_set in {
        "--read=files": options.read == "files",
        "--skip_damaged": options.skip_damaged,
    }.items():
        if is_set and not source.picture_files:
            able = ", ".join(name for name, other in every().items() if other.picture_files)
            raise UserError(
                f"{flag} is for {able}, which are picture files. "
                f"Received: {options.dataset}; leave it out"
            )
    return source.load(data_dir(options), changed(options))

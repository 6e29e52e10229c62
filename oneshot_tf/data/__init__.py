"""Sources of pictures and sentences. `load` finds one by name; a source is a module with `load`."""

import importlib
import os
import pathlib

from oneshot_tf.data import ptb
from oneshot_tf.errors import UserError

# name -> module with load(data_dir, options) -> Dataset; imported only when named
DATASETS = {
    "omniglot": "oneshot_tf.data.omniglot:load",
    "mnist": "oneshot_tf.data.mnist:load",
    "minimnist": "oneshot_tf.data.mnist:load_mini",
    "glyphs": "oneshot_tf.data.glyphs:load",
    "folder": "oneshot_tf.data.folder:load",
    "mini_imagenet": "oneshot_tf.data.mini_imagenet:load",
    "tiny_imagenet": "oneshot_tf.data.tiny_imagenet:load",
    "imagenet": "oneshot_tf.data.imagenet:load",
    "lfw": "oneshot_tf.data.lfw:load",
    "ptb": "oneshot_tf.data.ptb:load",
}
# those of single picture files, which need not be read at once
PICTURE_FILES = ("folder", "mini_imagenet", "tiny_imagenet", "imagenet", "lfw")
# what holds for a data set where nothing is said, whatever the model's own defaults are
# (gray photographs are all turned the same way: as negatives, which figures show as they were)
_PHOTOGRAPHS = {"rotations": False, "test_rotations": False, "ink": "dark"}
_COLOUR = {**_PHOTOGRAPHS, "channels": 3, "flip": True}
DATASET_DEFAULTS = {
    "folder": {"test_rotations": False},
    "mini_imagenet": {**_COLOUR, "image_size": 84, "random_crop": 8},
    "tiny_imagenet": {**_COLOUR, "image_size": 64, "random_crop": 4},
    "imagenet": {**_COLOUR, "image_size": 224, "random_crop": 16, "read": "files"},
    "lfw": {
        **_PHOTOGRAPHS,
        "image_size": 84,
        "centre_crop": 126,
        "min_images": 5,
        "mirrored_copies": "horizontal",
    },
    "ptb": {"rotations": False, "test_rotations": False},
}
# data sets of sentences -> how many tokens there are
VOCABULARIES = {"ptb": ptb.VOCABULARY}


def data_dir(options):
    """`--data_dir`, else `$ONESHOT_TF_DATA`, else `data`."""
    return pathlib.Path(options.data_dir or os.environ.get("ONESHOT_TF_DATA") or "data")


def load(options):
    """The `Dataset`, or `Sentences`, that `options` (a `DataOptions`) names.

    Raises:
      UserError: unknown name, or the pictures are not there, or not in files of their own.
    """
    if options.dataset not in DATASETS:
        raise UserError(
            f"--dataset must be one of {', '.join(DATASETS)}. Received: {options.dataset}"
        )
    for flag, is_set in {
        "--read=files": options.read == "files",
        "--skip_damaged": options.skip_damaged,
    }.items():
        if is_set and options.dataset not in PICTURE_FILES:
            raise UserError(
                f"{flag} is for {', '.join(PICTURE_FILES)}, which are picture files. "
                f"Received: {options.dataset}; leave it out"
            )
    module, _, function = DATASETS[options.dataset].partition(":")
    return getattr(importlib.import_module(module), function)(data_dir(options), options)

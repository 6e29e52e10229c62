"""Prepares pictures once, so that a training need not decode them.

    python -m oneshot_tf.prepare --dataset=imagenet --data_dir=DIR --output=OUT --image_size=224

DIR is what `--dataset=imagenet` or `--dataset=folder` reads: a folder (or, of ImageNet, a zip) a
class. OUT gets shards; then: train.py --model=matching --dataset=imagenet --data_dir=OUT --read=files.
"""

import dataclasses
import pathlib

from oneshot_tf import data
from oneshot_tf.commands import flags
from oneshot_tf.data import prepared, shards
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import DataOptions

_FIELDS = ("dataset", "data_dir", *prepared.SETTINGS, "skip_damaged")


def main(argv):
    """The command."""
    known = {field.name: field for field in dataclasses.fields(DataOptions)}
    kinds = {"image_size": int, "channels": int, "skip_damaged": bool}
    own = {name: (kinds.get(name, str), known[name].metadata["help"]) for name in _FIELDS}
    own["output"] = (str, "the folder that gets the shards")
    parsed = flags.parse(argv, own, [])
    for name in ("dataset", "data_dir", "output"):
        if parsed.get(name) is None:
            raise UserError(f"--{name} is missing: {own[name][1]}")
    options = parsed.options(DataOptions, data.find(parsed.get("dataset")).defaults)
    index = shards.prepare(options, pathlib.Path(parsed.get("output")))
    size = sum(index["shards"].values()) / 2**30
    # a training reads them only as they were prepared
    given = {name: parsed.get(name) for name in prepared.SETTINGS}
    same = "".join(f" --{name}={value}" for name, value in given.items() if value is not None)
    print(
        f"Done: {index['offsets'][-1]:,} pictures of {len(index['classes'])} classes in "
        f"{len(index['shards'])} shards, {size:.2f} GiB. Next: python train.py --model=matching "
        f"--dataset={options.dataset} --data_dir={parsed.get('output')}{same} --read=files"
    )

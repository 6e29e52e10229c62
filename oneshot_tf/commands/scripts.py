"""The commands of an installed package: `oneshot-train` is `python train.py`, and so on."""

import importlib

from oneshot_tf.commands import flags


def _script(name):
    def run():
        flags.run(importlib.import_module(f"oneshot_tf.commands.{name}").main)

    return run


train = _script("train")
evaluate = _script("eval")
export = _script("export")
predict = _script("predict")
benchmark = _script("benchmark")
compare = _script("compare")
tune = _script("tune")
report = _script("report")
reproduce = _script("reproduce")
prepare = _script("prepare")
serve = _script("serve")

"""The commands behind `train.py` and `eval.py`."""

import pathlib

from oneshot_tf import cluster, flags, models
from oneshot_tf.run_config import DataOptions, EvalOptions, TrainOptions


def model_options():
    """{model name: its options class}."""
    return {name: models.find(name).Options for name in models.MODELS}


def model_defaults(name):
    """The general flags' defaults that are a model's own."""
    return models.find(name).defaults


def train(argv):
    """Trains; makes the workdir or goes on in it. Returns the exit code."""
    own = {"workdir": (str, "the run's folder (default: runs/<model>-<dataset>)")}
    parsed = flags.parse(argv, own, [TrainOptions, DataOptions], model_options, model_defaults)
    from oneshot_tf import experiment  # late: `--help` need not wait for it
    from oneshot_tf.evaluation import figures
    from oneshot_tf.training.signals import Interrupted

    config = experiment.make_config(parsed, config_name(argv))
    workdir = parsed.get("workdir") or f"runs/{config.model}-{config.data.dataset}"
    try:
        experiment.train(config, workdir, figures.draw)
    except Interrupted as interrupted:
        return interrupted.code
    if config.train.strategy == "multi_worker" and not cluster.read().chief:
        print("Done; the first worker has the run")
    else:
        print(f"Done: {workdir}. Next: python eval.py --workdir={workdir}")
    return 0


def config_name(argv):
    """The name of the last flag file of a command line, or None."""
    words = [word.lstrip("-") for word in argv]
    files = [word.partition("=")[2] for word in words if word.startswith("flagfile=")]
    return pathlib.Path(files[-1]).stem if files else None


def evaluate(argv):
    """Tests the model of a workdir, prints a table, writes a record."""
    own = {
        "workdir": (str, "the run's folder"),
        "dataset": (str, "test on this data set instead (default: the one trained on)"),
        "data_dir": (str, "where the data is"),
        "read": (str, "where pictures are kept, memory or files (default: as in training)"),
        "skip_damaged": (bool, "leave out damaged pictures (default: as in training)"),
        "split": (str, "which split's test classes (default: the run's; all of another data set)"),
        "way": (range, "few_shot: classes per episode; 5,20 or 2:5 tests one after the other"),
        "shot": (range, "few_shot: support pictures per class; 1,5 or 1:5 likewise"),
        "test_rotations": (bool, "rotated classes are classes as well"),
        "augment_test": (bool, "turn and shift the test pictures as in training"),
        "mirrored_copies": (str, "lfw: none, horizontal or vertical (default: as in training)"),
        "results": (str, "also write the record to this folder"),
        "figures": (str, "draw the first episode, as PNG files in this folder"),
    }
    parsed = flags.parse(argv, own, [EvalOptions])
    from oneshot_tf import testing

    testing.evaluate(parsed, parsed.options(EvalOptions))
    return 0

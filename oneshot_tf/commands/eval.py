"""Tests a trained model: behind `eval.py`."""

from oneshot_tf.commands import flags
from oneshot_tf.run_config import EvalOptions


def main(argv):
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
        "mirrored_copies": (
            str,
            "of a data set that has it: none, horizontal or vertical (default: as in training)",
        ),
        "results": (str, "also write the record to this folder"),
        "figures": (str, "draw the first episode, as PNG files in this folder"),
    }
    parsed = flags.parse(argv, own, [EvalOptions])
    from oneshot_tf.runs import testing

    testing.evaluate(parsed, parsed.options(EvalOptions))
    return 0

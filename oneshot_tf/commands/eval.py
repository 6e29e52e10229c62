"""Tests a trained model: behind `eval.py`."""

from oneshot_tf.commands import flags
from oneshot_tf.errors import UserError
from oneshot_tf.test_options import TestOptions

OWN = {
    "workdir": (str, "the run's folder"),
    "results": (str, "also write the record to this folder"),
    "figures": (str, "draw the first episode, as PNG files in this folder"),
}


def main(argv):
    """Tests the model of a workdir, prints a table, writes a record. Returns the exit code."""
    parsed = flags.parse(argv, OWN, [TestOptions])
    test = parsed.options(TestOptions)
    if parsed.get("workdir") is None:
        raise UserError("--workdir is missing: the folder of a trained run")
    from oneshot_tf.runs import testing  # late: `--help` need not wait for it

    workdir, results = parsed.get("workdir"), parsed.get("results")
    folders = [f"{workdir}/evaluation", *([results] if results else [])]
    tested = testing.evaluate(workdir, test, folders, parsed.get("figures"))
    print(testing.table(tested.record))
    for path in tested.places:
        print(f"record: {path}")
    for path in tested.figures:
        print(f"figure: {path}")
    return 0

"""Tables and figures from `results/`: `python -m oneshot_tf.report`. What it does is in `commands/report.py`."""

from oneshot_tf.commands import flags, report

if __name__ == "__main__":
    flags.run(report.main)

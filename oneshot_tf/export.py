"""Exports a trained model: `python -m oneshot_tf.export`. What it does is in `commands/export.py`."""

from oneshot_tf.commands import export, flags

if __name__ == "__main__":
    flags.run(export.main)

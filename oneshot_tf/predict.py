"""Classifies your own pictures with an export: `python -m oneshot_tf.predict`. What it does is in `commands/predict.py`."""

from oneshot_tf.commands import flags, predict

if __name__ == "__main__":
    flags.run(predict.main)

"""Search for options: `python -m oneshot_tf.tune`. What it does is in `commands/tune.py`."""

from oneshot_tf.commands import flags, tune

if __name__ == "__main__":
    flags.run(tune.main)

"""Makes stored results again: `python -m oneshot_tf.reproduce`. What it does is in `commands/reproduce.py`."""

from oneshot_tf.commands import flags, reproduce

if __name__ == "__main__":
    flags.run(reproduce.main)

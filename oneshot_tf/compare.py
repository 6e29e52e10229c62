"""How trained models embed one episode, side by side: `python -m oneshot_tf.compare`. What it does is in `commands/compare.py`."""

from oneshot_tf.commands import compare, flags

if __name__ == "__main__":
    flags.run(compare.main)

"""Decodes pictures once, to shards: `python -m oneshot_tf.prepare`. What it does is in `commands/prepare.py`."""

from oneshot_tf.commands import flags, prepare

if __name__ == "__main__":
    flags.run(prepare.main)

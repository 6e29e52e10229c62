"""Serves exports over HTTP, with a page: `python -m oneshot_tf.serve`. What it does is in `commands/serve.py`."""

from oneshot_tf.commands import flags, serve

if __name__ == "__main__":
    flags.run(serve.main)

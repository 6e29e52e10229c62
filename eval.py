"""Tests a trained model: `python eval.py --workdir=runs/flmn-omniglot`. See `--help`."""

from oneshot_tf.commands import eval, flags

if __name__ == "__main__":
    flags.run(eval.main)

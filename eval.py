"""Tests a trained model: `python eval.py --workdir=runs/flmn-omniglot`. See `--help`."""

from oneshot_tf import flags
from oneshot_tf.commands import evaluate

if __name__ == "__main__":
    flags.run(evaluate)

"""Trains a model: `python train.py --model=flmn --episodes=100000`. See `--help`."""

from oneshot_tf.commands import flags, train

if __name__ == "__main__":
    flags.run(train.main)

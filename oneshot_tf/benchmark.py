"""Speed and memory of training: `python -m oneshot_tf.benchmark`. What it does is in `commands/benchmark.py`."""

from oneshot_tf.commands import benchmark, flags

if __name__ == "__main__":
    flags.run(benchmark.main)

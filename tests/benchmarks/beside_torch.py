"""Training steps beside plain eager PyTorch: `python -m tests.benchmarks.beside_torch --python=FILE`.

FILE is an interpreter with PyTorch. Its process (`tests/benchmarks/torch_steps.py`) and this one
stand on the same core and take turns, each with a whole step on fixed pictures: forward, backward,
clipping and Adam.
"""

import argparse
import os
import pathlib
import statistics
import subprocess

BLOCKS = 7  # turns of each
SECONDS = 4.0  # of a turn, about
CASES = {
    "flmn": ["--flagfile=configs/flmn_omniglot_1_paper.flags"],
    "conv4_28": [
        "--model=matching", "--image_size=28", "--way=20", "--shot=5", "--queries=5",
    ],
    "conv4_64": [
        "--model=matching", "--image_size=64", "--channels=3", "--way=5", "--shot=5", "--queries=15",
    ],
}  # fmt: skip


class Torch:
    """The other process."""

    def __init__(self, python, core):
        script = pathlib.Path(__file__).with_name("torch_steps.py")
        self.process = subprocess.Popen(
            [python, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        self.version = self.process.stdout.readline().strip()
        if not self.version:
            raise SystemExit(f"--python={python} has no PyTorch; name an interpreter that has it")

    def seconds(self, name, count):
        self.process.stdin.write(f"{name} {count}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def ours(words):
    """(number of updates) -> seconds, of the compiled loop on fixed pictures."""
    import tensorflow as tf

    from oneshot_tf.commands import benchmark, configs
    from oneshot_tf.runs import experiment
    from oneshot_tf.training import devices

    words = ["", *words, "--dataset=glyphs", "--split=random", "--clip_norm=5"]
    config = configs.make_config(configs.parse(words))
    strategy = devices.setup(config.train)
    config, dataset, split = experiment.with_data(config)
    learner, sample = experiment.make_training(config, dataset, split, strategy)
    fixed = sample(tf.constant(0, tf.int64))
    rate = benchmark.runner(learner, lambda _: fixed, config.train, strategy, None)
    return lambda count: count * config.train.batch_size / rate(count)


def compare(name, words, torch):
    """Median seconds a step of (ours, PyTorch's), over turns."""
    run = ours(words)
    run(1)
    torch.seconds(name, 1)
    counts = [
        max(1, round(SECONDS / (step(3) / 3))) for step in (run, lambda n: torch.seconds(name, n))
    ]
    taken = [[], []]
    for _ in range(BLOCKS):
        taken[0].append(run(counts[0]) / counts[0])
        taken[1].append(torch.seconds(name, counts[1]) / counts[1])
    return [statistics.median(values) for values in taken]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="an interpreter with PyTorch")
    parser.add_argument("--core", type=int, default=0, help="the core that both stand on")
    parser.add_argument("--precision", default="float32", help="of ours; PyTorch's is float32")
    parser.add_argument("cases", nargs="*", default=list(CASES), help=", ".join(CASES))
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    torch = Torch(options.python, options.core)
    print(f"PyTorch {torch.version}, ours in {options.precision}, core {options.core}")
    for name in options.cases:
        words = [*CASES[name], f"--precision={options.precision}"]
        own, theirs = compare(name, words, torch)
        print(
            f"{name:>9}: {1e3 * own:8.1f} ms a step, PyTorch {1e3 * theirs:8.1f} ms: {theirs / own:.2f}"
        )


if __name__ == "__main__":
    main()

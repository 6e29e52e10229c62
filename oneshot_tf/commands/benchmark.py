"""Speed and memory of training: `python -m oneshot_tf.benchmark --model=flmn`.

Beside each other, in one process and in turns: a real run (sampling, clipping, metrics, log) and
the *bare step* (the same network and update on fixed tensors), and this machine's rate of
floating-point operations in a large matrix product.
"""

import dataclasses
import statistics
import tempfile
import time

import tensorflow as tf

from oneshot_tf.commands import configs
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import records
from oneshot_tf.files import dump, write_text
from oneshot_tf.runs import experiment
from oneshot_tf.sampling import pipeline
from oneshot_tf.training import devices, loop, optimizers
from oneshot_tf.training.logging import Log

BLOCKS = 5  # real and bare take turns this often


def main(argv):
    """Prints one table; `--json=FILE` keeps it."""
    own = {
        "updates": (int, "updates of each measurement (default: 50)"),
        "other_precision": (bool, "the bare step in the other precision too, in turns"),
        "json": (str, "also write the numbers to this file"),
    }
    parsed = configs.parse(argv, own)
    updates = parsed.get("updates", 50)
    if updates < 1:
        raise UserError(f"--updates must be at least 1. Received: {updates}")
    config = configs.make_config(parsed)
    numbers = measure(config, updates, parsed.get("other_precision", False))
    print(table(numbers))
    if parsed.get("json"):
        write_text(parsed.get("json"), dump(numbers))


@pipeline.user_errors()
def measure(config, updates, other_precision=False):
    """All numbers of one configuration.

    Args:
      config: `RunConfig`.
      updates: updates of each block.
      other_precision: also measure the bare step in the precision that is not the config's.

    Returns:
      A dictionary that JSON can hold; rates are medians over blocks.
    """
    began = time.perf_counter()
    strategy = devices.setup(config.train)
    config, dataset, split = experiment.with_data(one_size(config))
    config = experiment.with_precision(config)
    learner, sample = experiment.make_training(config, dataset, split, strategy)
    del dataset  # as a run does
    fixed = sample(tf.constant(0, tf.int64))
    with tempfile.TemporaryDirectory() as workdir:
        real = runner(learner, sample, config.train, strategy, workdir)
        real(1)
        first_step = time.perf_counter() - began
        real(updates)
        memory = records.peak_memory()
        runs = {"real": real}
        runs["bare"] = runner(learner, lambda _: fixed, config.train, strategy, None)
        if other_precision:
            other = _in_other_precision(config, strategy)
            runs["other"] = runner(other, lambda _: fixed, config.train, strategy, None)
        for run in runs.values():
            run(1)
        for name, part in learner.timed_parts(fixed).items():
            runs[f"part {name}"] = _part_runner(part, config.train.batch_size)
            runs[f"part {name}"](1)
        runs["peak"] = lambda _: matmul_peak()
        rates = {name: [] for name in runs}
        for _ in range(BLOCKS):
            for name, run in runs.items():
                rates[name].append(run(updates))
    return _summary(config, learner, rates, memory, first_step)


def _in_other_precision(config, strategy):
    """A learner like that of the config, computing in the precision that it does not."""
    other = {"float32": "mixed_bfloat16", "mixed_bfloat16": "float32"}[config.train.precision]
    train = dataclasses.replace(config.train, precision=other)
    with strategy.scope():
        return experiment.make_learner(dataclasses.replace(config, train=train))


def runner(learner, sample, options, strategy, workdir):
    """(number of updates) -> episodes/s, with a log in `workdir` unless that is None."""
    with strategy.scope():
        optimizer = optimizers.make(options)
        optimizer.build(learner.trainable_variables)
    carried = loop.make_carried(learner, options)
    train_steps = loop.make_train_steps(learner, optimizer, sample, options, strategy, carried)
    log = None if workdir is None else Log(workdir, options.episodes, 0, quiet=True)

    done = 0  # going on where it was, as a run does: what is read ahead is not read again

    def run(num):
        nonlocal done
        began = time.perf_counter()
        result = train_steps(tf.constant(done, tf.int64), tf.constant(num, tf.int64))
        float(result["loss"])  # waits for the device
        done += num
        if log is not None:
            loop.check_finite(result, learner, options)
            log.record("train", num, *loop.scalars(learner, optimizer, result, 0.0))
        return num * options.batch_size / (time.perf_counter() - began)

    return run


def _part_runner(part, batch_size):
    """(number of times) -> episodes/s of one part of a step."""

    @tf.function
    def times(num):
        noise = tf.constant(0.0)
        for _ in tf.range(num):
            noise = 1e-9 * tf.tanh(part(noise))  # each time waits for the one before
        return noise

    def run(num):
        began = time.perf_counter()
        float(times(tf.constant(num)))
        return num * batch_size / (time.perf_counter() - began)

    return run


def _summary(config, learner, rates, memory, first_step):
    real, bare = (statistics.median(rates[name]) for name in ("real", "bare"))
    peak = max(rates["peak"])
    steps = learner.pictures_per_episode(config.train)
    flops = learner.flops_per_episode(steps)
    other = {}
    if "other" in rates:
        other = {"other_over_bare": round(statistics.median(rates["other"]) / bare, 3)}
    parts = {
        name.removeprefix("part "): round(bare / statistics.median(found), 3)
        for name, found in rates.items()
        if name.startswith("part ")
    }
    return {
        "model": config.model,
        "dataset": config.data.dataset,
        "options": dataclasses.asdict(config.options),
        "batch_size": config.train.batch_size,
        "precision": config.train.precision,
        "episodes_per_second": round(real, 1),
        "images_per_second": round(real * steps),
        "updates_per_second": round(real / config.train.batch_size, 2),
        "bare_episodes_per_second": round(bare, 1),
        "bare_updates_per_second": round(bare / config.train.batch_size, 2),
        "real_over_bare": round(real / bare, 3),
        **other,
        **({"parts_of_bare": parts} if parts else {}),
        "gflop_per_second": round(real * flops / 1e9, 1),
        "matmul_gflop_per_second": round(peak / 1e9, 1),
        "of_peak": round(real * flops / peak, 3),
        "bare_of_peak": round(bare * flops / peak, 3),
        "peak_memory_gib": memory,
        "seconds_to_first_step": round(first_step, 1),
    }


def one_size(config):
    """The config with one way and one shot, the middle of what is drawn.

    The bare step's tensors are fixed; a real run with episodes of other sizes could not be
    compared with it.
    """

    def middle(high, low):
        return (high + (low or high)) // 2

    train = config.train
    way, shot = middle(train.way, train.way_from), middle(train.shot, train.shot_from)
    train = dataclasses.replace(train, way=way, way_from=None, shot=shot, shot_from=None)
    return dataclasses.replace(config, train=train)


def matmul_peak(size=2048, repeats=5):
    """Floating-point operations per second of a square float32 matrix product, the best of some."""
    a = tf.random.stateless_uniform([size, size], [0, 0])

    @tf.function
    def product():
        return tf.matmul(a, a)

    product()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        float(product()[0, 0])
        times.append(time.perf_counter() - began)
    return 2.0 * size**3 / min(times)


def table(numbers):
    """The numbers as lines for a terminal."""
    units = {
        "episodes_per_second": "episodes/s, real run",
        "images_per_second": "images/s, real run",
        "updates_per_second": "updates/s, real run",
        "bare_episodes_per_second": "episodes/s, bare step",
        "bare_updates_per_second": "updates/s, bare step",
        "real_over_bare": "real run over bare step",
        "other_over_bare": "bare step in the other precision over this one",
        "gflop_per_second": "GFLOP/s, real run (3 x forward)",
        "matmul_gflop_per_second": "GFLOP/s, large matrix product",
        "of_peak": "share of that, real run",
        "bare_of_peak": "share of that, bare step",
        "peak_memory_gib": "GiB, peak memory of the process",
        "seconds_to_first_step": "s from building to the first step",
    }
    head = f"{numbers['model']} on {numbers['dataset']}, batch {numbers['batch_size']}, "
    head += numbers["precision"]
    lines = [f"{numbers[key]:>10} {unit}" for key, unit in units.items() if key in numbers]
    lines += [
        f"{share:>10} share of the bare step: {name}"
        for name, share in numbers.get("parts_of_bare", {}).items()
    ]
    return "\n".join([head, *lines])

"""A long training, watched from outside: `python -m tests.benchmarks.soak --minutes=60 -- FLAGS`.

FLAGS are those of `train.py`, from the project's root. The resident memory and the processor time of
its process are read every few seconds, and the log's episodes beside them. After `--warmup` minutes
memory and rate have to stay within 5 %: of what they were in the first minutes after it, in every
later part. Then the training is told to end as Ctrl-C tells it; it can go on. Linux only.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from oneshot_tf.training.logging import read_metrics
from tests.benchmarks.memory import megabytes

PARTS = 5  # of the time after the warm-up
BOUND = 0.05
SECONDS = 5.0  # between two readings


class Reading(NamedTuple):
    """What is seen of a training at one moment."""

    minutes: float  # since the log told of the first episodes
    gib: float  # resident memory
    cpu_seconds: float  # processor time that it has taken so far
    episodes: int  # that the log tells of


def judge(readings, warmup):
    """Compares the parts of a watched training with the first of them.

    Args:
      readings: list of `Reading`, in order.
      warmup: minutes that do not count.

    Returns:
      {"parts": [{"minutes": [from, to], "gib": median, "episodes_per_minute",
      "episodes_per_cpu_minute"}], "memory_change", "rate_change", "cpu_rate_change": the largest
      relative departure from the first part, signed, "flat": whether memory and the rate by
      processor time, which no other process of the machine slows, stay within 5 %}.

    Raises:
      ValueError: too short to have `PARTS` parts of two readings or more.
    """
    kept = [reading for reading in readings if reading.minutes >= warmup]
    size = (len(kept) - 1) // PARTS
    if size < 1:
        raise ValueError(f"Nothing to compare: {len(kept)} readings after {warmup} minutes.")
    parts = [_part(kept[i * size : (i + 1) * size + 1]) for i in range(PARTS)]
    changes = {
        name: _largest_change([part[key] for part in parts])
        for name, key in [
            ("memory_change", "gib"),
            ("rate_change", "episodes_per_minute"),
            ("cpu_rate_change", "episodes_per_cpu_minute"),
        ]
    }
    flat = all(abs(changes[name]) <= BOUND for name in ("memory_change", "cpu_rate_change"))
    return {"parts": parts, **changes, "flat": flat}


def _part(readings):
    first, last = readings[0], readings[-1]
    episodes = last.episodes - first.episodes
    return {
        "minutes": [round(first.minutes, 2), round(last.minutes, 2)],
        "gib": round(statistics.median(reading.gib for reading in readings), 4),
        "episodes_per_minute": round(episodes / (last.minutes - first.minutes), 1),
        "episodes_per_cpu_minute": round(60 * episodes / (last.cpu_seconds - first.cpu_seconds), 1),
    }


def _largest_change(values):
    return round(max((value / values[0] - 1 for value in values[1:]), key=abs), 4)


def read(pid, workdir, began):
    """A `Reading` of process `pid`, which trains in `workdir`."""
    # the fields after the command's name, which stands in brackets and may hold spaces
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Reading(
        minutes=(time.perf_counter() - began) / 60,
        gib=megabytes(pid) / 1024,
        cpu_seconds=ticks / os.sysconf("SC_CLK_TCK"),
        episodes=episodes_of(workdir),
    )


def episodes_of(workdir):
    """How many episodes the log of a run tells of; 0 before there is one."""
    log = workdir / "metrics.jsonl"
    lines = read_metrics(log) if log.exists() else []
    return next((line["episode"] for line in reversed(lines) if line["kind"] == "train"), 0)


def watch(flags, minutes, every=SECONDS):
    """Trains with `flags`, --workdir among them, for `minutes` after the first episodes.

    Returns:
      List of `Reading`.

    Raises:
      SystemExit: the training ended before its time, or with an error.
    """
    workdirs = [flag.partition("=")[2] for flag in flags if flag.startswith("--workdir=")]
    if not workdirs:
        raise SystemExit("Name the run's folder: --workdir=DIR, after the --")
    workdir, readings = pathlib.Path(workdirs[-1]), []
    before = episodes_of(workdir)  # of an earlier part of the run
    with subprocess.Popen([sys.executable, "train.py", *flags]) as training:
        while episodes_of(workdir) == before and training.poll() is None:
            time.sleep(every)
        began = time.perf_counter()
        while time.perf_counter() - began < 60 * minutes and training.poll() is None:
            time.sleep(every)
            if training.poll() is None:
                readings.append(read(training.pid, workdir, began))
        if training.poll() is not None:
            raise SystemExit(f"The training ended before {minutes} minutes were over.")
        training.send_signal(signal.SIGINT)
    return readings


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="how long in all")
    parser.add_argument("--warmup", type=float, default=10.0, help="minutes that do not count")
    parser.add_argument("flags", nargs="+", help="flags of train.py, after --")
    arguments = parser.parse_args()
    found = judge(watch(arguments.flags, arguments.minutes), arguments.warmup)
    print(json.dumps(found, indent=2))
    raise SystemExit(0 if found["flat"] else 1)


if __name__ == "__main__":
    main()

"""Records: one JSON file a test, with all that is needed to repeat it."""

import dataclasses
import datetime
import os
import pathlib
import platform
import re
import subprocess
import sys

import numpy as np
import tensorflow as tf

from oneshot_tf import __version__, files
from oneshot_tf.evaluation import papers
from oneshot_tf.sampling import pipeline
from oneshot_tf.training import devices

# what a record's protocol has where no paper's figure is of such a test
NO_PAPERS = ("within_group", "rounds", "views")


def make(config, dataset, split, protocol, accuracy, learner, trained):
    """The record of one test; `measured` adds what it gave.

    Args:
      config: `RunConfig`.
      dataset: name of the data set tested on.
      split: of the classes tested on, as `runs/held_out.py` describes it.
      protocol: {"kind", "way", "shot", ...}.
      accuracy: {setting or presentation: {"mean", "ci95"}}, or what is there before it is measured.
      learner: the model, for its size.
      trained: {"episodes", "seconds", "checkpoint"} of the checkpoint, and what `origin` gives.
    """
    transductive = protocol.get("bn") == "batch"
    row = papers.key(config.paper_row, dataset, config.data.dataset, tuned(protocol), transductive)
    others = protocol.get("part", "test") != "test" or "trained_classes" in split or "file" in split
    if others or any(name in protocol for name in NO_PAPERS):
        row = None  # a paper's figures are of its test classes, and asked as it asks
    return {
        "model": config.model,
        "config": config.name,
        "seed": config.train.seed,
        "dataset": dataset,
        "split": split,
        "protocol": protocol,
        "accuracy": accuracy,
        "paper": papers.ROWS.get(row),
        "paper_row": row,
        "parameters": sum(int(tf.size(w)) for w in learner.trainable_variables),
        "train": {
            "commit": None,
            "machine": None,
            "load": None,
            "peak_memory_gib": None,
            **trained,
            "dataset": config.data.dataset,
            "batch_size": config.train.batch_size,
        },
        "options": {
            "data": plain_data(config.data),
            "train": dataclasses.asdict(config.train),
            "model": plain_options(config.options),
        },
        "versions": versions(),
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
    }


def measured(found):
    """What a record gets of a test: its accuracies, and the right answers of every episode.

    Args:
      found: of `protocols.sequence`, or {setting: what `protocols.few_shot` gave}.

    Returns:
      {"accuracy": {key: {"mean", "ci95"}}, "right": {key: "15 14 ..."}, "shown": {key: 15, or "15 12
      ..." where episodes differ}}.
    """
    return {
        "accuracy": {k: {"mean": v["mean"], "ci95": v["ci95"]} for k, v in found.items()},
        "right": {k: _words(v["right"]) for k, v in found.items()},
        "shown": {k: _words(v["shown"], short=True) for k, v in found.items()},
    }


def _words(numbers, short=False):
    whole = [int(number) for number in numbers]
    if short and len(set(whole)) == 1:
        return whole[0]
    return " ".join(map(str, whole))


def episodes(record, key):
    """Accuracy in each test episode, in percent: float64 [episodes], NaN where nothing was shown.

    Args:
      record: the record.
      key: a setting or presentation.

    Returns:
      None where the record is of before they were kept.
    """
    if key not in record.get("right", {}):
        return None
    right = np.array(record["right"][key].split(), np.float64)
    shown = record["shown"][key]
    shown = np.array(shown.split(), np.float64) if isinstance(shown, str) else float(shown)
    shown = np.broadcast_to(shown, right.shape)
    return np.where(shown > 0, 100.0 * right / np.maximum(shown, 1.0), np.nan)


def origin(fields):
    """Where a run was trained: {"commit", "machine", "load", "peak_memory_gib"}, of its `config.json`.

    A run that was resumed elsewhere has all its commits and machines, in order; "load" and the memory
    are the highest. What the file does not say is None. "budgets", of a run that was to train longer
    than it began with, has all its lengths: a schedule that ends with the last episode began anew.
    """
    starts = fields.get("starts", [])
    budgets = sorted({start["episodes"] for start in starts if "episodes" in start})

    def highest(name):
        return max((s[name] for s in starts if s.get(name) is not None), default=None)

    return {
        "commit": _different([fields.get("commit"), *(start.get("commit") for start in starts)]),
        "machine": _different([start.get("machine") for start in starts], "; "),
        "load": highest("load"),
        "peak_memory_gib": highest("peak_memory_gib"),
        **({"budgets": budgets} if len(budgets) > 1 else {}),
    }


def _different(values, between=", "):
    return between.join(dict.fromkeys(value for value in values if value)) or None


def changed_tree(record):
    """Whether a run was trained with files that differ from the commit that its record names."""
    commit = record["train"].get("commit") or record.get("commit") or ""
    return any(part.endswith("+") for part in commit.split(", "))


def plain_data(options):
    """{option: value} of a data set, without the folders that it and a user's split lay in."""
    split = options.split and pathlib.Path(options.split).name
    return dataclasses.asdict(dataclasses.replace(options, data_dir=None, split=split))


def plain_options(options):
    """{option: value} of a model, without the folder that its first weights lay in."""
    fields = dataclasses.asdict(options)
    if fields.get("encoder_weights"):
        fields["encoder_weights"] = pathlib.Path(fields["encoder_weights"]).name
    return fields


def tuned(protocol):
    """How a protocol fine-tunes: "finetuned", "softmax" (with one made for the support), or None."""
    if "finetune" not in protocol:
        return None
    return "finetuned" if protocol["finetune"]["match"] == "own" else "softmax"


def write(path, record):
    """Writes a record: all of it or nothing."""
    files.write_text(path, files.dump(record))


def machine():
    """Processor and how many cores this process may use."""
    name = devices.processor("model name") or platform.processor() or platform.machine()
    gpus = [d.name for d in tf.config.list_logical_devices("GPU")]
    return ", ".join([name, f"{pipeline.cores()} cores", *gpus])


def versions():
    """Versions of Python, TensorFlow and this package."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "oneshot_tf": __version__,
    }


def start():
    """What a run notes of each start: {"commit", "machine", "load", "date"}.

    "load" is how many processes wanted a core in the minute before, this one's own start among them;
    None where the system does not say.
    """
    try:
        load = round(os.getloadavg()[0], 2)
    except OSError:
        load = None
    return {
        "commit": commit(),
        "machine": machine(),
        "load": load,
        "date": datetime.date.today().isoformat(),
    }


def peak_memory():
    """The most memory that this process held so far, in GiB; None where the system does not say."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # Linux, whose getrusage counts what the parent held before it started us
        highest = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.MULTILINE)
        if highest:
            return round(int(highest[1]) / 2**20, 2)
    try:
        import resource
    except ImportError:  # Windows has none
        return None
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 2)


def commit():
    """The git commit of this code, with "+" where files differ from it; None outside git."""
    folder = pathlib.Path(__file__).resolve().parent

    def git(*words):
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return head and head + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except FileNotFoundError:
        return None

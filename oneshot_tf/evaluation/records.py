"""Records: one JSON file a test, with all that is needed to repeat it."""

import dataclasses
import datetime
import os
import pathlib
import platform
import subprocess

import tensorflow as tf

from oneshot_tf import __version__, files
from oneshot_tf.evaluation import papers
from oneshot_tf.sampling import pipeline


def make(config, dataset, split, protocol, accuracy, learner, trained):
    """The record of one test.

    Args:
      config: `RunConfig`.
      dataset: name of the data set tested on.
      split: `Split.describe()` of the classes tested on.
      protocol: {"kind", "way", "shot", ...}.
      accuracy: what a protocol gave.
      learner: the model, for its size.
      trained: {"episodes", "seconds"} of the checkpoint.
    """
    return {
        "model": config.model,
        "config": config.name,
        "seed": config.train.seed,
        "dataset": dataset,
        "split": split,
        "protocol": protocol,
        "accuracy": accuracy,
        "paper": papers.row(config.name, dataset, config.data.dataset, tuned(protocol)),
        "parameters": sum(int(tf.size(w)) for w in learner.trainable_variables),
        "train": {
            **trained,
            "dataset": config.data.dataset,
            "batch_size": config.train.batch_size,
            "machine": machine(),
        },
        "options": {
            "data": dataclasses.asdict(dataclasses.replace(config.data, data_dir=None)),
            "train": dataclasses.asdict(config.train),
            "model": plain_options(config.options),
        },
        "versions": versions(),
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
    }


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
    name = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    devices = [d.name for d in tf.config.list_logical_devices("GPU")]
    return ", ".join([name, f"{pipeline.cores()} cores", *devices])


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

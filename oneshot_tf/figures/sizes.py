"""Accuracy by the hidden size of MM-Net's contextual learner: figure 2 of Cai et al. (2018)."""

import re

import numpy as np
from matplotlib.figure import Figure

from oneshot_tf.evaluation.tables import USUAL
from oneshot_tf.figures.palette import CLASSES

NAME = re.compile(r"(?P<before>.+)_hidden(?P<size>\d+)_(?P<dataset>.+)")


def sizes(records):
    """{(model, data set): {hidden size: records of one size, a seed each}}.

    A record belongs here if its config is called <model>_hidden<size>_<data set>.
    """
    found = {}
    for record in records:
        match = NAME.fullmatch(record["config"])
        protocol = record["protocol"]
        usual = protocol["kind"] == "few_shot" and protocol["part"] == "test"
        if (
            match
            and usual
            and USUAL.issuperset(record["accuracy"])
            and record["dataset"] == record["train"]["dataset"]
        ):
            by_size = found.setdefault((match["before"], record["dataset"]), {})
            by_size.setdefault(int(match["size"]), []).append(record)
    return found


def draw(records):
    """A figure for each model and data set with two sizes or more.

    Args:
      records: of `tables.read_records`.

    Returns:
      {"<model>_hidden_size_<data set>": `Figure`}.
    """
    return {
        f"{model}_hidden_size_{dataset}": _draw(model, dataset, by_size)
        for (model, dataset), by_size in sorted(sizes(records).items())
        if len(by_size) > 1
    }


def _draw(model, dataset, by_size):
    """Bars side by side, a group a setting, with the 95 % interval over test episodes."""
    at = sorted(by_size)
    first = by_size[at[0]][0]["accuracy"]
    every = [record["accuracy"] for size in at for record in by_size[size]]
    settings = [k for k in first if all(k in accuracy for accuracy in every)]
    figure = Figure(figsize=(1.9 * len(settings) + 2.2, 4.0), dpi=120, layout="constrained")
    axes = figure.subplots()
    width, lowest = 0.8 / len(at), 100.0
    for i, size in enumerate(at):
        rows = [[r["accuracy"][k] for k in settings] for r in by_size[size]]
        means = np.mean([[cell["mean"] for cell in row] for row in rows], axis=0)
        bars = np.mean([[cell["ci95"] for cell in row] for row in rows], axis=0)
        places = np.arange(len(settings)) + (i - (len(at) - 1) / 2) * width
        axes.bar(places, means, width * 0.92, yerr=bars, color=CLASSES[i], label=f"{size} units")
        for place, mean in zip(places, means, strict=True):
            axes.annotate(f"{mean:.1f}", (place, mean), ha="center", va="bottom", fontsize=7)
        lowest = min(lowest, means.min())
    axes.set_xticks(range(len(settings)), settings)
    axes.set_ylim(5 * np.floor(lowest / 5) - 5, 101)
    axes.set_ylabel("accuracy, %")
    count = len(by_size[at[0]])
    seeds = "1 seed" if count == 1 else f"{count} seeds"
    title = f"{model} on {dataset}: units of the contextual learner"
    axes.set_title(f"{title}\n(after [MM], figure 2; {seeds})", fontsize=10)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure

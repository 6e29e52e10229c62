"""Accuracy of few-shot learners over training batches, and the thinned numbers behind the figure.

There is one figure for each data set: validation accuracy of every config, and its training
accuracy as a dotted line.
"""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oneshot_tf.figures.curves import POINTS, plot_seeds, thin_lines
from oneshot_tf.figures.palette import CLASSES, RIGHT, WRONG
from oneshot_tf.options import span_words

COLOURS = (*(c for c in CLASSES if c != "#F0E442"), RIGHT, WRONG)  # yellow cannot be seen on white
MARKS = ("o", "s", "^", "D", "v")  # change when the colours recur


def is_of(metrics):
    """Whether these lines of a `metrics.jsonl` are of a few-shot learner."""
    lines = [m for m in metrics if m.get("kind") == "train"]
    return bool(lines) and not any("by_presentation" in m for m in lines)


def thin(metrics, config, points=POINTS):
    """The curves of a run, each point the mean of as many lines.

    Args:
      metrics: the lines of a `metrics.jsonl`, see `is_of`.
      config: the run's `config.json`.
      points: how many points to keep of each curve at most.

    Returns:
      {"dataset", "way", "shot", "way_from", "shot_from", "batch_size", "points": [{"episode", "loss", "accuracy"}],
      "validation": [{"episode", "accuracy"}]}.
    """
    lines = {
        kind: [m for m in metrics if m.get("kind") == kind and "accuracy" in m]
        for kind in ("train", "validation")
    }
    return {
        "dataset": config["data"]["dataset"],
        **{name: config["train"][name] for name in ("way", "shot", "batch_size")},
        **{name: config["train"].get(name) for name in ("way_from", "shot_from")},
        "points": thin_lines(lines["train"], ("loss", "accuracy"), points),
        "validation": thin_lines(lines["validation"], ("accuracy",), points),
    }


def draw(curves):
    """The figures of the few-shot runs among these curves.

    Args:
      curves: {config: [curve of `report.curve_of`]}.

    Returns:
      {"few_shot_<dataset>": `Figure`}.
    """
    by_dataset = {}
    for config, runs in curves.items():
        for run in runs:
            if "validation" in run:
                by_dataset.setdefault(run["dataset"], {}).setdefault(config, []).append(run)
    return {f"few_shot_{name}": _draw(name, runs) for name, runs in sorted(by_dataset.items())}


def _draw(dataset, configs):
    figure = Figure(figsize=(10.4, 5.2), dpi=120, facecolor="white", layout="constrained")
    axes = figure.subplots()
    lines = "solid: validation classes, most ways and fewest shots; dotted: training, its own task"
    axes.set_title(f"{dataset}: accuracy after so many training batches\n{lines}", fontsize=11)
    handles = []
    for i, (config, runs) in enumerate(sorted(configs.items())):
        look = {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i // len(COLOURS) % len(MARKS)]}
        _line(axes, runs, "points", look["color"], ls=":", lw=1.3)
        last = _line(axes, runs, "validation", ls="-", lw=1.8, markersize=3.5, **look)
        axes.plot([], [], label=_label(config, runs, last), **look)
        handles.append((-1.0 if last is None else last, axes.lines[-1]))
    low, high = limits([run for runs in configs.values() for run in runs])
    for way in {run["way"] for runs in configs.values() for run in runs}:
        if 100.0 / way < low:
            continue
        axes.axhline(100.0 / way, color="gray", lw=0.8, ls="--")
        words = {"fontsize": 8, "ha": "right", "va": "bottom", "color": "gray"}
        place = (0.995, 100.0 / way)
        axes.annotate(f"chance, {way}-way", place, xycoords=("axes fraction", "data"), **words)
    sizes = sorted({run["batch_size"] for runs in configs.values() for run in runs})
    sizes = " or ".join(map(str, sizes))
    axes.set_xlabel(f"updates (a batch: {sizes} episodes, pictures or texts)")
    axes.set_ylabel("accuracy, %")
    axes.set_ylim(low, high + 0.5)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    # in the order of the curves' ends
    best_first = [handle for _, handle in sorted(handles, key=lambda h: -h[0])]
    figure.legend(handles=best_first, loc="outside right center", fontsize=8, frameon=False)
    return figure


def limits(runs):
    """Where the accuracy axis begins and ends: around all curves after their first twentieth."""
    values = []
    for run in runs:
        for part in (run["points"], run["validation"]):
            values += [p["accuracy"] for p in part if p["episode"] >= part[-1]["episode"] / 20]
    low, high = min(values, default=0), max(values, default=100)
    return max(0, 5 * int(low // 5) - 5), min(100, 5 * int(-(-high // 5)) + 5)


def _label(config, runs, last):
    seeds = f", {len(runs)} seeds" if len(runs) > 1 else ""
    end = "nothing validated" if last is None else f"{last:.1f} % at the end"
    sizes = [span_words(runs[0][name], runs[0].get(f"{name}_from")) for name in ("way", "shot")]
    return f"{config}\n{sizes[0]}-way {sizes[1]}-shot{seeds}; {end}"


def _line(axes, runs, part, color, **look):
    """The mean over seeds and the range; returns the mean's last value, None without a point."""
    runs = [run for run in runs if run[part]]
    if not runs:
        return None
    updates = [[p["episode"] / run["batch_size"] for p in run[part]] for run in runs]
    values = [[p["accuracy"] for p in run[part]] for run in runs]
    return plot_seeds(axes, updates, values, color, **look)

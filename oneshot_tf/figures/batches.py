"""Accuracy of few-shot learners over training batches, and the thinned numbers behind the figure.

There is one figure for each data set, with a panel for each task that runs are validated on.
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
      "validation": [{"episode", "accuracy"}]}, and "validation_classes" where there are fewer than ways.
    """
    lines = {
        kind: [m for m in metrics if m.get("kind") == kind and "accuracy" in m]
        for kind in ("train", "validation")
    }
    return {
        "dataset": config["data"]["dataset"],
        **{name: config["train"][name] for name in ("way", "shot", "batch_size")},
        **{name: config["train"].get(name) for name in ("way_from", "shot_from")},
        **_few_classes(config),
        "points": thin_lines(lines["train"], ("loss", "accuracy"), points),
        "validation": thin_lines(lines["validation"], ("accuracy",), points),
    }


def _few_classes(config):
    classes = config["split"]["classes"][1] * (4 if config["data"]["test_rotations"] else 1)
    return {"validation_classes": classes} if classes < config["train"]["way"] else {}


def draw(curves):
    """The figures of the few-shot runs among these curves.

    Training accuracies are of unlike tasks, and so tell no two models apart: only runs that were
    validated are drawn, with those that were validated on the same task.

    Args:
      curves: {config: [curve of `report.curve_of`]}.

    Returns:
      {"few_shot_<dataset>": `Figure`}.
    """
    by_dataset = {}
    for config, runs in curves.items():
        for run in runs:
            if run.get("validation"):
                tasks = by_dataset.setdefault(run["dataset"], {})
                tasks.setdefault(_task(run), {}).setdefault(config, []).append(run)
    return {f"few_shot_{name}": _draw(name, tasks) for name, tasks in sorted(by_dataset.items())}


def _task(run):
    """(way, shot) of a run's validation: the most ways and the fewest shots that it trains on."""
    return run.get("validation_classes", run["way"]), run.get("shot_from") or run["shot"]


def _draw(dataset, tasks):
    size = (10.4, 1.2 + 4.0 * len(tasks))
    figure = Figure(figsize=size, dpi=120, facecolor="white", layout="constrained")
    figure.suptitle(f"{dataset}: accuracy on validation classes", fontsize=11)
    panels = figure.subplots(len(tasks), squeeze=False)[:, 0]
    for axes, (task, configs) in zip(panels, sorted(tasks.items()), strict=True):
        _panel(axes, *task, configs)
    return figure


def _panel(axes, way, shot, configs):
    axes.set_title(f"{way}-way {shot}-shot", fontsize=10)
    handles = []
    for i, (config, runs) in enumerate(sorted(configs.items())):
        look = {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i // len(COLOURS) % len(MARKS)]}
        last = _line(axes, runs, ls="-", lw=1.8, markersize=3.5, **look)
        axes.plot([], [], label=_label(config, runs, last), **look)
        handles.append((last, axes.lines[-1]))
    low, high = limits([run for runs in configs.values() for run in runs])
    if 100.0 / way >= low:
        axes.axhline(100.0 / way, color="gray", lw=0.8, ls="--")
        words = {"fontsize": 8, "ha": "right", "va": "bottom", "color": "gray"}
        axes.annotate("chance", (0.995, 100.0 / way), xycoords=("axes fraction", "data"), **words)
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
    words = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "fontsize": 8, "frameon": False}
    axes.legend(handles=best_first, **words)


def limits(runs):
    """Where the accuracy axis begins and ends: around all curves after their first twentieth."""
    values = []
    for part in (run["validation"] for run in runs):
        values += [p["accuracy"] for p in part if p["episode"] >= part[-1]["episode"] / 20]
    low, high = min(values), max(values)
    return max(0, 5 * int(low // 5) - 5), min(100, 5 * int(-(-high // 5)) + 5)


def _label(config, runs, last):
    seeds = f", {len(runs)} seeds" if len(runs) > 1 else ""
    sizes = [span_words(runs[0][name], runs[0].get(f"{name}_from")) for name in ("way", "shot")]
    trained = f"trained {sizes[0]}-way {sizes[1]}-shot"
    return f"{config}\n{trained}{seeds}; {last:.1f} % at the end"


def _line(axes, runs, color, **look):
    """The mean over seeds and the range; returns the mean's last value."""
    updates = [[p["episode"] / run["batch_size"] for p in run["validation"]] for run in runs]
    values = [[p["accuracy"] for p in run["validation"]] for run in runs]
    return plot_seeds(axes, updates, values, color, **look)

"""Training curves: figures 3 to 5 of Mureja et al. (2017), and the thinned numbers behind them."""

import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oneshot_tf.errors import UserError

POINTS = 100
COLUMNS = 3  # panels side by side
SHOWN = {1: "#E69F00", 2: "#56B4E9", 5: "#009E73", 10: "#0072B2"}  # presentation -> colour
MODELS = {"FLMN": "#0072B2", "MANN, one head": "#D55E00"}
EXPERIMENTS = {
    "I": {"MANN, one head": "mann_1head_omniglot_1", "FLMN": "flmn_omniglot_1_paper"},
    "II": {"MANN, one head": "mann_1head_omniglot_2", "FLMN": "flmn_omniglot_2_paper"},
}


def thin(metrics, points=POINTS):
    """A thinned training curve; each point is the mean of equally many lines.

    Args:
      metrics: the lines of a `metrics.jsonl`.
      points: how many points to keep at most.

    Returns:
      [{"episode", "loss", "by_presentation"}].

    Raises:
      UserError: no line tells of training on sequences.
    """
    lines = [m for m in metrics if m.get("kind") == "train" and "by_presentation" in m]
    if not lines:
        raise UserError("metrics.jsonl has no accuracy by presentation; train a sequence learner")
    return thin_lines(lines, ("loss", "by_presentation"), points)


def thin_lines(lines, names, points=POINTS):
    """Few points from many lines: the last episode of each part, and means of the named values.

    Args:
      lines: [{"episode", ...}].
      names: what to keep of them, numbers or lists of numbers.
      points: how many points to keep at most.

    Returns:
      [{"episode", name: mean}].
    """
    parts = np.array_split(np.arange(len(lines)), max(1, min(points, len(lines))))
    return [
        {
            "episode": lines[part[-1]]["episode"],
            **{name: _mean([lines[i][name] for i in part]) for name in names},
        }
        for part in parts
        if len(part)
    ]


def _mean(rows):
    return np.round(np.mean(rows, axis=0), 3).tolist()


def draw(curves):
    """Figures 3 and 4 (accuracy) and 5 (loss), as far as the curves reach.

    Args:
      curves: {config: [{"seed", "points"}]}.

    Returns:
      ({file name: `Figure`}, [config that has no curve]).
    """
    figures = {}
    for number, experiment in (("3", "I"), ("4", "II")):
        runs = {m: curves[c] for m, c in EXPERIMENTS[experiment].items() if c in curves}
        if runs:
            figures[f"flmn_figure_{number}"] = _draw_accuracy(runs, number, experiment)
    losses = {
        experiment: {m: curves[c] for m, c in configs.items() if c in curves}
        for experiment, configs in EXPERIMENTS.items()
    }
    losses = {experiment: runs for experiment, runs in losses.items() if runs}
    if losses:
        figures["flmn_figure_5"] = _draw_losses(losses)
    return figures, [config for config in _named() if config not in curves]


def draw_own(curves):
    """Accuracy by presentation of the sequence runs that `draw` has no place for, a panel each.

    Args:
      curves: {label: [{"seed", "way", "points"}]}; few-shot runs are left out.

    Returns:
      {"sequences": `Figure`}, or nothing where there is none.
    """
    own = {k: runs for k, runs in curves.items() if k not in _named() and is_of(runs[0])}
    if not own:
        return {}
    figure, panels = _panels(len(own), "training accuracy by presentation", sharex=False)
    for axes, (label, runs) in zip(panels, own.items(), strict=True):
        _panel(axes, label, runs, 100.0 / runs[0]["way"])
        axes.legend(fontsize=8, loc="best")
    for axes in panels[::COLUMNS]:
        axes.set_ylabel("accuracy, %")
    return {"sequences": figure}


def is_of(curve):
    """Whether a curve is of a sequence learner."""
    return any("by_presentation" in point for point in curve["points"][:1])


def _named():
    return [config for configs in EXPERIMENTS.values() for config in configs.values()]


def _panels(count, title, sharex=True):
    rows, columns = -(-count // COLUMNS), min(count, COLUMNS)
    size = (5.4 * columns, 4.2 * rows)
    figure = Figure(figsize=size, dpi=120, facecolor="white", layout="constrained")
    figure.suptitle(title, fontsize=11)
    places = figure.subplots(rows, columns, sharex=sharex, sharey=True, squeeze=False).ravel()
    panels = places[:count]
    for axes in places[count:]:
        axes.remove()
    for axes in panels:
        axes.set_xlabel("episodes")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.3)
    return figure, panels


def _draw_accuracy(runs, number, experiment):
    """One panel a model, a line a presentation."""
    varied = "turned and shifted" if experiment == "II" else "not augmented"
    title = f"After [FLMN], figure {number}\ntraining accuracy, experiment {experiment} ({varied})"
    figure, panels = _panels(len(runs), title)
    for axes, (name, seeds) in zip(panels, runs.items(), strict=True):
        _panel(axes, name, seeds, 20.0)
    panels[0].set_ylabel("accuracy, %")
    panels[0].legend(fontsize=8, loc="center right")
    return figure


def _panel(axes, name, seeds, chance):
    """A line for each presentation that is shown of a model or run; `chance` is in percent."""
    presentations = len(seeds[0]["points"][0]["by_presentation"])
    for presentation, colour in SHOWN.items():
        if presentation <= presentations:
            _line(axes, seeds, _accuracy(presentation), colour, f"presentation {presentation}")
    axes.axhline(chance, color="gray", lw=0.8, ls="--")
    axes.annotate(
        "chance",
        (1, chance),
        xycoords=("axes fraction", "data"),
        fontsize=8,
        ha="right",
        va="top",
    )
    title = textwrap.fill(f"{name} ({_seeds(seeds)})", 60, break_on_hyphens=False)
    axes.set_title(title, fontsize=10)
    axes.set_ylim(0, 100)


def _draw_losses(losses):
    """One panel an experiment, a line a model."""
    figure, panels = _panels(len(losses), "After [FLMN], figure 5\ntraining loss")
    for axes, (experiment, runs) in zip(panels, losses.items(), strict=True):
        for name, seeds in runs.items():
            _line(axes, seeds, lambda p: p["loss"], MODELS[name], f"{name} ({_seeds(seeds)})")
        axes.set_title(f"experiment {experiment}", fontsize=10)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
    panels[0].set_ylabel("loss, nats a picture")
    return figure


def _accuracy(presentation):
    """The value of a point to draw; NaN where no class was shown this often."""

    def take(point):
        found = point["by_presentation"]
        return found[presentation - 1] if presentation <= len(found) else np.nan

    return take


def _seeds(runs):
    return f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"


def _line(axes, runs, take, colour, label):
    """The mean over seeds, and the range from the smallest to the largest."""
    episodes = [[p["episode"] for p in run["points"]] for run in runs]
    values = [[take(p) for p in run["points"]] for run in runs]
    plot_seeds(axes, episodes, values, color=colour, lw=1.6, label=label)


def plot_seeds(axes, places, values, color, **look):
    """One curve of several seeds: their mean, and the range from the smallest to the largest.

    Args:
      axes: where to draw.
      places: [the places of a seed's points, rising, for each seed].
      values: [as many values of a seed, for each seed].
      color: of line and range.
      **look: of the line.

    Returns:
      The last value of the mean.
    """
    places = [np.asarray(p, float) for p in places]
    at = min(places, key=lambda p: p[-1])  # up to where all seeds have values
    rows = [np.interp(at, p, np.asarray(v, float)) for p, v in zip(places, values, strict=True)]
    mean = np.mean(rows, axis=0)
    axes.plot(at, mean, color=color, **look)
    if len(rows) > 1:
        axes.fill_between(
            at, np.min(rows, axis=0), np.max(rows, axis=0), color=color, alpha=0.2, lw=0
        )
    return float(mean[-1])

"""The picture of a memory over an episode: T steps, H heads, N rows, K classes."""

import numpy as np
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

HEAT = "viridis"
UNWRITTEN = "#FFFFFF"


def strongest(weights):
    """The largest weight over the heads: [T, H, N] -> [T, N]."""
    return np.asarray(weights).max(axis=1)


def first_writes(write):
    """When each row is first written to.

    Args:
      write: [T, N], weights of writing.

    Returns:
      int [N]: the first step with at least half of the row's largest weight, or T where that is
      less than a twentieth of the largest of all (a trace of a soft write, not a write).
    """
    most = write.max(axis=0)
    first = (write >= 0.5 * most).argmax(axis=0)
    return np.where(most >= 0.05 * max(write.max(), 1e-12), first, len(write))


def owners(write, labels, classes):
    """Whose rows they are: what share of a row was written while each class was shown.

    A write of weight w replaces the share w of a row.

    Args:
      write: [T, N], weights of writing.
      labels: int [T].
      classes: the K labels.

    Returns:
      [T, N, K], *before* each step; what is missing to 1 has not been written.
    """
    owner = np.zeros([len(write), write.shape[1], len(classes)])
    for t in range(1, len(write)):
        shown = np.asarray(classes) == labels[t - 1]
        share = np.clip(write[t - 1], 0.0, 1.0)[:, None]
        owner[t] = owner[t - 1] * (1.0 - share) + shown * share
    return owner


def reads_by_class(read, write, labels, classes):
    """How much of each step's reading goes to rows written while each class was shown.

    Args:
      read: [T, H, N]; the mean of the heads counts.
      write: [T, N].
      labels: int [T].
      classes: the K labels.

    Returns:
      [T, K + 1], the last for what was never written.
    """
    mean = np.asarray(read).mean(axis=1)
    shares = np.einsum("tn,tnk->tk", mean, owners(write, labels, classes))
    rest = np.maximum(mean.sum(axis=1) - shares.sum(axis=1), 0.0)
    return np.concatenate([shares, rest[:, None]], axis=1)


def make(arrays, colours, right, wrong):
    """The figure: classes, reading by class, and the weights of every row.

    Args:
      arrays: of `Learner.figures`, without padding.
      colours: {label: colour}.
      right: the colour of right answers.
      wrong: the colour of wrong ones.

    Returns:
      A matplotlib `Figure`.
    """
    write = strongest(arrays["write"])
    first = first_writes(write)
    order = np.lexsort([np.arange(len(first)), first])
    names = [name for name in ("read", "write", "usage") if name in arrays]
    heights = [0.55, 1.7] + [3.0] * len(names)
    figure = Figure(figsize=(11, sum(heights) + 1.6), dpi=100, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=[0.012, 1])
    panels = [figure.add_subplot(grid[i, 1]) for i in range(len(heights))]
    _draw_classes(panels[0], arrays, colours, right, wrong)
    _draw_reads(figure, panels[1], arrays, write, colours)
    for i, name in enumerate(names, start=2):
        strip = figure.add_subplot(grid[i, 0], sharey=panels[i])
        _draw_weights(figure, panels[i], name, arrays[name], order, first)
        _draw_owners(strip, arrays["labels"], first[order], colours)
    for panel in panels:
        panel.set_xlim(-0.5, len(write) - 0.5)
        steps = np.arange(4, len(write), 5)
        panel.set_xticks(steps, steps + 1, fontsize=8)
    panels[-1].set_xlabel("step of the episode")
    return figure


def _draw_classes(axes, arrays, colours, right, wrong):
    """The strip of true classes; below it, right and wrong answers."""
    labels, answers = arrays["labels"], arrays["predictions"]
    axes.set_title("class shown (triangle: for the first time); below, green: answered rightly", fontsize=10)
    for t, label in enumerate(labels):
        axes.add_patch(Rectangle((t - 0.5, 0.35), 1, 1, fc=colours[int(label)], ec="white", lw=0.8))
        axes.text(t, 0.85, str(int(label)), ha="center", va="center", fontsize=8)
        mark = right if label == answers[t] else wrong
        axes.add_patch(Rectangle((t - 0.5, 0), 1, 0.3, fc=mark, ec="white", lw=0.8))
        if arrays["presentations"][t] == 1:
            axes.plot(t, 1.5, marker="v", color="black", markersize=5, clip_on=False)
    axes.set_ylim(0, 1.6)
    axes.set_yticks([])
    axes.set_frame_on(False)


def _draw_reads(figure, axes, arrays, write, colours):
    """Reading by class: a column a step, a line a class, the true class framed."""
    labels = arrays["labels"]
    classes = sorted(colours)
    shares = reads_by_class(arrays["read"], write, labels, classes)
    image = axes.imshow(
        shares.T, aspect="auto", cmap="Greys", vmin=0.0, vmax=1.0, interpolation="nearest"
    )
    for t, label in enumerate(labels):
        corner = (t - 0.5, classes.index(int(label)) - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, ec=colours[int(label)], lw=1.8))
    axes.set_yticks(range(len(classes) + 1), [*map(str, classes), "unwritten"], fontsize=8)
    axes.set_title(
        "reading, by the class that was shown when the row was written (framed: the true class)",
        fontsize=10,
    )
    axes.set_ylabel("class")
    figure.colorbar(image, ax=axes, pad=0.01, label="share")


TITLES = {"read": "read weights", "write": "write weights", "usage": "usage after the step"}


def _draw_weights(figure, axes, name, weights, order, first):
    """One heat map, time to the right, rows downwards in the order of their first write."""
    heads = weights.shape[1]
    shown = strongest(weights)[:, order].T
    top = max(float(shown.max()), 1e-6)
    # weights range over orders of magnitude: the root shows the small ones
    image = axes.imshow(
        shown, aspect="auto", cmap=HEAT, norm=PowerNorm(0.5, 0.0, top), interpolation="nearest"
    )
    which = f", the strongest of {heads} heads" if heads > 1 else ""
    axes.set_title(f"{TITLES[name]}{which} (colours: square root)", fontsize=10)
    axes.tick_params(labelleft=False, left=False)
    figure.colorbar(image, ax=axes, pad=0.01, label="weight")
    written = int((first < len(weights)).sum())
    if 0 < written < len(order):
        axes.axhline(written - 0.5, color="white", lw=0.8, ls=":")


def _draw_owners(axes, labels, first, colours):
    """The strip at the left: the class that was shown when each row was first written."""
    classes = sorted(colours)
    palette = ListedColormap([UNWRITTEN, *(colours[c] for c in classes)])
    index = [0 if t >= len(labels) else 1 + classes.index(int(labels[t])) for t in first]
    axes.imshow(
        np.array(index)[:, None],
        aspect="auto", cmap=palette, vmin=-0.5, vmax=len(classes) + 0.5, interpolation="nearest",
    )
    axes.set_xticks([])
    axes.set_ylabel(f"{len(index)} rows, in the order they are first written", fontsize=8)
    axes.tick_params(labelsize=7)

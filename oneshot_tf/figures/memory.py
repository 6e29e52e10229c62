"""The picture of a memory over an episode: T steps, H heads, N rows, K classes."""

import matplotlib
import numpy as np
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def strongest(weights):
    """The largest weight over the heads: [T, H, N] -> [T, N]."""
    return np.asarray(weights).max(axis=1)


def first_writes(write):
    """When each row is first written to.

    Args:
      write: [T, N], weights of writing.

    Returns:
      int [N]: the first step with at least half of the row's largest weight, or T where that is
      less than a twentieth of the largest of all, or than twice a write that is the same
      everywhere (a trace of a soft write, not a write).
    """
    most = write.max(axis=0)
    first = (write >= 0.5 * most).argmax(axis=0)
    least = max(0.05 * write.max(), 2.0 / write.shape[1])
    return np.where(most >= least, first, len(write))


def written_for(labels, late):
    """The class that each step writes for.

    Args:
      labels: int [T], the class shown at each step.
      late: each step writes for the class shown before it, whose label has just arrived.

    Returns:
      int [T]; -1 at the first step if late.
    """
    return np.append(-1, labels[:-1]) if late else np.asarray(labels)


def owners(write, written, classes):
    """Which classes own a row: the share of it that was written for each class.

    A write of weight w replaces the share w of a row.

    Args:
      write: [T, N], weights of writing.
      written: int [T] of `written_for`.
      classes: the K labels.

    Returns:
      [T, N, K], *before* each step; the rest up to 1 has not been written.
    """
    owner = np.zeros([len(write), write.shape[1], len(classes)])
    for t in range(1, len(write)):
        shown = np.asarray(classes) == written[t - 1]
        share = np.clip(write[t - 1], 0.0, 1.0)[:, None]
        owner[t] = owner[t - 1] * (1.0 - share) + shown * share
    return owner


def reads_by_class(read, write, written, classes):
    """How much the rows written for each class are read, relative to the mean written row.

    Args:
      read: [T, H, N].
      write: [T, N].
      written: int [T] of `written_for`.
      classes: the K labels.

    Returns:
      [T, H, K]: 1 is no preference; NaN where less than half a row was written for the class.
    """
    owner = owners(write, written, classes)
    rows = owner.sum(axis=1)[:, None]
    weight = np.einsum("thn,tnk->thk", np.asarray(read, np.float64), owner)
    with np.errstate(divide="ignore", invalid="ignore"):
        average = weight.sum(axis=2, keepdims=True) / rows.sum(axis=2, keepdims=True)
        found = weight / rows / average
    return np.where(rows >= 0.5, found, np.nan)


def telling(read, write, labels, classes):
    """The head whose reading reveals most about the true class, and when it is written for a class.

    The sign of its preference does not count, since a learner can read by exclusion.

    Args:
      read: [T, H, N].
      write: [T, N].
      labels: int [T].
      classes: the K labels.

    Returns:
      (number of the head, `late` of `written_for`, [T, K] of `reads_by_class` of this head).
    """
    best = None
    for late in (False, True):
        times = reads_by_class(read, write, written_for(labels, late), classes)
        true = times[np.arange(len(labels)), :, np.searchsorted(classes, labels)]
        preference = np.abs(np.nan_to_num(true - 1.0).mean(axis=0))
        head = int(preference.argmax())
        if best is None or preference[head] > best[0]:
            best = preference[head], head, late, times[:, head]
    return best[1:]


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
    labels, write = arrays["labels"], strongest(arrays["write"])
    first = first_writes(write)
    classes = sorted(colours)
    head, late, times = telling(arrays["read"], write, labels, classes)
    # the class that a row was first written for; rows written for none come last
    of_row = np.append(written_for(labels, late), -1)[first]
    of_row = np.where(of_row < 0, labels.max() + 1, of_row)
    by_time = np.lexsort([np.arange(len(first)), first])
    by_class = np.lexsort([first, of_row])
    names = [name for name in ("read", "write", "usage") if name in arrays]
    panels, figure = _panels([0.5, 1.5, 2.9] + [2.2] * (len(names) - 1))
    _draw_classes(panels[0], arrays, colours, right, wrong)
    _draw_reads(figure, panels[1], times, labels, classes, late)
    for panel, name in zip(panels[2:], names, strict=True):
        order = by_class if name == "read" else by_time
        _draw_weights(figure, panel, name, arrays[name], order, head)
        _draw_owners(panel, of_row[order], colours)
        told = (
            "grouped by the class first written for" if name == "read" else "by their first write"
        )
        panel.set_ylabel(f"{len(first)} rows, {told}", fontsize=8, labelpad=18)
    for panel in panels:
        panel.set_xlim(-0.5, len(labels) - 0.5)
        steps = np.arange(4, len(labels), 5)
        panel.set_xticks(steps, steps + 1, fontsize=8)
    panels[-1].set_xlabel("step of the episode")
    return figure


def _panels(heights):
    """A figure with axes below each other, of these heights in inches."""
    gap, below, above = 0.52, 0.5, 0.45
    total = sum(heights) + gap * (len(heights) - 1) + below + above
    figure = Figure(figsize=(11, total), dpi=100, facecolor="white")
    panels, top = [], total - above
    for height in heights:
        box = [0.075, (top - height) / total, 0.84, height / total]
        panels.append(figure.add_axes(box))
        top -= height + gap
    return panels, figure


def _bar(figure, axes, image, label, ticks=None):
    """A colour bar at the right of a panel, which keeps its width."""
    bar = figure.colorbar(image, cax=axes.inset_axes([1.01, 0, 0.012, 1]), ticks=ticks)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return bar


def _draw_classes(axes, arrays, colours, right, wrong):
    """The strip of true classes; below it, right and wrong answers."""
    labels, answers = arrays["labels"], arrays["predictions"]
    axes.set_title(
        "class shown (triangle: for the first time); below: answered rightly (green) or not",
        fontsize=10,
    )
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


def _draw_reads(figure, axes, times, labels, classes, late):
    """Reading by class: one column a step, one row a class, the true class framed."""
    with np.errstate(divide="ignore"):
        shown = np.clip(np.log2(times), -2.0, 2.0)
    palette = matplotlib.colormaps["PuOr_r"].with_extremes(bad="#d9d9d9")
    image = axes.imshow(
        shown.T, aspect="auto", cmap=palette, vmin=-2.0, vmax=2.0, interpolation="nearest"
    )
    for t, label in enumerate(labels):
        corner = (t - 0.5, classes.index(int(label)) - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, ec="black", lw=1.5))
    axes.set_yticks(range(len(classes)), list(map(str, classes)), fontsize=8)
    when = "a step after each class" if late else "under each class"
    axes.set_title(
        f"how much the rows written {when} are read "
        f"(framed: the true class{_preference(times, labels, classes)}; gray: none written)",
        fontsize=10,
    )
    axes.set_ylabel("class", fontsize=8, labelpad=18)
    bar = _bar(figure, axes, image, "times the mean", ticks=[-2, -1, 0, 1, 2])
    bar.ax.set_yticklabels(["1/4", "1/2", "1", "2", "4"])


def _preference(times, labels, classes):
    """How much the true class's rows are read, by `reads_by_class`, as text for a title."""
    own = times[np.arange(len(labels)), np.searchsorted(classes, labels)]
    if not np.isfinite(own).any():
        return ""
    mean = 2.0 ** np.mean(np.log2(np.maximum(own[np.isfinite(own)], 1e-6)))
    return f", on average {mean:.2f} times the mean row"


TITLES = {"read": "read weights", "write": "write weights", "usage": "usage after the step"}


def _draw_weights(figure, axes, name, weights, order, head):
    """One heat map: time to the right, rows downwards in this order."""
    heads, which = weights.shape[1], ""
    if heads > 1:
        tells = f", head {head + 1} of {heads}, which tells classes apart most"
        which = tells if name == "read" else f", the strongest of {heads} heads"
    shown = (weights[:, head] if name == "read" else strongest(weights))[:, order].T
    # weights range over orders of magnitude: the root shows the small ones
    norm = PowerNorm(0.5, 0.0, max(float(shown.max()), 1e-6))
    image = axes.imshow(shown, aspect="auto", cmap="viridis", norm=norm, interpolation="nearest")
    axes.set_title(f"{TITLES[name]}{which}", fontsize=10)
    axes.set_yticks([])
    _bar(figure, axes, image, "weight (root scale)")


def _draw_owners(axes, of_row, colours):
    """The strip at the left, the class of each row (white: never written); lines between runs."""
    classes = sorted(colours)
    palette = ListedColormap([*(colours[c] for c in classes), "white"])
    index = np.searchsorted(classes, of_row)
    strip = axes.inset_axes([-0.017, 0, 0.012, 1])
    strip.imshow(
        index[:, None],
        aspect="auto",
        cmap=palette,
        vmin=-0.5,
        vmax=len(classes) + 0.5,
        interpolation="nearest",
    )
    strip.set_xticks([])
    strip.set_yticks([])
    if (np.diff(index) >= 0).all():  # grouped by class
        for edge in np.flatnonzero(np.diff(index)):
            axes.axhline(edge + 0.5, color="white", lw=0.8)

"""An episode of support and queries: the mistakes, and which pictures resemble each other.

The arrays are those of `Learner.figures` for few-shot episodes: S support pictures, Q queries.
Lengths are in inches.
"""

import numpy as np
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from oneshot_tf.figures.palette import (
    CROSS,
    FADED,
    INK,
    RIGHT,
    TICK,
    WRONG,
    class_colours,
    for_eyes,
    text_on,
)

SHOWN = 30  # queries on a sheet
SHOWN_SHOTS = 10  # support pictures of a class on a sheet
COLUMNS, CELL_WIDTH, CELL_HEIGHT = 6, 1.86, 1.5  # of queries
ROWS = 25  # classes in a column
TOP, SIDE, GAP = 1.25, 0.2, 0.03


def make(arrays):
    """{"episode": sheet, "similarity": matrix (where the model tells)}, matplotlib figures.

    Args:
      arrays: "support" [S, H, W, C], "support_labels" int [S], "query" [Q, H, W, C],
        "query_labels" and "predictions" int [Q], "confidence" [Q], maybe "probabilities" [Q, way],
        "attention" and "similarity" [Q, S]; labels of -1 are padding.
    """
    arrays = present(arrays)
    figures = {"episode": make_sheet(arrays)}
    if "similarity" in arrays or "attention" in arrays:
        figures["similarity"] = make_matrix(arrays)
    return figures


def present(arrays):
    """The arrays without the support pictures and queries that are padding."""
    support = np.asarray(arrays["support_labels"]) >= 0
    query = np.asarray(arrays["query_labels"]) >= 0
    kept = {}
    for name, array in arrays.items():
        array = np.asarray(array)[support if name.startswith("support") else query]
        kept[name] = array[:, support] if name in ("attention", "similarity") else array
    return kept


def worst_first(arrays):
    """int [Q], the order of the sheet: wrong answers, surest first; right ones, least sure first."""
    right = arrays["query_labels"] == arrays["predictions"]
    sure = np.where(right, 1.0, -1.0) * arrays["confidence"]
    return np.lexsort([sure, right])


def nearest(arrays, query, label):
    """The support picture of a class that a query resembles most, if the model reports it.

    Args:
      arrays: of `present`.
      query: its number.
      label: the class.

    Returns:
      Its row in "support", or None where the support lacks the class.
    """
    rows = np.flatnonzero(arrays["support_labels"] == label)
    if not len(rows):
        return None
    told = arrays.get("attention", arrays.get("similarity"))
    return int(rows[0] if told is None else rows[told[query, rows].argmax()])


def make_sheet(arrays):
    """The support class by class at the left, queries and answers at the right.

    Args:
      arrays: of `present`.

    Returns:
      A matplotlib `Figure`; right answers are framed green and ticked, wrong ones vermilion and
      crossed.
    """
    classes, sizes = np.unique(arrays["support_labels"], return_counts=True)
    order = worst_first(arrays)[:SHOWN]
    shots, folds = min(int(sizes.max()), SHOWN_SHOTS), -(-len(classes) // ROWS)
    height = -(-len(order) // COLUMNS) * CELL_HEIGHT
    size = min(0.9, max(0.36, height / min(len(classes), ROWS) - GAP))
    fold = 0.36 + shots * (size + GAP) + 0.62
    left = SIDE + folds * fold + 0.25
    height = max(height, min(len(classes), ROWS) * (size + GAP))
    width = left + min(len(order), COLUMNS) * CELL_WIDTH + SIDE
    width, height = max(width, 9.2), TOP + height + SIDE
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    _draw_caption(axes, arrays, order, int(sizes.max()), left)
    colours = class_colours(classes)
    for i, label in enumerate(classes):
        corner = (SIDE + i // ROWS * fold, TOP + i % ROWS * (size + GAP))
        _draw_class(axes, arrays, int(label), corner, size, colours)
    axes.plot([left - 0.15] * 2, [TOP - 0.3, height - SIDE], color=FADED, lw=1)
    for i, query in enumerate(order):
        corner = (left + i % COLUMNS * CELL_WIDTH, TOP + i // COLUMNS * CELL_HEIGHT)
        _draw_query(axes, arrays, int(query), corner, colours)
    return figure


def caption(arrays, shown):
    """(a summary of the episode, which queries the sheet shows), as text.

    Args:
      arrays: of `present`.
      shown: how many queries the sheet shows.
    """
    right = arrays["query_labels"] == arrays["predictions"]
    total, good = len(right), int(right.sum())
    bad, way = total - good, len(np.unique(arrays["support_labels"]))
    what = f"{way} classes: {good} of {total} queries answered rightly ({100 * good / total:.1f} %)"
    if shown == total:
        which = "all queries, wrong answers first"
    elif bad >= shown:
        which = f"the {shown} surest of {bad} wrong answers"
    else:
        wrong = f"{'all ' if bad > 1 else 'the '}{bad} wrong, then " if bad else ""
        which = f"{shown} of {total} queries: {wrong}the {shown - bad} least sure of {good} right"
    return what, which


def _draw_caption(axes, arrays, order, shots, left):
    what, which = caption(arrays, len(order))
    axes.text(SIDE, 0.28, what, fontsize=13, fontweight="bold", color=INK, va="center")
    legend = (
        f"{TICK} green: right.  {CROSS} vermilion: wrong; beside the query stands what it was taken "
        "for, and below that what it is."
    )
    axes.text(SIDE, 0.58, legend, fontsize=9.5, color=INK, va="center")
    words = {"fontsize": 9.5, "color": INK, "va": "center", "fontweight": "bold"}
    some = f" ({SHOWN_SHOTS} of {shots})" if shots > SHOWN_SHOTS else ""
    axes.text(SIDE, TOP - 0.2, f"support{some}", **words)
    axes.text(left, TOP - 0.2, which, **words)


def _draw_class(axes, arrays, label, corner, size, colours):
    """A class's support pictures in a row, with its queries' score to their right."""
    left, top = corner
    _badge(axes, label, left + 0.15, top + size / 2, colours)
    for i, row in enumerate(np.flatnonzero(arrays["support_labels"] == label)[:SHOWN_SHOTS]):
        place = (left + 0.36 + i * (size + GAP), top)
        _picture(axes, arrays["support"][row], place, size, FADED, 0.6)
    own = arrays["query_labels"] == label
    right = int((arrays["predictions"][own] == label).sum())
    shots = min(int((arrays["support_labels"] == label).sum()), SHOWN_SHOTS)
    at = left + 0.36 + shots * (size + GAP) + 0.04
    score = f"{right} / {int(own.sum())}"
    often_wrong = {"color": WRONG, "fontweight": "bold"}
    told = often_wrong if 2 * right < own.sum() else {"color": INK}
    axes.text(at, top + size / 2, score, fontsize=8.5, va="center", **told)


def _draw_query(axes, arrays, query, corner, colours):
    """A query with the answer below it; beside it, the class answered and the true class."""
    left, top = corner
    truth, answer = int(arrays["query_labels"][query]), int(arrays["predictions"][query])
    right = truth == answer
    mark, weight = (RIGHT, "normal") if right else (WRONG, "bold")
    _picture(axes, arrays["query"][query], (left, top), 1.0, mark, 4.0)
    said = f"{TICK if right else CROSS} {answer}  {100 * arrays['confidence'][query]:.0f} %"
    words = {"fontsize": 10, "ha": "center", "va": "center"}
    axes.text(left + 0.5, top + 1.16, said, color=mark, fontweight=weight, **words)
    _draw_beside(axes, arrays, query, answer, (left + 1.09, top - 0.02), mark, colours)
    if not right:
        _draw_beside(axes, arrays, query, truth, (left + 1.09, top + 0.54), FADED, colours)
        words["fontsize"] = 8
        axes.text(left + 1.33, top + 1.16, "in truth", color=INK, **words)


def _draw_beside(axes, arrays, query, label, corner, edge, colours):
    """The support picture of a class that a query resembles most, with the class."""
    left, top = corner
    row = nearest(arrays, query, label)
    if row is not None:
        _picture(axes, arrays["support"][row], (left, top), 0.48, edge, 2.0)
    _badge(axes, label, left + 0.6, top + 0.24, colours, fontsize=7)


def _picture(axes, picture, corner, size, edge, width):
    """One picture in a frame, its upper left corner at `corner`."""
    left, top = corner
    extent = (left, left + size, top + size, top)
    axes.imshow(for_eyes(picture), extent=extent, interpolation="nearest", aspect="auto", zorder=1)
    frame = Rectangle(corner, size, size, fill=False, ec=edge, lw=width, zorder=2)
    axes.add_patch(frame)


def _badge(axes, label, x, y, colours, fontsize=9):
    colour = colours.get(label, FADED)
    box = {"boxstyle": "square,pad=0.2", "facecolor": colour, "edgecolor": "none"}
    words = {"fontsize": fontsize, "ha": "center", "va": "center", "zorder": 3}
    axes.text(x, y, str(label), color=text_on(colour), bbox=box, **words)


TITLES = {
    "similarity": "similarity of queries and support",
    "attention": "attention of queries to the support",
}


def make_matrix(arrays):
    """Queries (rows) by support pictures (columns), both sorted by class.

    Args:
      arrays: of `present`, with "similarity" or "attention" or both.

    Returns:
      A matplotlib `Figure`; blocks along the diagonal are queries and support of one class.
    """
    names = [name for name in TITLES if name in arrays]
    rows = np.lexsort([arrays["predictions"] != arrays["query_labels"], arrays["query_labels"]])
    columns = np.argsort(arrays["support_labels"], kind="stable")
    figure = Figure(
        figsize=(7.2 * len(names), 7.2), dpi=100, facecolor="white", layout="constrained"
    )
    figure.suptitle(
        "A bright block on the diagonal is a class told apart; "
        "bright elsewhere, what is mixed up", fontsize=11
    )  # fmt: skip
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    labels = arrays["query_labels"][rows], arrays["support_labels"][columns]
    for axes, name in zip(panels, names, strict=True):
        values = arrays[name][np.ix_(rows, columns)]
        # attention is near 0 or 1: the root shows the small ones
        norm = PowerNorm(0.5, 0.0, max(float(values.max()), 1e-6)) if name == "attention" else None
        image = axes.imshow(
            values, aspect="auto", cmap="viridis", norm=norm, interpolation="nearest"
        )
        scale = f"{name} (root scale)" if norm else name
        figure.colorbar(image, ax=axes, label=scale, fraction=0.04, pad=0.02)
        same = labels[0][:, None] == labels[1][None]
        axes.set_title(f"{TITLES[name]}\n{_in_words(values, same)}", fontsize=10)
        _draw_boundaries(axes, *labels)
        _draw_marks(axes, (arrays["predictions"] == arrays["query_labels"])[rows])
    return figure


def _in_words(values, same):
    """The mean inside and outside the blocks."""
    within = f"mean {values[same].mean():.3g} within a class" if same.any() else ""
    return within + (f", {values[~same].mean():.3g} between classes" if not same.all() else "")


def _draw_boundaries(axes, of_rows, of_columns):
    """Lines between classes; their labels in the middle of each."""
    sides = [
        (
            of_rows,
            axes.axhline,
            axes.set_yticks,
            "class of the query (strip: right or wrong answer)",
        ),
        (of_columns, axes.axvline, axes.set_xticks, "class of the support picture"),
    ]
    for labels, line, ticks, words in sides:
        classes, first, counts = np.unique(labels, return_index=True, return_counts=True)
        for edge in first[1:]:
            line(edge - 0.5, color="white", lw=min(1.0, 20 / len(classes)))
        some = slice(None, None, -(-len(classes) // 25))  # as many as can be read
        ticks((first + (counts - 1) / 2)[some], list(map(str, classes[some])), fontsize=8)
        axis = axes.yaxis if labels is of_rows else axes.xaxis
        axis.set_label_text(words, fontsize=9)
        axis.set_tick_params(length=0, pad=14 if labels is of_rows else 3)


def _draw_marks(axes, right):
    """The strip at the left: green where the query was answered rightly, else vermilion."""
    strip = axes.inset_axes([-0.022, 0, 0.016, 1])
    palette = ListedColormap([WRONG, RIGHT])
    strip.imshow(
        right[:, None].astype(int), aspect="auto", cmap=palette, vmin=0, vmax=1, interpolation="nearest"
    )  # fmt: skip
    strip.set_axis_off()

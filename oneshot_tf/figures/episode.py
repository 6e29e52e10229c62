"""One episode of a sequence learner, step by step: each picture and the answer to it.

The arrays are those of `Learner.figures`: T steps, K classes.
"""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from oneshot_tf.figures.palette import (
    CROSS,
    INK,
    RIGHT,
    TICK,
    WRONG,
    class_colours,
    for_eyes,
    text_on,
)


def make(arrays):
    """A contact sheet: every step's picture, its class, and the model's answer.

    Args:
      arrays: {"pictures": [T, h, w, C] in [0, 1], "labels", "predictions", "confidence",
        "presentations": [T]}.

    Returns:
      A matplotlib figure; right answers have a green border and a tick, wrong ones vermilion and a
      cross.
    """
    labels, answers = arrays["labels"], arrays["predictions"]
    steps, colours = len(labels), class_colours(labels)
    columns = min(steps, 10 if steps <= 60 else 15)
    rows = -(-steps // columns)
    figure = Figure(figsize=(1.1 * columns + 0.4, 1.5 * rows + 0.9), dpi=100, facecolor="white")
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set_axis_off()
    axes.set_xlim(-0.2, columns * 1.1 + 0.2)
    axes.set_ylim(rows * 1.5 + 0.1, -0.8)
    for t in range(steps):
        _draw_step(axes, arrays, t, (t % columns) * 1.1, (t // columns) * 1.5, colours)
    seen = arrays["presentations"] > 1
    right = labels == answers
    words = f"One episode in its order: {int(right.sum())} of {steps} answers right"
    if seen.any():
        words += f"; {int(right[seen].sum())} of {int(seen.sum())} where the class was shown before"
    axes.text(0.05, -0.62, words, fontsize=11, fontweight="bold", color=INK, va="center")
    legend = "Above: the true class, and how often it has been shown. Below: the answer."
    axes.text(0.05, -0.36, legend, fontsize=9, color=INK, va="center")
    return figure


def _draw_step(axes, arrays, t, left, top, colours):
    """One picture with its captions; its upper left corner is at (left, top)."""
    shown = for_eyes(arrays["pictures"][t])
    label, answer = int(arrays["labels"][t]), int(arrays["predictions"][t])
    right = label == answer
    mark = RIGHT if right else WRONG
    extent = (left + 0.05, left + 1.0, top + 1.13, top + 0.18)
    axes.imshow(shown, extent=extent, interpolation="nearest", aspect="auto", zorder=1)
    frame = Rectangle((left + 0.05, top + 0.18), 0.95, 0.95, fill=False, ec=mark, lw=3.5, zorder=2)
    axes.add_patch(frame)
    badge = {"boxstyle": "square,pad=0.18", "facecolor": colours[label], "edgecolor": "none"}
    words = {"fontsize": 9, "va": "center", "zorder": 3}
    axes.text(
        left + 0.09, top + 0.05, str(label), color=text_on(colours[label]), bbox=badge, **words
    )
    time = ordinal(int(arrays["presentations"][t]))
    axes.text(left + 1.0, top + 0.05, time, color=INK, ha="right", **words)
    said = f"{TICK if right else CROSS} {answer}  {100 * arrays['confidence'][t]:.0f} %"
    weight = "normal" if right else "bold"
    axes.text(left + 0.52, top + 1.27, said, color=mark, ha="center", fontweight=weight, **words)


def ordinal(number):
    """1st, 2nd, 3rd, 4th, ..."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(number % 10, 'th')}"

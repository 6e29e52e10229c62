"""Pictures that a model of content and style generates: reconstructions, swaps, traversals.

After figure 2 of Tseran and Harada (2018). Pictures are [.., H, W, C] in [0, 1], as
`GaussianMemory.figures` gives them.
"""

import numpy as np
from matplotlib.figure import Figure

from oneshot_tf.figures.palette import INK, for_eyes

NAMES = ("reconstruction", "swap", "traversal")  # the arrays that are drawn here
CELL = 0.62  # inches of a picture


def make(arrays):
    """{name: matplotlib `Figure`} of those of NAMES that are there.

    Args:
      arrays: "reconstruction" [3, n, H, W, C]: pictures, what is made of them, and what is made of
        their style with the content of another picture of their class; "swap" [k + 1, k + 1, H, W, C]:
        styles in the first row, contents in the first column, and what is made of each pair;
        "traversal" [d, steps, H, W, C]: one dimension of the content varied, the others fixed.
    """
    makers = {"reconstruction": _reconstruction, "swap": _swap, "traversal": _traversal}
    return {name: makers[name](np.asarray(arrays[name])) for name in NAMES if name in arrays}


def _reconstruction(pictures):
    figure, axes = _grid(pictures, "Pictures, and what is made of their content and style")
    for row, words in zip(axes, ("picture", "made again", "other content"), strict=True):
        _name(row[0], words)
    return figure


def _swap(pictures):
    figure, axes = _grid(pictures, "The content of a row in the style of a column")
    axes[0, 0].set_visible(False)
    for axis in [*axes[0, 1:], *axes[1:, 0]]:
        for side in axis.spines.values():
            side.set(visible=True, color="#0072B2", linewidth=1.5)
    return figure


def _traversal(pictures):
    figure, axes = _grid(pictures, "One number of the content a row, from low to high")
    for number, row in enumerate(axes):
        _name(row[0], str(number + 1))
    return figure


def _name(axis, words):
    axis.set_ylabel(words, fontsize=8, rotation=0, ha="right", va="center", color=INK)


def _grid(pictures, title):
    """All pictures [rows, columns, H, W, C] with a title: (figure, axes [rows, columns])."""
    rows, columns = pictures.shape[:2]
    size = (CELL * columns + 1.1, CELL * rows + 0.5)
    figure = Figure(figsize=size, dpi=120, facecolor="white", layout="constrained")
    figure.suptitle(title, fontsize=10, color=INK)
    axes = figure.subplots(rows, columns, squeeze=False)
    for index in np.ndindex(rows, columns):
        axis = axes[index]
        axis.imshow(for_eyes(pictures[index]), interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        for side in axis.spines.values():
            side.set_visible(False)
    return figure, axes

"""What all figures share: colours, and how pictures are displayed."""

import matplotlib
import numpy as np

# Okabe and Ito's palette, distinguishable with any kind of colour vision
RIGHT, WRONG, INK = "#009E73", "#D55E00", "#222222"
CLASSES = ("#0072B2", "#E69F00", "#CC79A7", "#56B4E9", "#8C6D1F", "#F0E442", "#666666")
FADED = "#bbbbbb"
TICK, CROSS = "\N{CHECK MARK}", "\N{BALLOT X}"


def class_colours(labels):
    """{label: colour}, the colours in the order of the labels; with many classes they recur."""
    return {int(c): CLASSES[i % len(CLASSES)] for i, c in enumerate(np.unique(labels))}


def text_on(colour):
    """Black or white, whichever is legible on a colour."""
    red, green, blue = matplotlib.colors.to_rgb(colour)
    return "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.55 else "black"


def for_eyes(pictures):
    """Pictures for display: gray ones get black ink on white.

    Args:
      pictures: float [..., H, W, C] in [0, 1]; ink is 1 where C is 1.

    Returns:
      [..., H, W, 3] in [0, 1].
    """
    pictures = np.clip(pictures, 0.0, 1.0)
    return 1.0 - np.repeat(pictures, 3, axis=-1) if pictures.shape[-1] == 1 else pictures

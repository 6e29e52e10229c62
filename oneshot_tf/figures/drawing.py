"""All pictures of one episode, as pixels and as files; each kind has its own module."""

import pathlib

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from oneshot_tf.errors import UserError
from oneshot_tf.figures import episode as episode_figure
from oneshot_tf.figures import few_shot, memory, vae
from oneshot_tf.figures.palette import RIGHT, WRONG, class_colours
from oneshot_tf.files import replacing


def draw(learner, episode):
    """Pictures of the first episode of a batch, for TensorBoard.

    Args:
      learner: a `Learner`.
      episode: a batch of the kind of episode it trains on.

    Returns:
      {name: uint8 [H, W, 3]}: "episode", and "memory", "similarity" and those of `vae` as far
      as the model tells.
    """
    arrays = learner.figures(episode)
    if arrays is None:
        return {}
    if "support" in arrays:
        made = vae.make(arrays)
        arrays = {name: array for name, array in arrays.items() if name not in made}
        made = few_shot.make(arrays) | made
        return {name: render(figure) for name, figure in made.items()}
    arrays = present(arrays)
    pictures = {"episode": render(episode_figure.make(arrays))}
    if "read" in arrays:
        pictures["memory"] = draw_memory(arrays)
    return pictures


def present(arrays):
    """The arrays without the steps that are padding."""
    there = np.asarray(arrays["labels"]) >= 0
    return {name: np.asarray(array)[there] for name, array in arrays.items()}


def draw_memory(arrays):
    """Heat maps of reading, writing and usage over time, see `figures/memory.py`.

    Args:
      arrays: as for `episode.make`, with "read" and "write" [T, H, N] and maybe "usage" [T, 1, N].

    Returns:
      uint8 [H, W, 3].
    """
    colours = class_colours(arrays["labels"])
    return render(memory.make(arrays, colours, RIGHT, WRONG))


def render(figure):
    """A matplotlib figure as uint8 [H, W, 3]."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save(figure, path):
    """Writes a matplotlib figure as PNG, without the date, so that equal figures are equal files."""
    canvas = FigureCanvasAgg(figure)
    with replacing(path, "wb") as file:
        canvas.print_png(file, metadata={"Software": None})


def write(pictures, folder):
    """Writes what `draw` gave as PNG files.

    Args:
      pictures: {name: uint8 [H, W, 3]}.
      folder: where to; it is made.

    Returns:
      The files' paths.

    Raises:
      UserError: the folder cannot be written.
    """
    paths = [pathlib.Path(folder) / f"{name}.png" for name in pictures]
    try:
        for path, picture in zip(paths, pictures.values(), strict=True):
            with replacing(path, "wb") as file:
                Image.fromarray(picture).save(file, "PNG")
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); name another") from None
    return paths

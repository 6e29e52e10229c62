"""Glyphs: an invented stand-in for Omniglot that needs no files.

1,623 characters of 50 alphabets, 20 drawings each. A character is one to five pen strokes (lines,
corners, arcs, hooks, waves, loops, dots) on a grid; an alphabet prefers some kinds of stroke and
shares a few of them between its characters. A drawing is the strokes with shaken points under the
slant, size and turn of one of 20 drawers. A class is named `Alphabet01/character01`.

Good for a first try, for tests and for machines without a network; its numbers are not Omniglot's.
"""

import hashlib
import typing

import numpy as np
from PIL import Image, ImageDraw

from oneshot_tf.data import cache, pictures
from oneshot_tf.data.dataset import Dataset
from oneshot_tf.data.sources import DataSource

VERSION = 1  # raise it when anything here changes a pixel: the cache and the records go by it
ALPHABETS, CLASSES, DRAWINGS = 50, 1623, 20
SIZE = 105
_SEED = 1623
_SUPERSAMPLING = 2
_PEN = (4.5, 5.5)  # width in pixels of the 105, as Omniglot's
_SHORTEST = 1.6  # a character has at least this length of ink, in heights
_SAMPLES = 8  # points per piece of a curve
_HEIGHT = 0.52  # of a character in the picture, before the hand's scale
_HAND_NOISE = (0.08, 0.15, 0.15, 0.0)  # turn, slant, scale, shift of a drawer
_DRAWING_NOISE = (0.10, 0.12, 0.16, 0.07)  # of one drawing
_STROKE_NOISE = (0.20, 0.15, 0.25, 0.10)  # of one stroke of it
_POINT_NOISE = 0.025  # of one control point
_ALPHABET, _CHARACTER, _DRAWER, _DRAWING = range(4)  # one stream of random numbers a purpose


def load(data_dir, options):
    """All glyphs, sorted by class name, drawn at the first use and cached.

    Args:
      data_dir: not used.
      options: `DataOptions`; `image_size` and `channels` count.

    Returns:
      A `Dataset` of 1,623 classes x 20 images; ink is 255.
    """
    del data_dir
    settings = (options.image_size, options.channels)
    source = hashlib.sha256(f"glyphs {VERSION}".encode()).hexdigest()
    return cache.cached("glyphs", source, settings, lambda: build(CLASSES, *settings))


def build(num_classes, size, channels):
    """The first `num_classes` classes as a `Dataset`; not cached."""
    images = np.empty((num_classes * DRAWINGS, size, size, channels), np.uint8)
    names = []
    for index in range(num_classes):
        alphabet = index * ALPHABETS // CLASSES
        position = index - -(-alphabet * CLASSES // ALPHABETS)
        names.append(f"Alphabet{alphabet + 1:02d}/character{position + 1:02d}")
        strokes = _character(alphabet, position)
        for k in range(DRAWINGS):
            image = _drawing(strokes, alphabet, index, k)
            images[index * DRAWINGS + k] = pictures.to_array(image, size, channels)
    offsets = np.arange(num_classes + 1, dtype=np.int64) * DRAWINGS
    return Dataset("glyphs", images, offsets, tuple(names))


def _random(*key):
    """A generator of its own for every purpose, so that no class depends on another."""
    return np.random.Generator(np.random.PCG64([_SEED, *key]))


class _Stroke(typing.NamedTuple):
    """Control points (x, y downwards) [n, 2], joined by a curve or by straight pieces."""

    points: np.ndarray
    smooth: bool


class _Style(typing.NamedTuple):
    """What the characters of an alphabet have in common."""

    columns: np.ndarray
    rows: np.ndarray
    kinds: tuple  # functions that make its strokes; one may stand there more than once
    most: int  # strokes of a character, shared ones not counted
    shared: tuple  # strokes that come back in several characters
    sharing: float  # how often one of them does


def _style(alphabet):
    random = _random(_ALPHABET, alphabet)
    width = random.uniform(0.6, 1.05)
    columns = np.linspace(0.5 - width / 2, 0.5 + width / 2, int(random.integers(2, 5)))
    rows = np.linspace(0.0, 1.0, int(random.integers(3, 5)))
    kinds = tuple(_KINDS[random.integers(len(_KINDS))] for _ in range(int(random.integers(3, 7))))
    if random.uniform() < 0.4:
        kinds += (_dot,)  # once at most: characters of dots alone look all alike
    most = int(random.integers(2, 5))
    bare = _Style(columns, rows, kinds, most, (), 0.0)
    shared = tuple(_new_stroke(random, bare, ()) for _ in range(int(random.integers(2, 5))))
    return bare._replace(shared=shared, sharing=random.uniform(0.4, 0.9))


def _character(alphabet, position):
    """The strokes of one character, a tuple of `_Stroke`, in a box of height or width 1 at most."""
    style = _style(alphabet)
    random = _random(_CHARACTER, alphabet, position)
    strokes = []
    if random.uniform() < style.sharing:
        strokes.append(style.shared[random.integers(len(style.shared))])
    wanted = len(strokes) + int(random.integers(1, style.most + 1))
    while len(strokes) < wanted or (len(strokes) < 5 and _length(strokes) < _SHORTEST):
        strokes.append(_best_stroke(random, style, strokes))
    points = np.concatenate([stroke.points for stroke in strokes])
    low, high = points.min(0), points.max(0)
    size = max(0.8, *(high - low))
    return tuple(
        _Stroke((stroke.points - (low + high) / 2) / size + 0.5, stroke.smooth)
        for stroke in strokes
    )


def _length(strokes):
    return sum(np.hypot(*np.diff(stroke.points, axis=0).T).sum() for stroke in strokes)


def _best_stroke(random, style, strokes):
    """Of three new strokes the one that stays clearest of the others: letters, not scribbles."""
    candidates = [_new_stroke(random, style, strokes) for _ in range(3)]
    if not strokes:
        return candidates[0]
    taken = np.concatenate([_curve(stroke.points, True) for stroke in strokes])

    def clearance(stroke):
        line = _curve(stroke.points, True)
        return np.hypot(*(line[:, None] - taken[None]).T).min(0).mean()

    return max(candidates, key=clearance)


def _new_stroke(random, style, strokes):
    """A stroke of a kind of the style that begins on an earlier one, or anywhere on the grid."""
    kind = style.kinds[random.integers(len(style.kinds))]
    start = _node(random, style)
    if strokes and random.uniform() < 0.6:
        other = strokes[random.integers(len(strokes))].points
        start = other[random.integers(len(other))]
    end = _node(random, style)
    while np.hypot(*(end - start)) < 0.3:
        end = _node(random, style)
    return kind(random, start, end)


def _node(random, style):
    """A point of the alphabet's grid."""
    return np.array([axis[random.integers(len(axis))] for axis in (style.columns, style.rows)])


def _across(start, end):
    """The vector from start to end turned by a right angle."""
    return np.array([start[1] - end[1], end[0] - start[0]])


def _side(random):
    return 1.0 if random.uniform() < 0.5 else -1.0


def _line(random, start, end):
    """Straight; two in three upright or level where that leaves some length."""
    level = np.where(np.abs(end - start) >= np.abs(end - start).max(), end, start)
    end = level if random.uniform() < 0.67 else end
    return _Stroke(np.stack([start, end]), smooth=False)


def _corner(random, start, end):
    """Along one axis, then along the other."""
    knee = np.array([start[0], end[1]]) if random.uniform() < 0.5 else np.array([end[0], start[1]])
    knee = knee + 0.12 * (end - start) * _side(random)
    return _Stroke(np.stack([start, knee, end]), smooth=False)


def _bent(steps, least, most, smooth):
    """The kind of stroke that leaves the straight way; `steps` say how far along, how far aside."""

    def kind(random, start, end):
        sideways = _across(start, end) * random.uniform(least, most) * _side(random)
        middle = [start + (end - start) * t + sideways * s for t, s in steps]
        return _Stroke(np.stack([start, *middle, end]), smooth)

    return kind


def _hook(random, start, end):
    """A straight stem that curls up at its end."""
    sideways = _across(start, end) * random.uniform(0.25, 0.5) * _side(random)
    along = end - start
    curl = [start + 0.92 * along + 0.4 * sideways, start + 0.7 * along + sideways]
    return _Stroke(np.stack([start, start + 0.4 * along, start + 0.8 * along, *curl]), smooth=True)


def _loop(random, start, end):
    """A closed round through start, a little flattened; end says where its middle lies."""
    middle = start + (end - start) * min(1.0, 0.25 / np.hypot(*(end - start)))
    radius, across = start - middle, _across(start, middle) * random.uniform(0.7, 1.3)
    angles = np.linspace(0.0, 2 * np.pi * random.uniform(0.9, 1.03), 8)[:, None]
    return _Stroke(middle + np.cos(angles) * radius + np.sin(angles) * across, smooth=True)


def _curl(random, start, end):
    """A line that runs into a small loop."""
    along = end - start
    unit = along / np.hypot(*along)
    across = np.array([-unit[1], unit[0]]) * _side(random)
    radius = random.uniform(0.1, 0.17)
    angles = np.linspace(0.0, 2 * np.pi * 0.95, 7)[:, None]
    middle = end + radius * across
    ring = middle - radius * across * np.cos(angles) + radius * unit * np.sin(angles)
    return _Stroke(np.concatenate([np.stack([start, start + 0.5 * along]), ring]), smooth=True)


def _spline(random, start, end):
    """A free curve between the two."""
    size = np.hypot(*(end - start))
    shift = np.array([[random.uniform(-0.5, 0.5) for _ in range(2)] for _ in range(2)]) * size
    middle = np.stack([start + (end - start) * t for t in (0.35, 0.7)]) + shift
    return _Stroke(np.concatenate([start[None], middle, end[None]]), smooth=True)


def _dot(random, start, end):
    """A dot beside the rest; where it begins does not matter."""
    del random, start
    return _Stroke(np.stack([end, end + 0.02]), smooth=False)


_zigzag = _bent(((0.33, 1.0), (0.66, -0.4)), 0.3, 0.6, smooth=False)
_arc = _bent(((0.1, 0.6), (0.5, 1.0), (0.9, 0.6)), 0.3, 0.8, smooth=True)
_wave = _bent(((0.2, 1.0), (0.5, 0.0), (0.8, -1.0)), 0.25, 0.5, smooth=True)
_KINDS = (_line, _corner, _zigzag, _arc, _hook, _wave, _loop, _curl, _spline)


def _drawing(strokes, alphabet, index, drawer):
    """One Pillow image [105, 105] of a character as a drawer of the alphabet draws it."""
    hand = _affine(_random(_DRAWER, alphabet, drawer), *_HAND_NOISE)
    random = _random(_DRAWING, index, drawer)
    own = _affine(random, *_DRAWING_NOISE)
    scale = SIZE * _SUPERSAMPLING
    canvas = Image.new("L", (scale, scale), 0)
    pen = ImageDraw.Draw(canvas)
    width = round(random.uniform(*_PEN) * _SUPERSAMPLING)
    radius = (width - 1) / 2  # both ends of an ellipse's box count
    for stroke in strokes:
        points = _shake(random, stroke.points)
        points = (points - 0.5) @ (hand[:, :2] @ own[:, :2]).T * _HEIGHT + 0.5 + own[:, 2]
        line = _curve(points * scale, stroke.smooth)
        pen.line(line.ravel().tolist(), fill=255, width=width)
        for x, y in line.tolist():  # a disc at every point closes the joints and rounds the ends
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return canvas.resize((SIZE, SIZE), Image.Resampling.BOX)


def _shake(random, points):
    """The stroke a little elsewhere, turned and stretched, and each of its points on its own."""
    middle = points.mean(0)
    own = _affine(random, *_STROKE_NOISE)
    points = (points - middle) @ own[:, :2].T + middle + own[:, 2]
    # Sums of three uniforms: close to normal, bounded, and simple to reproduce.
    return points + random.uniform(-_POINT_NOISE, _POINT_NOISE, (3, *points.shape)).sum(0)


def _affine(random, turn, slant, scale, shift):
    """[2, 3]: a small random rotation, shear and scale, and a shift."""
    angle = random.uniform(-turn, turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1.0, random.uniform(-slant, slant)], [0.0, 1.0]])
    whole = np.exp(random.uniform(-scale, scale))
    sides = np.diag(whole * np.exp(random.uniform(-0.5, 0.5, 2) * scale))
    return np.concatenate([rotation @ shear @ sides, random.uniform(-shift, shift, (2, 1))], 1)


def _curve(points, smooth):
    """Points along a stroke: the control points, or a Catmull-Rom curve through them."""
    if not smooth:
        return points
    ends = 2 * points[[0, -1]] - points[[1, -2]]
    p = np.concatenate([ends[:1], points, ends[1:]])
    a, b, c, d = (p[k : len(p) - 3 + k, None] for k in range(4))
    t = (np.arange(_SAMPLES) / _SAMPLES)[None, :, None]
    pieces = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.concatenate([pieces.reshape(-1, 2), points[-1:]])


SOURCE = DataSource(load, licence="glyphs, drawn by this package: its own licence")

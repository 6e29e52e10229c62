"""Turns, slants, stretches, shifts and thickens each picture on the device, by its own random numbers.

All of this but the thickening happens at full resolution, before the resize.

Where tensorflow-addons is installed (Python below 3.12), its image operations are used; elsewhere
the TensorFlow operation that they call, which gives the same pixels.
"""

import functools
import importlib.util
import math
import warnings

import tensorflow as tf


@functools.cache
@tf.autograph.experimental.do_not_convert
def _addons_transform():
    """`tfa.image.transform` where tensorflow-addons is installed, else None."""
    if importlib.util.find_spec("tensorflow_addons") is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its end-of-life notice, at import
        import tensorflow_addons as tfa
    return tfa.image.transform


def native_transform(images, transforms):
    """Projective transforms by TensorFlow's own operation: bilinear, zeros outside the picture.

    Args:
      images: float32 [n, H, W, C].
      transforms: float32 [n, 8]; output (x, y) is read at ((a0 x + a1 y + a2), (a3 x + a4 y + a5)).
    """
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.shape(images)[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def transform(images, transforms):
    """As `native_transform`, with tensorflow-addons where it is installed."""
    addons = _addons_transform()
    if addons is None:
        return native_transform(images, transforms)
    return addons(images, transforms, interpolation="bilinear")


def affine_matrix(angles, shifts, size, slants=None, stretches=None):
    """The transforms that stretch, slant and turn about the centre, then shift.

    Args:
      angles: float32 [n], radians, counter-clockwise.
      shifts: float32 [n, 2], pixels right and down.
      size: height and width of the pictures.
      slants: float32 [n], radians that upright strokes lean to the right; None: 0.
      stretches: float32 [n, 2], factors of width and height; None: 1.

    Returns:
      float32 [n, 8].
    """
    centre = (size - 1) / 2.0
    cos, sin = tf.cos(angles), tf.sin(angles)
    # where an output pixel comes from: undo the shift, then undo the turn
    x, y = centre + shifts[:, 0], centre + shifts[:, 1]
    row_x, row_y = tf.stack([cos, -sin], axis=1), tf.stack([sin, cos], axis=1)
    if slants is not None:
        row_x += tf.tan(slants)[:, None] * row_y
    if stretches is not None:
        row_x, row_y = row_x / stretches[:, :1], row_y / stretches[:, 1:]
    place = tf.stack([x, y], axis=1)
    rows = [
        part
        for row in (row_x, row_y)
        for part in (row, centre - tf.reduce_sum(row * place, axis=1, keepdims=True))
    ]
    return tf.concat([*rows, tf.zeros_like(row_x)], axis=1)


def vary(images, noise, max_rotation, max_shift, max_slant=0.0, max_stretch=0.0):
    """Turns, shifts, slants and stretches each picture by its own uniform amounts.

    Args:
      images: float32 [n, S, S, C].
      noise: float32 [n, 3], or [n, 6] to slant and stretch; uniform in [0, 1).
      max_rotation: degrees either way.
      max_shift: pixels either way, in x and y.
      max_slant: degrees either way.
      max_stretch: share by which width and height each grow or shrink.
    """
    centred = 2.0 * noise - 1.0
    angles = centred[:, 0] * (max_rotation * math.pi / 180.0)
    shifts = centred[:, 1:3] * max_shift
    slants = stretches = None
    if max_slant or max_stretch:
        slants = centred[:, 3] * (max_slant * math.pi / 180.0)
        stretches = 1.0 + centred[:, 4:6] * max_stretch
    matrix = affine_matrix(angles, shifts, images.shape[1], slants, stretches)
    return transform(images, matrix)


def thicken(images, noise, most):
    """Widens the strokes of each picture by blending it with the maximum of its neighbours.

    Args:
      images: float32 [n, H, W, C], ink bright.
      noise: float32 [n], uniform in [0, 1).
      most: the largest share of the blend; at 1 a stroke may grow by a whole pixel on each side.
    """
    brightest = tf.nn.max_pool2d(images, 3, 1, "SAME")
    return images + (most * noise)[:, None, None, None] * (brightest - images)


def resize(images, target):
    """Antialiased (triangle filter) resize: [n, S, S, C] -> [n, target, target, C]."""
    return tf.image.resize(images, [target, target], antialias=True)

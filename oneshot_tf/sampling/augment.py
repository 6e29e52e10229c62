"""Rotation and shift of each picture on the device, at full resolution before the resize.

With tensorflow-addons (Python below 3.12) its image operations do it; elsewhere the TensorFlow
operation under them does, with the same pixels.
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
    """Projective transforms by TensorFlow's own operation, bilinear, nothing outside.

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
    """Like `native_transform`, by tensorflow-addons where it is installed."""
    addons = _addons_transform()
    if addons is None:
        return native_transform(images, transforms)
    return addons(images, transforms, interpolation="bilinear")


def rotate_shift_matrix(angles, shifts, size):
    """The transforms that turn about the centre, then shift.

    Args:
      angles: float32 [n], radians, counter-clockwise.
      shifts: float32 [n, 2], pixels right and down.
      size: height and width of the pictures.

    Returns:
      float32 [n, 8].
    """
    centre = (size - 1) / 2.0
    cos, sin = tf.cos(angles), tf.sin(angles)
    # where an output pixel comes from: undo the shift, then undo the turn
    x, y = centre + shifts[:, 0], centre + shifts[:, 1]
    offset_x = centre - (cos * x - sin * y)
    offset_y = centre - (sin * x + cos * y)
    zeros = tf.zeros_like(cos)
    return tf.stack([cos, -sin, offset_x, sin, cos, offset_y, zeros, zeros], axis=1)


def vary(images, noise, max_rotation, max_shift):
    """Turns and shifts each picture by its own uniform amounts.

    Args:
      images: float32 [n, S, S, C].
      noise: float32 [n, 3], uniform in [0, 1).
      max_rotation: degrees either way.
      max_shift: pixels either way, in x and y.
    """
    centred = 2.0 * noise - 1.0
    angles = centred[:, 0] * (max_rotation * math.pi / 180.0)
    shifts = centred[:, 1:] * max_shift
    return transform(images, rotate_shift_matrix(angles, shifts, images.shape[1]))


def resize(images, target):
    """Antialiased (triangle filter) resize: [n, S, S, C] -> [n, target, target, C]."""
    return tf.image.resize(images, [target, target], antialias=True)

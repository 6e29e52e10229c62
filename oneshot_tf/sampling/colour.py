"""Random cut, mirror and change of colours of photographs, for training.

Each picture is varied by its own uniform numbers, in whole batches without a loop over pictures.
"""

import tensorflow as tf

_LUMA = (0.299, 0.587, 0.114)  # how bright red, green and blue are to the eye


def crop(images, noise, padding):
    """Pads each picture by its mirror image, then cuts its size out at a random place.

    Args:
      images: float32 [n, H, W, C].
      noise: float32 [n, 2], uniform in [0, 1): how far down and right the cut begins.
      padding: Python int, pixels on each side, below H and W.

    Returns:
      float32 [n, H, W, C].
    """
    places = 2 * padding + 1
    # a uniform number next to 1 could be rounded up to one place past the last
    starts = tf.minimum(tf.cast(noise * places, tf.int32), places - 1) - padding
    rows = _mirrored(starts[:, :1] + tf.range(images.shape[1]), images.shape[1])
    columns = _mirrored(starts[:, 1:] + tf.range(images.shape[2]), images.shape[2])
    cut = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.ensure_shape(tf.gather(cut, columns, axis=2, batch_dims=1), images.shape)


def _mirrored(index, size):
    """Indices outside 0 .. size - 1, reflected at the first and the last without repeating them."""
    index = tf.abs(index)
    return tf.where(index >= size, 2 * (size - 1) - index, index)


def flip(images, noise):
    """Mirrors the pictures whose number is below a half, left to right.

    Args:
      images: float32 [n, H, W, C].
      noise: float32 [n], uniform in [0, 1).
    """
    columns = tf.range(images.shape[2])
    columns = tf.where(noise[:, None] < 0.5, columns[::-1], columns)
    # faster than `tf.reverse`, which copies value by value
    return tf.ensure_shape(tf.gather(images, columns, axis=2, batch_dims=1), images.shape)


def jitter(images, noise, strength):
    """Changes brightness, contrast and saturation of each picture, each by a factor of its own.

    Args:
      images: float32 [n, H, W, C] in [0, 1]; gray ones have no saturation.
      noise: float32 [n, 3], uniform in [0, 1).
      strength: factors lie within 1 - strength and 1 + strength.

    Returns:
      float32 [n, H, W, C] in [0, 1].
    """
    factors = 1.0 + strength * (2.0 * noise - 1.0)
    brightness, contrast, saturation = tf.split(factors[:, :, None, None], 3, axis=1)
    gray = _gray(images)
    mean = tf.reduce_mean(gray, axis=[1, 2], keepdims=True)
    # one after the other: times the brightness, away from the mean, away from the pixel's own gray
    mixed = saturation * images + (1.0 - saturation) * gray
    images = brightness * (contrast * mixed + (1.0 - contrast) * mean)
    return tf.clip_by_value(images, 0.0, 1.0)


def _gray(images):
    """float32 [n, H, W, 1]: how bright each pixel is."""
    if images.shape[-1] == 1:
        return images
    return tf.tensordot(images, tf.constant(_LUMA)[:, None], axes=1)

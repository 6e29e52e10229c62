"""Picture files to model input inside the graph: what `data/pictures.py` does with Pillow.

The two agree to a gray level or two on PNG; a JPEG decoder may differ by a few more. EXIF turns
and pictures of more than 8 bits with an unusual white are left to the caller here.
"""

import tensorflow as tf

_LONGEST = 2048  # longer sides are reduced first, as `data/pictures.py` does
_GRAY = (0.299, 0.587, 0.114)


def prepare_all(contents, size, channels, ink):
    """Pictures of encoded files.

    Args:
      contents: string [n], PNG, JPEG, BMP or GIF (its first frame).
      size: height and width to give.
      channels: 1 for gray with ink 1, 3 for RGB.
      ink: "dark", "light" or "auto", as `DataOptions.ink`.

    Returns:
      float32 [n, size, size, channels] in [0, 1].
    """
    return tf.map_fn(
        lambda content: prepare(content, size, channels, ink),
        contents,
        fn_output_signature=tf.TensorSpec([size, size, channels], tf.float32),
    )


def prepare(content, size, channels, ink):
    """One picture: string [] -> float32 [size, size, channels]."""
    image = _flatten(tf.io.decode_image(content, channels=0, expand_animations=False), channels)
    image = _reduce(image)
    border = _border(image)
    if channels == 1:
        dark = {"dark": True, "light": False, "auto": border[0] > 127.0}[ink]
        image = tf.where(dark, 255.0 - image, image)
        border = tf.where(dark, 255.0 - border, border)
    image = tf.image.resize(_square(image, border), [size, size], antialias=True)
    image = tf.clip_by_value(tf.round(image) / 255.0, 0.0, 1.0)
    return tf.ensure_shape(image, [size, size, channels])


def _flatten(pixels, channels):
    """uint8 [h, w, 1 to 4] -> float32 [h, w, channels]; transparency becomes white."""
    pixels = tf.cast(tf.ensure_shape(pixels, [None, None, None]), tf.float32)
    shape = tf.shape(pixels)
    transparent = shape[2] % 2 == 0  # gray and alpha, or RGB and alpha
    colours = shape[2] - tf.cast(transparent, tf.int32)
    opacity = tf.where(transparent, pixels[:, :, -1:] / 255.0, 1.0)
    pixels = tf.round(pixels[:, :, :colours] * opacity + 255.0 * (1.0 - opacity))
    rgb = tf.broadcast_to(pixels, [shape[0], shape[1], 3])
    if channels == 3:
        return rgb
    return tf.round(tf.reduce_sum(rgb * tf.constant(_GRAY), axis=2, keepdims=True))


def _reduce(image):
    """Averages blocks of a picture that is longer than `_LONGEST`."""
    size = tf.shape(image)[:2]
    factor = -(-tf.reduce_max(size) // _LONGEST)
    return tf.cond(
        factor > 1,
        lambda: tf.round(tf.image.resize(image, -(-size // factor), method="area")),
        lambda: image,
    )


def _border(image):
    """float32 [channels]: the median of the outermost pixels of [h, w, channels]."""
    edges = [image[0], image[-1], image[1:-1, 0], image[1:-1, -1]]
    pixels = tf.sort(tf.concat(edges, axis=0), axis=0)
    count = tf.shape(pixels)[0]
    return tf.floor((pixels[(count - 1) // 2] + pixels[count // 2]) / 2.0)


def _square(image, border):
    """[h, w, c] in the middle of a square of the border's colour."""
    size = tf.shape(image)[:2]
    missing = tf.reduce_max(size) - size
    before = missing // 2
    paddings = tf.concat([tf.stack([before, missing - before], axis=1), [[0, 0]]], axis=0)
    return tf.pad(image - border, paddings) + border

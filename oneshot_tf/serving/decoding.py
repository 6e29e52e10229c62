"""Decodes picture files inside the graph, as `data/pictures.py` does, for servers without Python."""

import tensorflow as tf

_LONGEST = 2048  # longer sides are reduced first, as `data/pictures.py` does
_MOST_PIXELS = 2**25  # of an encoded picture: a small server can hold several
_GRAY = (19595, 38470, 7471)  # of 65536: Pillow's weights of red, green and blue


def require(condition, message, *received):
    """An assertion in the graph; a client whose request fails it gets the message."""
    return tf.debugging.Assert(condition, [message, *received], summarize=12)


def decode_all(contents, shape, ink):
    """Does in the graph what `data/pictures.py` does with Pillow.

    They agree to two gray levels on PNG and a few more on JPEG. EXIF rotation is ignored.

    Args:
      contents: string [n], files in PNG or JPEG.
      shape: (H, W, C) to give; one channel is gray with ink 1.
      ink: "dark", "light" or "auto", as `DataOptions.ink`.

    Returns:
      float32 [n, H, W, C] in [0, 1].
    """
    spec = tf.TensorSpec(shape, tf.float32)
    return tf.map_fn(lambda c: _decode(c, shape, ink), contents, fn_output_signature=spec)


def _decode(content, shape, ink):
    image = _flatten(_pixels(content), shape[2])
    factor = -(-tf.reduce_max(tf.shape(image)) // _LONGEST)

    def reduced():
        size = -(-tf.shape(image)[:2] // factor)
        return tf.round(tf.image.resize(image, size, method="area"))

    image = tf.cond(factor > 1, reduced, lambda: tf.identity(image))
    edges = tf.concat([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]], axis=0)
    edges, count = tf.sort(edges, axis=0), tf.shape(edges)[0]
    border = tf.floor((edges[(count - 1) // 2] + edges[count // 2]) / 2.0)
    if shape[2] == 1:
        dark = {"dark": True, "light": False, "auto": border[0] > 127.0}[ink]
        image, border = (tf.where(dark, 255.0 - value, value) for value in (image, border))
    missing = tf.reduce_max(tf.shape(image)[:2]) - tf.shape(image)[:2]
    before = missing // 2
    paddings = tf.concat([tf.stack([before, missing - before], axis=1), [[0, 0]]], axis=0)
    image = tf.pad(image - border, paddings) + border
    image = tf.round(tf.image.resize(image, shape[:2], antialias=True))
    return tf.ensure_shape(tf.clip_by_value(image / 255.0, 0.0, 1.0), shape)


def _pixels(content):
    """uint8 [h, w, 1 to 4] of a file whose header declares a picture of acceptable size."""
    png = tf.strings.substr(content, 0, 8) == b"\x89PNG\r\n\x1a\n"
    png &= tf.strings.length(content) >= 24
    jpeg = tf.strings.substr(content, 0, 3) == b"\xff\xd8\xff"
    with tf.control_dependencies([require(png | jpeg, "Pictures must be PNG or JPEG files")]):
        content = tf.identity(content)

    def png_area():  # of the header: two numbers of four bytes
        head = tf.io.decode_raw(tf.strings.substr(content, 16, 8), tf.uint8)
        sides = tf.reshape(tf.cast(head, tf.float32), [2, 4]) * [2.0**24, 2.0**16, 2.0**8, 1.0]
        return tf.reduce_prod(tf.reduce_sum(sides, axis=1))

    def jpeg_area():
        return tf.reduce_prod(tf.cast(tf.io.extract_jpeg_shape(content)[:2], tf.float32))

    area = tf.cond(jpeg, jpeg_area, png_area)
    message = f"A picture must have at most {_MOST_PIXELS} pixels. Received:"
    with tf.control_dependencies([require(area <= _MOST_PIXELS, message, area)]):
        return tf.io.decode_png(tf.identity(content))  # reads JPEG as well


def _flatten(pixels, channels):
    """uint8 [h, w, 1 to 4] -> float32 [h, w, channels]; transparency becomes white."""
    pixels = tf.ensure_shape(pixels, [None, None, None])
    size = tf.shape(pixels)
    pixels = tf.cast(pixels, tf.float32)
    transparent = size[2] % 2 == 0  # gray and alpha, or RGB and alpha
    opacity = tf.where(transparent, pixels[:, :, -1:] / 255.0, 1.0)
    colours = pixels[:, :, : size[2] - tf.cast(transparent, tf.int32)]
    colours = tf.round(colours * opacity + 255.0 * (1.0 - opacity))
    rgb = tf.cast(tf.broadcast_to(colours, [size[0], size[1], 3]), tf.int32)
    gray = (tf.reduce_sum(rgb * _GRAY, axis=2, keepdims=True) + 2**15) // 2**16
    return tf.cast(gray if channels == 1 else rgb, tf.float32)

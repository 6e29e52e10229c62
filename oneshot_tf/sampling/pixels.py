"""From indices to pictures: the only module that reads pixels."""

import tensorflow as tf


def rows(images, indices):
    """uint8 [k, H, W, C]: the pictures at `indices` (int32 [k]) as they are stored.

    Args:
      images: uint8 [n, H, W, C] on the device, or `data.lazy_images.LazyImages`, whose files are
        read whenever this is computed.
      indices: int32 [k].
    """
    if tf.is_tensor(images):
        return tf.gather(images, indices)
    # a file gives the same bytes at every read, so this has no state
    read = tf.numpy_function(images.__getitem__, [indices], tf.uint8, stateful=False)
    return tf.ensure_shape(read, [*indices.shape, *images.shape[1:]])


def gather(images, indices, turns, stored=None):
    """The pictures at `indices`, each turned by quarter turns, as numbers in [0, 1].

    Args:
      images: as of `rows`.
      indices: int32 [...], rows of `images`.
      turns: int32 [...], quarter turns counter-clockwise; None turns nothing.
      stored: `rows(images, indices)` where it has been read already.

    Returns:
      float32 [..., H, W, C].
    """
    flat = rows(images, tf.reshape(indices, [-1])) if stored is None else stored
    if turns is not None:
        flat = quarter_turns(flat, tf.reshape(turns, [-1]))
    shape = tf.concat([tf.shape(indices), images.shape[1:]], axis=0)
    pictures = tf.reshape(tf.cast(flat, tf.float32) / 255.0, shape)
    return tf.ensure_shape(pictures, [*indices.shape, *images.shape[1:]])


def quarter_turns(images, turns):
    """Turns image i by 90 * turns[i] degrees counter-clockwise, as `tf.image.rot90` does.

    Args:
      images: [n, S, S, C], any type.
      turns: int32 [n] in 0..3.
    """
    turns = turns[:, None, None, None]
    images = tf.where(turns % 2 == 1, tf.reverse(tf.transpose(images, [0, 2, 1, 3]), [1]), images)
    return tf.where(turns >= 2, tf.reverse(images, [1, 2]), images)

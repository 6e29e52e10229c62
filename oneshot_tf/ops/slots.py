"""What memories of labelled slots share: finding neighbours, the slots of the loss, where to write.

These are the rules of Kaiser et al. (2017), *Learning to Remember Rare Events* ([RE]), which the
Gaussian memory keeps. Nothing here is differentiated.

Dimensions: G memories, R pictures looked up and written at once in each, M slots, k neighbours. In
training, one memory (G = 1) serves all episodes of a batch, with offset labels; in a test, every
episode has its own (R = 1).
"""

import typing

import tensorflow as tf

from oneshot_tf.ops import shapes

NEIGHBOURS = 256  # [RE]
EMPTY = -1  # the label of an empty slot
NEVER = 1 << 24  # the age of an empty slot: older than any written one


class Neighbours(typing.NamedTuple):
    """The nearest slots, the nearest first.

    Attributes:
      slots: int32 [G, R, k].
      similarities: float32 [G, R, k].
      labels: int32 [G, R, k], -1 of an empty slot.
    """

    slots: tf.Tensor
    similarities: tf.Tensor
    labels: tf.Tensor


class Contrast(typing.NamedTuple):
    """The nearest slot of a picture's own label, and the nearest of another.

    Attributes:
      slots: int32 [G, R, 2], own label first.
      there: bool [G, R, 2], whether there is such a slot.
    """

    slots: tf.Tensor
    there: tf.Tensor


class Places(typing.NamedTuple):
    """Where pictures are written.

    Attributes:
      slots: int32 [G, R], different ones in each memory.
      right: bool [G, R], the slot is the nearest neighbour and has the picture's label.
      shown: bool [G, R], false for padding, which writes nothing.
    """

    slots: tf.Tensor
    right: tf.Tensor
    shown: tf.Tensor


def nearest(slot_labels, similarities, count=NEIGHBOURS):
    """The `Neighbours` of pictures.

    Args:
      slot_labels: int32 [G, M].
      similarities: float32 [G, R, M]; of an empty slot, below all others.
      count: k; fewer if there are fewer slots.
    """
    shapes.check(slot_labels=(slot_labels, "G M"), similarities=(similarities, "G R M"))
    count = tf.minimum(count, tf.shape(similarities)[2])
    values, slots = tf.math.top_k(similarities, count)
    return Neighbours(slots, values, tf.gather(slot_labels, slots, axis=1, batch_dims=1))


def contrast(slot_labels, similarities, neighbours, labels):
    """Which two slots the loss compares.

    The nearest slot of the picture's own label is found in the whole memory, also if no neighbour has
    the label. In that case [RE]'s authors take the slot of the label that was written last.

    Args:
      slot_labels: int32 [G, M].
      similarities: float32 [G, R, M].
      neighbours: of `nearest`.
      labels: int32 [G, R], the right labels.

    Returns:
      `Contrast`.
    """
    shapes.check(similarities=(similarities, "G R M"), labels=(labels, "G R"))
    nothing = similarities.dtype.min
    own = slot_labels[:, None, :] == labels[..., None]
    other = (neighbours.labels != labels[..., None]) & (neighbours.labels >= 0)
    positive = tf.argmax(tf.where(own, similarities, nothing), axis=2, output_type=tf.int32)
    place = tf.argmax(
        tf.where(other, neighbours.similarities, nothing), axis=2, output_type=tf.int32
    )
    negative = tf.gather(neighbours.slots, place, axis=2, batch_dims=2)
    there = [tf.reduce_any(own, axis=2), tf.reduce_any(other, axis=2)]
    return Contrast(tf.stack([positive, negative], axis=2), tf.stack(there, axis=2))


def choose(ages, labels, neighbours, noise=None):
    """Where pictures go: to their nearest slot if it has their label, else to the oldest.

    Args:
      ages: int32 [G, M], M at least R.
      labels: int32 [G, R], all different in a memory; -1 is padding.
      neighbours: of `nearest`.
      noise: float32 [G, M] below NEVER, added to the ages in looking for the oldest; or None.

    Returns:
      `Places`; padding gets a place too, which it leaves unchanged.
    """
    shapes.check(ages=(ages, "G M"), labels=(labels, "G R"))
    shown = labels >= 0
    right = (neighbours.labels[:, :, 0] == labels) & shown
    best = neighbours.slots[:, :, 0]
    kept = tf.range(tf.shape(ages)[1]) == best[..., None]
    kept = tf.reduce_any(kept & right[..., None], axis=1)
    old = tf.cast(ages, tf.float32) + (0.0 if noise is None else noise)
    _, oldest = tf.math.top_k(tf.where(kept, -float(NEVER), old), tf.shape(labels)[1])
    rank = tf.maximum(tf.cumsum(tf.cast(~right, tf.int32), axis=1) - 1, 0)
    return Places(
        tf.where(right, best, tf.gather(oldest, rank, axis=1, batch_dims=1)), right, shown
    )


def take(tensor, slots):
    """What slots [G, R] (or [G, R, 2]) hold of a tensor [G, M, ...]."""
    return tf.gather(tensor, slots, axis=1, batch_dims=1)


def put(tensor, places, content):
    """The tensor [G, M, ...] with `content` [G, R, ...] in its places; padding changes nothing."""
    shown = tf.reshape(
        places.shown, tf.concat([tf.shape(places.shown), [1] * (tensor.shape.rank - 2)], axis=0)
    )
    content = tf.where(shown, content, take(tensor, places.slots))
    groups = tf.range(tf.shape(places.slots)[0])[:, None] + tf.zeros_like(places.slots)
    return tf.tensor_scatter_nd_update(tensor, tf.stack([groups, places.slots], axis=2), content)


def grow_older(ages, places):
    """Ages one step later: one more, 0 for written slots; an empty slot keeps the largest age."""
    return put(tf.minimum(ages + 1, NEVER), places, tf.zeros_like(places.slots))

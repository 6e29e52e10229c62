"""The life-long memory of Kaiser et al. (2017), *Learning to Remember Rare Events* ([RE]).

Keys of length 1 with a label and an age. A picture asks for its nearest neighbours; where the nearest
has its label, that key moves towards it, else the oldest slot takes it. Nothing here is
differentiated but the similarity of queries and keys (`contrast`), with respect to the queries.

Dimensions: G memories, R pictures asked and written at once in each, M slots, D width of a key,
k neighbours. In training one memory (G = 1) serves all episodes of a batch, their labels offset; at
test every episode has its own (R = 1).
"""

import typing

import tensorflow as tf

from oneshot_tf.ops import shapes

NEIGHBOURS = 256  # [RE]
EMPTY = -1  # the label of an empty slot
NEVER = 1 << 24  # the age of an empty slot: older than any that was written
NOWHERE = -2.0  # below any cosine: the similarity of what is not there


class RareEvents(typing.NamedTuple):
    """What is remembered.

    Attributes:
      keys: float32 [G, M, D], of length 1; zeros where empty.
      labels: int32 [G, M], -1 where empty.
      ages: int32 [G, M], steps since a slot was written.
    """

    keys: tf.Tensor
    labels: tf.Tensor
    ages: tf.Tensor


class Neighbours(typing.NamedTuple):
    """The nearest slots, the nearest first.

    Attributes:
      slots: int32 [G, R, k].
      similarities: float32 [G, R, k], cosines; -2 for a slot that is empty.
      labels: int32 [G, R, k].
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


def empty(memories, slots, width):
    """A memory of empty slots; sizes are Python ints or scalar tensors."""
    return RareEvents(
        keys=tf.zeros(tf.stack([memories, slots, width])),
        labels=tf.fill(tf.stack([memories, slots]), EMPTY),
        ages=tf.fill(tf.stack([memories, slots]), NEVER),
    )


def similarities(memory, queries):
    """Cosines of queries [G, R, D] of length 1 and all keys: [G, R, M]; -2 where a slot is empty."""
    shapes.check(keys=(memory.keys, "G M D"), queries=(queries, "G R D"))
    found = tf.matmul(queries, memory.keys, transpose_b=True)
    return tf.where((memory.labels >= 0)[:, None, :], found, NOWHERE)


def nearest(memory, found, count=NEIGHBOURS):
    """The `Neighbours` of queries.

    Args:
      memory: the memory asked.
      found: [G, R, M] of `similarities`.
      count: k; as many as there are slots where that is less.
    """
    count = tf.minimum(count, tf.shape(found)[2])
    values, slots = tf.math.top_k(found, count)
    labels = tf.gather(memory.labels, slots, axis=1, batch_dims=1)
    return Neighbours(slots, values, labels)


def contrast(memory, found, neighbours, labels):
    """Which two slots the loss compares.

    The nearest of the own label is looked for among the neighbours and, as [RE]'s authors append the
    slot that took the label last, in the whole memory where none of them has it.

    Args:
      memory: the memory asked.
      found: [G, R, M] of `similarities`.
      neighbours: of `nearest`.
      labels: int32 [G, R], the right labels.

    Returns:
      `Contrast`.
    """
    shapes.check(found=(found, "G R M"), labels=(labels, "G R"))
    own = memory.labels[:, None, :] == labels[..., None]
    positive = tf.where(own, found, NOWHERE)
    other = (neighbours.labels != labels[..., None]) & (neighbours.labels >= 0)
    negative = tf.where(other, neighbours.similarities, NOWHERE)
    place = tf.argmax(negative, axis=2, output_type=tf.int32)
    slots = [
        tf.argmax(positive, axis=2, output_type=tf.int32),
        tf.gather(neighbours.slots, place, axis=2, batch_dims=2),
    ]
    there = [tf.reduce_any(own, axis=2), tf.reduce_any(other, axis=2)]
    return Contrast(tf.stack(slots, axis=2), tf.stack(there, axis=2))


def loss(queries, keys, there, margin):
    """max(0, q . K_negative - q . K_positive + margin), [RE]'s loss; what is not there counts as 0.

    Args:
      queries: [N, D], of length 1; gradients flow through these.
      keys: [N, 2, D], of the own label first.
      there: bool [N, 2].
      margin: alpha of the paper, 0.1.

    Returns:
      [N].
    """
    shapes.check(queries=(queries, "N D"), keys=(keys, "N 2 D"), there=(there, "N 2"))
    scores = tf.linalg.matvec(tf.stop_gradient(keys), queries) * tf.cast(there, queries.dtype)
    return tf.nn.relu(scores[:, 1] - scores[:, 0] + margin)


def update(memory, queries, labels, neighbours, noise=None):
    """Writes pictures, of each memory R at once; all with different labels.

    A picture whose nearest neighbour has its label moves that key, K <- normalise(K + q). Any other
    takes the oldest slot that no picture moves: each another one. Ages rise by one; those of
    written slots become 0.

    Args:
      memory: `RareEvents` with at least R slots.
      queries: [G, R, D], of length 1.
      labels: int32 [G, R]; -1 is padding and writes nothing.
      neighbours: of `nearest`.
      noise: float32 [G, M] below NEVER, added to the ages in looking for the oldest; or None.

    Returns:
      The memory afterwards.
    """
    shapes.check(
        keys=(memory.keys, "G M D"), queries=(queries, "G R D"), labels=(labels, "G R"),
    )  # fmt: skip
    slots = tf.shape(memory.labels)[1]
    shown = labels >= 0
    right = (neighbours.labels[:, :, 0] == labels) & shown
    best = neighbours.slots[:, :, 0]
    moved = tf.reduce_any((tf.range(slots) == best[..., None]) & right[..., None], axis=1)
    ages = tf.cast(memory.ages, tf.float32) + (0.0 if noise is None else noise)
    _, oldest = tf.math.top_k(tf.where(moved, -1.0, ages), tf.shape(labels)[1])
    rank = tf.maximum(tf.cumsum(tf.cast(~right, tf.int32), axis=1) - 1, 0)
    slot = tf.where(right, best, tf.gather(oldest, rank, axis=1, batch_dims=1))
    merged = tf.math.l2_normalize(tf.gather(memory.keys, slot, axis=1, batch_dims=1) + queries, 2)
    content = tf.where(right[..., None], merged, queries)
    # padding writes back what its slot holds
    content = tf.where(
        shown[..., None], content, tf.gather(memory.keys, slot, axis=1, batch_dims=1)
    )
    kept = tf.gather(memory.labels, slot, axis=1, batch_dims=1)
    older = tf.minimum(memory.ages + 1, NEVER)
    ages = tf.where(shown, 0, tf.gather(older, slot, axis=1, batch_dims=1))
    groups = tf.range(tf.shape(slot)[0])[:, None] + tf.zeros_like(slot)
    places = tf.stack([groups, slot], axis=2)
    return RareEvents(
        keys=tf.tensor_scatter_nd_update(memory.keys, places, content),
        labels=tf.tensor_scatter_nd_update(memory.labels, places, tf.where(shown, labels, kept)),
        ages=tf.tensor_scatter_nd_update(older, places, ages),
    )

"""The life-long memory of Kaiser et al. (2017), *Learning to Remember Rare Events* ([RE]).

Keys have length 1, a label and an age. A picture looks up its nearest neighbours. If the nearest one
has its label, that key moves towards it; otherwise the oldest slot takes the picture. Only the
similarity of queries and keys in `loss` is differentiated, with respect to the queries.

Dimensions as in `slots`: G memories, R pictures at once, M slots; D width of a key.
"""

import typing

import tensorflow as tf

from oneshot_tf.ops import shapes, slots

NOWHERE = -2.0  # below any cosine: the similarity of an empty slot


class RareEvents(typing.NamedTuple):
    """The state of the memory.

    Attributes:
      keys: float32 [G, M, D], of length 1; zeros where empty.
      labels: int32 [G, M], -1 where empty.
      ages: int32 [G, M], steps since a slot was written.
    """

    keys: tf.Tensor
    labels: tf.Tensor
    ages: tf.Tensor


def empty(memories, count, width):
    """Memories of `count` empty slots; sizes are Python ints or scalar tensors."""
    return RareEvents(
        keys=tf.zeros(tf.stack([memories, count, width])),
        labels=tf.fill(tf.stack([memories, count]), slots.EMPTY),
        ages=tf.fill(tf.stack([memories, count]), slots.NEVER),
    )


def similarities(memory, queries):
    """Cosines of queries [G, R, D] of length 1 and all keys: [G, R, M]; -2 where a slot is empty."""
    shapes.check(keys=(memory.keys, "G M D"), queries=(queries, "G R D"))
    found = tf.matmul(queries, memory.keys, transpose_b=True)
    return tf.where((memory.labels >= 0)[:, None, :], found, NOWHERE)


def loss(queries, keys, there, margin):
    """max(0, q . K_negative - q . K_positive + margin), [RE]'s loss; a missing slot's similarity is 0.

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
    """Writes R pictures to each memory at once.

    A picture whose nearest neighbour has its label moves that key, K <- normalise(K + q). Any other
    picture takes the oldest slot that none of them moves, and each takes a different one. Ages rise
    by one; those of written slots become 0.

    Args:
      memory: `RareEvents` with at least R slots.
      queries: [G, R, D], of length 1.
      labels: int32 [G, R], all different in a memory; -1 is padding and writes nothing.
      neighbours: of `slots.nearest`.
      noise: as of `slots.choose`.

    Returns:
      The memory afterwards.
    """
    shapes.check(
        keys=(memory.keys, "G M D"), queries=(queries, "G R D"), labels=(labels, "G R"),
    )  # fmt: skip
    places = slots.choose(memory.ages, labels, neighbours, noise)
    merged = tf.math.l2_normalize(slots.take(memory.keys, places.slots) + queries, axis=2)
    return RareEvents(
        keys=slots.put(memory.keys, places, tf.where(places.right[..., None], merged, queries)),
        labels=slots.put(memory.labels, places, labels),
        ages=slots.grow_older(memory.ages, places),
    )

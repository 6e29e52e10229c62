"""Matching a query with a support set: kernels, attention, classes.

[MN] is Vinyals et al. (2016), *Matching Networks*; [PN] Snell et al. (2017), *Prototypical
Networks*; [SN] Koch et al. (2015), *Siamese Networks*; [MM] Cai et al. (2018), *Memory Matching
Networks*. Dimensions: B episodes, Q queries, S support pictures, D features, K classes. A label of
-1 is padding; it is never matched.
"""

import tensorflow as tf

from oneshot_tf.ops import shapes
from oneshot_tf.ops.losses import masked_mean

KERNELS = ("cosine", "dot", "sqeuclidean", "l1", "bilinear")
AGGREGATES = ("sum", "nearest", "mean")
# log-probability of the impossible; finite, so that no gradient multiplies 0 by infinity
IMPOSSIBLE = -1e9


def similarity(query, support, kernel, weights=None, normalize="both"):
    """The similarity of each query and each support picture; larger is more similar.

    Args:
      query: [B, Q, D].
      support: [B, S, D].
      kernel: "cosine" ([MN] section 2.1.1), "dot", "sqeuclidean" (minus the squared distance, [PN] Eq. 2),
        "l1" (minus the distance; weighted in [SN] Eq. 1), "bilinear" (q^T W s).
      weights: [D, D] for "bilinear"; [D] or None for "l1", whose terms are then
        `weights * |q - s|` with the sign that the weights have.
      normalize: of "cosine": "both" (the paper), or "support" alone.

    Returns:
      [B, Q, S].
    """
    shapes.check(query=(query, "B Q D"), support=(support, "B S D"))
    if kernel == "cosine":
        support = tf.math.l2_normalize(support, axis=2, epsilon=1e-12)
        if normalize == "both":
            query = tf.math.l2_normalize(query, axis=2, epsilon=1e-12)
    if kernel == "bilinear":
        shapes.check({"D": query.shape[2]}, weights=(weights, "D D"))
        query = tf.einsum("bqd,de->bqe", query, weights)
    if kernel in ("cosine", "dot", "bilinear"):
        return tf.matmul(query, support, transpose_b=True)
    if kernel == "sqeuclidean":
        products = tf.matmul(query, support, transpose_b=True)
        lengths = tf.reduce_sum(query**2, axis=2)[..., None]
        return 2.0 * products - lengths - tf.reduce_sum(support**2, axis=2)[:, None, :]
    if kernel == "l1":
        apart = tf.abs(query[:, :, None, :] - support[:, None, :, :])
        return tf.linalg.matvec(apart, -tf.ones_like(query[0, 0]) if weights is None else weights)
    raise ValueError(f"`kernel` must be one of {', '.join(KERNELS)}. Received: {kernel}")


def masked_softmax(scores, there):
    """Softmax over the last axis; masked entries get no weight and no gradient.

    Args:
      scores: [B, Q, S].
      there: bool [B, S].

    Returns:
      [B, Q, S]; rows of an episode without any entry are uniform.
    """
    shapes.check(scores=(scores, "B Q S"), there=(there, "B S"))
    return tf.nn.softmax(tf.where(there[:, None, :], scores, IMPOSSIBLE))


def attend(hidden, memory, there):
    """The read-out r = sum_i softmax_i(h . g_i) g_i, [MN] Eq. 5 and 6.

    Args:
      hidden: [B, Q, D].
      memory: [B, S, D], the support embeddings g.
      there: bool [B, S].

    Returns:
      [B, Q, D].
    """
    shapes.check(hidden=(hidden, "B Q D"), memory=(memory, "B S D"), there=(there, "B S"))
    weights = masked_softmax(tf.matmul(hidden, memory, transpose_b=True), there)
    return tf.matmul(weights, memory)


def class_log_probabilities(similarities, labels, way, aggregate="sum"):
    """Log-probabilities of the classes, from similarities to the support pictures.

    Each class's largest term is factored out, so that no logarithm of zero is taken.

    Args:
      similarities: [B, Q, S], logits of the attention.
      labels: int32 [B, S], -1 for padding.
      way: number of classes, Python int or scalar tensor.
      aggregate: "sum": P(y) = sum of the attention on the pictures of class y ([MN] Eq. 1);
        "nearest": a class counts by its most similar picture; "mean": by its mean similarity.

    Returns:
      [B, Q, way]; `IMPOSSIBLE` where an episode has no picture of a class.
    """
    shapes.check(similarities=(similarities, "B Q S"), labels=(labels, "B S"))
    batch, count = tf.shape(labels)[0], tf.shape(similarities)[1]
    there = tf.reshape(labels, [-1]) >= 0
    of_class = tf.reshape(labels + way * tf.range(batch)[:, None], [-1])
    of_class = tf.where(there, of_class, -1)  # segments below zero are dropped
    rows = tf.reshape(tf.transpose(similarities, [0, 2, 1]), [-1, count])
    if aggregate == "mean":
        scores = tf.math.unsorted_segment_mean(rows, of_class, batch * way)
    elif aggregate == "nearest":
        scores = tf.math.unsorted_segment_max(rows, of_class, batch * way)
    else:
        scores = _segment_logsumexp(rows, of_class, there, batch * way)
    sizes = tf.math.unsorted_segment_sum(tf.cast(there, rows.dtype), of_class, batch * way)
    scores = tf.where(sizes[:, None] > 0, scores, IMPOSSIBLE)
    scores = tf.transpose(tf.reshape(scores, [batch, way, count]), [0, 2, 1])
    known = tf.reshape(sizes, [batch, 1, way]) > 0
    return tf.where(known, tf.nn.log_softmax(scores), IMPOSSIBLE)


def _segment_logsumexp(rows, segments, there, num):
    """log of the sum of exp(rows [n, Q]) over the rows of each segment: [num, Q]."""
    top = tf.math.unsorted_segment_max(tf.stop_gradient(rows), segments, num)
    below = rows - tf.gather(top, tf.maximum(segments, 0))
    below = tf.where(there[:, None], below, IMPOSSIBLE)
    sums = tf.math.unsorted_segment_sum(tf.exp(below), segments, num)
    some = sums > 0  # where a class is there its largest term alone gives 1
    return tf.where(some, top, 0.0) + tf.math.log(tf.where(some, sums, 1.0))


def prototypes(support, labels, way):
    """The mean embedding of each class, [PN] Eq. 1.

    Args:
      support: [B, S, D].
      labels: int32 [B, S], -1 for padding.
      way: number of classes, Python int or scalar tensor.

    Returns:
      ([B, way, D], zeros for a class without pictures; int32 [B, way]: the class, or -1 without).
    """
    shapes.check(support=(support, "B S D"), labels=(labels, "B S"))
    member = tf.one_hot(labels, way, dtype=support.dtype)  # [B, S, way]
    sizes = tf.reduce_sum(member, axis=1)
    sums = tf.matmul(member, support, transpose_a=True)
    names = tf.where(sizes > 0, tf.range(way), -1)
    return sums / tf.maximum(sizes, 1.0)[..., None], names


def pair_loss(logits, support_labels, query_labels):
    """Same-or-different cross-entropy over all pairs of a query and a support picture, [SN] Eq. 2.

    Same and different pairs count one half each, however many there are.

    Args:
      logits: [B, Q, S] of "the same class".
      support_labels: int32 [B, S], -1 for padding.
      query_labels: int32 [B, Q], -1 for padding.
    """
    shapes.check(
        logits=(logits, "B Q S"), support_labels=(support_labels, "B S"),
        query_labels=(query_labels, "B Q"),
    )  # fmt: skip
    there = (query_labels >= 0)[:, :, None] & (support_labels >= 0)[:, None, :]
    same = query_labels[:, :, None] == support_labels[:, None, :]
    losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(same, logits.dtype), logits)

    def mean(pairs):
        pairs = tf.cast(pairs, logits.dtype)
        return masked_mean(losses, pairs)

    return 0.5 * (mean(there & same) + mean(there & ~same))


def sample_loss(similarities, support_labels, query_labels):
    """Softmax over support *pictures*, summed over those of the right class, [MM] Eq. 9.

    With k pictures of a class it cannot fall below k log k.

    Args:
      similarities: [B, Q, S].
      support_labels: int32 [B, S], -1 for padding.
      query_labels: int32 [B, Q], -1 for padding.

    Returns:
      Scalar, the mean over queries.
    """
    shapes.check(
        similarities=(similarities, "B Q S"), support_labels=(support_labels, "B S"),
        query_labels=(query_labels, "B Q"),
    )  # fmt: skip
    there = (support_labels >= 0)[:, None, :]
    logs = tf.nn.log_softmax(tf.where(there, similarities, IMPOSSIBLE))
    right = there & (query_labels[:, :, None] == support_labels[:, None, :])
    asked = tf.cast(query_labels >= 0, logs.dtype)
    losses = -tf.reduce_sum(tf.where(right, logs, 0.0), axis=2)
    return masked_mean(losses, asked)


def way_of(labels):
    """How many classes the labels [B, S] refer to, a scalar tensor."""
    return tf.reduce_max(labels) + 1


def of_classes_there(logits, labels):
    """Logits that speak for no class that a support lacks.

    Args:
      logits: [..., Q, K].
      labels: int32 [..., S], of the support; -1 for padding.

    Returns:
      As `logits`; `IMPOSSIBLE` where no label says so.
    """
    there = tf.reduce_any(labels[..., None] == tf.range(tf.shape(logits)[-1]), axis=-2)
    return tf.where(there[..., None, :], logits, IMPOSSIBLE)

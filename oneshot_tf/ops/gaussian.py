"""A memory of Gaussians (Tseran and Harada, 2018, [GM]): slots hold a mean and a diagonal variance.

It is read and written by the rules of `slots`, like the life-long memory. A picture is represented
by the distribution q(z_c | x) of its content; a slot of its label is merged with it by moments.

Similarities are compared in log space: exp(-J) of Eq. 1 is 0 in float32 beyond J = 103, which a few
dimensions reach.

Dimensions as in `slots`: G memories, R pictures at once, M slots; D of the content.
"""

import typing

import tensorflow as tf

from oneshot_tf.ops import shapes, slots

FAR = -1e30  # log similarity of an empty slot
LOWEST, HIGHEST = (
    -8.0,
    8.0,
)  # of a log variance; beyond these, divergences are mostly rounding error


class Gaussians(typing.NamedTuple):
    """Diagonal Gaussians.

    Attributes:
      means: float32 [..., D].
      variances: float32 [..., D], above 0.
    """

    means: tf.Tensor
    variances: tf.Tensor


class GaussianMemory(typing.NamedTuple):
    """The state of the memory.

    Attributes:
      means: float32 [G, M, D], zeros where empty.
      variances: float32 [G, M, D], ones where empty.
      labels: int32 [G, M], -1 where empty.
      counts: int32 [G, M], how many pictures a slot is made of.
      ages: int32 [G, M], steps since a slot was written.
    """

    means: tf.Tensor
    variances: tf.Tensor
    labels: tf.Tensor
    counts: tf.Tensor
    ages: tf.Tensor


def from_log_variance(means, log_variances):
    """`Gaussians` with log variances clipped to what float32 can compare; gradients ignore the clip."""
    cut = tf.clip_by_value(log_variances, LOWEST, HIGHEST)
    return Gaussians(means, tf.exp(log_variances + tf.stop_gradient(cut - log_variances)))


def empty(memories, count, width):
    """Memories of `count` empty slots; sizes are Python ints or scalar tensors."""
    where = tf.stack([memories, count])
    return GaussianMemory(
        means=tf.zeros(tf.stack([memories, count, width])),
        variances=tf.ones(tf.stack([memories, count, width])),
        labels=tf.fill(where, slots.EMPTY),
        counts=tf.zeros(where, tf.int32),
        ages=tf.fill(where, slots.NEVER),
    )


def symmetric_kl(left, right, centre=None):
    """KL(p || q) + KL(q || p) of every pair, of diagonal Gaussians.

    J = 1/2 sum_d [s_p / s_q + s_q / s_p - 2 + (m_p - m_q)^2 (1 / s_p + 1 / s_q)], multiplied out so
    that one matrix product of width 4 D gives all pairs and [.., P, Q, D] is never built.

    Args:
      left: `Gaussians` [..., P, D].
      right: `Gaussians` [..., Q, D].
      centre: [..., 1, D], a point amid the means, subtracted first because squares of large means
        would cancel badly. None takes the mean of `right`'s.

    Returns:
      [..., P, Q], at least 0.
    """
    if centre is None:
        centre = tf.reduce_mean(right.means, axis=-2, keepdims=True)
    centre = tf.stop_gradient(centre)
    (m, s), (n, r) = (left.means - centre, left.variances), (right.means - centre, right.variances)
    of_left = tf.concat([s + m**2, 1.0 / s, -2.0 * m / s, -2.0 * m], axis=-1)
    of_right = tf.concat([1.0 / r, r + n**2, n, n / r], axis=-1)
    pairs = tf.matmul(of_left, of_right, transpose_b=True)
    pairs += tf.reduce_sum(m**2 / s, axis=-1)[..., :, None]
    pairs += tf.reduce_sum(n**2 / r, axis=-1)[..., None, :]
    return tf.maximum(0.5 * pairs - tf.cast(tf.shape(m)[-1], m.dtype), 0.0)


def paired_symmetric_kl(left, right):
    """As `symmetric_kl`, but element by element instead of all pairs: [..., D] -> [...]."""
    ratio = left.variances / right.variances
    apart = (left.means - right.means) ** 2 * (1.0 / left.variances + 1.0 / right.variances)
    return 0.5 * tf.reduce_sum(ratio + 1.0 / ratio - 2.0 + apart, axis=-1)


def similarities(memory, asked, temperature=1.0):
    """log of Eq. 1's similarity, -J / temperature, of pictures and all slots.

    Args:
      memory: `GaussianMemory`.
      asked: `Gaussians` [G, R, D].
      temperature: the paper's is 1.

    Returns:
      [G, R, M]; -1e30 where a slot is empty.
    """
    shapes.check(means=(memory.means, "G M D"), asked=(asked.means, "G R D"))
    held = Gaussians(memory.means, memory.variances)
    used = tf.cast(memory.labels >= 0, tf.float32)[..., None]
    amid = tf.reduce_sum(used * memory.means, axis=1, keepdims=True)
    amid = tf.math.divide_no_nan(amid, tf.reduce_sum(used, axis=1, keepdims=True))
    found = -symmetric_kl(asked, held, amid) / temperature
    return tf.where((memory.labels >= 0)[:, None, :], found, FAR)


def merge(held, counts, new):
    """Moment matching of a slot of k - 1 pictures with another picture, weights (k - 1) / k and 1 / k.

    Runnalls (2007), with the outer product's diagonal alone, as [GM]:
    mu = w1 mu1 + w2 mu2, Sigma = w1 Sigma1 + w2 Sigma2 + w1 w2 (mu1 - mu2)^2.

    Args:
      held: `Gaussians` [..., D].
      counts: int32 [...], k - 1.
      new: `Gaussians` [..., D].

    Returns:
      `Gaussians` [..., D].
    """
    share = 1.0 / (tf.cast(counts, tf.float32)[..., None] + 1.0)
    rest = 1.0 - share
    spread = rest * share * (held.means - new.means) ** 2
    return Gaussians(
        rest * held.means + share * new.means,
        rest * held.variances + share * new.variances + spread,
    )


def loss(positive, negative, there, margin, form="hinge"):
    """The triplet loss of one picture against two slots.

    Args:
      positive: [N], log similarity to the nearest slot of the own label.
      negative: [N], likewise of another label.
      there: bool [N, 2], own label first; what is not there has similarity 0.
      margin: alpha of the paper, 0.1.
      form: "hinge" is max(s_neg - s_pos + alpha, 0). "paper" is what is printed,
        max(s_neg + (1 - s_pos) + alpha, alpha) - alpha, which for similarities in [0, 1] is
        s_neg + 1 - s_pos: its margin never binds. "log" is a hinge of the log similarities,
        max(log s_neg - log s_pos + alpha, 0), whose gradient does not vanish far apart; 0 where
        either is not there.

    Returns:
      [N].
    """
    shapes.check(positive=(positive, "N"), negative=(negative, "N"), there=(there, "N 2"))
    if form == "log":
        both = tf.cast(there[:, 0] & there[:, 1], positive.dtype)
        return both * tf.nn.relu(negative - positive + margin)
    near, far = (
        tf.exp(score) * tf.cast(there[:, i], score.dtype)
        for i, score in enumerate((positive, negative))
    )
    if form == "paper":
        return tf.maximum(far + (1.0 - near) + margin, margin) - margin
    return tf.nn.relu(far - near + margin)


def update(memory, asked, labels, neighbours, noise=None):
    """Writes R pictures to each memory at once.

    A picture whose nearest neighbour has its label is merged into it. Any other takes an empty slot,
    or the oldest that no picture merges with.

    Args:
      memory: `GaussianMemory` with at least R slots.
      asked: `Gaussians` [G, R, D].
      labels: int32 [G, R], all different in a memory; -1 is padding and writes nothing.
      neighbours: of `slots.nearest`.
      noise: as of `slots.choose`.

    Returns:
      The memory afterwards.
    """
    shapes.check(
        means=(memory.means, "G M D"), asked=(asked.means, "G R D"), labels=(labels, "G R"),
    )  # fmt: skip
    places = slots.choose(memory.ages, labels, neighbours, noise)
    counts = slots.take(memory.counts, places.slots)
    held = Gaussians(
        slots.take(memory.means, places.slots), slots.take(memory.variances, places.slots)
    )
    merged, right = merge(held, counts, asked), places.right[..., None]
    return GaussianMemory(
        means=slots.put(memory.means, places, tf.where(right, merged.means, asked.means)),
        variances=slots.put(
            memory.variances, places, tf.where(right, merged.variances, asked.variances)
        ),
        labels=slots.put(memory.labels, places, labels),
        counts=slots.put(memory.counts, places, tf.where(places.right, counts + 1, 1)),
        ages=slots.grow_older(memory.ages, places),
    )

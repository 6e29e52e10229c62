"""Where to read and write. Pure functions: tensors in, tensors out, no variables.

Dimensions: B batch, H heads, N rows of memory, M width of a row.
Papers: [NTM] Graves et al. 2014, [MANN] Santoro et al. 2016, [FLMN] Mureja et al. 2017.
"""

import tensorflow as tf

from oneshot_tf.ops import shapes

_EPSILON = (
    1e-12  # under the root of a squared norm: an all-zero row has cosine 0 and a finite gradient
)


def cosine(keys, memory, least_norm=0.0):
    """Cosine of every key with every row, [NTM] Eq. 6, [FLMN] Eq. 1.

    Args:
      keys: [B, H, M].
      memory: [B, N, M].
      least_norm: rows much shorter than this have no direction: a row m counts as
        m / sqrt(|m|^2 + least_norm^2). 0 (the papers): every row has one, however short.

    Returns:
      [B, H, N] in [-1, 1]; 0 for an all-zero key or row.
    """
    shapes.check(keys=(keys, "B H M"), memory=(memory, "B N M"))
    key_norm = tf.math.rsqrt(tf.reduce_sum(tf.square(keys), axis=2) + _EPSILON)
    ones = tf.ones([memory.shape[2]], memory.dtype)  # a product, which XLA sums faster on a CPU
    least = max(least_norm**2, _EPSILON)
    row_norm = tf.math.rsqrt(tf.tensordot(tf.square(memory), ones, 1) + least)
    products = tf.matmul(keys, memory, transpose_b=True)
    return products * key_norm[:, :, None] * row_norm[:, None, :]


def content_weights(keys, memory, strength=None, least_norm=0.0):
    """Softmax of cosines over the rows, [NTM] Eq. 5, [FLMN] Eq. 2.

    Args:
      keys: [B, H, M].
      memory: [B, N, M].
      strength: [B, H] factor on the cosines, beta of [NTM]; None is 1, as in [MANN] and [FLMN].
      least_norm: of `cosine`.

    Returns:
      [B, H, N], rows sum to 1.
    """
    similarity = cosine(keys, memory, least_norm)
    if strength is not None:
        shapes.check(keys=(keys, "B H M"), strength=(strength, "B H"))
        similarity *= strength[:, :, None]
    return tf.nn.softmax(similarity)


def least_used(usage, num):
    """The `num` least used rows, one each, in rising order of use; [MANN] Eq. 21, [FLMN] Eq. 5.

    The papers mark every row at the minimum (or below the num-th smallest), which marks several at a
    tie. Here the first of equal rows wins, so that only one row is erased and written.

    Args:
      usage: [B, N].
      num: how many rows, 1 <= num <= N.

    Returns:
      [B, num, N], each row one-hot. No gradient flows to `usage`.
    """
    shapes.check(usage=(usage, "B N"))
    rows = usage.shape[1]
    if not 1 <= num <= rows:
        raise ValueError(f"`num` must be in [1, {rows}]. Received: num={num}")
    usage = tf.stop_gradient(usage)
    marks = []
    for _ in range(num):  # a few argmins are faster than a sort on every device
        mark = tf.one_hot(tf.argmin(usage, axis=1), rows, dtype=usage.dtype)
        marks.append(mark)
        usage = tf.where(mark > 0, usage.dtype.max, usage)
    return tf.stack(marks, axis=1)


def update_usage(usage, read_weights, write_weights, decay):
    """w^u_t = gamma w^u_{t-1} + sum of w^r_t + sum of w^w_t, [MANN] Eq. 20, [FLMN] Eq. 4.

    Args:
      usage: [B, N], w^u_{t-1}.
      read_weights: [B, H, N].
      write_weights: [B, K, N].
      decay: gamma, a number in [0, 1).

    Returns:
      [B, N]. No gradient flows through it, since it only serves to choose rows.
    """
    shapes.check(
        usage=(usage, "B N"),
        read_weights=(read_weights, "B H N"),
        write_weights=(write_weights, "B K N"),
    )
    used = decay * usage + tf.reduce_sum(read_weights, 1) + tf.reduce_sum(write_weights, 1)
    return tf.stop_gradient(used)


def lrua_write_weights(gate, read_weights, least_used_rows):
    """sigma(alpha) w^r_{t-1} + (1 - sigma(alpha)) w^lu_{t-1}, [MANN] Eq. 22, [FLMN] Eq. 6.

    Args:
      gate: [B, H] (or [1, H]) in (0, 1), sigma(alpha).
      read_weights: [B, H, N], w^r_{t-1}.
      least_used_rows: [B, H, N] one-hot, w^lu_{t-1}.

    Returns:
      [B, H, N], rows sum to 1.
    """
    shapes.check(read_weights=(read_weights, "B H N"), least_used_rows=(least_used_rows, "B H N"))
    gate = gate[:, :, None]
    return gate * read_weights + (1.0 - gate) * least_used_rows


def interpolate(gate, content, previous):
    """g w^c_t + (1 - g) w_{t-1}, [NTM] Eq. 7.

    Args:
      gate: [B, H] in (0, 1).
      content: [B, H, N].
      previous: [B, H, N].
    """
    shapes.check(gate=(gate, "B H"), content=(content, "B H N"), previous=(previous, "B H N"))
    return gate[:, :, None] * content + (1.0 - gate[:, :, None]) * previous


def shift(weights, kernel):
    """Circular convolution: weight moves from row i to row i + s with kernel[s], [NTM] Eq. 8.

    Args:
      weights: [B, H, N].
      kernel: [B, H, 2 S + 1], shifts -S .. S.

    Returns:
      [B, H, N].
    """
    shapes.check(weights=(weights, "B H N"), kernel=(kernel, "B H K"))
    if kernel.shape[2] % 2 == 0 or kernel.shape[2] > weights.shape[2]:
        raise ValueError(
            f"`kernel` must have an odd width of at most {weights.shape[2]}. "
            f"Received: {kernel.shape[2]}"
        )
    reach = kernel.shape[2] // 2
    return tf.add_n(
        [
            tf.roll(weights, offset, axis=2) * kernel[:, :, offset + reach, None]
            for offset in range(-reach, reach + 1)
        ]
    )


def sharpen(weights, gamma):
    """w^gamma, normalised, [NTM] Eq. 9.

    Args:
      weights: [B, H, N], not negative.
      gamma: [B, H], at least 1.
    """
    shapes.check(weights=(weights, "B H N"), gamma=(gamma, "B H"))
    # in logarithms: the power of a tiny weight neither underflows to 0/0 nor has an infinite slope
    logits = gamma[:, :, None] * tf.math.log(weights + _EPSILON)
    return tf.nn.softmax(logits)

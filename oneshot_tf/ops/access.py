"""Reading and writing a memory, given the weights. Pure functions.

Dimensions: B batch, H heads, N rows of memory, M width of a row.
Papers: [NTM] Graves et al. 2014, [MANN] Santoro et al. 2016, [FLMN] Mureja et al. 2017.
"""

import tensorflow as tf

from oneshot_tf.ops import shapes


def read(memory, weights):
    """r = sum_i w(i) M(i), [NTM] Eq. 2, [FLMN] Eq. 3.

    Args:
      memory: [B, N, M].
      weights: [B, H, N].

    Returns:
      [B, H, M].
    """
    shapes.check(memory=(memory, "B N M"), weights=(weights, "B H N"))
    return tf.matmul(weights, memory)


def clear_rows(memory, rows):
    """M(i) (1 - w(i)): zeroes the marked rows before a write, [FLMN] Eq. 7.

    Args:
      memory: [B, N, M].
      rows: [B, N], 1 where a row is zeroed.
    """
    shapes.check(memory=(memory, "B N M"), rows=(rows, "B N"))
    return memory * (1.0 - rows)[:, :, None]


def add(memory, weights, vectors):
    """M(i) + sum_h w_h(i) a_h, [MANN] Eq. 23, [FLMN] Eq. 8 and 10.

    Args:
      memory: [B, N, M].
      weights: [B, H, N].
      vectors: [B, H, M].
    """
    shapes.check(memory=(memory, "B N M"), weights=(weights, "B H N"), vectors=(vectors, "B H M"))
    # of one head too: the gradients of a product that is broadcast are sums, slow under XLA on a CPU
    return memory + tf.matmul(weights, vectors, transpose_a=True)


def erase(memory, weights, vectors):
    """M(i) prod_h (1 - w_h(i) e_h), [NTM] Eq. 3: all erases come before all adds.

    Args:
      memory: [B, N, M].
      weights: [B, H, N].
      vectors: [B, H, M] in (0, 1).
    """
    shapes.check(memory=(memory, "B N M"), weights=(weights, "B H N"), vectors=(vectors, "B H M"))
    kept = 1.0 - weights[:, :, :, None] * vectors[:, :, None, :]
    return memory * tf.reduce_prod(kept, axis=1)

"""The memory of MM-Net (Cai et al., 2018, sections 3.2 and 3.3): written one picture at a time, then read.

Dimensions: B episodes, M slots, N support pictures, D width of a key. Slots fill in order; those that
are unused are masked everywhere. A label of -1 is padding and is not written.
"""

import typing

import tensorflow as tf

from oneshot_tf.ops import shapes
from oneshot_tf.ops.scan import scan

_UNUSED = -1e9  # score of a slot that is not in use


class KeyValueMemory(typing.NamedTuple):
    """Labelled keys.

    Attributes:
      keys: float32 [B, M, D], zeros where unused.
      values: int32 [B, M], the class of a slot, -1 where unused.
      used: int32 [B], how many slots are in use; these are always the first ones.
    """

    keys: tf.Tensor
    values: tf.Tensor
    used: tf.Tensor


def empty(batch, slots, width):
    """A memory with no slot in use; sizes are Python ints or scalar tensors."""
    return KeyValueMemory(
        keys=tf.zeros(tf.stack([batch, slots, width])),
        values=tf.fill(tf.stack([batch, slots]), -1),
        used=tf.zeros(tf.stack([batch]), tf.int32),
    )


def in_use(memory):
    """bool [B, M]."""
    return tf.range(tf.shape(memory.values)[1]) < memory.used[:, None]


def trim(memory):
    """The memory without the slots that no episode of the batch uses."""
    most = tf.reduce_max(memory.used)
    return memory._replace(keys=memory.keys[:, :most], values=memory.values[:, :most])


def write(memory, key, label, normalize_new=False):
    """Writes one picture of each episode, Eq. 4 and the text around it.

    The slot whose key has the largest dot product with the picture's is its nearest. If that slot is
    of the picture's class, it is updated; else the next free slot takes the picture; if none is
    free, the nearest is updated after all and keeps its class. An empty memory takes the picture.

    Args:
      memory: `KeyValueMemory`.
      key: [B, D], z^k of Eq. 3.
      label: int32 [B], -1 writes nothing.
      normalize_new: a new slot's key gets length 1, as an updated one has (the paper: false).

    Returns:
      The memory after it.
    """
    shapes.check(
        keys=(memory.keys, "B M D"), values=(memory.values, "B M"), used=(memory.used, "B"),
        key=(key, "B D"), label=(label, "B"),
    )  # fmt: skip
    slots = tf.shape(memory.values)[1]
    scores = tf.linalg.matvec(tf.stop_gradient(memory.keys), tf.stop_gradient(key))
    nearest = tf.argmax(tf.where(in_use(memory), scores, _UNUSED), axis=1, output_type=tf.int32)
    known = (tf.gather(memory.values, nearest, batch_dims=1) == label) & (memory.used > 0)
    new = ~known & (memory.used < slots)
    slot = tf.where(new, memory.used, nearest)
    merged = tf.gather(memory.keys, slot, batch_dims=1) + key
    merged = tf.math.l2_normalize(merged, axis=1, epsilon=1e-12)
    fresh = tf.math.l2_normalize(key, axis=1, epsilon=1e-12) if normalize_new else key
    written = (tf.range(slots) == slot[:, None]) & (label >= 0)[:, None]
    content = tf.where(new[:, None], fresh, merged)
    return KeyValueMemory(
        keys=tf.where(written[..., None], content[:, None, :], memory.keys),
        values=tf.where(written & new[:, None], label[:, None], memory.values),
        used=memory.used + tf.cast(new & (label >= 0), tf.int32),
    )


def write_all(keys, labels, slots, normalize_new=False):
    """Writes a support set in its order.

    Args:
      keys: [B, N, D].
      labels: int32 [B, N], -1 for padding.
      slots: M, Python int or scalar tensor.
      normalize_new: as in `write`.

    Returns:
      The `KeyValueMemory` after the last picture; gradients flow through its keys.
    """
    shapes.check(keys=(keys, "B N D"), labels=(labels, "B N"))
    # B or N may be known of one of the two alone
    known = labels.shape.merge_with(keys.shape[:2])
    labels = tf.ensure_shape(labels, known)
    keys = tf.ensure_shape(keys, known.concatenate(keys.shape[2:]))
    start = empty(keys.shape[0] or tf.shape(keys)[0], slots, keys.shape[2])

    def step(_, memory, now):
        return write(memory, *now, normalize_new), ()

    return scan(step, start, (tf.transpose(keys, [1, 0, 2]), tf.transpose(labels)))[0]


def read(memory, keys):
    """c_n = sum_i softmax_i(z^k_n . m^k_i) m^k_i over the used slots, Eq. 5.

    Args:
      memory: `KeyValueMemory` with at least one used slot.
      keys: [B, N, D].

    Returns:
      [B, N, D].
    """
    shapes.check(memory=(memory.keys, "B M D"), keys=(keys, "B N D"))
    scores = tf.matmul(keys, memory.keys, transpose_b=True)
    weights = tf.nn.softmax(tf.where(in_use(memory)[:, None, :], scores, _UNUSED))
    return tf.matmul(weights, memory.keys)

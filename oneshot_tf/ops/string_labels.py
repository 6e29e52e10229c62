"""Labels as strings of five characters out of five, Santoro et al. (2016) section 4.3 ([MANN]).

Dimensions: B episodes, T steps. A label is a whole number below `COUNT`; its string is its digits in
base 5, most significant first.
"""

import tensorflow as tf

from oneshot_tf.ops import losses, shapes

CHARACTERS, LENGTH = 5, 5
COUNT = CHARACTERS**LENGTH
_POWERS = [CHARACTERS ** (LENGTH - 1 - i) for i in range(LENGTH)]
WIDTH = CHARACTERS * LENGTH  # numbers of an encoded string, and of its logits


def digits(labels):
    """int32 [...] -> [..., LENGTH], each below CHARACTERS."""
    return labels[..., None] // tf.constant(_POWERS, labels.dtype) % CHARACTERS


def encode(labels):
    """int32 [...] -> float32 [..., WIDTH], a one-hot vector a character; -1 is all zeros."""
    codes = tf.one_hot(digits(tf.maximum(labels, 0)), CHARACTERS)
    flat = tf.reshape(codes, tf.concat([tf.shape(labels), [WIDTH]], axis=0))
    return flat * tf.cast(labels >= 0, tf.float32)[..., None]


def characters(logits):
    """[..., WIDTH] -> [..., LENGTH, CHARACTERS]."""
    return tf.reshape(logits, tf.concat([tf.shape(logits)[:-1], [LENGTH, CHARACTERS]], axis=0))


def predict(logits):
    """int32 [...]: the labels of the likeliest characters of logits [..., WIDTH]."""
    codes = tf.argmax(characters(logits), axis=-1, output_type=tf.int32)
    return tf.reduce_sum(codes * _POWERS, axis=-1)


def cross_entropy(logits, labels, weights=None):
    """Mean over steps of the sum over characters of -log p(character); padding (-1) does not count.

    Args:
      logits: [B, T, WIDTH].
      labels: int32 [B, T].
      weights: [B, T], how much each step counts; None: all alike.
    """
    shapes.check(logits=(logits, "B T W"), labels=(labels, "B T"))
    codes = tf.where((labels >= 0)[..., None], digits(tf.maximum(labels, 0)), -1)
    shape = [logits.shape[0], -1, CHARACTERS]
    weights = None if weights is None else tf.repeat(weights, LENGTH, axis=1)
    flat = tf.reshape(codes, [logits.shape[0], -1])
    return LENGTH * losses.cross_entropy(tf.reshape(logits, shape), flat, weights)

"""Losses and accuracies of episodes. Pure functions."""

import tensorflow as tf

from oneshot_tf.ops import shapes


def cross_entropy(logits, labels, weights=None):
    """Mean of -log p(label) over steps and episodes, [MANN] Eq. 3; padding (-1) does not count.

    Args:
      logits: [B, T, K].
      labels: int32 [B, T].
      weights: [B, T], how much each step counts; None: all alike.
    """
    shapes.check(logits=(logits, "B T K"), labels=(labels, "B T"))
    there = tf.cast(labels >= 0, logits.dtype)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits)
    if weights is None:
        return masked_mean(losses, there)
    weights = tf.cast(weights, logits.dtype) * there
    return tf.math.divide_no_nan(tf.reduce_sum(losses * weights), tf.reduce_sum(weights))


def masked_mean(values, there):
    """The mean of the values whose mark is 1, where marks are 0 or 1; 0 if none is marked."""
    return tf.reduce_sum(values * there) / tf.maximum(tf.reduce_sum(there), 1.0)


def accuracy_by_presentation(correct, presentations, most):
    """How often answers are right, by how often the class has been shown.

    Args:
      correct: bool [B, T].
      presentations: int32 [B, T], from 1.
      most: Python int, the last presentation to report.

    Returns:
      (sums, counts), float32 [B, most] each: right answers and answers, per episode.
    """
    shapes.check(correct=(correct, "B T"), presentations=(presentations, "B T"))
    which = tf.one_hot(presentations - 1, most)
    right = tf.reduce_sum(which * tf.cast(correct, tf.float32)[..., None], axis=1)
    return right, tf.reduce_sum(which, axis=1)


def right_and_shown(answers, labels):
    """(right answers [1], answers [1]) of answers and labels [B, Q]; padding (-1) does not count."""
    there = tf.cast(labels >= 0, tf.float32)
    right = tf.cast(answers == labels, tf.float32) * there
    return tf.reduce_sum(right)[None], tf.reduce_sum(there)[None]

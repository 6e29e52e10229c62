"""Gradient descent as a function of tensors: for fine-tuning that leaves nothing behind."""

import typing

import tensorflow as tf

from oneshot_tf.ops import adaptation

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Adam's usual


class AdamState(typing.NamedTuple):
    """What Adam goes on from.

    Attributes:
      steps: scalar, how many it has made.
      first: list of tensors like the values, the running mean of their gradients.
      second: likewise, of the gradients' squares.
    """

    steps: tf.Tensor
    first: list
    second: list


def adam(loss, values, steps, rate):
    """Values after some steps of Adam (Kingma and Ba, 2015, algorithm 1) from those given.

    Args:
      loss: (values) -> scalar.
      values: list of float32 tensors.
      steps: Python int; 0 returns the values unchanged.
      rate: the learning rate.

    Returns:
      List of tensors like `values`.
    """
    values = [tf.convert_to_tensor(v) for v in values]
    zeros = [tf.zeros_like(v) for v in values]
    state = AdamState(tf.constant(0), zeros, list(zeros))
    return adam_from(state, lambda i, now: loss(now), values, steps, rate)[0]


def adam_from(state, loss, values, steps, rate, beta_1=BETA_1):
    """The same from a state that earlier steps have left, with a loss of each step's own.

    Args:
      state: `AdamState`.
      loss: (number of the step, from 0; values) -> scalar.
      values: list of float32 tensors.
      steps: an int or scalar.
      rate: the learning rate.
      beta_1: how much of the running mean of gradients stays; 0: the step follows the last one.

    Returns:
      (list of tensors like `values`, the `AdamState` after the steps).
    """

    def step(i, now, first, second):
        _, gradients = adaptation.gradients(lambda at: loss(i, at), now)
        t = tf.cast(state.steps, tf.float32) + tf.cast(i + 1, tf.float32)
        first = [beta_1 * m + (1.0 - beta_1) * g for m, g in zip(first, gradients, strict=True)]
        second = [
            BETA_2 * v + (1.0 - BETA_2) * g * g for v, g in zip(second, gradients, strict=True)
        ]
        moved = []
        for value, m, v in zip(now, first, second, strict=True):
            m, v = m / (1.0 - beta_1**t), v / (1.0 - BETA_2**t)
            moved.append(value - rate * m / (tf.sqrt(v) + EPSILON))
        return i + 1, moved, first, second

    start = tf.constant(0), list(values), list(state.first), list(state.second)
    _, tuned, first, second = tf.while_loop(lambda i, *_: i < steps, step, start)
    return tuned, AdamState(state.steps + tf.cast(steps, state.steps.dtype), first, second)

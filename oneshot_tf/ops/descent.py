"""Gradient descent as a function of tensors: for fine-tuning that leaves nothing behind."""

import tensorflow as tf

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Adam's usual


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

    def step(i, now, first, second):
        with tf.GradientTape() as tape:
            tape.watch(now)
            error = loss(now)
        gradients = tape.gradient(error, now, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients = [tf.convert_to_tensor(g) for g in gradients]  # of a table, rows alone come
        t = tf.cast(i + 1, tf.float32)
        first = [BETA_1 * m + (1.0 - BETA_1) * g for m, g in zip(first, gradients, strict=True)]
        second = [
            BETA_2 * v + (1.0 - BETA_2) * g * g for v, g in zip(second, gradients, strict=True)
        ]
        moved = []
        for value, m, v in zip(now, first, second, strict=True):
            m, v = m / (1.0 - BETA_1**t), v / (1.0 - BETA_2**t)
            moved.append(value - rate * m / (tf.sqrt(v) + EPSILON))
        return i + 1, moved, first, second

    _, tuned, _, _ = tf.while_loop(
        lambda i, *_: i < steps, step, (tf.constant(0), values, zeros, list(zeros))
    )
    return tuned

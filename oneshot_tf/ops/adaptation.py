"""Gradient steps on an episode's support as a function of weights: what learners that adapt share.

[MAML] is Finn et al. (2017), *Model-Agnostic Meta-Learning*; [MSGD] Li et al. (2017), *Meta-SGD*;
[M++] Antoniou et al. (2019), *How to Train Your MAML*. Weights are lists of tensors; none is changed,
others come back. What comes back can be differentiated by the weights that went in and by the rates.
"""

import tensorflow as tf


def gradients(loss, values, second_order=False):
    """The loss at some weights, and its gradient.

    Args:
      loss: (values) -> scalar.
      values: list of tensors.
      second_order: the gradients depend on the values; else they are constants to a tape outside.

    Returns:
      (scalar, list of tensors like `values`; zeros where the loss does not depend on one).
    """
    with tf.GradientTape() as tape:
        tape.watch(values)
        error = loss(values)
    found = tape.gradient(error, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    found = [tf.convert_to_tensor(g) for g in found]  # of a table, rows alone come
    return error, found if second_order else [tf.stop_gradient(g) for g in found]


def descend(values, gradients, rates):
    """theta' = theta - alpha grad, [MAML] Eq. 1 with a number, [MSGD] Eq. 2 with a tensor as alpha.

    Args:
      values: list of tensors.
      gradients: list of tensors like `values`.
      rates: a number or scalar for all; or a list, for each value a scalar or a tensor of its shape.

    Returns:
      List of tensors like `values`.
    """
    if not isinstance(rates, (list, tuple)):
        rates = [rates] * len(values)
    return [v - r * g for v, g, r in zip(values, gradients, rates, strict=True)]


def path(loss, values, rates, second_order=False):
    """The weights after each of some steps of gradient descent.

    Args:
      loss: (values) -> scalar, of the support.
      values: list of tensors: the weights to start from.
      rates: a list, the `rates` of `descend` for each step; as many steps are made.
      second_order: a gradient through the steps is exact; else the steps' own gradients count as
        constants, [MAML] section 5.2.

    Returns:
      List of lists: `values` themselves, then those after each step.
    """
    found = [[tf.convert_to_tensor(v) for v in values]]
    for rate in rates:
        _, slope = gradients(loss, found[-1], second_order)
        found.append(descend(found[-1], slope, rate))
    return found


def sgd(loss, values, rate, steps):
    """The weights after many steps of one rate, in a loop that is no longer for more steps.

    Args:
      loss: (values) -> scalar, of the support.
      values: list of tensors.
      rate: as `rates` of `descend`.
      steps: an int or scalar; 0 returns the values unchanged.

    Returns:
      List of tensors like `values`.
    """

    def step(i, now):
        return i + 1, descend(now, gradients(loss, now)[1], rate)

    start = (tf.constant(0), [tf.convert_to_tensor(v) for v in values])
    return tf.while_loop(lambda i, _: i < steps, step, start, parallel_iterations=1)[1]


def rows_of_step(step, size, count):
    """Which rows of a support a step sees: pass after pass over all of them, each in an order of its own.

    As in the authors' code of Nichol et al. (2018), *On First-Order Meta-Learning Algorithms*, a step
    may end one pass and begin the next. The orders are random, and the same for every support.

    Args:
      step: int32 scalar, from 0.
      size: an int, rows of a step; a support of fewer is seen whole.
      count: int32 scalar, rows of the support.

    Returns:
      int32 [min(size, count)].
    """
    size = tf.minimum(size, count)
    first = step * size
    number = first // count
    orders = [
        tf.random.experimental.stateless_shuffle(tf.range(count), tf.stack([n, 0]))
        for n in (number, number + 1)
    ]
    return tf.concat(orders, axis=0)[first - number * count :][:size]


def multi_step_weights(steps, done):
    """How much the loss after each step counts in training, [M++] section 4 and the authors' code.

    Args:
      steps: how many there are.
      done: scalar in [0, 1]: 0: all count the same; in between, those before the last less and less,
        down to 0.03 of their first weight; 1: the last alone.

    Returns:
      float32 [steps], which add up to 1.
    """
    share = (1.0 / steps) * tf.maximum(1.0 - done, 0.03)
    earlier = tf.where(done < 1.0, share, 0.0)
    return tf.concat([tf.repeat(earlier, steps - 1), [1.0 - (steps - 1) * earlier]], axis=0)

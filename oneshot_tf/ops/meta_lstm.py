"""Ravi and Larochelle (2017), *Optimization as a Model for Few-Shot Learning*, [ML]: an LSTM as optimiser.

The cell state of the LSTM is the learner's weights, [ML] Eq. 3: theta_t = f_t theta_{t-1} + i_t c~_t
with minus the gradient as c~_t. Every weight is a coordinate of its own; gates share their weights over
coordinates. As in the authors' code an ordinary LSTM comes before the gates, and what a gate sees of
its past is its value before the sigmoid. Dimensions: n coordinates, D what the first LSTM sees of one,
H its units.
"""

import typing

import tensorflow as tf

from oneshot_tf.ops import shapes


class LSTMWeights(typing.NamedTuple):
    """An ordinary LSTM, for every coordinate the same.

    Attributes:
      kernel: [D + H, 4 H], of input, forget and output gate and candidate.
      bias: [4 H].
    """

    kernel: tf.Tensor
    bias: tf.Tensor


class MetaLSTMWeights(typing.NamedTuple):
    """The weights of the optimiser.

    Attributes:
      first: `LSTMWeights`, of the LSTM before the gates.
      input_kernel: [H + 2, 1], W_I.
      input_bias: [1], b_I.
      forget_kernel: [H + 2, 1], W_F.
      forget_bias: [1], b_F.
    """

    first: LSTMWeights
    input_kernel: tf.Tensor
    input_bias: tf.Tensor
    forget_kernel: tf.Tensor
    forget_bias: tf.Tensor


class MetaLSTMState(typing.NamedTuple):
    """What goes from step to step.

    Attributes:
      theta: [n], the learner's weights.
      hidden: [n, H], of the first LSTM.
      cell: [n, H].
      input: [n], i_{t-1} before the sigmoid.
      forget: [n], f_{t-1} before the sigmoid.
    """

    theta: tf.Tensor
    hidden: tf.Tensor
    cell: tf.Tensor
    input: tf.Tensor
    forget: tf.Tensor


def preprocess(values, p=10.0):
    """A gradient or loss as two numbers of moderate size, [ML] section 3.2 and appendix.

    (log |x| / p, sign x) where |x| >= e^-p, else (-1, e^p x).

    Args:
      values: [n].
      p: what counts as small.

    Returns:
      [n, 2].
    """
    shapes.check(values=(values, "n"))
    size, least = tf.abs(values), tf.exp(tf.constant(-p, values.dtype))
    large = size >= least
    first = tf.where(large, tf.math.log(tf.maximum(size, least)) / p, -1.0)
    second = tf.where(large, tf.sign(values), values / least)
    return tf.stack([first, second], axis=1)


def lstm(weights, inputs, hidden, cell):
    """One step of an ordinary LSTM: (hidden [n, H], cell [n, H]).

    Args:
      weights: `LSTMWeights`.
      inputs: [n, D].
      hidden: [n, H].
      cell: [n, H].
    """
    shapes.check(inputs=(inputs, "n D"), hidden=(hidden, "n H"), cell=(cell, "n H"))
    found = tf.matmul(tf.concat([inputs, hidden], axis=1), weights.kernel) + weights.bias
    opened, kept, shown, candidate = tf.split(found, 4, axis=1)
    cell = tf.sigmoid(kept) * cell + tf.sigmoid(opened) * tf.tanh(candidate)
    return tf.sigmoid(shown) * tf.tanh(cell), cell


def initial_state(theta, units):
    """The `MetaLSTMState` before the first step: c_0 = theta_0, nothing else."""
    none, empty = tf.zeros_like(theta), tf.zeros([tf.shape(theta)[0], units], theta.dtype)
    return MetaLSTMState(theta, empty, empty, none, none)


def step(weights, state, gradient, loss):
    """One update of the learner's weights, [ML] Eq. 3 and the equations of i_t and f_t below it.

    Args:
      weights: `MetaLSTMWeights`.
      state: `MetaLSTMState`.
      gradient: [n], of the loss by theta; constant, [ML] section 3.3.
      loss: scalar.

    Returns:
      The next `MetaLSTMState`.
    """
    shapes.check(gradient=(gradient, "n"), theta=(state.theta, "n"))
    told = tf.repeat(preprocess(loss[None]), tf.shape(gradient)[0], axis=0)
    seen = tf.concat([preprocess(gradient), told], axis=1)
    hidden, cell = lstm(weights.first, seen, state.hidden, state.cell)

    def gate(kernel, bias, before):
        inputs = tf.concat([hidden, state.theta[:, None], before[:, None]], axis=1)
        return (tf.matmul(inputs, kernel) + bias)[:, 0]

    opened = gate(weights.input_kernel, weights.input_bias, state.input)
    kept = gate(weights.forget_kernel, weights.forget_bias, state.forget)
    theta = tf.sigmoid(kept) * state.theta - tf.sigmoid(opened) * gradient
    return MetaLSTMState(theta, hidden, cell, opened, kept)

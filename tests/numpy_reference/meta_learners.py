"""The meta-learner LSTM and the makers of fast weights, coordinate by coordinate."""

import math

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def preprocessed(x, p=10.0):
    """Ravi and Larochelle's two numbers for one."""
    if abs(x) >= math.exp(-p):
        return [math.log(abs(x)) / p, math.copysign(1.0, x)]
    return [-1.0, math.exp(p) * x]


def log_and_sign(x, p=7.0):
    """Munkhdalai and Yu's two numbers for one."""
    return [max(math.log(abs(x) + 1e-8) / p, -1.0), min(max(math.exp(p) * x, -1.0), 1.0)]


def lstm_step(kernel, bias, inputs, hidden, cell):
    """An ordinary LSTM of one coordinate: lists in, lists out."""
    units = len(hidden)
    found = np.asarray([*inputs, *hidden]) @ kernel + bias
    opened, kept, shown, candidate = (found[k * units : (k + 1) * units] for k in range(4))
    cell = [
        sigmoid(f) * c + sigmoid(i) * math.tanh(g)
        for f, c, i, g in zip(kept, cell, opened, candidate, strict=True)
    ]
    return [sigmoid(o) * math.tanh(c) for o, c in zip(shown, cell, strict=True)], cell


def meta_lstm(weights, theta, gradients, losses):
    """theta after updates with gradients [T][n] and losses [T].

    Args:
      weights: ((kernel, bias) of the LSTM, W_I, b_I, W_F, b_F).
      theta: list of n numbers.
      gradients: T lists.
      losses: T numbers.
    """
    (kernel, bias), input_kernel, input_bias, forget_kernel, forget_bias = weights
    units, found = len(bias) // 4, []
    for n, value in enumerate(theta):
        hidden, cell, opened, kept = [0.0] * units, [0.0] * units, 0.0, 0.0
        for gradient, loss in zip(gradients, losses, strict=True):
            inputs = preprocessed(gradient[n]) + preprocessed(loss)
            hidden, cell = lstm_step(kernel, bias, inputs, hidden, cell)
            seen = [*hidden, value]
            opened = float(np.dot([*seen, opened], input_kernel[:, 0]) + input_bias[0])
            kept = float(np.dot([*seen, kept], forget_kernel[:, 0]) + forget_bias[0])
            value = sigmoid(kept) * value - sigmoid(opened) * gradient[n]
        found.append(value)
    return found


def by_recurrence(first, kernel, bias, gradients):
    """Fast weights of gradients [T][n]."""
    units, found = len(kernel), []
    for n in range(len(gradients[0])):
        hidden, cell = [0.0] * units, [0.0] * units
        for gradient in gradients:
            hidden, cell = lstm_step(*first, log_and_sign(gradient[n]), hidden, cell)
        found.append(float(np.dot(hidden, kernel[:, 0]) + bias[0]))
    return found


def by_perceptron(kernels, biases, gradient):
    """Fast weights of one gradient [n]."""
    found = []
    for x in gradient:
        now = np.asarray(log_and_sign(x))
        for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
            now = np.maximum(now @ kernel + bias, 0.0)
        found.append(float((now @ kernels[-1] + biases[-1])[0]))
    return found

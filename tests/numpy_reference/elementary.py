"""Functions of single numbers and short lists."""

import math


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def softmax(numbers):
    most = max(numbers)
    powers = [math.exp(x - most) for x in numbers]
    return [p / sum(powers) for p in powers]


def linear(vector, kernel, bias):
    """vector [D], kernel [D, U], bias [U] -> list of U numbers."""
    out = []
    for u in range(kernel.shape[1]):
        total = float(bias[u])
        for d in range(kernel.shape[0]):
            total += float(vector[d]) * float(kernel[d, u])
        out.append(total)
    return out

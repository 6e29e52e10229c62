"""A net of two layers with its gradient by hand, and what learners that adapt make of it."""

import numpy as np


def forward(weights, inputs):
    """(hidden, probabilities) of weights (W1 [D, H], W2 [H, K]) and inputs [n, D]."""
    hidden = np.tanh(inputs @ weights[0])
    scores = hidden @ weights[1]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, powers / powers.sum(axis=1, keepdims=True)


def loss(weights, inputs, labels):
    """Mean of -log p(label)."""
    _, probabilities = forward(weights, inputs)
    return -np.mean([np.log(probabilities[n, label]) for n, label in enumerate(labels)])


def gradient(weights, inputs, labels):
    """Its gradient by both weights, layer by layer."""
    hidden, probabilities = forward(weights, inputs)
    errors = probabilities.copy()
    for n, label in enumerate(labels):
        errors[n, label] -= 1.0
    errors /= len(labels)
    before = (errors @ weights[1].T) * (1.0 - hidden**2)
    return [inputs.T @ before, hidden.T @ errors]


def adapted(weights, support, rates):
    """The weights after a step of each of some rates; a rate is a list of numbers or arrays."""
    for rate in rates:
        slope = gradient(weights, *support)
        weights = [w - r * g for w, r, g in zip(weights, rate, slope, strict=True)]
    return weights


def meta_gradient(weights, support, query, rates, small=1e-5):
    """The gradient of the loss after adapting, by differences of both sides of each weight."""
    found = [np.zeros_like(w) for w in weights]
    for part, values in enumerate(weights):
        for place in np.ndindex(*values.shape):
            sides = []
            for sign in (1.0, -1.0):
                moved = [w.copy() for w in weights]
                moved[part][place] += sign * small
                sides.append(loss(adapted(moved, support, rates), *query))
            found[part][place] = (sides[0] - sides[1]) / (2.0 * small)
    return found

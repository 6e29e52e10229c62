"""A word language model, as loops: LSTMs on top of each other and a softmax.

`weights` is a dictionary of numpy arrays: "words" [V, U], "cells" (a list of {"kernel",
"recurrent_kernel", "bias"}, one a layer), "kernel" [U, V], "bias" [V].
"""

import math

import numpy as np

from tests.numpy_reference import lstm
from tests.numpy_reference.elementary import linear


def weights_of(learner):
    """The weights of an `LSTMLanguageModel`."""
    names = ("kernel", "recurrent_kernel", "bias")
    return {
        "words": learner.table.numpy(),
        "cells": [{n: getattr(cell, n).numpy() for n in names} for cell in learner.lstm.cells],
        "kernel": learner.kernel.numpy(),
        "bias": learner.bias.numpy(),
    }


def first_state(weights, batch):
    units = weights["words"].shape[1]
    return [{n: np.zeros((batch, units)) for n in ("hidden", "cell")} for _ in weights["cells"]]


def number(token):
    """0 (end), 2, 3, ... -> 0, 1, 2, ...: the blank is no word."""
    return 0 if token == 0 else token - 1


def log_probabilities(logits):
    most = max(logits)
    total = math.log(sum(math.exp(x - most) for x in logits)) + most
    return [x - total for x in logits]


def read(weights, inputs, targets, state, masks=None):
    """log p of each target [B, T], word by word.

    Args:
      weights: see above.
      inputs: [B, T] tokens.
      targets: [B, T] tokens.
      state: [{"hidden", "cell"}], one a layer.
      masks: [layers + 1] of [T, B, U]: what dropout multiplies on the way up, or None.

    Returns:
      ([B, T], state, [B, T] whether the target comes first).
    """
    found, first = np.zeros(inputs.shape), np.zeros(inputs.shape)
    for t in range(inputs.shape[1]):
        rows = np.array([weights["words"][number(token)] for token in inputs[:, t]])
        after = []
        for layer, cell in enumerate(weights["cells"]):
            rows = rows if masks is None else rows * masks[layer][t]
            rows, new = lstm.step("lstm", cell, rows, {"controller": state[layer]})
            after.append(new["controller"])
        state = after
        rows = rows if masks is None else rows * masks[-1][t]
        for b, target in enumerate(targets[:, t]):
            all_words = log_probabilities(linear(rows[b], weights["kernel"], weights["bias"]))
            found[b, t] = all_words[number(target)]
            first[b, t] = max(all_words) == found[b, t]
    return found, state, first


def log_likelihood(weights, words):
    """log p of one sentence, a list of words without padding, and of its end; after an end."""
    inputs, targets = np.array([[0, *words]]), np.array([[*words, 0]])
    return read(weights, inputs, targets, first_state(weights, 1))[0].sum()

"""One step of the Neural Turing Machine's cell, as loops."""

import math

import numpy as np

from tests.numpy_reference import access, addressing
from tests.numpy_reference.elementary import linear, sigmoid, softmax, softplus
from tests.numpy_reference.lstm import controller_step


def heads(weights, options, hidden):
    """What the heads say: H = R + 1 heads, the last one writes."""
    batch, num, width = len(hidden), options["heads"] + 1, options["width"]
    moves = 2 * options["shifts"] + 1
    found = {"key": np.zeros((batch, num, width)), "shift": np.zeros((batch, num, moves))}
    found |= {name: np.zeros((batch, num)) for name in ("strength", "gate", "gamma")}
    found |= {name: np.zeros((batch, 1, width)) for name in ("erase", "add")}
    for b in range(batch):
        numbers = linear(hidden[b], weights["head_kernel"], weights["head_bias"])
        for h in range(num):
            found["key"][b, h] = [math.tanh(numbers.pop(0)) for _ in range(width)]
        found["strength"][b] = [softplus(numbers.pop(0)) for _ in range(num)]
        found["gate"][b] = [sigmoid(numbers.pop(0)) for _ in range(num)]
        for h in range(num):
            found["shift"][b, h] = softmax([numbers.pop(0) for _ in range(moves)])
        found["gamma"][b] = [1.0 + softplus(numbers.pop(0)) for _ in range(num)]
        found["erase"][b, 0] = [sigmoid(numbers.pop(0)) for _ in range(width)]
        found["add"][b, 0] = [math.tanh(numbers.pop(0)) for _ in range(width)]
        assert not numbers
    return found


def step(kind, weights, options, inputs, state):
    """inputs [B, D], state as a dictionary -> (output [B, U + R M], new state)."""
    controller = controller_step(kind, weights, inputs, state["reads"], state["controller"])
    head = heads(weights, options, controller["hidden"])
    focus = addressing.content_weights(head["key"], state["memory"], head["strength"])
    focus = addressing.mix(head["gate"], focus, state["weights"])
    focus = addressing.shift(focus, head["shift"])
    focus = addressing.sharpen(focus, head["gamma"])
    read_weights, write_weights = focus[:, :-1], focus[:, -1:]
    memory = access.erase(state["memory"], write_weights, head["erase"])
    memory = access.add(memory, write_weights, head["add"])
    searched = memory if options["read_after_write"] else state["memory"]
    reads = access.read(searched, read_weights).reshape(len(inputs), -1)
    new = {"controller": controller, "reads": reads, "memory": memory, "weights": focus}
    return np.concatenate([controller["hidden"], reads], axis=1), new

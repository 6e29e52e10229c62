"""One step of MANN's Least Recently Used Access, as loops."""

import math

import numpy as np

from tests.numpy_reference import access, addressing
from tests.numpy_reference.elementary import linear, sigmoid, softplus
from tests.numpy_reference.lstm import controller_step


def heads(weights, options, hidden):
    """Dictionary of key, add [B, R, M], strength and gate [B, R]."""
    batch, num, width = len(hidden), options["heads"], options["width"]
    found = {name: np.zeros((batch, num, width)) for name in ("key", "add")}
    found |= {"strength": np.ones((batch, num)), "gate": np.zeros((batch, num))}
    for b in range(batch):
        numbers = linear(hidden[b], weights["head_kernel"], weights["head_bias"])
        for name in ("key", "add"):
            for h in range(num):
                for m in range(width):
                    if name == "add" and options["add_vector"] == "key":
                        found["add"][b, h, m] = found["key"][b, h, m]
                    else:
                        found[name][b, h, m] = math.tanh(numbers.pop(0))
        if options["key_strength"]:
            found["strength"][b] = [1.0 + softplus(numbers.pop(0)) for _ in range(num)]
        for h in range(num):
            by_step = options["write_gate"] == "step"
            alpha = numbers.pop(0) if by_step else float(weights["alpha"][0, h])
            found["gate"][b, h] = sigmoid(alpha)
        assert not numbers
    return found


def targets(unused, shared):
    """[B, R, N]: each head's own unused row, or all of them for each."""
    if not shared:
        return unused
    out = np.zeros(unused.shape)
    for b in range(unused.shape[0]):
        for h in range(unused.shape[1]):
            for n in range(unused.shape[2]):
                out[b, h, n] = max(unused[b, other, n] for other in range(unused.shape[1]))
    return out


def step(kind, weights, options, inputs, state):
    """inputs [B, D], state as a dictionary -> (output [B, U + R M], new state)."""
    controller = controller_step(kind, weights, inputs, state["reads"], state["controller"])
    head = heads(weights, options, controller["hidden"])
    unused = addressing.least_used(state["usage"], options["heads"])
    rows = targets(unused, options["shared_rows"])
    write = addressing.mix(head["gate"], state["read_weights"], rows)
    memory = access.clear_rows(state["memory"], unused[:, 0])
    adds = head["add"]
    if options["add_vector"] == "previous_key":
        adds = adds + state["keys"]
    memory = access.add(memory, write, adds)
    searched = memory if options["read_after_write"] else state["memory"]
    read_weights = addressing.content_weights(
        head["key"], searched, head["strength"], options["least_norm"]
    )
    reads = access.read(searched, read_weights).reshape(len(inputs), -1)
    usage = addressing.update_usage(state["usage"], read_weights, write, options["usage_decay"])
    new = {
        "controller": controller,
        "reads": reads,
        "memory": memory,
        "read_weights": read_weights,
        "write_weights": write,
        "usage": usage,
        "keys": head["key"],
    }
    return np.concatenate([controller["hidden"], reads], axis=1), new

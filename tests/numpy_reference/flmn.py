"""One step of the Feature-Label Memory cell, in the order of the paper's section 4, as loops."""

import math

import numpy as np

from tests.numpy_reference import access, addressing
from tests.numpy_reference.elementary import linear, sigmoid, softplus
from tests.numpy_reference.lstm import controller_step


def heads(weights, options, hidden):
    """Dictionary of key, add_feature, add_label [B, 1, M], strength, gate [B, 1]."""
    batch, width = len(hidden), options["width"]
    found = {name: np.zeros((batch, 1, width)) for name in ("key", "add_feature", "add_label")}
    found |= {"strength": np.ones((batch, 1)), "gate": np.zeros((batch, 1))}
    for b in range(batch):
        numbers = linear(hidden[b], weights["head_kernel"], weights["head_bias"])
        own = ["key"] if options["key"] == "own" else []
        for name in [*own, "add_feature", "add_label"]:
            for m in range(width):
                found[name][b, 0, m] = math.tanh(numbers.pop(0))
        if options["key"] == "feature":
            found["key"][b] = found["add_feature"][b]
        if options["key_strength"]:
            found["strength"][b, 0] = 1.0 + softplus(numbers.pop(0))
        by_step = options["write_gate"] == "step"
        alpha = numbers.pop(0) if by_step else float(weights["alpha"][0, 0])
        found["gate"][b, 0] = sigmoid(alpha)
        assert not numbers
    return found


def step(kind, weights, options, inputs, state):
    """inputs [B, D], state as a dictionary -> (output [B, U + M], new state)."""
    controller = controller_step(kind, weights, inputs, state["read"], state["controller"])
    head = heads(weights, options, controller["hidden"])
    unused = addressing.least_used(state["usage"], 1)
    write = addressing.mix(head["gate"], state["read_weights"][:, None], unused)
    features = access.clear_rows(state["features"], unused[:, 0])
    features = access.add(features, write, head["add_feature"])
    labels = state["labels"]
    if options["erase_label"]:
        labels = access.clear_rows(labels, state["cleared"])
    labels = access.add(labels, state["write_weights"][:, None], head["add_label"])
    searched = features if options["read_after_write"] else state["features"]
    read_weights = addressing.content_weights(
        head["key"], searched, head["strength"], options["least_norm"]
    )
    read = access.read(labels, read_weights)[:, 0]
    usage = addressing.update_usage(state["usage"], read_weights, write, options["usage_decay"])
    new = {
        "controller": controller,
        "read": read,
        "features": features,
        "labels": labels,
        "read_weights": read_weights[:, 0],
        "write_weights": write[:, 0],
        "usage": usage,
        "cleared": unused[:, 0],
    }
    return np.concatenate([controller["hidden"], read], axis=1), new

"""Controllers, as loops: an LSTM with a forget gate, and a feed-forward layer.

`weights` holds numpy arrays "kernel" [D, W], "recurrent_kernel" [R, W] or None and "bias" [W]. The
recurrent input is what was read, then (of an LSTM) the last output.
"""

import math

import numpy as np

from tests.numpy_reference.elementary import linear, sigmoid


def controller_step(kind, weights, inputs, read, state):
    """One step.

    Args:
      kind: "lstm" or "mlp".
      weights: see above.
      inputs: [B, D].
      read: [B, R M], what the last step read; None without a memory.
      state: {"hidden": [B, U]} and, for an LSTM, "cell".
    """
    new = {name: np.zeros(state[name].shape) for name in state}
    for b in range(len(inputs)):
        fed_back = [] if read is None else list(read[b])
        if kind == "lstm":
            fed_back += list(state["hidden"][b])
        gates = linear(inputs[b], weights["kernel"], weights["bias"])
        if fed_back:
            nothing = np.zeros(len(gates))
            more = linear(fed_back, weights["recurrent_kernel"], nothing)
            gates = [g + m for g, m in zip(gates, more, strict=True)]
        if kind == "mlp":
            new["hidden"][b] = [math.tanh(g) for g in gates]
        else:
            _lstm(b, gates, state, new)
    return new


def _lstm(b, gates, state, new):
    units = state["cell"].shape[1]
    for u in range(units):
        take, keep, candidate, show = (gates[u + part * units] for part in range(4))
        cell = sigmoid(keep) * float(state["cell"][b, u]) + sigmoid(take) * math.tanh(candidate)
        new["cell"][b, u] = cell
        new["hidden"][b, u] = sigmoid(show) * math.tanh(cell)


def step(kind, weights, inputs, state):
    """The plain cell: no memory. state {"controller"} -> (output [B, U], state)."""
    controller = controller_step(kind, weights, inputs, None, state["controller"])
    return controller["hidden"], {"controller": controller}

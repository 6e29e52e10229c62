"""MM-Net's memory of one episode as a list of [key, class], written and read in plain loops."""

import numpy as np

from tests.numpy_reference.elementary import softmax


def dot(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def unit(vector):
    length = dot(vector, vector) ** 0.5
    return [float(x) / length for x in vector]


def write(memory, key, label, slots, normalize_new=False):
    """Changes the list `memory`; returns which of the four cases it was."""
    if label < 0:
        return "padding"
    fresh = unit(key) if normalize_new else [float(x) for x in key]
    if not memory:
        memory.append([fresh, label])
        return "empty"
    scores = [dot(key, slot[0]) for slot in memory]
    nearest = scores.index(max(scores))
    case = "same" if memory[nearest][1] == label else "full"
    if case == "full" and len(memory) < slots:
        memory.append([fresh, label])
        return "new"
    merged = [a + float(b) for a, b in zip(memory[nearest][0], key, strict=True)]
    memory[nearest][0] = unit(merged)
    return case


def write_all(keys, labels, slots, normalize_new=False):
    """[N, D], [N] -> (list of [key, class], cases)."""
    memory = []
    cases = [
        write(memory, key, int(label), slots, normalize_new)
        for key, label in zip(keys, labels, strict=True)
    ]
    return memory, cases


def read(memory, keys):
    """[N, D] -> [N, D]."""
    out = []
    for key in keys:
        weights = softmax([dot(key, slot[0]) for slot in memory])
        out.append(sum(w * np.array(slot[0]) for w, slot in zip(weights, memory, strict=True)))
    return np.array(out)

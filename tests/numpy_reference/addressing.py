"""Where to read and write, as loops. B batch, H heads, N rows, M width."""

import math

import numpy as np

from tests.numpy_reference.elementary import softmax


def cosine(keys, memory, least_norm=0.0):
    """keys [B, H, M], memory [B, N, M] -> [B, H, N]; 0 beside an all-zero vector."""
    out = np.zeros((keys.shape[0], keys.shape[1], memory.shape[1]))
    for b in range(keys.shape[0]):
        for h in range(keys.shape[1]):
            for n in range(memory.shape[1]):
                product = key_square = row_square = 0.0
                for m in range(keys.shape[2]):
                    product += float(keys[b, h, m]) * float(memory[b, n, m])
                    key_square += float(keys[b, h, m]) ** 2
                    row_square += float(memory[b, n, m]) ** 2
                floor = 1e-12  # the same as in the package: memories start at 1e-6
                least = max(floor, least_norm**2)
                out[b, h, n] = product / math.sqrt((key_square + floor) * (row_square + least))
    return out


def content_weights(keys, memory, strength=None, least_norm=0.0):
    """Softmax of strength [B, H] times cosine over the rows: [B, H, N]."""
    out = cosine(keys, memory, least_norm)
    for b in range(out.shape[0]):
        for h in range(out.shape[1]):
            factor = 1.0 if strength is None else float(strength[b, h])
            out[b, h] = softmax([factor * float(c) for c in out[b, h]])
    return out


def least_used(usage, num):
    """usage [B, N] -> one-hot [B, num, N]; the first of equal rows comes first."""
    out = np.zeros((usage.shape[0], num, usage.shape[1]))
    for b in range(usage.shape[0]):
        order = sorted(range(usage.shape[1]), key=lambda n: (usage[b, n], n))
        for i in range(num):
            out[b, i, order[i]] = 1.0
    return out


def update_usage(usage, read_weights, write_weights, decay):
    out = np.zeros(usage.shape)
    for b in range(usage.shape[0]):
        for n in range(usage.shape[1]):
            out[b, n] = decay * float(usage[b, n])
            for weights in (read_weights, write_weights):
                for h in range(weights.shape[1]):
                    out[b, n] += float(weights[b, h, n])
    return out


def mix(gate, first, second):
    """gate [B, H]: gate * first + (1 - gate) * second, [B, H, N] both."""
    out = np.zeros(first.shape)
    for b in range(first.shape[0]):
        for h in range(first.shape[1]):
            for n in range(first.shape[2]):
                g = float(gate[b, h])
                out[b, h, n] = g * float(first[b, h, n]) + (1.0 - g) * float(second[b, h, n])
    return out


def shift(weights, kernel):
    """Weight at row i goes to row i + s, around the end, with share kernel[s + S]."""
    out = np.zeros(weights.shape)
    reach = kernel.shape[2] // 2
    rows = weights.shape[2]
    for b in range(weights.shape[0]):
        for h in range(weights.shape[1]):
            for i in range(rows):
                for s in range(-reach, reach + 1):
                    moved = float(weights[b, h, i]) * float(kernel[b, h, s + reach])
                    out[b, h, (i + s) % rows] += moved
    return out


def sharpen(weights, gamma):
    """weights [B, H, N] to the power gamma [B, H], divided by the sum."""
    out = np.zeros(weights.shape)
    for b in range(weights.shape[0]):
        for h in range(weights.shape[1]):
            powers = [float(w) ** float(gamma[b, h]) for w in weights[b, h]]
            for n, power in enumerate(powers):
                out[b, h, n] = power / sum(powers)
    return out

"""Reading and writing, as loops. B batch, H heads, N rows, M width."""

import numpy as np


def read(memory, weights):
    """memory [B, N, M], weights [B, H, N] -> [B, H, M]."""
    out = np.zeros((memory.shape[0], weights.shape[1], memory.shape[2]))
    for b in range(memory.shape[0]):
        for h in range(weights.shape[1]):
            for n in range(memory.shape[1]):
                for m in range(memory.shape[2]):
                    out[b, h, m] += float(weights[b, h, n]) * float(memory[b, n, m])
    return out


def clear_rows(memory, rows):
    out = np.array(memory, np.float64)
    for b in range(memory.shape[0]):
        for n in range(memory.shape[1]):
            for m in range(memory.shape[2]):
                out[b, n, m] *= 1.0 - float(rows[b, n])
    return out


def add(memory, weights, vectors):
    out = np.array(memory, np.float64)
    for b in range(memory.shape[0]):
        for h in range(weights.shape[1]):
            for n in range(memory.shape[1]):
                for m in range(memory.shape[2]):
                    out[b, n, m] += float(weights[b, h, n]) * float(vectors[b, h, m])
    return out


def erase(memory, weights, vectors):
    out = np.array(memory, np.float64)
    for b in range(memory.shape[0]):
        for h in range(weights.shape[1]):
            for n in range(memory.shape[1]):
                for m in range(memory.shape[2]):
                    out[b, n, m] *= 1.0 - float(weights[b, h, n]) * float(vectors[b, h, m])
    return out

"""Matching Networks and their baselines, one episode at a time, as loops over numbers."""

import math

import numpy as np

from tests.numpy_reference.elementary import sigmoid, softmax


def one_similarity(q, s, kernel, weights, normalize):
    """Of one query [D] and one support picture [D]."""
    pairs = list(zip(map(float, q), map(float, s), strict=True))
    dot = sum(a * b for a, b in pairs)
    if kernel == "dot":
        return dot
    if kernel == "cosine":
        lengths = math.sqrt(sum(b * b for _, b in pairs))
        if normalize == "both":
            lengths *= math.sqrt(sum(a * a for a, _ in pairs))
        return dot / lengths
    if kernel == "sqeuclidean":
        return -sum((a - b) ** 2 for a, b in pairs)
    if kernel == "l1":
        signed = [-1.0] * len(pairs) if weights is None else weights
        return sum(float(w) * abs(a - b) for w, (a, b) in zip(signed, pairs, strict=True))
    total = 0.0
    for i in range(len(q)):
        for j in range(len(s)):
            total += float(q[i]) * float(weights[i, j]) * float(s[j])
    return total


def similarity(query, support, kernel, weights=None, normalize="both"):
    """query [B, Q, D], support [B, S, D] -> [B, Q, S]."""
    return np.array(
        [
            [[one_similarity(q, s, kernel, weights, normalize) for s in support[b]] for q in rows]
            for b, rows in enumerate(query)
        ]
    )


def attend(hidden, memory, there):
    """hidden [B, Q, D], memory [B, S, D], there [B, S] -> [B, Q, D]."""
    out = np.zeros(hidden.shape)
    for b in range(len(hidden)):
        kept = [row for row, is_there in zip(memory[b], there[b], strict=True) if is_there]
        for q, h in enumerate(hidden[b]):
            weights = softmax([one_similarity(h, row, "dot", None, "both") for row in kept])
            for weight, row in zip(weights, kept, strict=True):
                out[b, q] += weight * row
    return out


def class_probabilities(similarities, labels, way, aggregate):
    """[B, Q, S], [B, S] -> probabilities [B, Q, way]."""
    out = np.zeros((*similarities.shape[:2], way))
    for b in range(len(labels)):
        for q in range(similarities.shape[1]):
            scores = {}
            for s, label in enumerate(labels[b]):
                if label >= 0:
                    scores.setdefault(int(label), []).append(float(similarities[b, q, s]))
            names = sorted(scores)
            if aggregate == "sum":
                flat = [(name, x) for name in names for x in scores[name]]
                for (name, _), weight in zip(flat, softmax([x for _, x in flat]), strict=True):
                    out[b, q, name] += weight
            else:
                merge = max if aggregate == "nearest" else lambda xs: sum(xs) / len(xs)
                weights = softmax([merge(scores[name]) for name in names])
                for name, weight in zip(names, weights, strict=True):
                    out[b, q, name] = weight
    return out


def prototypes(support, labels, way):
    """[B, S, D], [B, S] -> [B, way, D]."""
    out = np.zeros((len(support), way, support.shape[2]))
    for b in range(len(support)):
        for k in range(way):
            own = [row for row, label in zip(support[b], labels[b], strict=True) if label == k]
            if own:
                out[b, k] = sum(own) / len(own)
    return out


def pair_loss(logits, support_labels, query_labels):
    """Half the mean over same pairs, half the mean over different ones."""
    losses = {True: [], False: []}
    for b in range(len(logits)):
        for q, mine in enumerate(query_labels[b]):
            for s, other in enumerate(support_labels[b]):
                if mine >= 0 and other >= 0:
                    p = sigmoid(float(logits[b, q, s]))
                    same = bool(mine == other)
                    losses[same].append(-math.log(p if same else 1.0 - p))
    return sum(sum(found) / len(found) for found in losses.values() if found) / 2.0


def sample_loss(similarities, support_labels, query_labels):
    """Mean over queries of the sum over support pictures of the right class of -log softmax."""
    losses = []
    for b in range(len(similarities)):
        kept = [s for s, label in enumerate(support_labels[b]) if label >= 0]
        for q, mine in enumerate(query_labels[b]):
            if mine >= 0:
                shares = softmax([float(similarities[b, q, s]) for s in kept])
                pairs = zip(kept, shares, strict=True)
                losses.append(-sum(math.log(p) for s, p in pairs if support_labels[b, s] == mine))
    return sum(losses) / max(len(losses), 1)


def lstm(inputs, hidden, carry, weights):
    """One step of one LSTM; `weights` as Keras keeps them, gates in the order i, f, c, o.

    Args:
      inputs: [D].
      hidden: [U].
      carry: [U].
      weights: (kernel [D, 4 U], recurrent kernel [U, 4 U], bias [4 U]).
    """
    kernel, recurrent, bias = weights
    units = len(hidden)
    gates = []
    for u in range(4 * units):
        total = float(bias[u])
        total += sum(float(x) * float(kernel[i, u]) for i, x in enumerate(inputs))
        total += sum(float(h) * float(recurrent[i, u]) for i, h in enumerate(hidden))
        gates.append(total)
    new_hidden, new_carry = [], []
    for u in range(units):
        take, keep, candidate, show = (gates[u + part * units] for part in range(4))
        cell = sigmoid(keep) * float(carry[u]) + sigmoid(take) * math.tanh(candidate)
        new_carry.append(cell)
        new_hidden.append(sigmoid(show) * math.tanh(cell))
    return new_hidden, new_carry


def weights_of(cell):
    """Kernel, recurrent kernel and bias of a built `PlainCell`, as `lstm` takes them."""
    return cell.kernel.numpy(), cell.recurrent_kernel.numpy(), cell.bias.numpy()


def support_context(support, there, forward, backward):
    """g of one episode: support [S, D], there [S] -> [S, D], zeros at padding."""
    out = np.array(support, np.float64)
    kept = [s for s in range(len(support)) if there[s]]
    for weights, order in ((forward, kept), (backward, kept[::-1])):
        hidden = carry = [0.0] * support.shape[1]
        for s in order:
            hidden, carry = lstm(support[s], hidden, carry, weights)
            out[s] += hidden
    out[[s for s in range(len(support)) if not there[s]]] = 0.0
    return out


def query_context(query, support, there, steps, weights):
    """f of one query of one episode: query [D], support g [S, D], there [S] -> [D]."""
    hidden, carry = list(map(float, query)), [0.0] * len(query)
    for _ in range(steps):
        read = attend(np.array([[hidden]]), support[None], there[None])[0, 0]
        hidden, carry = lstm([*query, *read], hidden, carry, weights)
        hidden = [h + float(x) for h, x in zip(hidden, query, strict=True)]
    return np.array(hidden)

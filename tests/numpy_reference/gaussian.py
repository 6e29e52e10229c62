"""Gaussians and their memory as plain loops, in float64."""

import math


def kl(p, q):
    """KL(p || q) of diagonal Gaussians [(mean, variance)], dimension by dimension."""
    total = 0.0
    for (m, s), (n, r) in zip(p, q, strict=True):
        total += 0.5 * (math.log(r / s) + (s + (m - n) ** 2) / r - 1.0)
    return total


def pairs(means, variances):
    """[(mean, variance)] of two rows."""
    return [(float(m), float(s)) for m, s in zip(means, variances, strict=True)]


def symmetric_kl(p, q):
    return kl(p, q) + kl(q, p)


def merged(held, count, new):
    """Moments of the mixture of `count` parts `held` and one part `new`."""
    k = count + 1
    out = []
    for (m, s), (n, r) in zip(held, new, strict=True):
        mean = (count * m + n) / k
        second = (count * (s + m * m) + (r + n * n)) / k
        out.append((mean, second - mean * mean))
    return out


class Memory:
    """Slots as [pairs, label, count, age], None where empty."""

    def __init__(self, slots):
        self.slots = [None] * slots

    def ranked(self, picture):
        found = [
            (symmetric_kl(picture, slot[0]), index)
            for index, slot in enumerate(self.slots)
            if slot is not None
        ]
        return [index for _, index in sorted(found)]

    def update(self, picture, label):
        """Writes one picture."""
        ranked = self.ranked(picture)
        if ranked and self.slots[ranked[0]][1] == label:
            place = ranked[0]
            held = self.slots[place]
            new = [merged(held[0], held[2], picture), label, held[2] + 1, 0]
        else:
            empty = [i for i, slot in enumerate(self.slots) if slot is None]
            oldest = max(range(len(self.slots)), key=lambda i: (self.slots[i] or [0] * 4)[3])
            place = empty[0] if empty else oldest
            new = [picture, label, 1, 0]
        for slot in self.slots:
            if slot is not None:
                slot[3] += 1
        self.slots[place] = new

"""The life-long memory as plain loops over lists; nothing is shared with the package's code."""

import math


class Memory:
    """Slots as a list of [key, label, age], None where empty."""

    def __init__(self, slots):
        self.slots = [None] * slots

    def similarities(self, query):
        """(similarity, slot) of all that is not empty, nearest first."""
        found = []
        for index, slot in enumerate(self.slots):
            if slot is not None:
                total = sum(float(a) * float(b) for a, b in zip(query, slot[0], strict=True))
                found.append((total, index))
        return sorted(found, key=lambda pair: (-pair[0], pair[1]))

    def contrast(self, query, label):
        """(best slot of the label or None, best slot of another or None)."""
        ranked = [index for _, index in self.similarities(query)]
        right = [index for index in ranked if self.slots[index][1] == label]
        wrong = [index for index in ranked if self.slots[index][1] != label]
        return (right[0] if right else None), (wrong[0] if wrong else None)

    def oldest(self, taken):
        """The slot to be given away: the first empty one, else the oldest, the first of equals."""
        free = [i for i in range(len(self.slots)) if i not in taken]
        for i in free:
            if self.slots[i] is None:
                return i
        return max(free, key=lambda i: (self.slots[i][2], -i))

    def update(self, rows):
        """Writes [(query, label)] at once; a label of -1 is padding."""
        moves, taken = {}, set()
        for r, (query, label) in enumerate(rows):
            ranked = self.similarities(query)
            if label >= 0 and ranked and self.slots[ranked[0][1]][1] == label:
                moves[r] = ranked[0][1]
                taken.add(ranked[0][1])
        new, given = {}, set(taken)
        for r, (query, label) in enumerate(rows):
            if r in moves:
                summed = [
                    float(a) + float(b) for a, b in zip(self.slots[moves[r]][0], query, strict=True)
                ]
                length = math.sqrt(sum(x * x for x in summed))
                new[moves[r]] = [[x / length for x in summed], label, 0]
        # padding sets a slot aside, though it does not write
        for r, (query, label) in enumerate(rows):
            if r not in moves:
                slot = self.oldest(given)
                given.add(slot)
                if label >= 0:
                    new[slot] = [[float(x) for x in query], label, 0]
        for i, slot in enumerate(self.slots):
            if slot is not None:
                slot[2] += 1
            if i in new:
                self.slots[i] = new[i]


def loss(query, positive, negative, margin):
    """Of one picture; None counts as similarity 0."""

    def dot(key):
        return (
            0.0
            if key is None
            else sum(float(a) * float(b) for a, b in zip(query, key, strict=True))
        )

    return max(0.0, dot(negative) - dot(positive) + margin)

"""Whether results made again agree with the stored ones, by a rule that knows no machine.

The same seed on another machine is another training: sums are rounded in another order, and a few
hundred updates later nothing is the same. So two sets of runs agree at a setting where their means are
no further apart than three things together explain: which episodes were drawn, how much trainings
differ, and how few of them there are. 99 % intervals, for there are many numbers to hold to it.
"""

import math
import statistics
import typing

import numpy as np

from oneshot_tf.evaluation import paired, records

# 99 % quantiles of Student's t, for 2 to 8 degrees of freedom; beyond, see `student`
QUANTILES = {2: 9.925, 3: 5.841, 4: 4.604, 5: 4.032, 6: 3.707, 7: 3.499, 8: 3.355}
NORMAL = 2.576
# how much trainings differ where too few seeds show it: this share of the error, at least so much.
# FLMN after 100,000 episodes has 1 to 7 % to the letter, and 0.04 to 0.2 points at its defaults (2nd to
# 10th presentation); from one seed, on one core and on two, it was 0.8 points apart at an error of 4.8 %
# after 4,000
SHARE, LEAST = 0.1, 0.2


class Held(typing.NamedTuple):
    """One setting, or presentation, held against the stored one; all in percent.

    Attributes:
      key: its name in records.
      stored: mean of the stored records.
      made: mean of those made here.
      interval: half of the 99 % interval of their difference.
    """

    key: str
    stored: float
    made: float
    interval: float

    @property
    def agrees(self):
        return abs(self.made - self.stored) <= self.interval + 1e-9


def hold(stored, made):
    """Holds new records against stored ones of the same test.

    Args:
      stored: records of one test, of one training seed or more.
      made: the same, made again.

    Returns:
      [`Held`], for what all of them have.
    """
    every = [*stored, *made]
    keys = [key for key in stored[0]["accuracy"] if all(key in r["accuracy"] for r in every)]
    return [_hold(stored, made, key) for key in keys]


def _hold(stored, made, key):
    ours, theirs = ([r["accuracy"][key]["mean"] for r in group] for group in (stored, made))
    spread, quantile = training_spread(ours, theirs)
    trainings = spread**2 * (1 / len(ours) + 1 / len(theirs))
    interval = quantile * math.sqrt(episode_variance(stored, made, key) + trainings)
    return Held(key, statistics.fmean(ours), statistics.fmean(theirs), interval)


def training_spread(*groups):
    """(standard deviation over training seeds, quantile that goes with it) of groups of accuracies.

    That of all groups together; where they have fewer than two seeds more than groups, `SHARE` of the
    error.
    """
    freedom = sum(len(group) - 1 for group in groups)
    if freedom < 2:
        error = 100.0 - statistics.fmean(value for group in groups for value in group)
        return max(LEAST, SHARE * error), NORMAL
    squares = sum((v - statistics.fmean(group)) ** 2 for group in groups for v in group)
    return math.sqrt(squares / freedom), student(freedom)


def student(freedom):
    """99 % quantile of Student's t, of 2 degrees of freedom or more.

    Beyond the table by three terms of Fisher's expansion of it around the normal distribution's, which
    are within 0.003.
    """
    z, n = NORMAL, freedom
    terms = (
        (z**3 + z) / (4 * n),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3),
    )
    return QUANTILES.get(freedom, z + sum(terms))


def episode_variance(stored, made, key):
    """Variance of the difference of two groups' means that is of the episodes drawn."""
    same = not any(paired.differing(stored[0], record) for record in [*stored, *made])
    found = [[records.episodes(record, key) for record in group] for group in (stored, made)]
    if same and all(right is not None for group in found for right in group):
        apart = np.mean(found[1], axis=0) - np.mean(found[0], axis=0)
        apart = apart[~np.isnan(apart)]
        return float(apart.var(ddof=1)) / len(apart) if len(apart) > 1 else 0.0
    halves = [
        statistics.fmean(record["accuracy"][key]["ci95"] for record in group)
        for group in (stored, made)
    ]
    return sum((half / 1.96) ** 2 for half in halves)

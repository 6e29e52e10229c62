"""Whether results made again agree with the stored ones."""

import math

import numpy as np
import pytest

from oneshot_tf.evaluation import agreement
from tests.evaluation.test_paired import record


def test_the_same_records_agree_and_far_ones_differ(random):
    right = random.integers(5, 10, 300)
    stored = [record("a", right)]
    (held,) = agreement.hold(stored, [record("a", right)])
    assert held.stored == held.made and held.agrees
    assert held.key == "5w1s" and held.interval > 0  # another training may be another
    (held,) = agreement.hold(stored, [record("a", right - 4)])
    assert held.made == pytest.approx(held.stored - 40.0) and not held.agrees


def test_the_interval_is_of_episodes_and_trainings(random):
    """By hand: t of 4 degrees of freedom, the spread of three seeds each, episodes in pairs."""
    ours, theirs = ([random.integers(5, 10, 200) for _ in range(3)] for _ in range(2))
    stored, made = ([record("a", r, s) for s, r in enumerate(group)] for group in (ours, theirs))
    (held,) = agreement.hold(stored, made)
    means = [[10.0 * r.mean() for r in group] for group in (ours, theirs)]
    variance = np.mean([np.var(group, ddof=1) for group in means])
    apart = 10.0 * (np.mean(theirs, axis=0) - np.mean(ours, axis=0))
    expected = 4.604 * math.sqrt(np.var(apart, ddof=1) / 200 + variance * (1 / 3 + 1 / 3))
    assert held.interval == pytest.approx(expected, rel=1e-3)  # records are rounded
    assert (held.stored, held.made) == pytest.approx([np.mean(m) for m in means], abs=1e-3)


def test_of_few_seeds_a_share_of_the_error_stands_for_their_spread():
    assert agreement.training_spread([90.0], [92.0]) == (pytest.approx(0.9), 2.576)
    assert agreement.training_spread([99.5], [99.5, 99.5]) == (0.2, 2.576)
    # of tables of Student's t
    for freedom, value in ((8, 3.355), (9, 3.250), (10, 3.169), (20, 2.845), (120, 2.617)):
        assert agreement.student(freedom) == pytest.approx(value, abs=0.004)
    spread, quantile = agreement.training_spread([90.0, 92.0], [95.0, 97.0])
    assert spread == pytest.approx(math.sqrt(2.0)) and quantile == 9.925


def test_other_episodes_and_earlier_records_have_both_their_intervals(random):
    a, b = (record("a", random.integers(0, 10, 100), seed=0) for _ in range(2))
    b["protocol"]["seed"] = 1
    both = sum((r["accuracy"]["5w1s"]["ci95"] / 1.96) ** 2 for r in (a, b))
    assert agreement.episode_variance([a], [b], "5w1s") == pytest.approx(both)
    b["protocol"]["seed"] = 0
    assert agreement.episode_variance([a], [b], "5w1s") != pytest.approx(both)
    del a["right"]
    assert agreement.episode_variance([a], [b], "5w1s") == pytest.approx(both)


def test_what_one_of_them_lacks_is_left_out():
    a, b = record("a", [1, 2]), record("a", [1, 2], key="20w1s")
    assert agreement.hold([a], [b]) == []

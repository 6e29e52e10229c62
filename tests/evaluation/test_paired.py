"""The difference of two models on the same episodes."""

import json

import numpy as np
import pytest

from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import paired, protocols, records


def record(config, right, seed=0, shown=10, key="5w1s", **protocol):
    """A record whose episodes have so many right answers."""
    right = np.asarray(right)
    shown = np.broadcast_to(shown, right.shape)
    asked = shown > 0
    found = {
        **protocols.summary(right[asked] / shown[asked]),
        "right": right,
        "shown": shown,
    }
    test = {"kind": "few_shot", "part": "test", "queries": 2, "episodes": len(right), "seed": 0}
    return {
        "model": "matching",
        "config": config,
        "seed": seed,
        "dataset": "omniglot",
        "split": {"sha256": "ab"},
        "protocol": {**test, **protocol},
        "paper": None,
        "train": {"episodes": 10},
        **records.measured({key: found}),
    }


@pytest.fixture
def answers(random):
    """Right answers of two models and two seeds: hard and easy episodes, the first a little better."""
    hard = random.integers(0, 8, 400)
    ours = [np.minimum(10, hard + random.integers(0, 3, 400)) for _ in range(2)]
    return ours, [np.minimum(10, hard + random.integers(0, 2, 400)) for _ in range(2)]


def test_difference_matches_numpy(answers):
    ours, theirs = answers
    members = [
        (record("a", a, s), record("b", b, s))
        for s, (a, b) in enumerate(zip(*answers, strict=True))
    ]
    found = paired.difference(members, "5w1s")
    by_episode = 10.0 * (np.mean(ours, axis=0) - np.mean(theirs, axis=0))
    assert found["mean"] == pytest.approx(by_episode.mean())
    expected = 1.96 * np.sqrt(np.sum((by_episode - by_episode.mean()) ** 2) / 399 / 400)
    assert found["ci95"] == pytest.approx(expected)
    seeds = [10.0 * (a - b).mean() for a, b in zip(ours, theirs, strict=True)]
    assert found["spread"] == pytest.approx(abs(seeds[0] - seeds[1]) / np.sqrt(2))
    # much narrower than the two intervals alone would say: the episodes are the same
    alone = [r["accuracy"]["5w1s"]["ci95"] for r in members[0]]
    assert found["ci95"] < 0.5 * np.hypot(*alone)


def test_an_episode_that_shows_nothing_does_not_count():
    shown = np.array([5, 5, 0, 5])
    a, b = record("a", [5, 4, 0, 3], shown=shown), record("b", [4, 3, 0, 2], shown=shown)
    found = paired.difference([(a, b)], "5w1s")
    assert (found["mean"], found["spread"]) == (pytest.approx(20.0), None)
    assert found["ci95"] == pytest.approx(0.0, abs=1e-9)


def test_a_table_for_every_test_that_both_have(answers):
    ours, theirs = (
        [record(n, r[s], s) for s in (0, 1)] for n, r in zip("ab", answers, strict=True)
    )
    digits = {"dataset": "mnist", "split": {"sha256": "cd"}}
    ours += [record("a", answers[0][0], 0) | digits, record("a", [1, 2], 5)]
    theirs += [record("b", answers[1][0], 0) | digits]
    text = paired.text(ours, theirs)
    first, second, _ = text.split("\n\n")
    assert "a minus b, on omniglot: 400 episodes, trained with seed 0, 1" in first
    assert "on mnist: 400 episodes, trained with seed 0" in second
    mean = paired.difference(list(zip(ours[:2], theirs[:2], strict=True)), "5w1s")["mean"]
    assert f"{mean:+.2f}" in first and first.endswith("*")


@pytest.mark.parametrize(
    "change, said",
    [
        ({"protocol": {"seed": 1}}, "seed: 0 and 1"),
        ({"protocol": {"queries": 15}}, "queries: 2 and 15"),
        ({"protocol": {"part": "validation"}}, "part: test and validation"),
        ({"protocol": {"episodes": 1000}}, "episodes: 2 and 1000"),
        ({"protocol": {"kind": "sequence"}}, "kind: few_shot and sequence"),
        ({"protocol": {"test_rotations": True}}, "test_rotations: None and True"),
        ({"protocol": {"augment_test": True}}, "augment_test: None and True"),
        ({"protocol": {"mirrored_copies": "vertical"}}, "mirrored_copies: None and vertical"),
        ({"split": {"sha256": "cd"}}, "split: ab and cd"),
        ({"dataset": "mnist"}, "dataset: omniglot and mnist"),
        ({"protocol": {"within_group": True}}, "within_group: None and True"),
    ],
)
def test_other_episodes_are_refused_in_one_line(change, said):
    a, b = record("a", [1, 2]), record("b", [1, 2])
    for name, value in change.items():
        b[name] = {**b[name], **value} if isinstance(value, dict) else value
    with pytest.raises(UserError, match="not tested on the same episodes") as caught:
        paired.text([a], [b])
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_sequences_of_another_length_are_other_episodes():
    a, b = (record("a", [1, 2], key="2", kind="sequence", way=5, shot=s) for s in (10, 5))
    assert paired.differing(a, b) == ["shot: 10 and 5"]
    a, b = (record("a", [1, 2], key="2", kind="sequence", way=5, shot=9) for _ in range(2))
    b["protocol"]["rounds"] = True
    assert paired.differing(a, b) == ["rounds: None and True"]
    settings = [record("a", [1, 2], shot=[1]), record("b", [1, 2], shot=[1, 5])]
    assert paired.differing(*settings) == []  # every setting has episodes of its own


@pytest.mark.parametrize(
    "part, name, values",
    [
        ("model", "label_encoding", ("one_hot", "string")),
        ("data", "max_sentences", (500, 50)),
        ("data", "min_images", (5, 20)),
    ],
)
def test_options_of_a_run_that_change_its_episodes(part, name, values):
    a, b = record("a", [1, 2]), record("b", [1, 2])
    a["options"] = {part: {name: values[0]}}
    assert paired.differing(a, b) == []  # of a model without the option
    b["options"] = {part: {name: values[1]}}
    assert paired.differing(a, b) == [f"{name}: {values[0]} and {values[1]}"]


def test_records_of_before_the_answers_were_kept_are_refused():
    a, b = record("a", [1, 2]), record("b", [1, 2])
    del b["right"]
    with pytest.raises(UserError, match="record of b, seed 0, is of before"):
        paired.text([a], [b])


def test_seeds_are_paired_but_two_files_may_differ(tmp_path):
    a, b = record("a", [1, 2], 0), record("b", [2, 2], 1)
    with pytest.raises(UserError, match="share no training seed"):
        paired.text([a, record("a", [1, 1], 2)], [b])
    assert "trained with seed 0 and 1" in paired.text([a], [b])
    path = tmp_path / "one.json"
    path.write_text(json.dumps(a))
    assert paired.choose(str(path), []) == [a]
    assert paired.choose("b", [a, b]) == [b]
    with pytest.raises(UserError, match="Received: c, of which there is no record"):
        paired.choose("c", [a, b])

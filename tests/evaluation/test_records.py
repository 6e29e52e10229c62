"""Records: what is in them, and that they are written whole or not at all."""

import dataclasses
import errno
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import SequenceEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import papers, records, tables
from oneshot_tf.models.matching import MatchingOptions
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions

KEYS = {
    "model", "config", "seed", "dataset", "split", "protocol", "accuracy", "paper", "paper_row", "parameters",
    "train", "options", "versions", "commit", "date",
}  # fmt: skip


@pytest.fixture
def make_record(make_learner):
    """Makes a record, of another protocol where names are given."""
    learner = make_learner("flmn")
    steps = tf.zeros([1, 3], tf.int32)
    learner(SequenceEpisode(tf.zeros([1, 3, 8, 8, 1]), steps, steps + 1))
    data = DataOptions(data_dir="/somewhere/private", split="/private/mine.json")
    train, row = TrainOptions(seed=3), "flmn_omniglot_1"
    config = RunConfig("a_name", "flmn", data, train, learner.options, paper_row=row)
    split = {"name": "flmn", "classes": [1, 2, 3], "sha256": "0"}
    protocol = {"kind": "sequence", "part": "test", "way": 5, "shot": 10, "episodes": 20, "seed": 0}
    trained = {"episodes": 160, "seconds": 1, "checkpoint": "last"}
    trained |= {"commit": "abc+", "machine": "a machine", "load": 2.0}
    accuracy = {"1": {"mean": 30.0, "ci95": 1.0}, "2": {"mean": 80.0, "ci95": 1.0}}

    def make(split=split, row=row, **changes):
        told, named = protocol | changes, dataclasses.replace(config, paper_row=row)
        return records.make(named, "omniglot", split, told, accuracy, learner, trained)

    return make


@pytest.fixture
def record(make_record):
    return make_record()


def test_a_record_has_all_that_is_needed_to_repeat_it(record):
    assert set(record) == KEYS
    assert record["seed"] == 3 and record["parameters"] > 0
    assert record["paper"]["2"] == 85.6 and record["paper_row"] == "flmn_omniglot_1"
    told = {name: record["train"][name] for name in ("commit", "machine", "load")}
    assert told == {"commit": "abc+", "machine": "a machine", "load": 2.0}  # of the training
    assert {"episodes", "batch_size", "seconds", "machine", "dataset"} <= set(record["train"])
    assert set(record["options"]) == {"data", "train", "model"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
    assert set(record["versions"]) >= {"python", "tensorflow", "oneshot_tf"}
    assert "private" not in json.dumps(record)  # no path of the machine
    assert record["options"]["data"]["split"] == "mine.json"


@pytest.mark.parametrize(
    "changed", [{"part": "validation"}, {"within_group": True}, {"views": 4}, {"rounds": True}]
)
def test_a_test_that_no_paper_has_is_compared_with_no_papers_figures(make_record, changed):
    record = make_record(**changed)
    assert record["paper"] is None and record["paper_row"] is None


@pytest.mark.parametrize(
    "row, changed, expected",
    [
        ("reptile_omniglot", {"bn": "running"}, "reptile_omniglot"),
        ("reptile_omniglot", {"bn": "batch"}, "reptile_omniglot#transductive"),
        ("matching_omniglot", {"finetune": {"match": "own"}}, "matching_omniglot#finetuned"),
        ("classifier_omniglot", {"finetune": {"match": "softmax"}}, "classifier_omniglot#softmax"),
    ],
)
def test_a_test_is_compared_with_the_papers_figures_of_its_kind(
    make_record, row, changed, expected
):
    record = make_record(row=row, kind="few_shot", **changed)
    assert record["paper_row"] == expected and record["paper"] == papers.ROWS[expected]


def test_nor_is_one_of_classes_that_were_trained_on(make_record):
    record = make_record(split={"name": "flmn", "sha256": "0", "trained_classes": 2})
    assert record["paper"] is None and record["paper_row"] is None


def test_nor_is_one_of_a_users_own_split(make_record):
    record = make_record(split={"name": "mine", "sha256": "0", "file": "mine.json"})
    assert record["paper"] is None and record["paper_row"] is None


def test_every_episode_is_kept_and_read_back():
    found = {
        "1": {
            "mean": 50.0,
            "ci95": 9.0,
            "right": np.array([2, 0, 1]),
            "shown": np.array([2, 0, 2]),
        },
        "2": {"mean": 60.0, "ci95": 8.0, "right": np.array([5, 10, 3]), "shown": np.full(3, 10)},
    }
    measured = json.loads(json.dumps(records.measured(found)))
    assert measured["accuracy"]["1"] == {"mean": 50.0, "ci95": 9.0}
    assert measured["right"] == {"1": "2 0 1", "2": "5 10 3"}
    assert measured["shown"] == {"1": "2 0 2", "2": 10}
    np.testing.assert_array_equal(records.episodes(measured, "1"), [100.0, np.nan, 50.0])
    np.testing.assert_array_equal(records.episodes(measured, "2"), [50.0, 100.0, 30.0])
    assert records.episodes(measured, "3") is None
    assert records.episodes({"accuracy": {}}, "1") is None  # of before they were kept


def test_the_origin_of_a_run():
    start = {"commit": "abc", "machine": "small", "load": 1.5, "date": "2026-01-01"}
    start["peak_memory_gib"] = 1.25
    once = records.origin({"commit": "abc", "starts": [start]})
    assert once == {k: v for k, v in start.items() if k != "date"}
    again = {**start, "commit": "def+", "machine": "large", "load": 0.5, "peak_memory_gib": 2.0}
    killed = {k: v for k, v in start.items() if k != "peak_memory_gib"}  # told nothing at its end
    twice = records.origin({"commit": "abc", "starts": [start, again, killed]})
    expected = {"commit": "abc, def+", "machine": "small; large", "load": 1.5}
    assert twice == {**expected, "peak_memory_gib": 2.0}
    nothing = dict.fromkeys(("commit", "machine", "load", "peak_memory_gib"))
    assert records.origin({"commit": "abc"}) == {**nothing, "commit": "abc"}
    assert records.origin({}) == nothing


def test_memory_is_that_of_this_process():
    # a fresh one: what tests before this one held would hide what is held now; and one that a
    # larger process starts, whose memory is not its own
    words = (
        "from oneshot_tf.evaluation import records; print(records.peak_memory()); "
        'held = b"1" * 2**28; print(records.peak_memory())'
    )
    larger = (
        'held = b"1" * 2**30; import subprocess, sys; '
        f"subprocess.run([sys.executable, '-c', {words!r}], check=True)"
    )
    command = [sys.executable, "-c", larger]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert 0.1 < before < before + 0.2 < after < before + 0.4 < 1.4


@pytest.mark.parametrize(
    "commits, changed",
    [
        (("abc+", "def"), True),
        (("abc", "def+"), False),  # the test's commit does not make the model
        (("abc, def+", "def"), True),
        ((None, "def+"), True),  # of before the training's commit was kept
        ((None, None), False),
    ],
)
def test_a_changed_tree_is_that_of_the_training(commits, changed):
    trained, tested = commits
    assert records.changed_tree({"train": {"commit": trained}, "commit": tested}) is changed


def test_a_record_names_no_folder_of_first_weights():
    options = MatchingOptions(encoder="inception", encoder_weights="/some/where/run")
    assert records.plain_options(options)["encoder_weights"] == "run"
    assert records.plain_options(MatchingOptions())["encoder_weights"] is None


def test_a_record_is_read_back_as_it_was(tmp_path, record):
    path = tmp_path / "deep" / "record.json"
    records.write(path, record)
    assert json.loads(path.read_text()) == record
    assert tables.read_records(path.parent) == [record]
    assert path.read_bytes().endswith(b"}\n")


def test_writing_is_whole_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    records.write(path, {"old": True})

    def fail(*_):
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match="disk full"):
        records.write(path, {"new": True})
    assert json.loads(path.read_text()) == {"old": True}


def test_what_is_no_json_leaves_the_old_record(tmp_path):
    path = tmp_path / "record.json"
    records.write(path, {"old": True})
    with pytest.raises(TypeError):
        records.write(path, {"new": object()})
    assert json.loads(path.read_text()) == {"old": True}

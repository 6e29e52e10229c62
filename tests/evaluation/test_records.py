"""Records: what is in them, and that they are written whole or not at all."""

import errno
import json
import os
import re

import pytest
import tensorflow as tf

from oneshot_tf.episodes import SequenceEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import records, tables
from oneshot_tf.models.matching import MatchingOptions
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions

KEYS = {
    "model", "config", "seed", "dataset", "split", "protocol", "accuracy", "paper", "parameters",
    "train", "options", "versions", "commit", "date",
}  # fmt: skip


@pytest.fixture
def record(make_learner):
    learner = make_learner("flmn")
    steps = tf.zeros([1, 3], tf.int32)
    learner(SequenceEpisode(tf.zeros([1, 3, 8, 8, 1]), steps, steps + 1))
    data = DataOptions(data_dir="/somewhere/private")
    config = RunConfig("flmn_omniglot_1_paper", "flmn", data, TrainOptions(seed=3), learner.options)
    split = {"name": "flmn", "classes": [1, 2, 3], "sha256": "0"}
    protocol = {"kind": "sequence", "part": "test", "way": 5, "shot": 10, "episodes": 20, "seed": 0}
    trained = {"episodes": 160, "seconds": 1, "checkpoint": "last"}
    accuracy = {"1": {"mean": 30.0, "ci95": 1.0}, "2": {"mean": 80.0, "ci95": 1.0}}
    return records.make(config, "omniglot", split, protocol, accuracy, learner, trained)


def test_a_record_has_all_that_is_needed_to_repeat_it(record):
    assert set(record) == KEYS
    assert record["seed"] == 3 and record["parameters"] > 0
    assert record["paper"]["2"] == 85.6
    assert {"episodes", "batch_size", "seconds", "machine", "dataset"} <= set(record["train"])
    assert set(record["options"]) == {"data", "train", "model"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
    assert set(record["versions"]) >= {"python", "tensorflow", "oneshot_tf"}
    assert "private" not in json.dumps(record)  # no path of the machine


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

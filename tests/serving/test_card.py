import dataclasses
import json
import re

import pytest

from oneshot_tf.data.lfw import LFWOptions
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions
from oneshot_tf.serving import card, settings
from tests.serving.exports import SIZE, WAY

ALL = ["classify", "classify_encoded", "sequence"]


@pytest.fixture(scope="module")
def flmn(make_learner):
    return make_learner("flmn", way=WAY, image_size=SIZE)


@pytest.fixture
def config(flmn):
    return RunConfig(
        name="flmn_omniglot_1",
        model="flmn",
        data=DataOptions(image_size=SIZE),
        train=TrainOptions(way=WAY, seed=3),
        options=flmn.options,
    )


@pytest.fixture
def fields():
    return {
        "signatures": ALL,
        "trained": {
            "episodes": 12345,
            "seconds": 60,
            "checkpoint": "best",
            "commit": "ba9876543210",
        },
        "split": {"name": "flmn", "classes": [1100, 109, 414], "sha256": "abc123"},
        "pictures_sha256": "def456",
        "versions": {"python": "3.11", "tensorflow": "2.15.1"},
        "commit": "0123456789ab",
    }


@pytest.fixture
def record():
    return {
        "dataset": "omniglot",
        "protocol": {"kind": "sequence", "part": "test", "episodes": 1000, "seed": 7},
        "accuracy": {"1": {"mean": 33.333, "ci95": 0.4}, "2": {"mean": 91.239, "ci95": 0.3}},
        "paper": {"1": 31.1},
    }


def test_says_what_it_is_and_where_from(flmn, config, fields):
    text = card.text(flmn, config, fields)
    for said in (
        "Feature-Label Memory Network", "Mureja", "2017", "omniglot", "abc123", "def456", "12,345",
        "1100 classes", "MIT licence", "seed 3", "trained at commit ba9876543210", "at commit 0123456789ab", "tensorflow 2.15.1", "`best`",
        f"{SIZE}, {SIZE}, 1", "ink 1",
    ):  # fmt: skip
        assert said in text, said


def test_accuracy_stands_beside_the_papers(flmn, config, fields, record):
    text = card.text(flmn, config, fields, record)
    assert "| 1 | 33.33 | 0.40 | 31.1 |" in text
    assert "| 2 | 91.24 | 0.30 |  |" in text
    assert "1000 episodes" in text and "seed 7" in text
    assert "The paper's figures" not in text
    record["paper_row"] = "flmn_omniglot_1@minimnist"
    assert "The paper's figures: 1,209 of Omniglot's" in card.text(flmn, config, fields, record)


def test_without_a_record_it_claims_nothing(flmn, config, fields):
    assert "Not measured" in card.text(flmn, config, fields)


def test_settings_that_differ_from_the_papers(flmn, config, fields):
    options = dataclasses.replace(config.options, rows=99)
    train = dataclasses.replace(config.train, learning_rate=0.5, seed=9, steps_per_call=3)
    paper = dataclasses.replace(config, name="flmn_paper", options=options, train=train)
    text = card.text(flmn, config, fields, paper=paper)
    assert f"| `rows` | {config.options.rows} | 99 |" in text
    assert "| `learning_rate` | 0.001 | 0.5 |" in text
    assert "| option | here | to the letter (`flmn_paper.flags`) |" in text
    assert "our reading" in text  # where the paper gives no number, the config's is not the paper's
    assert "| `seed` |" not in text and "`steps_per_call`" not in text  # no settings of the result
    assert "None differs" in card.text(flmn, config, fields, paper=config)


def test_without_the_papers_settings_the_models_defaults_count(flmn, config):
    options = type(config.options)(encoder="flat", filters=99, rows=99)
    train = TrainOptions(learning_rate=flmn.defaults["learning_rate"], batch_size=99)
    config = dataclasses.replace(config, data=DataOptions(), options=options, train=train)
    found = {row[0]: row[1:] for row in settings.differences(config, None, flmn.defaults)}
    assert found["batch_size"] == (99, 16) and found["rows"][0] == 99
    assert "learning_rate" not in found
    assert "filters" not in found  # flat pixels have none


def test_request_is_json_for_a_signature_that_is_there(flmn, config, fields, make_learner):
    (body,) = re.findall(r"```json\n(.*?)```", card.text(flmn, config, fields), re.DOTALL)
    body = json.loads(body)
    assert body["signature_name"] == "classify_encoded"
    assert set(body["inputs"]) == {"support_bytes", "support_labels", "query_bytes"}
    strings = make_learner("flmn", way=WAY, image_size=SIZE, label_encoding="string")
    fields = {**fields, "signatures": ["sequence"]}
    text = card.text(strings, config, fields)
    (body,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert json.loads(body)["signature_name"] == "sequence"
    assert "classify" not in text.partition("## Limits")[0].partition("## Signatures")[2]


def test_limits_of_what_was_cut_and_of_queries_that_normalise_each_other(flmn, config, fields):
    usual = card.text(flmn, config, {**fields, "bn": "running"})
    assert "It was trained on" not in usual and "Batch norm" not in usual
    faces = dataclasses.replace(config, data=LFWOptions(image_size=SIZE))
    assert "on the middle 126 x 126 of 250 x 250 pixels of each picture of lfw" in card.text(
        flmn, faces, fields
    )
    whole = dataclasses.replace(config, data=LFWOptions(image_size=SIZE, centre_crop=0))
    assert "It was trained on" not in card.text(flmn, whole, fields)
    assert "the queries beside it" in card.text(flmn, config, {**fields, "bn": "batch"})


def test_pictures_of_the_user_are_named_so(flmn, config, fields):
    own = dataclasses.replace(config, data=DataOptions(dataset="folder", image_size=SIZE))
    assert "pictures of the user" in card.text(flmn, own, fields)
    assert "MIT" not in card.text(flmn, own, fields)


def test_limits_of_models_that_add_up(flmn, config, fields):
    assert "as many" not in card.text(flmn, config, {**fields, "adds_up": False})
    limits = card.text(flmn, config, {**fields, "adds_up": True}).partition("## Limits")[2]
    assert "give every class as many" in limits

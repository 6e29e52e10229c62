"""TF_CONFIG: who trains together, and one line for whatever is wrong with it."""

import json

import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.training import cluster

A, B, C = "a:1", "b:2", "10.0.0.3:65000"


def text(jobs, kind="worker", index=0):
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})


@pytest.mark.parametrize(
    ("jobs", "task", "addresses", "number"),
    [
        ({"worker": [A, B]}, ("worker", 0), (A, B), 0),
        ({"worker": [A, B]}, ("worker", 1), (A, B), 1),
        ({"worker": [A, B], "chief": [C]}, ("chief", 0), (C, A, B), 0),
        ({"worker": [A, B], "chief": [C]}, ("worker", 1), (C, A, B), 2),
        ({"worker": [A]}, ("worker", 0), (A,), 0),
    ],
)
def test_a_cluster_is_read(jobs, task, addresses, number):
    found = cluster.read(text(jobs, *task))
    assert found == (addresses, number)
    assert found.chief == (number == 0)


def test_the_environment_is_read(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text({"worker": [A, B]}, index=1))
    assert cluster.read().number == 1
    monkeypatch.delenv("TF_CONFIG")
    with pytest.raises(UserError, match="needs the variable TF_CONFIG, as in .* Received: none"):
        cluster.read()


def test_the_example_of_the_messages_is_one():
    assert len(cluster.read(cluster.EXAMPLE).addresses) == 2


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("{", "JSON with `cluster` and `task`"),
        ("[1]", "JSON with `cluster` and `task`"),
        ('{"cluster": {"worker": ["a:1"]}}', "JSON with `cluster` and `task`"),
        (text([A, B]), "JSON with `cluster` and `task`"),
        (text({"worker": 5}), "JSON with `cluster` and `task`"),
        (text({"worker": [A]}, index=[0]), "a `task` that is one of `cluster`"),
        (text({}), "a `cluster` of `worker` addresses"),
        (text({"worker": [A], "ps": [B]}), "a `cluster` of `worker` addresses"),
        (text({"worker": [A], "chief": [B, C]}), "at most one `chief`"),
        (text({"worker": [A, "b"]}), "addresses as host:port"),
        (text({"worker": [A, 5]}), "addresses as host:port"),
        (text({"worker": "a:1"}), "addresses as host:port"),
        (text({"worker": [A, A]}), "an address of its own"),
        (text({"worker": [A, B]}, index=2), "a `task` that is one of `cluster`"),
        (text({"worker": [A, B]}, index=-1), "a `task` that is one of `cluster`"),
        (text({"worker": [A, B]}, index="0"), "a `task` that is one of `cluster`"),
        (text({"worker": [A, B]}, index=True), "a `task` that is one of `cluster`"),
        (text({"worker": [A, B]}, "chief"), "a `task` that is one of `cluster`"),
        (json.dumps(json.loads(text({"worker": [A, "b"]})), indent=2), "addresses as host:port"),
    ],
)
def test_whatever_is_wrong_is_said_in_one_line(given, wanted):
    with pytest.raises(UserError) as caught:
        cluster.read(given)
    message = str(caught.value)
    assert wanted in message and "\n" not in message
    assert f"as in {cluster.EXAMPLE}. Received: {' '.join(given.split())}" in message


def test_a_lost_worker_is_one_line():
    long = (
        "Graph execution error:\n\nCollective ops is aborted by: Task 1 heartbeat timeout. Check\n"
        "[[node x]]\n\tmore"
    )
    with (
        pytest.raises(UserError, match=r"Another worker .*\(Task 1 heartbeat timeout\);") as caught,
        cluster.one_line_losses((tf.errors.UnavailableError,)),
    ):
        raise tf.errors.UnavailableError(None, None, long)
    assert "\n" not in str(caught.value)


def test_other_errors_stay_what_they_are():
    with pytest.raises(tf.errors.UnavailableError), cluster.one_line_losses(()):
        raise tf.errors.UnavailableError(None, None, "elsewhere")


@pytest.mark.parametrize(
    ("message", "words"),
    [("", "UnavailableError"), ("Socket closed\nmore", "Socket closed"), ("x" * 999, "x" * 200)],
)
def test_the_reason_is_short(message, words):
    assert cluster.reason(tf.errors.UnavailableError(None, None, message)) == words

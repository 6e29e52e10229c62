import json

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from oneshot_tf.errors import UserError
from oneshot_tf.training import logging


def write(workdir, start, episodes, **scalars):
    log = logging.Log(workdir, 100, start)
    for episode in episodes:
        log.record(
            "train", episode, {"loss": 1.0 / episode, "accuracy": 50.0, **scalars}, [20.0, 80.0]
        )
    log.close()


def test_lines_hold_what_was_recorded(tmp_path):
    write(tmp_path, 0, [10])
    (line,) = logging.read_metrics(tmp_path / "metrics.jsonl")
    assert line == {
        "kind": "train", "episode": 10, "loss": 0.1, "accuracy": 50.0, "by_presentation": [20.0, 80.0],
    }  # fmt: skip


def test_lines_after_the_checkpoint_are_dropped_at_resume(tmp_path):
    write(tmp_path, 0, [10, 20, 30])
    write(tmp_path, 20, [25])
    lines = logging.read_metrics(tmp_path / "metrics.jsonl")
    assert [line["episode"] for line in lines] == [10, 20, 25]


def test_a_last_line_that_was_cut_is_left_out(tmp_path):
    write(tmp_path, 0, [10, 20])
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text()[:-15])
    assert [line["episode"] for line in logging.read_metrics(path)] == [10]
    write(tmp_path, 10, [15])
    assert [json.loads(line)["episode"] for line in path.read_text().splitlines()] == [10, 15]


def test_any_other_broken_line_is_named(tmp_path):
    write(tmp_path, 0, [10, 20])
    path = tmp_path / "metrics.jsonl"
    path.write_text("{broken\n" + path.read_text())
    with pytest.raises(UserError, match="metrics.jsonl, line 1, is not JSON"):
        logging.read_metrics(path)


def test_tensorboard_holds_the_same_numbers(tmp_path):
    write(tmp_path, 0, [10, 20])
    events = EventAccumulator(str(tmp_path / "tensorboard" / "train"))
    events.Reload()
    tags = set(events.Tags()["tensors"])
    assert tags == {"loss", "accuracy", "presentation/01", "presentation/02"}
    assert [event.step for event in events.Tensors("loss")] == [10, 20]
    assert float(tf.make_ndarray(events.Tensors("presentation/02")[0].tensor_proto)) == 80.0


def test_the_terminal_says_it_in_a_line(tmp_path, capsys):
    write(tmp_path, 0, [10], episodes_per_second=1234.4)
    line = capsys.readouterr().out.strip()
    assert (
        line == "train        10 / 100: loss 0.100, accuracy 50.0 %, 1:20.0 2:80.0, 1234 episodes/s"
    )

"""Stored results made again: the plan, the path end to end on a tiny config, and the verdict."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from oneshot_tf.commands import configs, jobs, reproduce
from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import train as train_command
from oneshot_tf.errors import UserError
from oneshot_tf.run_config import TrainOptions
from tests.evaluation.test_paired import record

TINY = """# a config of a test
--model=flmn
--dataset=folder
--controller=lstm
--encoder=flat
--image_size=8
--way=2
--shot=2
--hidden_size=8
--rows=4
--width=4
--batch_size=4
--episodes=8
--execution=while
--validation_episodes=20
--figures_every=0
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a config, a table and pictures; commands run in this process, and are counted."""
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "flmn_tiny.flags").write_text(TINY)
    (folder / "tables.json").write_text(
        json.dumps({"small": ["flmn_tiny"], "quick": ["flmn_tiny"]})
    )
    numbers = np.random.default_rng(0)
    for c in range(10):
        (tmp_path / "pictures" / f"class{c}").mkdir(parents=True)
        for i in range(4):
            image = Image.fromarray(numbers.integers(0, 256, (9, 9), np.uint8))
            image.save(tmp_path / "pictures" / f"class{c}" / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(configs, "CONFIGS", folder)
    ran = []

    def run_all(made, side_by_side, tell):
        commands = {"train": train_command.main, "eval": eval_command.main}
        ended = []
        for job in made:
            codes = []
            for i, (module, words) in enumerate(job.commands):
                assert i != 1 or job.between() is None
                codes.append(commands[module]([module, *words]))
            ran.extend(module for module, _ in job.commands)
            ended.append(jobs.Done(job, max(codes), 60.0))
            tell(ended[-1])
        return ended

    monkeypatch.setattr(jobs, "run_all", run_all)
    return ran


def run(*words):
    return reproduce.main(["reproduce", "--data_dir=pictures", *words])


@pytest.mark.slow  # trains and tests in processes
def test_the_path_end_to_end(place, tmp_path, capsys):
    # nothing is stored: trained, tested in the usual way, kept
    assert run("--row=flmn_tiny", "--seeds=1", "--results=kept", "--workdir=first") == 0
    assert place == ["train", "eval"]
    output = capsys.readouterr().out
    assert "1 of them of unknown length" in output and "flmn_tiny-seed1: done in 1.0 min" in output
    assert "no stored record to hold it against" in output
    assert [p.name for p in (tmp_path / "kept").iterdir()] == ["flmn_tiny-seed1.json"]

    # the same again elsewhere: the same to the last digit on one machine
    place.clear()
    assert run("--table=small", "--stored=kept", "--workdir=second", "--jobs=2") == 0
    assert place == ["train", "eval"]
    output = capsys.readouterr().out
    assert "stored of seed 1, made of seed 1" in output
    assert output.count("agree") == 2 and "+0.00" in output and "DIFFER" not in output

    # what is there is not made once more; a stored number that nobody can make again is found out
    place.clear()
    for path in (tmp_path / "kept").iterdir():
        record = json.loads(path.read_text())
        record["accuracy"]["2"]["mean"] += 60.0
        path.write_text(json.dumps(record))
    assert run("--quick", "--stored=kept") == 1
    assert place == [] and capsys.readouterr().out.count("DIFFER") == 1

    # a config that has changed since is made anew, and held against nothing
    (tmp_path / "configs" / "flmn_tiny.flags").write_text(TINY + "--rows=5\n")
    assert run("--row=flmn_tiny", "--stored=kept", "--workdir=third") == 0
    assert place == ["train", "eval"]
    output = capsys.readouterr().out
    assert "--rows (stored 4, now 5)" in output and "other settings" in output
    kept = {path.name for path in (tmp_path / "reproduced").iterdir()}
    assert kept == {"flmn_tiny-seed1.json", "flmn_tiny-seed1.json.old"}


def test_a_training_that_was_told_to_end_is_not_tested_yet(tmp_path):
    train, path = TrainOptions(episodes=90), tmp_path / "metrics.jsonl"
    assert reproduce.stopped_at(tmp_path, train).startswith("stopped at 0 of 90 episodes")
    lines = [{"kind": "train", "episode": 32}, {"kind": "validation", "episode": 90}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert reproduce.stopped_at(tmp_path, train).startswith("stopped at 32 of 90 episodes")
    with open(path, "a") as file:
        file.write(json.dumps({"kind": "train", "episode": 96}) + "\n")  # whole batches of 32
    assert reproduce.stopped_at(tmp_path, train) is None


def test_a_dry_run_says_the_cost_and_does_nothing(place, tmp_path, capsys):
    config = configs.named("flmn_tiny")
    stored = {
        "model": "flmn",
        "config": "flmn_tiny",
        "seed": 3,
        "dataset": "folder",
        "split": {"name": "random", "sha256": "ab"},
        "protocol": {
            "kind": "sequence", "part": "test", "way": 2, "shot": 2, "episodes": 10, "seed": 0,
            "test_rotations": False, "augment_test": False, "bn": "running",
        },
        "accuracy": {"1": {"mean": 50.0, "ci95": 1.0}},
        "paper": None,
        "train": {"seconds": 1800, "machine": "a machine", "load": 1.52, "checkpoint": "best", "dataset": "folder", "episodes": 40},
        "options": {
            "data": dataclasses.asdict(config.data),
            "train": dataclasses.asdict(config.train),
            "model": dataclasses.asdict(config.options),
        },
    }  # fmt: skip
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "one.json").write_text(json.dumps(stored))
    before = sorted(tmp_path.rglob("*"))
    assert run("--table=small", "--dry_run", "--jobs=2") == 0
    output = capsys.readouterr().out
    assert "30 min" in output and "a machine, load 1.5" in output
    assert "Trainings to make: 1, 0.5 hours" in output and "--jobs=2" in output
    assert place == [] and before == sorted(tmp_path.rglob("*"))
    assert run("--row=flmn_tiny", "--dry_run", "--seeds=0:2") == 0
    assert "0,1,2" in capsys.readouterr().out
    # what was made of one seed leaves the other seeds to make
    (tmp_path / "reproduced").mkdir()
    (tmp_path / "reproduced" / "one.json").write_text(json.dumps(stored))
    for seeds, left in (("3", 0), ("2:3", 1), ("0:1", 2)):
        assert run("--row=flmn_tiny", "--dry_run", f"--seeds={seeds}") == 0
        assert f"Trainings to make: {left}," in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "--row=CONFIG, --table=NAME or --quick"),
        (["--row=flmn_tiny,flmn_tinny"], "no config flmn_tinny .did you mean flmn_tiny"),
        (["--table=smal"], "no table smal .did you mean small"),
        (["--row=flmn_tiny", "--jobs=0"], "--jobs must be at least 1"),
        (["--row=flmn_tiny", "--seeds=many"], "--seeds must be a whole number"),
    ],
)
def test_mistakes_are_one_line(place, words, said):
    with pytest.raises(UserError, match=said) as caught:
        run(*words)
    assert "\n" not in str(caught.value) and place == []


def test_a_run_that_fails_is_told_and_gives_code_one(place, monkeypatch, capsys, tmp_path):
    def run_all(made, side_by_side, tell):
        done = jobs.Done(made[0], 1, 1.0, "error: no room")
        tell(done)
        return [done]

    monkeypatch.setattr(jobs, "run_all", run_all)
    assert run("--row=flmn_tiny") == 1
    output = capsys.readouterr().out
    assert (
        "flmn_tiny-seed0: failed (error: no room); runs/flmn_tiny-seed0.log has the rest" in output
    )

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "run_all", stopped)
    assert run("--row=flmn_tiny") == 130


def row(config, right, changes=()):
    """A `Row` with one stored record, of seed 0."""
    return reproduce.Row(config, [[record(config, right)]], (0,), list(changes))


def test_any_number_that_differs_is_a_difference(random):
    right = random.integers(5, 10, 300)
    rows, made = [row("a", right), row("b", right)], [record("a", right), record("b", right - 4)]
    for order in (rows, rows[::-1]):
        text, differs = reproduce.compare(order, made, False)
        assert differs and text.count("agree") == text.count("DIFFER") == 1
    assert not reproduce.compare(rows[:1], made, False)[1]
    text, differs = reproduce.compare(rows, made, True)
    assert not differs and text.count("no stored record") == 2  # they are the stored ones


def test_other_settings_and_seeds_that_were_not_asked_for_are_no_difference(random):
    right = random.integers(5, 10, 300)
    changed = row("a", right, ["--rows (stored 4, now 5)"])
    text, differs = reproduce.compare([changed], [record("a", right - 4)], False)
    assert not differs and "other settings" in text and "DIFFER" not in text
    text, differs = reproduce.compare([row("a", right)], [record("a", right - 4, 1)], False)
    assert not differs and "no new record" in text


def test_a_number_that_differs_gives_code_one(place, monkeypatch):
    monkeypatch.setattr(jobs, "run_all", lambda made, *_: [jobs.Done(made[0], 0, 1.0)])
    for differs in (False, True):
        monkeypatch.setattr(reproduce, "compare", lambda *_, told=differs: ("", told))
        assert run("--row=flmn_tiny") == differs

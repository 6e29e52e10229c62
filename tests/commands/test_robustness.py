"""Crashes, signals and a full disk: what a run leaves behind, and that it goes on from there."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from oneshot_tf.commands import train as train_command
from tests.commands.forked import ROOT, Command, full_disk
from tests.commands.test_train import run

EPISODES = 4 * 150


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """12 classes x 6 noisy pictures of 8 x 8."""
    folder = tmp_path_factory.mktemp("pictures")
    random_numbers = np.random.default_rng(0)
    for c in range(12):
        (folder / f"class{c:02d}").mkdir()
        template = random_numbers.random((8, 8)) < 0.3
        for i in range(6):
            ink = np.where(random_numbers.random((8, 8)) < 0.1, ~template, template)
            image = Image.fromarray(np.where(ink, 0, 255).astype(np.uint8))
            image.save(folder / f"class{c:02d}" / f"{i}.png")
    return folder


def words(pictures, workdir, *more):
    return [
        "--model=flmn",
        "--dataset=folder",
        f"--data_dir={pictures}",
        f"--workdir={workdir}",
        "--ink=dark",
        "--controller=lstm",
        "--encoder=flat",
        "--image_size=8",
        "--way=2",
        "--shot=3",
        "--hidden_size=16",
        "--rows=8",
        "--width=6",
        "--batch_size=4",
        f"--episodes={EPISODES}",
        "--execution=while",
        "--steps_per_call=10",
        "--save_every=40",
        "--eval_every=200",
        "--validation_episodes=20",
        "--figures_every=0",
        *more,
    ]


def run_here(pictures, workdir, *more):
    """Trains in this process, which takes less time than to start another."""
    code, _, errors = run(train_command.main, *words(pictures, workdir, *more))
    assert code == 0, errors


def final_weights(workdir):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(workdir / "checkpoints")))
    names = sorted(n for n in reader.get_variable_to_shape_map() if n.startswith(("model", "opt")))
    return {name: reader.get_tensor(name) for name in names}


@pytest.fixture(scope="module")
def uninterrupted(pictures, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole") / "run"
    run_here(pictures, workdir)
    return workdir


def kill_and_resume(pictures, workdir, kills, seed):
    """Kills the run `kills` times after its first step; every checkpoint it leaves is readable."""
    chance = random.Random(seed)
    for _ in range(kills):
        before = (workdir / "metrics.jsonl").stat().st_size if workdir.exists() else 0
        process = Command("train", words(pictures, workdir))
        metrics = workdir / "metrics.jsonl"
        while process.poll() is None and not (
            metrics.exists() and metrics.stat().st_size != before
        ):
            time.sleep(0.01)
        time.sleep(chance.random() * 0.6)
        process.kill()
        process.communicate()
        latest = tf.train.latest_checkpoint(str(workdir / "checkpoints"))
        if latest is not None:
            reader = tf.train.load_checkpoint(latest)
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)


def check_equal_after_kills(pictures, uninterrupted, workdir, kills):
    kill_and_resume(pictures, workdir, kills, seed=kills)
    run_here(pictures, workdir)
    expected, found = final_weights(uninterrupted), final_weights(workdir)
    assert expected.keys() == found.keys() and len(expected) > 10
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def lines(workdir):
    """The numbers of a run that do not depend on the clock or on where a call ended."""
    found = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [line for line in found if line["kind"] == "validation"]


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_weights(pictures, uninterrupted, tmp_path):
    check_equal_after_kills(pictures, uninterrupted, tmp_path / "run", kills=1)
    assert lines(tmp_path / "run") == lines(uninterrupted)


@pytest.mark.slow  # starts a run eleven times; once killed is the test above
def test_ten_kills_end_with_the_same_weights(pictures, uninterrupted, tmp_path):
    check_equal_after_kills(pictures, uninterrupted, tmp_path / "run", kills=10)


# Ctrl-C is slow because it goes the way of SIGTERM, and needs a process of its own as well
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 0), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
)
def test_signals_save_and_exit(pictures, tmp_path, number, code):
    workdir, long = tmp_path / "run", ("--episodes=1000000", "--save_every=1000000")
    process = subprocess.Popen(
        [sys.executable, "train.py", *words(pictures, workdir, *long)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = workdir / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and metrics.stat().st_size):
        time.sleep(0.02)
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    assert "Interrupted and saved" in output
    last = json.loads(metrics.read_text().splitlines()[-1])["episode"]
    saved = tf.train.load_variable(
        tf.train.latest_checkpoint(str(workdir / "checkpoints")),
        "updates/.ATTRIBUTES/VARIABLE_VALUE",
    )
    assert saved * 4 == last


@pytest.mark.slow
def test_a_full_disk_leaves_the_checkpoint_before(pictures, tmp_path):
    workdir = tmp_path / "run"
    run_here(pictures, workdir, "--episodes=40")
    before = tf.train.latest_checkpoint(str(workdir / "checkpoints"))

    process = Command("train", words(pictures, workdir, "--episodes=200"), full_disk(6000))
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.strip().splitlines()[-1].startswith("error: "), errors
    assert tf.train.latest_checkpoint(str(workdir / "checkpoints")) == before
    run_here(pictures, workdir, "--episodes=240")

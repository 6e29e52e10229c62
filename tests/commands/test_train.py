"""Commands as a user runs them, and every mistake answered in one line with exit code 1."""

import contextlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import flags
from oneshot_tf.commands import train as train_command
from oneshot_tf.data import splits
from oneshot_tf.runs import lock
from oneshot_tf.training.logging import read_metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = [
    "--controller=lstm",
    "--encoder=flat",
    "--image_size=8",
    "--way=2",
    "--shot=2",
    "--hidden_size=8",
    "--rows=4",
    "--width=4",
    "--batch_size=4",
    "--episodes=8",
    "--execution=while",
    "--validation_episodes=20",
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """10 classes x 4 pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    numbers = np.random.default_rng(0)
    for c in range(10):
        (folder / f"class{c}").mkdir()
        for i in range(4):
            image = Image.fromarray(numbers.integers(0, 256, (9, 9), np.uint8))
            image.save(folder / f"class{c}" / f"{i}.png")
    return folder


def run(command, *words):
    """(exit code, stdout, stderr) of a command in this process."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(SystemExit) as stopped,
    ):
        patch.setattr(sys, "argv", ["command", *words])
        flags.run(command)
    return stopped.value.code, output.getvalue(), errors.getvalue()


def train(pictures, workdir, *more):
    where = ["--model=flmn", "--dataset=folder", f"--data_dir={pictures}", f"--workdir={workdir}"]
    return run(train_command.main, *where, *SMALL, *more)


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("trained") / "run"
    code, output, errors = train(pictures, workdir)
    assert code == 0, errors
    assert "Done" in output
    return workdir


def one_line(errors):
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and errors.rstrip().endswith(lines[0]), errors
    return lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--modl=flmn"], "modl"),
        (["--model=nothing"], "one of flmn"),
        (["--model=flmn", "--heads=3"], "belongs to mann, ntm"),
        (["--model=flmn", "--batch_size=many"], "batch_size"),
        (["--model=flmn", "--batch_size=0"], "at least 1"),
        (["--model=flmn", "--write_gate=none"], "scalar, step"),
        (["--model=flmn", "--dataset=nothing"], "omniglot"),
        (["--model=flmn", "words"], "Only flags"),
        (["--flagfile=nowhere.flags"], "nowhere.flags"),
        (["--episodes=10"], "--model is missing"),
    ],
)
def test_bad_flags(words, said, tmp_path):
    code, _, errors = run(train_command.main, *words, f"--workdir={tmp_path / 'run'}")
    assert code == 1
    assert said in one_line(errors)
    assert not (tmp_path / "run").exists()


def bad_picture(folder):
    (folder / "class3" / "9.png").write_bytes(b"no picture")


def lonely_class(folder):
    (folder / "lonely").mkdir()
    (folder / "class1" / "0.png").replace(folder / "lonely" / "0.png")


@pytest.mark.parametrize(
    ("spoil", "more", "said"),
    [
        (bad_picture, [], "9.png"),
        (lonely_class, [], "lonely"),
        (None, ["--way=50"], "lower --way"),
        (None, ["--shot=5"], "lower --shot"),
        (None, ["--split=vinyals"], "must be one of random"),
        (None, ["--data_dir=nowhere"], "nowhere"),
    ],
)
def test_bad_data(pictures, tmp_path, spoil, more, said):
    folder = tmp_path / "pictures"
    for path in pictures.rglob("*.png"):
        target = folder / path.relative_to(pictures)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    if spoil:
        spoil(folder)
    code, _, errors = train(folder, tmp_path / "run", *more)
    assert code == 1
    assert said in one_line(errors)


@pytest.mark.parametrize("kind", ["truncated", "outside"])
def test_bad_archives(tmp_path, kind):
    for part in ("images_background", "images_evaluation"):
        path = tmp_path / f"{part}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../outside.png" if kind == "outside" else "inside.png", b"0" * 1000)
        if kind == "truncated":
            path.write_bytes(path.read_bytes()[:500])
    words = ["--model=flmn", f"--data_dir={tmp_path}", f"--workdir={tmp_path / 'run'}"]
    code, _, errors = run(train_command.main, *words)
    assert code == 1
    assert {"truncated": "damaged", "outside": "outside its folder"}[kind] in one_line(errors)


def test_a_workdir_of_another_run(pictures, trained):
    before = (trained / "config.json").read_text()
    code, _, errors = train(pictures, trained, "--hidden_size=9", "--seed=4")
    assert code == 1
    assert "--seed (then 0, now 4)" in one_line(errors)
    assert "--hidden_size (then 8, now 9)" in errors
    assert (trained / "config.json").read_text() == before


def test_checkpoints_of_an_unknown_run_are_not_gone_on_from(trained, pictures, tmp_path):
    shutil.copytree(trained / "checkpoints", tmp_path / "run" / "checkpoints")
    code, _, errors = train(pictures, tmp_path / "run")
    assert code == 1 and "has checkpoints and no config.json" in one_line(errors)


def test_a_folder_in_use_is_refused_and_can_be_tested(trained, pictures):
    kept = [trained / "config.json", trained / "metrics.jsonl", *trained.glob("checkpoints/*")]
    before = [(path.name, path.stat().st_mtime_ns) for path in kept]
    with lock.held(trained):
        code, _, errors = train(pictures, trained)
        assert code == 1 and f"{trained} is being trained in by process" in one_line(errors)
        words = [f"--workdir={trained}", "--eval_episodes=5", f"--results={trained.parent}/r"]
        assert run(eval_command.main, *words)[0] == 0
    assert [(path.name, path.stat().st_mtime_ns) for path in kept] == before


@pytest.mark.slow  # two runs
def test_episodes_may_grow(pictures, tmp_path):
    assert train(pictures, tmp_path / "run")[0] == 0
    code, _, errors = train(pictures, tmp_path / "run", "--episodes=16")
    assert code == 0, errors
    assert read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]["episode"] == 16


def test_an_unwritable_workdir(pictures, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code, _, errors = train(pictures, tmp_path / "file" / "run")
    assert code == 1
    assert "cannot be written" in one_line(errors)


def test_a_damaged_checkpoint_is_named(pictures, tmp_path):
    assert train(pictures, tmp_path / "run")[0] == 0
    for path in (tmp_path / "run" / "checkpoints").glob("*.data*"):
        path.write_bytes(path.read_bytes()[:100])
    code, _, errors = train(pictures, tmp_path / "run", "--episodes=16")
    assert code == 1
    assert "cannot be read" in one_line(errors)


def test_eval_writes_a_record(trained, tmp_path):
    words = [f"--workdir={trained}", "--eval_episodes=40", f"--results={tmp_path}"]
    code, output, errors = run(eval_command.main, *words)
    assert code == 0, errors
    (path,) = tmp_path.glob("*.json")
    record = json.loads(path.read_text())
    assert path.name == "flmn_folder-seed0.json"
    assert list(record["accuracy"]) == ["1", "2"]
    assert record["protocol"]["episodes"] == 40
    assert record["split"]["sha256"] in (trained / "config.json").read_text()
    assert f"{record['accuracy']['2']['mean']:.2f}" in output


def test_eval_draws_the_first_episode(trained, tmp_path):
    words = [f"--workdir={trained}", "--eval_episodes=20", f"--figures={tmp_path / 'drawn'}"]
    code, output, errors = run(eval_command.main, *words)
    assert code == 0, errors
    found = sorted((tmp_path / "drawn").iterdir())
    assert [path.name for path in found] == ["episode.png", "memory.png"]
    for path in found:
        assert f"figure: {path}" in output
        assert np.asarray(Image.open(path)).std() > 5


def test_the_episode_drawn_is_the_first_that_is_tested(distinct_dataset, make_source):
    from oneshot_tf.models.base import Learner
    from oneshot_tf.options import Options
    from oneshot_tf.runs import plans
    from oneshot_tf.test_options import TestOptions

    learner = Learner(Options(), way=3, image_size=8, channels=1)
    test, source = TestOptions(way=3, eval_queries=2), make_source(distinct_dataset)
    config = SimpleNamespace(train=SimpleNamespace(way=3))
    found = plans.few_shot_plan(learner, config, source, test).first()
    tested = plans.few_shot_sampler(source, 3, 1, 2, test)(0)
    for drawn, first in zip(found, tested, strict=True):
        assert len(drawn) == 1
        np.testing.assert_array_equal(drawn[0], first[0])


def test_embeddings_of_validation_classes_are_in_the_projector(trained, pictures, tmp_path):
    assert not (trained / "tensorboard" / "projector").exists()  # pixels are no embedding
    code, _, errors = train(pictures, tmp_path / "run", "--encoder=conv", "--filters=2")
    assert code == 0, errors
    folder = tmp_path / "run" / "tensorboard" / "projector"
    labels = (folder / "metadata.tsv").read_text().splitlines()
    split = splits.shuffled([path.name for path in pictures.iterdir()], 0)
    assert set(labels) == {*split.validation} and len(labels) == 4 * len(split.validation)
    assert len((folder / "tensors.tsv").read_text().splitlines()) == len(labels)


def test_eval_few_shot(trained):
    words = [f"--workdir={trained}", "--eval_episodes=40", "--protocol=few_shot"]
    code, output, errors = run(eval_command.main, *words, "--way=2", "--shot=1", "--eval_queries=2")
    assert code == 0, errors
    assert "2w1s" in output


def test_the_usual_few_shot_settings_go_as_far_as_the_training_did(pictures, tmp_path):
    """And a run that had too few classes to validate is tested with its last checkpoint."""
    code, output, errors = train(pictures, tmp_path / "run", "--way=3", "--shot=1")
    assert code == 0 and "Nothing validates" in output, errors
    words = [f"--workdir={tmp_path / 'run'}", "--eval_episodes=10", "--protocol=few_shot"]
    code, output, errors = run(eval_command.main, *words, "--split=random", "--eval_queries=1")
    assert code == 0 and "2w1s" in output, errors
    code, _, errors = run(eval_command.main, *words, "--way=2,4")
    assert code == 1 and "at most 3, as trained. Received: 4" in one_line(errors)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--workdir is missing"),
        (["--workdir=nowhere"], "is not there"),
        (["--way=3"], "--way must be 2"),
        (["--protocol=few_shot", "--way=20"], "at most 2"),
        (["--eval_episodes=1"], "at least 2"),
    ],
)
def test_bad_eval(trained, words, said):
    where = [] if "missing" in said or "--workdir=nowhere" in words else [f"--workdir={trained}"]
    code, _, errors = run(eval_command.main, *where, *words)
    assert code == 1
    assert said in one_line(errors)


def test_scripts_run_from_a_shell():
    for script in ("train.py", "eval.py"):
        done = subprocess.run([sys.executable, script, "--help"], cwd=ROOT, capture_output=True)
        assert done.returncode == 0 and b"--workdir" in done.stdout

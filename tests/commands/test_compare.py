"""The comparison as a user runs it."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from oneshot_tf.commands import compare
from oneshot_tf.commands import train as train_command
from tests.commands.test_train import one_line, run

SMALL = ["--dataset=folder", "--image_size=16", "--way=3", "--shot=1", "--queries=1"]
SMALL += ["--episodes=4", "--batch_size=2", "--validation_episodes=4"]
SMALL += ["--norotations", "--notest_rotations", "--figures_every=0"]

pytestmark = pytest.mark.slow  # trains three models


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """`SMALL`, with 20 classes x 20 pictures of 16 x 16."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for c in range(20):
        (folder / f"class{c:02d}").mkdir()
        template = random.random((16, 16)) < 0.3
        for k in range(20):
            ink = template ^ (random.random((16, 16)) < 0.05)
            image = Image.fromarray(np.where(ink, 0, 255).astype(np.uint8))
            image.save(folder / f"class{c:02d}" / f"{k}.png")
    return [*SMALL, f"--data_dir={folder}"]


@pytest.fixture(scope="module")
def runs(small, tmp_path_factory):
    """{name: workdir} of two models with an embedding and one that reads sequences."""
    folder = tmp_path_factory.mktemp("runs")
    models = {
        "matching": ["--filters=4", "--blocks=2", "--fce"],
        "prototypical": ["--filters=4", "--blocks=2"],
        "lstm": ["--hidden_size=4"],
    }
    for name, own in models.items():
        words = small + own
        if name == "lstm":
            drop = ("--queries", "--notest_rotations")
            words = [w for w in words if not w.startswith(drop)]
        code, _, errors = run(
            train_command.main, f"--model={name}", *words, f"--workdir={folder / name}"
        )
        assert code == 0, errors
    return folder


def test_two_models_beside_each_other(runs, tmp_path):
    both = f"--runs={runs / 'matching'},{runs / 'prototypical'}"
    code, output, errors = run(compare.main, both, "--way=3", "--shot=2", f"--output={tmp_path}")
    assert code == 0, errors
    for name in ("map", "similarity"):
        path = tmp_path / f"{name}.png"
        assert f"figure: {path}" in output
        picture = np.asarray(Image.open(path))
        assert picture.shape[1] > 1.4 * picture.shape[0] and picture.std() > 5


def test_one_query_of_a_class_is_drawn_without_a_silhouette(runs, tmp_path):
    words = [f"--runs={runs / 'prototypical'}", "--way=2", "--shot=19", f"--output={tmp_path}"]
    code, _, errors = run(compare.main, *words)
    assert code == 0, errors
    assert (tmp_path / "map.png").is_file() and (tmp_path / "similarity.png").is_file()


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "--runs is missing"),
        (["--runs={0}/lstm"], "compares no embeddings"),
        (["--runs={0}/nothing"], "nothing"),
        (["--runs={0}/matching", "--shot=20"], "--shot must be below 20"),
        (["--runs={0}/matching", "--shot=0"], "--shot must be at least 1. Received: 0"),
        (["--runs={0}/matching", "--way=1"], "--way must be at least 2. Received: 1"),
    ],
)
def test_mistakes_are_named(runs, tmp_path, words, message):
    words = [word.format(runs) for word in words]
    code, _, errors = run(compare.main, *words, f"--output={tmp_path / 'drawn'}")
    assert code == 1 and message in one_line(errors)
    assert not (tmp_path / "drawn").exists()


def test_pictures_of_other_sizes_are_no_comparison(small, runs, tmp_path):
    words = [w for w in small if not w.startswith("--image_size")]
    words += ["--image_size=12", "--filters=4", "--blocks=2", f"--workdir={tmp_path / 'run'}"]
    assert run(train_command.main, "--model=matching", *words)[0] == 0
    both = f"--runs={runs / 'matching'},{tmp_path / 'run'}"
    code, _, errors = run(compare.main, both)
    assert code == 1 and "must have one --image_size. Received: 16" in one_line(errors)


def test_runs_of_other_classes_are_no_comparison(runs, tmp_path):
    shutil.copytree(runs / "matching", tmp_path / "run")
    fields = json.loads((tmp_path / "run" / "config.json").read_text())
    fields["split"]["sha256"] = "of other classes"
    (tmp_path / "run" / "config.json").write_text(json.dumps(fields))
    both = f"--runs={runs / 'matching'},{tmp_path / 'run'}"
    code, _, errors = run(compare.main, both, "--way=3", "--shot=2")
    assert code == 1 and f"classes that {tmp_path / 'run'} was trained with" in one_line(errors)

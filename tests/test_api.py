"""The library from Python: what a notebook does."""

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import tf_keras

import oneshot_tf

SMALL = {"filters": 4, "blocks": 2, "image_size": 16, "way": 3, "shot": 1, "queries": 1}
SMALL |= {"validation_episodes": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, encode):
    """DIR/<class>/<n>.png: 30 classes of 4 pictures."""
    random, root = np.random.default_rng(0), tmp_path_factory.mktemp("pictures")
    for c in range(30):
        (root / f"class{c:02d}").mkdir()
        for k in range(4):
            pixels = random.integers(0, 256, (9, 11, 3), np.uint8)
            (root / f"class{c:02d}" / f"{k}.png").write_bytes(encode(pixels))
    return root


@pytest.fixture(scope="module")
def run(folder):
    return oneshot_tf.train("matching", folder, episodes=2, **SMALL)


def test_importing_it_starts_nothing():
    script = (
        "import sys, oneshot_tf; print('tensorflow' in sys.modules, sorted(oneshot_tf.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    names = ["Answers", "Model", "Run", "UserError", "draw", "evaluate", "export", "load", "train"]
    assert done.stdout == f"False {names}\n" and set(names) <= set(dir(oneshot_tf))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        oneshot_tf.nothing  # noqa: B018


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="for x86 processors")
@pytest.mark.parametrize(("said", "expected"), [({}, "1"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "0")])
def test_convolutions_are_those_of_onednn_unless_the_user_says_otherwise(said, expected):
    script = "import os, oneshot_tf; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    rest = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**rest, **said}
    )
    assert done.stdout.strip() == expected


def test_train_evaluate_load_classify_export(run, tmp_path, capfd):
    record = oneshot_tf.evaluate(run, way=3, shot=(1, 2), eval_episodes=4, eval_queries=1)
    assert list(record["accuracy"]) == ["3w1s", "3w2s"]
    model = oneshot_tf.load(run)
    pictures = np.random.default_rng(0).random((3, 16, 16, 1), np.float32)
    answers = model.classify(pictures, ["a", "b", "c"], pictures)
    assert answers.labels == ["a", "b", "c"]
    path = oneshot_tf.export(run, tmp_path / "out", record=record)
    again = oneshot_tf.load(tmp_path / "out").classify(pictures, ["a", "b", "c"], pictures)
    np.testing.assert_allclose(again.probabilities, answers.probabilities, atol=1e-5)
    assert json.loads((path / "record.json").read_text()) == json.loads(json.dumps(record))
    assert capfd.readouterr() == ("", "")  # nothing is printed


def test_nothing_is_written_but_what_is_asked_for(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {path for path in run.workdir.rglob("*") if path.is_file()}
    record = oneshot_tf.evaluate(run, way=3, shot=1, eval_episodes=4, eval_queries=1)
    oneshot_tf.load(run)
    assert not list(tmp_path.iterdir())
    assert {path for path in run.workdir.rglob("*") if path.is_file()} == before
    oneshot_tf.evaluate(
        run, way=3, shot=1, eval_episodes=4, eval_queries=1, results=tmp_path / "results"
    )
    (path,) = (tmp_path / "results").iterdir()
    assert json.loads(path.read_text())["accuracy"] == record["accuracy"]


def test_a_temporary_run_goes_with_its_object(folder):
    run = oneshot_tf.train("pixels", folder, episodes=1, image_size=16, way=3, shot=1, queries=1)
    workdir = run.workdir
    assert workdir.is_dir() and run.config.model == "pixels"
    del run
    assert not workdir.exists()


def test_a_run_with_a_folder_goes_on_and_is_opened_again(folder, tmp_path):
    options = {**SMALL, "workdir": tmp_path / "run"}
    first = oneshot_tf.train("matching", folder, episodes=1, **options)
    assert [line["episode"] for line in first.metrics if line["kind"] == "train"] == [1]
    oneshot_tf.train("matching", folder, episodes=2, **options)
    again = oneshot_tf.Run(tmp_path / "run")
    assert [line["episode"] for line in again.metrics if line["kind"] == "train"] == [1, 2]
    assert repr(again).startswith("<Run matching_folder, seed 0: ")
    assert oneshot_tf.load(tmp_path / "run").image_shape == (16, 16, 1)


def test_a_folder_of_pictures_and_pairs(folder):
    options = {**SMALL, "way": (2, 3)}
    run = oneshot_tf.train("matching", folder, episodes=1, **options)
    assert (run.config.data.dataset, run.config.data.data_dir) == ("folder", str(folder))
    assert (run.config.train.way_from, run.config.train.way) == (2, 3)
    drawn = oneshot_tf.draw(run, way=2, shot=1, eval_queries=1)
    assert set(drawn) == {"episode", "similarity"}
    assert all(picture.dtype == np.uint8 and picture.ndim == 3 for picture in drawn.values())


def test_runs_of_one_name_and_other_networks_do_not_share_a_record(folder, tmp_path):
    options = {**SMALL, "episodes": 1, "shot": 1, "name": "mine"}
    test = {"way": 2, "shot": 1, "eval_queries": 1, "eval_episodes": 2, "results": tmp_path}
    small, large = (
        oneshot_tf.train(
            "matching",
            folder,
            backbone=tf_keras.Sequential(
                [tf_keras.layers.Flatten(input_shape=(16, 16, 1)), tf_keras.layers.Dense(n)]
            ),
            **options,
        )
        for n in (2, 3)
    )
    assert oneshot_tf.evaluate(small, **test)["config"] == "mine"
    (record,) = tmp_path.glob("mine-seed0*.json")
    before = record.read_bytes()
    with pytest.raises(oneshot_tf.UserError, match=r"another run: expected one with \d+ weights"):
        oneshot_tf.evaluate(large, **test)
    assert record.read_bytes() == before


def test_one_number_is_no_span_whatever_the_model_draws_by_default(folder):
    options = {**SMALL, "shot": 2, "way": 3}
    for model in ("matching", "mmnet"):  # one draws shots, the other ways and shots
        train = oneshot_tf.train(model, folder, episodes=1, **options).config.train
        assert (train.way, train.way_from, train.shot, train.shot_from) == (3, None, 2, None)
    run = oneshot_tf.train("matching", folder, episodes=1, **{**options, "shot_from": 1})
    assert (run.config.train.shot, run.config.train.shot_from) == (2, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: oneshot_tf.train("maching", "glyphs"), "--model must be one of"),
        (lambda: oneshot_tf.train("matching", "nowhere"), "--dataset must be one of"),
        (lambda: oneshot_tf.train("matching", "glyphs", episods=1), "did you mean episodes"),
        (lambda: oneshot_tf.train("matching", "glyphs", rows=1), "rows is no option"),
        (lambda: oneshot_tf.train("matching", "glyphs", way="5"), "--way must be int"),
        (lambda: oneshot_tf.evaluate("nowhere"), "is this the folder of a run"),
        (lambda: oneshot_tf.load("nowhere"), "A run's folder or an export must be there"),
        (lambda: oneshot_tf.load("."), "--export must be the folder of an exported model"),
        (
            lambda: oneshot_tf.train("matching", "~/no/such"),
            "or a folder of pictures that is there",
        ),
        (lambda: oneshot_tf.train("matching", "glyphs", name="a/b"), "A name may have letters"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(oneshot_tf.UserError, match=message):
        call()


def test_options_of_a_test(run):
    with pytest.raises(oneshot_tf.UserError, match=r"ways is no option \(did you mean way\?\)"):
        oneshot_tf.evaluate(run, ways=5)
    with pytest.raises(oneshot_tf.UserError, match="--way must be whole numbers"):
        oneshot_tf.evaluate(run, way="5")


def test_data_that_is_not_there_is_no_other(monkeypatch, tmp_path):
    """Unlike `train.py`, which says so and goes on with glyphs."""
    from oneshot_tf.data import download

    def fail(*arguments, **named):
        raise download.DownloadError("no network")

    monkeypatch.setattr("oneshot_tf.data.download.fetch", fail)
    with pytest.raises(oneshot_tf.UserError, match="no network"):
        oneshot_tf.train("matching", "omniglot", episodes=1, data_dir=str(tmp_path), **SMALL)

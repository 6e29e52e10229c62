import dataclasses
import json
import os

import pytest
import tensorflow as tf

from oneshot_tf.commands import configs, export
from oneshot_tf.errors import UserError
from oneshot_tf.runs import experiment, exporting, workdirs
from tests.serving.exports import SIZE, WAY, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_dataset):
    """A workdir with checkpoints `best` and `last` after 40 episodes."""
    workdir = tmp_path_factory.mktemp("run") / "flmn-folder"
    make_run(workdir, make_dataset([3] * 8), name="flmn_omniglot_1")
    return workdir


@pytest.fixture(scope="module")
def quick(run):
    """`exporting.export` without the graph: signatures cost seconds, and have tests of their own."""

    def save(learner, path, ink, logits_of=None, vocabulary=None, in_half=False):
        (path / "saved_model.pb").write_bytes(b"graph")
        return ["classify"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oneshot_tf.serving.signatures.save", save)
        yield exporting.export


@pytest.fixture
def write_record(run):
    """Writes a record of the run's best checkpoint, changed by {name: value}; removes it after."""
    written = []

    def write(name, age=0, **changes):
        trained = {"episodes": 40, "checkpoint": "best", "dataset": "folder"}
        record = {
            "model": "flmn",
            "config": "flmn_omniglot_1",
            "seed": 0,
            "dataset": "folder",
            "protocol": {"kind": "sequence", "part": "test", "episodes": 5, "seed": 0},
            "accuracy": {"1": {"mean": 30.0, "ci95": 1.0}},
            "paper": None,
            "train": {**trained, **changes.pop("train", {})},
            **changes,
        }
        path = run / "evaluation" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record))
        os.utime(path, (1e9 - age, 1e9 - age))
        written.append(path)
        return path

    yield write
    for path in written:
        path.unlink()


def test_command_exports_a_model_that_runs(run, tmp_path, capsys):
    words = [f"--workdir={run}", f"--output={tmp_path / 'served'}"]
    assert export.main(["export", *words]) == 0
    output, path = capsys.readouterr().out, tmp_path / "served" / "1"
    assert f"export: {path}" in output
    assert f"saved_model_cli show --dir {path} --all" in output
    assert [p.name for p in path.parent.iterdir()] == ["1"]  # nothing unfinished stays
    fields = json.loads((path / "export.json").read_text())
    assert fields["signatures"][0] == "classify" and fields["way"] == WAY
    assert (fields["image_size"], fields["channels"], fields["ink"]) == (SIZE, 1, "auto")
    assert fields["trained"]["episodes"] == 40 and fields["trained"]["checkpoint"] == "best"
    assert "# flmn_omniglot_1" in (path / "model_card.md").read_text()
    assert not (path / "record.json").exists()
    assert sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) < 5e6

    model = tf.saved_model.load(str(path))
    assert set(model.signatures) == {*fields["signatures"], "serving_default"}
    kept = [name for name, _ in tf.train.list_variables(str(path / "variables" / "variables"))]
    learner, _, _ = experiment.load(run)
    weights = [name for name in kept if "CHECKPOINTABLE" not in name]
    assert len(weights) == len(learner.variables)  # no optimizer


def test_numbers_go_on_and_what_is_there_stays(run, quick, tmp_path):
    for number in ("3", "07", "new"):
        (tmp_path / number).mkdir()
    (tmp_path / "3" / "mine").write_text("kept")
    first, second = quick(run, tmp_path), quick(run, tmp_path)
    assert (first.name, second.name) == ("8", "9")
    assert (tmp_path / "3" / "mine").read_text() == "kept"


def test_default_place_is_the_workdir(run, quick):
    assert quick(run) == run / "export" / "1"


def test_a_failure_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "saved_model.pb").write_bytes(b"half")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        exporting.place(tmp_path / "export", fail)
    assert list((tmp_path / "export").iterdir()) == []


def test_a_watcher_never_sees_half(tmp_path):
    filled = []

    def write(folder):
        (folder / "a").write_text("1")
        filled.append(folder.stat().st_ino)
        assert exporting.versions(tmp_path) == []

    path = exporting.place(tmp_path, write)
    assert exporting.versions(path.parent) == [1]
    assert [path.stat().st_ino] == filled  # the folder itself takes the name: no file is copied


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--output"):
        exporting.place(tmp_path / "file" / "export", lambda folder: None)


def test_newest_record_of_these_very_weights(run, quick, write_record, tmp_path):
    write_record("old", age=9, accuracy={"1": {"mean": 11.0, "ci95": 1.0}})
    write_record("right", age=5, accuracy={"1": {"mean": 22.0, "ci95": 1.0}})
    write_record("validation", protocol={"kind": "sequence", "part": "validation"})
    write_record("mnist", dataset="mnist")
    write_record("turned", protocol={"kind": "sequence", "test_rotations": True})
    write_record("group", protocol={"kind": "sequence", "within_group": True})
    write_record("earlier", train={"episodes": 20})
    write_record("last", train={"checkpoint": "last"})
    write_record("seed", seed=1)
    path = quick(run, tmp_path)
    record = json.loads((path / "record.json").read_text())
    assert record["accuracy"]["1"]["mean"] == 22.0
    assert "| 1 | 22.00 | 1.00 |" in (path / "model_card.md").read_text()


def test_record_of_other_weights_is_refused(run, quick, write_record, tmp_path):
    given = write_record("mnist", dataset="mnist")
    path = quick(run, tmp_path, None, given)
    assert json.loads((path / "record.json").read_text())["dataset"] == "mnist"
    with pytest.raises(UserError, match="other weights"):
        quick(run, tmp_path, "last", given)
    with pytest.raises(UserError, match="cannot be read"):
        quick(run, tmp_path, None, tmp_path / "none.json")


def test_what_is_no_record_is_named(run, quick, write_record, tmp_path):
    stray = write_record("stray")
    stray.write_text('{"loss": 0.5}')
    with pytest.raises(UserError, match=r"stray\.json is no record: it lacks model"):
        quick(run, tmp_path)
    with pytest.raises(UserError, match=r"--record=.*stray\.json is no record: it lacks model"):
        quick(run, tmp_path, None, stray)
    with pytest.raises(UserError, match="--record is no record: it lacks model"):
        quick(run, tmp_path, None, {"loss": 0.5})


def test_an_export_decodes_files_by_the_ink_of_the_training(tmp_path, make_dataset, monkeypatch):
    small = ("--model=pixels", "--dataset=folder", f"--image_size={SIZE}", "--way=3", "--shot=1")
    make_run(tmp_path / "run", make_dataset([2] * 6), "--ink=light", small=small)
    inks = []

    def save(learner, path, ink, *rest):
        inks.append(ink)
        return ["classify"]

    monkeypatch.setattr("oneshot_tf.serving.signatures.save", save)
    path = exporting.export(tmp_path / "run")
    inks.append(json.loads((path / "export.json").read_text())["ink"])
    assert inks == ["light", "light"]


def test_papers_settings_are_those_that_the_run_names(tmp_path, make_dataset):
    words = ["--paper_config=flmn_omniglot_2_paper", "--paper_row=flmn_omniglot_2"]
    make_run(tmp_path / "run", make_dataset([2] * 6), *words, name="any")
    config = workdirs.read_config(tmp_path / "run")
    assert config.paper_row == "flmn_omniglot_2"
    found = configs.paper_config(config)
    assert (found.name, found.options.write_gate) == ("flmn_omniglot_2_paper", "scalar")
    assert configs.paper_config(dataclasses.replace(config, paper_config=None)) is None


def test_a_run_of_before_they_were_named_keeps_its_paper(tmp_path, make_dataset):
    make_run(tmp_path / "run", make_dataset([2] * 6), name="flmn_omniglot_2")
    path = tmp_path / "run" / "config.json"
    stored = json.loads(path.read_text())
    assert workdirs.read_config(tmp_path / "run").paper_row is None  # named nothing, and says so
    del stored["paper_row"], stored["paper_config"]
    path.write_text(json.dumps(stored))
    config = workdirs.read_config(tmp_path / "run")
    assert (config.paper_row, config.paper_config) == ("flmn_omniglot_2", "flmn_omniglot_2_paper")


@pytest.mark.parametrize("words, message", [
    ([], "--workdir is missing"),
    (["--workdir=nowhere"], "nowhere"),
    (["--workdir=nowhere", "--checkpoint=newest"], "--checkpoint must be best or last"),
])  # fmt: skip
def test_mistakes(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        export.main(["export", *words])

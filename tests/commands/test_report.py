"""The report command end to end, and the TensorBoard files that a run leaves."""

import json
import runpy
import sys

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorflow.python.framework.tensor_util import MakeNdarray

from oneshot_tf.commands import report
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import tables
from oneshot_tf.figures import curves
from oneshot_tf.files import dump
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions
from oneshot_tf.training.logging import Log, write_hparams

FLMN, MANN = "flmn_omniglot_1_paper", "mann_1head_omniglot_1"


@pytest.fixture
def make_run(tmp_path):
    """A run folder with planted metrics: the accuracy at presentation p is seed + p."""

    def make(config, seed=0, lines=250):
        folder = tmp_path / "runs" / f"{config}-{seed}"
        folder.mkdir(parents=True)
        fields = {"name": config, "model": "flmn", "train": {"seed": seed}, "commit": "abc"}
        fields["starts"] = [{"commit": "abc", "machine": "small", "load": 1.5}]
        (folder / "config.json").write_text(dump(fields))
        accuracies = [seed + p + 1.0 for p in range(10)]
        metrics = [
            {
                "kind": "train",
                "episode": 16 * (i + 1),
                "loss": 2.0 - i / lines,
                "by_presentation": accuracies,
            }
            for i in range(lines)
        ]
        metrics.append({"kind": "validation", "episode": 16 * lines, "by_presentation": [0.0] * 10})
        (folder / "metrics.jsonl").write_text("".join(json.dumps(m) + "\n" for m in metrics))
        return folder

    return make


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with one record and a page of results, made the current one."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results"
    results.mkdir()
    record = {
        "model": "flmn",
        "config": FLMN,
        "seed": 0,
        "dataset": "omniglot",
        "protocol": {"kind": "sequence", "part": "test", "episodes": 4},
        "accuracy": {"2": {"mean": 82.345, "ci95": 1.0}},
        "paper": {"2": 85.6},
        "train": {"episodes": 100_000},
    }
    (results / "one.json").write_text(dump(record))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.md").write_text(f"# T\n{tables.BEGIN}\n{tables.END}\nend\n")
    return tmp_path


def test_report_end_to_end(project, make_run, capsys):
    folders = [str(make_run(*which)) for which in [(FLMN, 0), (FLMN, 1), (MANN, 0)]]
    assert report.main(["report", f"--add_curve={','.join(folders)}"]) == 0
    printed = capsys.readouterr().out
    assert "| 82.3 (1.00) |" in printed and "*85.6*" in printed
    assert "want of a curve: mann_1head_omniglot_2, flmn_omniglot_2_paper" in printed
    page = (project / "docs" / "results.md").read_text()
    assert "| 82.3 (1.00) |" in page and page.endswith(f"{tables.END}\nend\n")
    assert "| 82.3 (1.00) |" in (project / "results" / "tables.md").read_text()
    curve = json.loads((project / "results" / "curves" / f"{FLMN}-seed1.json").read_text())
    assert len(curve["points"]) == 100 and curve["seed"] == 1 and curve["commit"] == "abc"
    assert curve["machine"] == "small" and curve["load"] == 1.5  # of the training
    assert curve["points"][-1]["episode"] == 4000
    for name in ("flmn_figure_3", "flmn_figure_5"):
        picture = np.asarray(Image.open(project / "results" / "figures" / f"{name}.png"))
        assert min(picture.shape[:2]) > 300 and picture.std() > 5
    assert not (project / "results" / "figures" / "flmn_figure_4.png").exists()

    # from the kept curves alone, once more: the same files
    before = {p: p.read_bytes() for p in project.rglob("*") if p.is_file()}
    report.main(["report"])
    assert before == {p: p.read_bytes() for p in project.rglob("*") if p.is_file()}


def test_two_models_are_compared_on_the_same_episodes(project, capsys):
    results = project / "results"
    for config, right in [("a", "5 4 5 3"), ("b", "4 4 4 3")]:
        kept = json.loads((results / "one.json").read_text()) | {"config": config}
        kept |= {"right": {"2": right}, "shown": {"2": 5}}
        (results / f"{config}.json").write_text(dump(kept))
    before = {p: p.read_bytes() for p in project.rglob("*") if p.is_file()}
    assert report.main(["report", "--paired=a,b"]) == 0
    printed = capsys.readouterr().out
    assert "a minus b, on omniglot" in printed and "+10.00" in printed
    assert report.main(["report", f"--paired={results / 'a.json'},{results / 'b.json'}"]) == 0
    assert capsys.readouterr().out == printed
    assert before == {p: p.read_bytes() for p in project.rglob("*") if p.is_file()}
    for names, said in [
        ("a", "must name two"),
        ("a,c", "Received: c"),
        (f"a,{FLMN}", "before records"),
    ]:
        with pytest.raises(UserError, match=said):
            report.main(["report", f"--paired={names}"])


def test_figures_from_run_folders(project, make_run):
    folder = make_run("mann_1head_omniglot_2")
    report.main(["report", f"--runs={folder}", "--output=elsewhere"])
    assert (project / "elsewhere" / "flmn_figure_4.png").is_file()
    assert (project / "results" / "tables.md").is_file()
    assert not (project / "results" / "curves").exists()


def test_a_few_shot_run_keeps_a_curve_and_is_drawn(project, tmp_path, make_run):
    folder = tmp_path / "runs" / "few"
    folder.mkdir(parents=True)
    fields = {"name": "matching_omniglot", "model": "matching", "split": {"classes": [9, 9, 9]}}
    fields["data"] = {"dataset": "omniglot", "test_rotations": False}
    train = {"seed": 3, "way": 5, "shot": 1, "batch_size": 16}
    (folder / "config.json").write_text(dump({**fields, "train": train}))
    metrics = [
        {"kind": kind, "episode": 16 * i, "loss": 1.0, "accuracy": 90.0}
        for i in range(1, 301)
        for kind in ("train", "validation")
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(m) + "\n" for m in metrics))
    report.main(["report", f"--add_curve={folder},{make_run(FLMN)}"])
    kept = json.loads((project / "results/curves/matching_omniglot-seed3.json").read_text())
    assert (kept["dataset"], kept["batch_size"], kept["commit"]) == ("omniglot", 16, None)
    assert len(kept["points"]) == len(kept["validation"]) == 100
    assert kept["points"][-1] == {"episode": 4800, "loss": 1.0, "accuracy": 90.0}
    assert {p.stem for p in (project / "results" / "figures").glob("*.png")} == {
        "few_shot_omniglot",
        "flmn_figure_3",
        "flmn_figure_5",
    }


def test_users_mistakes_are_one_line(project, monkeypatch, capsys):
    (project / "docs" / "results.md").write_text("no marks")
    monkeypatch.setattr(sys, "argv", ["report"])
    monkeypatch.delitem(sys.modules, "oneshot_tf.report", raising=False)
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("oneshot_tf.report", run_name="__main__")
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: --page=docs/results.md must have") and error.count("\n") == 1


def test_a_page_that_was_named_has_to_be_there(project):
    (project / "docs" / "results.md").unlink()
    report.main(["report"])  # the default may be missing
    with pytest.raises(UserError, match="cannot be read"):
        report.main(["report", "--page=OTHER.md"])


def test_a_folder_that_is_no_run_is_a_users_error(project):
    with pytest.raises(UserError, match="config.json"):
        report.main(["report", "--add_curve=nowhere"])


def test_thinning_averages_and_keeps_the_last_episode():
    metrics = [
        {
            "kind": "train",
            "episode": i + 1,
            "loss": float(i),
            "by_presentation": [float(i), 2.0 * i],
        }
        for i in range(10)
    ]
    points = curves.thin(metrics, 5)
    assert [p["episode"] for p in points] == [2, 4, 6, 8, 10]
    assert [p["loss"] for p in points] == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert points[-1]["by_presentation"] == [8.5, 17.0]
    with pytest.raises(UserError, match="by presentation"):
        curves.thin([{"kind": "validation", "episode": 1}])


def test_curves_show_the_mean_over_seeds():
    def run(seed, value):
        points = [{"episode": e, "loss": value, "by_presentation": [value] * 10} for e in (10, 20)]
        return {"seed": seed, "points": points}

    drawn, missing = curves.draw({FLMN: [run(0, 40.0), run(1, 60.0)]})
    assert set(drawn) == {"flmn_figure_3", "flmn_figure_5"} and MANN in missing
    axes = drawn["flmn_figure_3"].axes[0]
    assert "2 seeds" in axes.get_title()
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), [10, 20])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [50, 50])


@pytest.fixture
def logged(tmp_path, make_learner):
    """A run's TensorBoard folder, written as the loop writes it."""
    options = make_learner("flmn").options
    config = RunConfig("flmn_x", "flmn", DataOptions(), TrainOptions(seed=7), options)
    for _ in range(2):  # as if resumed
        write_hparams(tmp_path, config)
    log = Log(tmp_path, 100, 0)
    for episode in (50, 100):
        log.record("train", episode, {"loss": 1.0, "accuracy": 50.0}, [20.0, float("nan"), 70.0])
        log.record("validation", episode, {"accuracy": 40.0 + episode}, [25.0, 60.0, 80.0])
    picture = np.zeros([4, 6, 3], np.uint8)
    picture[0, 5] = 255
    log.pictures("validation", 100, {"episode": picture})
    log.close()
    return tmp_path / "tensorboard"


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


def test_scalars_by_presentation_are_in_tensorboard(logged):
    events = read(logged / "validation")
    found = [(e.step, float(MakeNdarray(e.tensor_proto))) for e in events.Tensors("accuracy")]
    assert found == [(50, 90.0), (100, 140.0)]
    assert float(MakeNdarray(events.Tensors("presentation/03")[0].tensor_proto)) == 80.0
    tags = read(logged / "train").Tags()["tensors"]
    assert "presentation/01" in tags and "loss" in tags
    assert "presentation/02" not in tags  # never shown: no point


def test_pictures_are_in_tensorboard(logged):
    import tensorflow as tf

    stored = MakeNdarray(read(logged / "validation").Tensors("episode")[0].tensor_proto)
    assert (int(stored[0]), int(stored[1])) == (6, 4)  # width, height
    picture = tf.io.decode_png(stored[2]).numpy()
    assert picture.shape == (4, 6, 3) and picture[0, 5].min() == 255 and picture[1:].max() == 0


def test_hparams_are_in_tensorboard_once(logged):
    assert len(list(logged.glob("events.*"))) == 1
    summary = read(logged).SummaryMetadata(metadata.SESSION_START_INFO_TAG)
    info = metadata.parse_session_start_info_plugin_data(summary.plugin_data.content)
    values = info.hparams
    assert values["model"].string_value == "flmn" and values["seed"].number_value == 7
    assert values["rows"].number_value == 8 and values["split"].string_value == "default"

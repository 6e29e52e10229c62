"""The report command end to end."""

import json
import runpy
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from oneshot_tf import models
from oneshot_tf.commands import report
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import tables
from oneshot_tf.files import dump
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions

FLMN, MANN = "flmn_omniglot_1_paper", "mann_1head_omniglot_1"


def write_config(folder, model, name, model_options=(), **train):
    """A run's folder and its `config.json`; returns what that says."""
    options = models.find(model).Options(**dict(model_options))
    fields = RunConfig(name, model, DataOptions(), TrainOptions(**train), options).to_json()
    fields |= {"split": {"name": "r", "classes": [9, 9, 9], "sha256": ""}, "pictures_sha256": ""}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(dump(fields))
    return fields


def write_few_shot(folder, accuracy=90.0, validated=True, **train):
    """A run of Matching Networks with planted metrics."""
    write_config(folder, "matching", "matching_omniglot", **{"shot": 1, **train})
    metrics = [
        {"kind": kind, "episode": 16 * i, "loss": 1.0, "accuracy": accuracy}
        for i in range(1, 301)
        for kind in (("train", "validation") if validated else ("train",))
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(m) + "\n" for m in metrics))
    return folder


@pytest.fixture
def make_run(tmp_path):
    """A run folder with planted metrics: the accuracy at presentation p is seed + p."""

    def make(config, seed=0, lines=250, name=None, **train):
        folder = tmp_path / "runs" / (name or f"{config}-{seed}")
        fields = write_config(folder, "flmn", config, seed=seed, **train)
        fields |= {"commit": "abc"}
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
    folder = write_few_shot(tmp_path / "runs" / "few", seed=3)
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


@pytest.fixture
def drawn(monkeypatch):
    """{name: `Figure`} of the figures that were written."""
    found = {}
    monkeypatch.setattr(
        report.drawing, "save", lambda figure, path: found.update({path.stem: figure})
    )
    return found


def labels_of(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_own_runs_with_other_options_are_no_seeds_of_one_curve(project, drawn, tmp_path):
    folders = [
        write_few_shot(tmp_path / name, accuracy, seed=seed, learning_rate=rate)
        for name, accuracy, seed, rate in [
            ("a", 90.0, 0, 1e-3),
            ("b", 70.0, 0, 1e-2),
            ("c", 60.0, 1, 1e-2),
            ("d", 50.0, 1, 1e-2),  # the same seed once more
        ]
    ]
    report.main(["report", f"--runs={','.join(map(str, folders))}"])
    legend = labels_of(drawn["few_shot_omniglot"])
    assert [text.partition("\n")[0] for text in legend] == [
        f"matching_omniglot, {name}" for name in "abd"
    ]
    assert "seeds" not in legend[0] + legend[2] and "2 seeds; 65.0 %" in legend[1]
    same_name = write_few_shot(tmp_path / "elsewhere" / "a", 95.0, learning_rate=0.5)
    report.main(["report", f"--runs={folders[0]},{same_name}"])
    assert f"matching_omniglot, {same_name}" in labels_of(drawn["few_shot_omniglot"])[0]
    # what changes no weight, or the folder named twice, makes no other curve
    more = write_few_shot(tmp_path / "e", 80.0, seed=1, keep=9)
    report.main(["report", f"--runs={folders[0]},{folders[0]}/,{more}"])
    (label,) = labels_of(drawn["few_shot_omniglot"])
    assert label.startswith("matching_omniglot\n") and "2 seeds; 85.0 %" in label


def test_own_sequence_runs_are_drawn(project, drawn, make_run, capsys, tmp_path):
    folders = [make_run("flmn_omniglot", way=4), make_run("flmn_omniglot", 1, way=4)]
    folders += [make_run("flmn_omniglot", name="other", way=2), make_run(MANN)]
    folders.append(write_few_shot(tmp_path / "few", validated=False))
    report.main(["report", f"--runs={','.join(map(str, folders))}"])
    assert set(drawn) == {"sequences", "flmn_figure_3", "flmn_figure_5"}
    first, second = drawn["sequences"].axes
    assert first.get_title() == "flmn_omniglot, flmn_omniglot-0 (2 seeds)"
    assert second.get_title() == "flmn_omniglot, other (1 seed)"
    np.testing.assert_array_equal(first.lines[1].get_ydata(), [2.5] * 100)  # presentation 2
    chance = [line.get_ydata()[0] for axes in (first, second) for line in axes.lines[-1:]]
    assert chance == [25.0, 50.0]
    printed = capsys.readouterr().out
    assert "want of a curve" not in printed
    assert "Not drawn, since few-shot runs are drawn by their validations: matching_omn" in printed


def test_users_mistakes_are_one_line(project, monkeypatch, capsys):
    (project / "docs" / "results.md").write_text("no marks")
    monkeypatch.setattr(sys, "argv", ["report"])
    monkeypatch.delitem(sys.modules, "oneshot_tf.report", raising=False)
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("oneshot_tf.report", run_name="__main__")
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: --page=docs/results.md must have") and error.count("\n") == 1


def test_others_records_leave_the_projects_page_alone(project, tmp_path, capsys):
    page, mine = project / "docs" / "results.md", tmp_path / "mine"
    before = page.read_bytes()
    shutil.copytree(project / "results", mine)
    report.main(["report", "--results=mine"])
    assert page.read_bytes() == before and (mine / "tables.md").is_file()
    report.main(["report", "--results=mine", "--page=docs/results.md"])
    assert page.read_bytes() != before


def test_a_page_that_was_named_has_to_be_there(project):
    (project / "docs" / "results.md").unlink()
    report.main(["report"])  # the default may be missing
    with pytest.raises(UserError, match="cannot be read"):
        report.main(["report", "--page=OTHER.md"])


def test_a_folder_that_is_no_run_is_a_users_error(project):
    (project / "other").mkdir()
    (project / "other" / "config.json").write_text("{}")
    for flag in ("--add_curve=nowhere", "--add_curve=other", "--runs=other"):
        with pytest.raises(UserError, match="config.json"):
            report.main(["report", flag])

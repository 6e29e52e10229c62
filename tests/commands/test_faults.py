"""A full disk, and a process that is killed while it writes: what was there before is intact, what is
new is whole or absent, and the same command does it later.
"""

import io
import json
import os
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import export as export_command
from oneshot_tf.commands import report
from tests.commands.forked import Command, full_disk
from tests.commands.test_robustness import pictures, run_here, words  # noqa: F401
from tests.commands.test_train import run

pytestmark = pytest.mark.slow
# how many bytes a file may have: next to nothing, the smallest files, or most
LIMITS = [("eval", 100), ("eval", 1000), ("export", 100), ("export", 4000), ("report", 100)]
LIMITS += [("prepare", 100), ("prepare", 1000)]
MOMENTS = (0, 1, 2, 4, 8, 15, 30, 60, 120, 250)  # ms after the first byte on disk


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):  # noqa: F811
    """A folder with a run, its record and export, and the tables of the record."""
    folder = tmp_path_factory.mktemp("whole")
    run_here(pictures, folder / "run", "--episodes=40")
    test = [f"--workdir={folder / 'run'}", "--eval_episodes=20", f"--results={folder / 'results'}"]
    assert run(eval_command.main, *test)[0] == 0
    assert run(export_command.main, f"--workdir={folder / 'run'}")[0] == 0
    (folder / "docs").mkdir()
    page = "# Results\n\n<!-- results:begin -->\n<!-- results:end -->\n"
    (folder / "docs" / "results.md").write_text(page)
    report.main(["report", f"--results={folder / 'results'}", f"--page={folder}/docs/results.md"])
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "copy")
    return tmp_path / "copy"


def start(name, folder, pictures, under=None):  # noqa: F811
    """A command that writes into the folder, as a process."""
    workdir, results = f"--workdir={folder / 'run'}", f"--results={folder / 'results'}"
    given = {
        "train": words(pictures, folder / "run", "--episodes=80"),
        "eval": [workdir, "--eval_episodes=30", results, f"--figures={folder / 'new'}"],
        "export": [workdir],
        "report": [results, f"--add_curve={folder / 'run'}"]
        + [f"--page={folder / 'docs' / 'results.md'}"],
        "prepare": ["--dataset=folder", f"--data_dir={pictures}"]
        + [f"--output={folder / 'shards'}", "--image_size=8", "--channels=1"],
    }[name]
    return Command(name, given, under)


def files(folder):
    """{path: content} of all that counts: not of what names itself unfinished, nor of logs."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        unfinished = name.endswith(".part") or ".unfinished-" in name
        if not unfinished and "tensorboard" not in name and not path.name.startswith("."):
            found[name] = path.read_bytes()
    return found


def paths(folder):
    """All that is in a folder, which may change meanwhile: `Path.rglob` would fail at what vanishes."""
    for root, folders, names in os.walk(folder):
        yield from (os.path.join(root, name) for name in folders + names)


def assert_whole(name, content):
    """Whether a file can be read to its end, by what its name says that it is."""
    kind = name.rpartition(".")[2]
    if kind == "json":
        json.loads(content)
    elif kind == "jsonl":
        for line in content.decode().splitlines():
            json.loads(line)
    elif kind == "png":
        Image.open(io.BytesIO(content)).load()
    elif kind == "npz":
        with np.load(io.BytesIO(content)) as arrays:
            assert all(arrays[key].size >= 0 for key in arrays)
    elif kind == "md":
        assert content.endswith(b"\n")


def assert_intact(folder, before, name):
    """After a fault: what was there is as it was or whole and new, and all new files are whole."""
    after = files(folder)
    assert set(before) - set(after) <= {n for n in before if "checkpoints/" in n}
    for path, content in after.items():
        if path.startswith("run/checkpoints/") and before.get(path) != content:
            continue  # one that is not whole is not the latest: see below
        if before.get(path) != content:
            assert_whole(path, content)
    latest = tf.train.latest_checkpoint(str(folder / "run" / "checkpoints"))
    reader = tf.train.load_checkpoint(latest)
    for key in reader.get_variable_to_shape_map():
        reader.get_tensor(key)
    exports = [p for p in (folder / "run" / "export").iterdir() if p.name.isdecimal()]
    for path in exports:
        assert "classify" in tf.saved_model.load(str(path)).signatures, name
        assert (path / "model_card.md").is_file() and (path / "export.json").is_file()


def finish(name, folder, pictures):  # noqa: F811
    """The same command with room and time."""
    process = start(name, folder, pictures)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


@pytest.mark.parametrize(("name", "most"), LIMITS)
def test_a_full_disk_is_said_in_a_line_and_leaves_what_was_there(name, most, folder, pictures):  # noqa: F811
    before = files(folder)
    process = start(name, folder, pictures, full_disk(most))
    _, errors = process.communicate()
    assert process.returncode == 1, errors
    assert errors.splitlines()[-1].startswith("error: ") and "Traceback" not in errors, errors
    assert_intact(folder, before, name)
    left = [p.name for p in folder.rglob("*") if p.name.endswith(".part") or ".unfin" in p.name]
    assert left == []
    finish(name, folder, pictures)


@pytest.mark.parametrize("name", ["train", "eval", "export", "report", "prepare"])
def test_a_killed_command_leaves_nothing_half(name, folder, pictures):  # noqa: F811
    for moment in MOMENTS:
        before = files(folder)
        seen = set(paths(folder))
        process = start(name, folder, pictures)
        while process.poll() is None and all(p in seen for p in paths(folder)):
            time.sleep(0.001)
        time.sleep(moment / 1000)
        process.kill()
        process.communicate()
        assert_intact(folder, before, name)
    finish(name, folder, pictures)

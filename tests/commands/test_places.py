"""Folders that cannot be written, that vanish under a run, or that several runs fill; a clock that
goes back.
"""

import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import export as export_command
from tests.commands.forked import ROOT, Command, as_anyone
from tests.commands.test_faults import files, folder, start, trained  # noqa: F401
from tests.commands.test_robustness import pictures, run_here, words  # noqa: F401
from tests.commands.test_train import run

pytestmark = pytest.mark.slow
LOAD = """
import hashlib
from oneshot_tf.data import cache, dataset
import numpy as np
def build():
    images = np.random.default_rng(0).integers(0, 256, [2000, 64, 64, 3], np.uint8)
    return dataset.Dataset("made", images, np.array([0, 1000, 2000]), ("a", "b"))
found = cache.cached("made", "hash", (), build)
print(hashlib.sha256(found.images.tobytes()).hexdigest())
"""


def closed(folder):  # noqa: F811
    """Takes the right to write from a folder and all in it; gives back what undoes it."""
    places = [folder, *(p for p in folder.rglob("*") if p.is_dir())]
    for place in places:
        place.chmod(stat.S_IRUSR | stat.S_IXUSR)
    return lambda: [place.chmod(stat.S_IRWXU) for place in places]


@pytest.mark.parametrize("name", ["train", "eval", "export", "report", "prepare"])
def test_a_folder_that_cannot_be_written_is_named_in_a_line(name, folder, pictures):  # noqa: F811
    before, undo = files(folder), closed(folder)
    process = start(name, folder, pictures, as_anyone)
    _, errors = process.communicate()
    undo()
    assert process.returncode == 1, errors
    last = errors.splitlines()[-1]
    assert last.startswith("error: ") and str(folder) in last and "Traceback" not in errors, errors
    assert files(folder) == before


def test_a_run_whose_folder_vanishes_says_so(pictures, tmp_path):  # noqa: F811
    workdir = tmp_path / "run"
    process = Command("train", words(pictures, workdir, "--episodes=40000", "--save_every=400"))
    while process.poll() is None and not (workdir / "checkpoints" / "checkpoint").exists():
        time.sleep(0.01)
    shutil.rmtree(workdir, ignore_errors=True)
    _, errors = process.communicate()
    assert process.returncode == 1, errors
    last = errors.splitlines()[-1]
    assert last.startswith("error: ") and str(workdir) in last and "Traceback" not in errors, errors


def test_two_runs_fill_one_cache(tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    where = {"cwd": ROOT, "env": {**os.environ, "ONESHOT_TF_CACHE": str(tmp_path)}}
    for _ in range(3):
        processes = [
            subprocess.Popen([sys.executable, "-c", LOAD], **pipes, **where) for _ in range(3)
        ]
        ends = [process.communicate() for process in processes]
        assert [end[1] for end in ends] == [""] * 3
        assert len({end[0] for end in ends}) == 1
        (entry,) = tmp_path.iterdir()  # nothing half made is left
        entry.unlink()


def test_a_clock_that_goes_back(pictures, tmp_path, monkeypatch):  # noqa: F811
    """An hour at every look: what counts is the order of things, not when they were."""
    now = itertools.count(time.time(), -3600.0)
    monkeypatch.setattr(time, "time", lambda: next(now))
    workdir = tmp_path / "run"
    for episodes in (40, 80):
        run_here(pictures, workdir, f"--episodes={episodes}")
        code, _, errors = run(eval_command.main, f"--workdir={workdir}", "--eval_episodes=20")
        assert code == 0, errors
        assert run(export_command.main, f"--workdir={workdir}")[0] == 0
    kinds = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    steps = [line["episode"] for line in kinds if line["kind"] == "train"]
    assert steps == sorted(steps) and steps[-1] == 80
    assert np.isfinite([line["loss"] for line in kinds if "loss" in line]).all()
    exports = sorted(p.name for p in (workdir / "export").iterdir() if p.name.isdecimal())
    assert exports == ["1", "2"]
    card = json.loads((workdir / "export" / "2" / "export.json").read_text())
    assert card["trained"]["episodes"] == 80

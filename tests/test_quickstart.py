"""The notebook for newcomers runs as it stands."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import pytest

import oneshot_tf

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTEBOOK = json.loads((ROOT / "examples" / "quickstart.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(c["source"]) for c in NOTEBOOK["cells"] if c["cell_type"] == "code"]


def test_what_it_calls_is_there():
    called = {
        node.attr
        for node in ast.walk(ast.parse("\n".join(CELLS)))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "oneshot_tf"
    }
    assert called >= {"train", "evaluate", "draw", "load", "export"}
    assert called <= set(oneshot_tf.__all__)


def test_every_cell_was_run_and_none_failed():
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            assert cell["execution_count"]
            assert all(output["output_type"] != "error" for output in cell["outputs"])


@pytest.mark.slow  # two trainings, with XLA: two minutes
def test_it_runs(tmp_path):
    script = tmp_path / "quickstart.py"
    script.write_text("\n\n".join(CELLS))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "zigzag: zigzag",
        "hook: hook",
        "roof: roof",
    ]
    assert (tmp_path / "exported" / "1" / "model_card.md").is_file()

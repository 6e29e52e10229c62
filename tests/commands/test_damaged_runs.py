"""A run's folder that is damaged or of another model: each command answers in one line."""

import json
import shutil
import subprocess
import sys

import pytest

from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import export as export_command
from oneshot_tf.commands import train as train_command
from tests.commands.test_train import ROOT, SMALL, pictures, run, trained  # noqa: F401

COMMANDS = {
    "train": train_command.main,
    "eval": eval_command.main,
    "export": export_command.main,
}
# of another model: attributes of the same names, weights of other shapes
MANN = ["--model=mann", *SMALL]


def words_of(command, workdir, pictures, model="flmn"):  # noqa: F811
    words = {
        "train": [f"--model={model}", "--dataset=folder", f"--data_dir={pictures}", *SMALL],
        "eval": ["--eval_episodes=4"],
        "export": [],
    }[command]
    return [*words, f"--workdir={workdir}"]


def without(name):
    return lambda fields: {key: value for key, value in fields.items() if key != name}


def changed(part, **values):
    return lambda fields: {**fields, part: {**fields[part], **values}}


CONFIGS = {
    "empty": (lambda fields: {}, "expected name, model, data"),
    "list": (lambda fields: [], "expected a JSON object. Received: list"),
    "no JSON": (lambda fields: None, "is not JSON"),
    "model": (without("model"), "missing or wrong: model"),
    "data": (without("data"), "missing or wrong: data"),
    "split": (without("split"), "missing or wrong: split"),
    "hash": (changed("split", sha256=3), "missing or wrong: sha256"),
    "pictures": (without("pictures_sha256"), "missing or wrong: pictures_sha256"),
    "no model": (lambda fields: {**fields, "model": "x"}, "--model must be one of"),
    "data set": (changed("data", dataset=["x"]), "--dataset must be one of"),
    "value": (changed("train", episodes="many"), "--episodes must be int. Received: 'many'"),
    "option": (changed("data", colour=3), "DataOptions has no option colour"),
    "starts": (lambda fields: {**fields, "starts": 3}, "missing or wrong: starts"),
}


@pytest.fixture
def copy(trained, tmp_path):  # noqa: F811
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("spoil, said", CONFIGS.values(), ids=CONFIGS)
def test_a_config_that_is_none(copy, pictures, capfd, command, spoil, said):  # noqa: F811
    path = copy / "config.json"
    spoiled = spoil(json.loads(path.read_text()))
    path.write_text("{" if spoiled is None else json.dumps(spoiled))
    before = path.read_text()
    code, _, errors = run(COMMANDS[command], *words_of(command, copy, pictures))
    assert code == 1 and errors.count("\n") == 1 and errors.startswith("error: "), errors
    assert said in errors and "config.json" in errors
    assert capfd.readouterr().err == "" and path.read_text() == before


PROGRAM = """
import sys
from oneshot_tf.commands import {name} as command, flags
flags.run(command.main)
"""


@pytest.fixture(scope="module")
def foreign(trained, pictures, tmp_path_factory):  # noqa: F811
    """The checkpoints of FLMN beside the config of MANN."""
    place = tmp_path_factory.mktemp("foreign")
    where = ["--dataset=folder", f"--data_dir={pictures}", f"--workdir={place / 'mann'}"]
    code, _, errors = run(train_command.main, *MANN, *where)
    assert code == 0, errors
    shutil.copytree(trained, place / "run")
    shutil.copy(place / "mann" / "config.json", place / "run" / "config.json")
    return place / "run"


@pytest.mark.parametrize(
    "command",
    # one process tells for all in the quick tests
    [c if c == "eval" else pytest.param(c, marks=pytest.mark.slow) for c in COMMANDS],
)
def test_checkpoints_of_another_model(foreign, pictures, command):  # noqa: F811
    words = words_of(command, foreign, pictures, "mann")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=command), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: "), done.stderr
    assert "it is of another model or of other options" in done.stderr

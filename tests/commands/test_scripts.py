"""Every command has a script in an installed package."""

import pathlib
import re
import sys

import pytest

from oneshot_tf.commands import scripts

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = dict(
    re.findall(
        r'^oneshot-(\w+) = "oneshot_tf.commands.scripts:(\w+)"$',
        (ROOT / "pyproject.toml").read_text(),
        re.MULTILINE,
    )
)
# what is no command: what the commands share
SHARED = {"__init__", "flags", "configs", "scripts", "prepare_mini_imagenet"}


def test_every_command_is_named():
    commands = {path.stem for path in (ROOT / "oneshot_tf" / "commands").glob("*.py")} - SHARED
    assert set(NAMED) == commands


@pytest.mark.parametrize("name", NAMED)
def test_a_script_is_its_command(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"oneshot-{name}", "--help"])
    with pytest.raises(SystemExit) as exit_:
        getattr(scripts, NAMED[name])()
    assert exit_.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: ") and "flags:" in printed

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


def test_every_command_is_named():
    modules = (ROOT / "oneshot_tf" / "commands").glob("*.py")
    commands = {path.stem for path in modules if "\ndef main(argv)" in path.read_text()}
    assert set(NAMED) == commands - {"prepare_mini_imagenet"}


@pytest.mark.parametrize("name", NAMED)
def test_a_script_is_its_command(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"oneshot-{name}", "--help"])
    with pytest.raises(SystemExit) as exit_:
        getattr(scripts, NAMED[name])()
    assert exit_.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: ") and "flags:" in printed

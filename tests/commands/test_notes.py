"""What TensorFlow writes to the terminal besides: notes are kept back, and nothing else is."""

import os
import subprocess
import sys

import pytest

from oneshot_tf.commands import notes
from tests.commands.test_train import ROOT, SMALL, pictures  # noqa: F401

NOTES = [
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
    b"I0000 00:00:1795886269.025187   13563 device_compiler.h:186] Compiled cluster using XLA!  Thi\n",
    b"E0000 00:00:1758131045.203198 3722035 cuda_dnn.cc:8579] Unable to register cuDNN factory: At\n",
    b"W0000 00:00:1758131045.228 3722035 placer.cc:177] computation placer already registered\n",
]
ERRORS = [
    b"E0000 00:00:1795886269.025187   13563 cuda_driver.cc:1] failed call to cuInit\n",
    b"F0000 00:00:1795886269.025187   13563 device_compiler.h:186] Check failed\n",
    b"Traceback (most recent call last):\n",
    b"ImportError: I0000\n",
    b"\xff\xfe not text\n",
    b"\n",
    b"no end of line",
]


@pytest.mark.parametrize("line", NOTES)
def test_notes(line):
    assert notes.is_note(line)


@pytest.mark.parametrize("line", ERRORS)
def test_what_is_no_note(line):
    assert not notes.is_note(line)


def test_all_else_is_passed_on():
    found = []
    notes.pass_on([*NOTES, *ERRORS], found.append)
    assert found == ERRORS


PROGRAM = """
import os, sys
from oneshot_tf.commands import flags
def main(argv):
    for line in {lines!r}:
        os.write(2, line)
    print("from Python", file=sys.stderr)
    {end}
flags.run(main)
"""


def run_program(end, **variables):
    """(exit code, stderr's lines) of a command that writes notes and errors, then ends somehow."""
    program = PROGRAM.format(lines=[*NOTES, *ERRORS, b"\n"], end=end)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        env={**environment(), **variables},
    )
    return done.returncode, done.stderr


def environment():
    """This process's variables, without what quiets TensorFlow."""
    return {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("return 3", 3, b""),
        ("raise flags.UserError('bad')", 1, b"error: bad\n"),
        ("raise ValueError('a bug')", 1, b"ValueError: a bug\n"),
        ("os.abort()", -6, b""),
        ("os.kill(os.getpid(), 9)", -9, b""),
    ],
)
def test_no_line_of_a_command_is_lost_however_it_ends(end, code, said):
    found, text = run_program(end)
    assert found == code
    assert not any(line in text for line in NOTES)
    for line in [*ERRORS, b"from Python\n", said]:
        assert line in text
    if b"ValueError" in said:
        assert b"Traceback (most recent call last):\n  File" in text


def test_who_asks_for_notes_gets_them():
    _, text = run_program("return 0", TF_CPP_MIN_LOG_LEVEL="0")
    assert all(line in text for line in [*NOTES, *ERRORS])


def command(name, *words, **variables):
    return subprocess.run(
        [sys.executable, f"{name}.py", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**environment(), **variables},
    )


@pytest.mark.slow  # a process that compiles; the reader of notes has quick tests
def test_a_training_with_a_compiled_loop_says_nothing_on_stderr(pictures, tmp_path):  # noqa: F811
    where = ["--dataset=folder", f"--data_dir={pictures}", f"--workdir={tmp_path / 'run'}"]
    small = [word for word in SMALL if not word.startswith("--execution")]
    done = command("train", "--model=flmn", *where, *small)
    assert (done.returncode, done.stderr) == (0, "")
    done = command("eval", f"--workdir={tmp_path / 'run'}", "--eval_episodes=4")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_of_tensorflow_is_shown(tmp_path):
    program = (
        "from oneshot_tf.commands import flags\n"
        "def main(argv):\n"
        "    import tensorflow as tf\n"
        "    tf.reshape(tf.zeros([3]), [2])\n"
        "flags.run(main)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 1 and "InvalidArgumentError" in done.stderr

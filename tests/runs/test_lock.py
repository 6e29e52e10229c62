"""Two trainings never share a folder."""

import os
import subprocess
import sys

import pytest

from oneshot_tf.errors import UserError
from oneshot_tf.runs import lock

# holds a folder until it is told to end, or is killed
HOLD = """
import sys
from oneshot_tf.runs import lock
with lock.held(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path):
    """A process that holds the folder."""
    words = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def take(workdir):
    with lock.held(workdir):
        return (workdir / lock.HOLDER).read_text()


def test_a_second_process_is_refused_and_told_who_holds_it(other, tmp_path):
    with pytest.raises(UserError, match=f"is being trained in by process {other.pid} on "):
        take(tmp_path / "run")
    assert (tmp_path / "run" / lock.HOLDER).is_file()  # the holder's own
    other.communicate("\n")
    assert take(tmp_path / "run").startswith(f"process {os.getpid()} on ")


def test_a_killed_process_leaves_no_lock(other, tmp_path):
    other.kill()
    other.wait()
    assert (tmp_path / "run" / lock.HOLDER).is_file()
    assert take(tmp_path / "run").startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / "run" / lock.HOLDER).exists()


def test_a_folder_that_could_not_be_read_again(tmp_path):
    words = r"must have no \[ in its path.*Received: .*lr\[1\]"
    with pytest.raises(UserError, match=words), lock.held(tmp_path / "lr[1]"):
        raise AssertionError
    assert not (tmp_path / "lr[1]").exists()


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        take(tmp_path / "file" / "run")

"""Commands in processes of their own."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from oneshot_tf.commands import jobs


def test_cores_are_shared_out():
    if not hasattr(os, "sched_getaffinity"):
        assert jobs.shares(2) == [None, None]
        return
    cores = os.sched_getaffinity(0)
    assert jobs.shares(1) == [cores]
    two = jobs.shares(2)
    assert set.union(*two) == cores and (len(cores) == 1 or not two[0] & two[1])
    assert all(jobs.shares(len(cores) + 1))  # more jobs than cores: none is without


def test_commands_run_one_after_the_other_until_one_fails(tmp_path):
    told, log = [], tmp_path / "logs" / "a.log"
    good = jobs.Job("good", [("train", ["--help"])], tmp_path / "good.log")
    bad = jobs.Job("bad", [("train", ["--model=nothing"]), ("train", ["--help"])], log)
    ended = jobs.run_all([bad, good], 2, told.append)
    assert ended == told and len(ended) == 2
    by_name = {done.job.name: done for done in ended}
    assert by_name["good"].code == 0 and "usage: python" in (tmp_path / "good.log").read_text()
    assert by_name["bad"].code == 1 and by_name["bad"].words.startswith(
        "error: --model must be one of"
    )
    assert "usage" not in log.read_text()  # what came after the failure was not run


def test_what_follows_an_unfinished_first_command_waits(tmp_path):
    log = tmp_path / "log"
    commands = [("train", ["--help"]), ("eval", ["--help"])]
    job = jobs.Job("a", commands, log, lambda: "stopped at 5 of 9 episodes")
    (done,) = jobs.run_all([job], 1, lambda done: None)
    assert (done.code, done.words) == (1, "stopped at 5 of 9 episodes")
    assert log.read_text().count("usage:") == 1


@pytest.mark.slow  # starts TensorFlow in a process
@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="the system does not pin processes"
)
def test_a_job_is_pinned_to_its_share(tmp_path):
    runner = jobs.Runner(1)
    share = {min(os.sched_getaffinity(0))}
    with open(tmp_path / "log", "w") as log:
        process = runner._start("train", ["--help"], log, share)
        assert os.sched_getaffinity(process.pid) == share
        assert runner._wait(process) == 0


def test_what_is_told_to_stop_ends_what_it_started(tmp_path):
    """SIGTERM reaches the processes, and no further command is begun."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import pathlib, subprocess, sys
            from oneshot_tf.commands import jobs

            def start(self, module, words, log, cores):
                with self._lock:
                    if self._stopped:
                        return None
                    code = "import time; print('up', flush=True); time.sleep(600)"
                    process = subprocess.Popen([sys.executable, "-c", code], stdout=log)
                    self._alive.add(process)
                return process

            jobs.Runner._start = start
            made = [jobs.Job(n, [("train", [])], pathlib.Path(n + ".log")) for n in ("a", "b")]
            try:
                jobs.run_all(made, 1, print)
            except KeyboardInterrupt:
                print("stopped")
            """
        )
    )
    env = {**os.environ, "PYTHONPATH": str(jobs.PACKAGE.parent)}
    process = subprocess.Popen(
        [sys.executable, str(script)], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and "up" not in _text(tmp_path / "a.log"):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert "stopped" in output and process.returncode == 0
    assert "up" in _text(tmp_path / "a.log") and "up" not in _text(tmp_path / "b.log")


def _text(path):
    return path.read_text() if path.is_file() else ""


def test_the_last_line_that_says_anything(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"first\nlast \xff\n\n  \n")
    assert jobs.last_line(path).startswith("last")
    path.write_text("")
    assert jobs.last_line(path) == ""

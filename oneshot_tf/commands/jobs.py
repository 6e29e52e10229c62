"""Commands of ours in processes of their own, some side by side, each on its own cores."""

import concurrent.futures
import contextlib
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
import typing

import oneshot_tf

PACKAGE = pathlib.Path(oneshot_tf.__file__).resolve().parent


class Job(typing.NamedTuple):
    """Commands that run one after the other.

    Attributes:
      name: what messages call it.
      commands: [(module in `commands/`, its words)].
      log: the file that gets what they print.
      between: called after the first command: () -> why the others have to wait, or None.
    """

    name: str
    commands: list
    log: pathlib.Path
    between: typing.Callable = lambda: None


class Done(typing.NamedTuple):
    """How a job ended.

    Attributes:
      job: the `Job`.
      code: exit code of the command that failed, or 0.
      seconds: how long it took.
      words: the last line of the log, where it failed.
    """

    job: Job
    code: int
    seconds: float
    words: str = ""


def run_all(jobs, side_by_side, tell):
    """Runs jobs; one that fails leaves the others alone.

    Args:
      jobs: `Job`s.
      side_by_side: how many at once; each gets its share of the cores, where the system can say so.
      tell: (`Done`) -> None, called as they end.

    Returns:
      [`Done`].

    Raises:
      KeyboardInterrupt: on SIGINT and SIGTERM, once what runs was told to save and has ended.
    """
    runner, ended = Runner(side_by_side), []
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:
            waiting = [pool.submit(runner.run, job) for job in jobs]
            try:
                for future in concurrent.futures.as_completed(waiting):
                    ended.append(future.result())
                    tell(ended[-1])
            except BaseException:
                for future in waiting:
                    future.cancel()
                runner.stop()
                raise
    finally:
        signal.signal(signal.SIGTERM, before)
    return ended


def _interrupt(number, frame):
    raise KeyboardInterrupt


def shares(count):
    """The cores of each of `count` jobs; None where the system does not say which there are."""
    if not hasattr(os, "sched_getaffinity"):
        return [None] * count
    cores = sorted(os.sched_getaffinity(0))
    return [set(cores[i::count]) or {cores[i % len(cores)]} for i in range(count)]


class Runner:
    """Starts the processes, and knows which are alive."""

    def __init__(self, side_by_side):
        self._cores = queue.SimpleQueue()
        for share in shares(side_by_side):
            self._cores.put(share)
        self._lock = threading.Lock()
        self._alive = set()
        self._stopped = False

    def run(self, job):
        """Runs a job's commands until one fails."""
        began, cores = time.monotonic(), self._cores.get()
        job.log.parent.mkdir(parents=True, exist_ok=True)
        code, why = 0, None
        try:
            with open(job.log, "a", encoding="utf-8") as log:
                for i, (module, words) in enumerate(job.commands):
                    why = job.between() if i == 1 else None
                    code = 1 if why else self._wait(self._start(module, words, log, cores))
                    if code:
                        break
        finally:
            self._cores.put(cores)
        words = (why or last_line(job.log)) if code else ""
        return Done(job, code, time.monotonic() - began, words)

    def _start(self, module, words, log, cores):
        """The process of a command, or None after `stop`."""
        code = f"from oneshot_tf.commands import flags, {module}; flags.run({module}.main)"
        path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(
                [sys.executable, "-c", code, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": path},
            )
            self._alive.add(process)
        if cores is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                os.sched_setaffinity(process.pid, cores)
        return process

    def _wait(self, process):
        if process is None:
            return 130
        code = process.wait()
        with self._lock:
            self._alive.discard(process)
        return code

    def stop(self):
        """Starts no more, and tells what runs to save and end."""
        with self._lock:
            self._stopped = True
            for process in self._alive:
                process.terminate()


def last_line(path):
    """The last line of a text file that says anything."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "")

"""Commands as processes of their own that start at once.

Each is forked from one that has imported them all, which is most of what a short command does. What
then happens to it (a signal, a full disk) happens to it alone.
"""

import concurrent.futures
import ctypes
import functools
import importlib
import multiprocessing
import os
import pathlib
import resource
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ("train", "eval", "export", "report", "prepare")
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([f"oneshot_tf.commands.{name}" for name in COMMANDS])
VERSION_3, OVERRIDE = 0x20080522, 1  # Linux' _LINUX_CAPABILITY_VERSION_3 and CAP_DAC_OVERRIDE


class Command:
    """A command that has been started; to be used as a `subprocess.Popen`.

    Args:
      name: one of `COMMANDS`.
      words: its flags.
      under: None, or what is called first in the process: `full_disk(most)`, `as_anyone`.
    """

    def __init__(self, name, words, under=None):
        pairs = [CONTEXT.Pipe(duplex=False) for _ in ("stdout", "stderr")]
        self._readers = [reader for reader, _ in pairs]
        writers = [writer for _, writer in pairs]
        # a daemon: a test that fails while it runs does not wait for its end
        arguments = name, words, writers, under
        self._process = CONTEXT.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        for writer in writers:
            writer.close()

    def poll(self):
        """The exit code (minus the number of the signal that ended it), or None while it runs."""
        return self._process.exitcode

    returncode = property(poll)

    def kill(self):
        self._process.kill()

    def communicate(self):
        """(what it printed, what it printed of errors), when it has ended."""
        with concurrent.futures.ThreadPoolExecutor(len(self._readers)) as pool:
            printed = tuple(pool.map(_read, self._readers))
        self._process.join()
        return printed


def full_disk(most):
    """For `Command`: as on a full disk, what is written beyond so many bytes of a file fails."""
    return functools.partial(_limit, most)


def as_anyone():
    """For `Command`: takes from a superuser what lets it write everywhere."""
    if os.geteuid() != 0:
        return
    libc, words = ctypes.CDLL(None, use_errno=True), ctypes.c_uint32
    header = (words * 2)(VERSION_3, 0)
    sets = (words * 6)()  # effective, permitted, inheritable; again for those from 32 on
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    sets[0] &= ~(1 << OVERRIDE)
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


def _limit(most):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _read(connection):
    with open(os.dup(connection.fileno()), encoding="utf-8") as text:
        return text.read()


def _run(name, words, writers, under):
    """The command, in its process."""
    for descriptor, writer in enumerate(writers, start=1):
        os.dup2(writer.fileno(), descriptor)
        writer.close()
    os.chdir(ROOT)
    sys.dont_write_bytecode = True  # on a full disk half of a module's would stay, and break it
    if under:
        under()
    sys.argv = [name, *words]
    command = importlib.import_module(f"oneshot_tf.commands.{name}")
    importlib.import_module("oneshot_tf.commands.flags").run(command.main)

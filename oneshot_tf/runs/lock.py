"""One process trains in a folder at a time.

The lock is an advisory one on an open file (`flock`, on Windows `msvcrt`): it ends with its process,
however that ends. Reading a running folder, as tests and exports do, takes no lock. Network folders
that know no such locks get one by a file that names its process, which a crash of the machine can leave.
"""

import contextlib
import os
import pathlib
import platform

import filelock

from oneshot_tf.errors import UserError
from oneshot_tf.files import refuse_pattern, write_text

LOCK, HOLDER = ".lock", ".holder"


@contextlib.contextmanager
def held(workdir):
    """Holds a run's folder, which it makes, for this process.

    Raises:
      UserError: another process trains there, it cannot be written, or could not be read again.
    """
    workdir = pathlib.Path(workdir)
    refuse_pattern(workdir)
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(workdir / LOCK, blocking=False)
        lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"{workdir} is being trained in by {_holder(workdir)}; wait for it, stop it, or name "
            "another --workdir"
        ) from None
    except OSError as error:
        raise UserError(
            f"--workdir={workdir} cannot be written ({error.strerror}); name another folder"
        ) from None
    try:
        write_text(workdir / HOLDER, f"process {os.getpid()} on {platform.node()}\n")
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            (workdir / HOLDER).unlink()
        lock.release()


def _holder(workdir):
    try:
        return (workdir / HOLDER).read_text(encoding="utf-8").strip()
    except OSError:  # it is just starting or ending
        return "another process"

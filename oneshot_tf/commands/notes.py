"""Keeps TensorFlow's notes from the terminal, where they would bury the one line that matters.

Its compilers and devices write some straight to file descriptor 2, through a log that does not know
`TF_CPP_MIN_LOG_LEVEL` and that Python cannot reach. So what is written there goes through a process
of its own, which this file is too: it passes on all but notes, and being another process it passes
on the last words of one that crashed as well. Python's own messages do not take that way.
"""

import contextlib
import os
import re
import subprocess
import sys

# "I0000 00:00:1795886269.025187 13563 device_compiler.h:186] Compiled cluster using XLA! ...", and
# what is reported as an error where a library is registered twice, which is always so on a GPU
_NOTE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR\s*$"
    rb"|I\d{4} \d\d:\d\d:\d\d?[.\d]* +\d+ \S+:\d+\] "
    rb"|[EW]\d{4} .*\] (Unable to register cu\w+ factory|computation placer already registered)"
)
_PATIENCE = 5  # seconds for what a finished command has written


def is_note(line):
    """Whether a line of bytes says nothing of what is wrong."""
    return _NOTE.match(line) is not None


@contextlib.contextmanager
def kept_back():
    """Within, notes that are written to file descriptor 2 are not shown.

    Does nothing where Python's stderr is another (a notebook, a test), or where the user asked for
    notes by TF_CPP_MIN_LOG_LEVEL=0.
    """
    ours = sys.stderr
    wanted = os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0"
    if wanted or ours is None or ours is not sys.__stderr__ or ours.fileno() != 2:
        yield
        return
    ours.flush()
    # a session of its own: Ctrl-C is for the command alone
    reader = subprocess.Popen(
        [sys.executable, "-IS", __file__], stdin=subprocess.PIPE, start_new_session=True
    )
    terminal = os.dup(2)
    os.dup2(reader.stdin.fileno(), 2)
    reader.stdin.close()
    with open(terminal, "w", buffering=1, encoding=ours.encoding, errors=ours.errors) as direct:
        sys.stderr = direct
        try:
            yield
        finally:
            sys.stderr = ours
            ours.flush()
            direct.flush()
            os.dup2(terminal, 2)
            with contextlib.suppress(subprocess.TimeoutExpired):  # a child may still write
                reader.wait(_PATIENCE)


def pass_on(lines, write):
    """Writes all lines but notes."""
    for line in lines:
        if not is_note(line):
            write(line)


if __name__ == "__main__":
    pass_on(sys.stdin.buffer, lambda line: os.write(2, line))

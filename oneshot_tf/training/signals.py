"""How a run ends on SIGINT and SIGTERM."""

import signal

CODES = {signal.SIGINT: 130, signal.SIGTERM: 0}  # exit codes


class Interrupted(Exception):
    """A signal ended the run after its state was saved; `code` is the exit code."""

    def __init__(self, code):
        super().__init__(f"exit code {code}")
        self.code = code


class Signals:
    """Turns SIGINT and SIGTERM into an exit code, which the loop checks between calls."""

    def __init__(self):
        self.code = None

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in CODES}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        del frame
        self.code = CODES[number]

"""How a run ends on SIGINT and SIGTERM."""

import signal
import threading

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
        # Python lets the main thread alone handle them: elsewhere, whoever started the thread does
        mine = CODES if threading.current_thread() is threading.main_thread() else ()
        self._before = {number: signal.signal(number, self._note) for number in mine}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        del frame
        self.code = CODES[number]

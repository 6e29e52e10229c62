"""Threads that run graphs, with a queue of bounded length before them."""

import concurrent.futures
import math
import os
import threading
import time

from oneshot_tf.serving.rest_values import RequestError

PATIENCE = 1.0  # seconds after which to try again, at least


class Workers:
    """A pool of threads that says so when it is full.

    Args:
      threads: how many requests run at once; None is one a core.
      queue: how many more may wait.
      name: of its threads.
    """

    def __init__(self, threads=None, queue=64, name="graph"):
        self.threads = threads or os.cpu_count() or 1
        self.queue = queue
        self._pool = concurrent.futures.ThreadPoolExecutor(self.threads, name)
        self._lock = threading.Lock()
        self._inside = 0
        self._seconds = 0.01  # that a request takes, a running mean

    @property
    def inside(self):
        """How many requests are waiting or running."""
        return self._inside

    def submit(self, function, *arguments):
        """Runs `function(*arguments)` in a thread.

        Returns:
          A `concurrent.futures.Future`.

        Raises:
          RequestError: 503, as many are waiting as may.
        """
        with self._lock:
            if self._inside >= self.threads + self.queue:
                raise self._full()
            self._inside += 1
        future = self._pool.submit(self._timed, function, *arguments)
        future.add_done_callback(self._left)
        return future

    def _timed(self, function, *arguments):
        start = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            self._seconds += 0.1 * (time.perf_counter() - start - self._seconds)

    def _left(self, future):
        del future
        with self._lock:
            self._inside -= 1

    def _full(self):
        wait = max(PATIENCE, self._inside * self._seconds / self.threads)
        return RequestError(
            f"{self.queue} requests are waiting already, as many as may; try again later",
            503,
            math.ceil(wait),
        )

    def close(self):
        """Waits for what is running; what was not begun is dropped."""
        self._pool.shutdown(cancel_futures=True)

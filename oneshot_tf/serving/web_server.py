"""Runs the application until a signal, and finishes what is in flight."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import threading

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from oneshot_tf.errors import UserError

_HEAD = 20.0  # seconds for a request's first lines to arrive
_MOST_HEAD = 64 * 1024  # bytes of them
_MOST_CONNECTIONS = 1024


class _Protocol(H11Protocol):
    """HTTP that waits for the head of a request only so long."""

    def connection_made(self, transport):
        super().connection_made(transport)
        self._waiting = None
        self._wait_for_head()

    def data_received(self, data):
        super().data_received(data)
        self._wait_for_head()

    def connection_lost(self, exc):
        if self._waiting is not None:
            self._waiting.cancel()
        super().connection_lost(exc)

    def _wait_for_head(self):
        begun = self.conn.their_state is not h11.IDLE
        if begun and self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        elif not begun and self._waiting is None:
            self._waiting = self.loop.call_later(_HEAD, self._too_slow)

    def _too_slow(self):
        self._waiting = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """Stops at SIGTERM and SIGINT, and leaves the process to end as its command says."""

    stopped_by = None

    def __init__(self, config, ready):
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets=None):
        await super().startup(sockets)
        if self.started:  # else the application could not start, and the server stops
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self):
        if threading.current_thread() is not threading.main_thread():
            yield  # no signal comes here
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _stop(self, number):
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True  # asked twice: does not wait
        self.should_exit, self.stopped_by = True, number


def listen(host, port):
    """A socket that is bound to an address.

    Raises:
      UserError: it cannot be had.
    """
    if not 0 <= port < 2**16:  # `getaddrinfo` would take the rest of a division
        raise UserError(f"--port must be 0 to 65535. Received: {port}")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"--host={host} --port={port} cannot be listened on ({error}); choose another --port"
        ) from None
    return bound


def make_server(app, grace, ready):
    """A uvicorn server, which `serve` runs; see there."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        h11_max_incomplete_event_size=_MOST_HEAD,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=grace,
    )
    return _Server(config, ready)


def serve(app, bound, grace, ready):
    """Serves until SIGTERM or SIGINT.

    Args:
      app: the ASGI application.
      bound: a socket, see `listen`.
      grace: seconds for what is in flight.
      ready: () -> None: called once connections are accepted.

    Returns:
      The exit code: 0, 1 if the application could not start, or 130 after SIGINT.
    """
    server = make_server(app, grace, ready)
    server.run(sockets=[bound])  # later versions of uvicorn exit by themselves if it cannot start
    if not server.started:
        return 1
    return 130 if server.stopped_by == signal.SIGINT else 0


def logger(stream=None):
    """(line) -> None: writes to stderr, and to nothing once that is closed."""
    log = logging.getLogger("oneshot_tf.serve")
    log.handlers[:] = [logging.StreamHandler(stream or sys.stderr)]
    log.setLevel(logging.INFO)
    log.propagate = False
    return log.info

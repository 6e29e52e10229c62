"""A server in a thread, with a client that knows nothing of it, and the server as a process."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import typing

from oneshot_tf.serving import repository, web, web_server, workers

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Live:
    """A running server.

    Attributes:
      port: where it listens.
      lines: what it logged.
      server: its `web.Server`.
    """

    def __init__(self, folders, threads=2, queue=64, **settings):
        self.lines = []
        models = {name: repository.Served(name, folder) for name, folder in folders.items()}
        pool = workers.Workers(threads, queue)
        self.server = web.Server(models, pool, web.Settings(**settings), self.lines.append)
        self._bound = web_server.listen("127.0.0.1", 0)
        self.port = self._bound.getsockname()[1]
        self._ready = threading.Event()
        self._uvicorn = web_server.make_server(web.make_app(self.server), 10, self._ready.set)
        self._thread = threading.Thread(target=self._uvicorn.run, args=([self._bound],))

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_):
        self._uvicorn.should_exit = True
        self._thread.join()
        self.server.close()

    def connect(self):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60))

    def ask(self, method, path, body=None, headers=()):
        """(status, the answer: an object if it is JSON, else bytes, its headers)."""
        content = json.dumps(body) if isinstance(body, (dict, list)) else body
        with self.connect() as connection:
            connection.request(method, path, content, dict(headers))
            response = connection.getresponse()
            text = response.read()
        found = {key.lower(): value for key, value in response.getheaders()}
        is_json = found.get("content-type") == "application/json"
        return response.status, json.loads(text) if is_json else text, found

    def predict(self, name, signature, by="inputs", **values):
        """As of `ask`, of a request to `:predict`."""
        body = {"signature_name": signature, by: values}
        return self.ask("POST", f"/v1/models/{name}:predict", body)


class Process(typing.NamedTuple):
    """`python -m oneshot_tf.serve`, serving.

    Attributes:
      running: its `subprocess.Popen`.
      port: where it listens.
      said: () -> what it has said so far.
    """

    running: subprocess.Popen
    port: int
    said: typing.Callable


@contextlib.contextmanager
def process(*words):
    """The `Process` of a command line, once it serves; it is killed in the end."""
    command = [sys.executable, "-m", "oneshot_tf.serve", "--port=0", *words]
    with tempfile.NamedTemporaryFile() as said:  # a pipe that nobody reads would fill up
        running = subprocess.Popen(
            command, cwd=ROOT, stderr=said, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        try:
            found = None
            while found is None:
                assert running.poll() is None, running.returncode
                time.sleep(0.1)
                text = pathlib.Path(said.name).read_text()
                found = re.search(r"^Serving on http://\S+:(\d+) ", text, re.M)
            yield Process(running, int(found[1]), pathlib.Path(said.name).read_text)
        finally:
            running.kill()
            running.wait()

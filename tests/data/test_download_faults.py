"""Downloads that are killed, and two of the same file at once."""

import hashlib
import http.server
import re
import subprocess
import sys
import time

import pytest

from tests.data.test_download import serving

CONTENT = bytes(range(256)) * 4000
FETCH = """
import pathlib, sys
from oneshot_tf.data import download
download.fetch(sys.argv[1:2], pathlib.Path(sys.argv[2]), sys.argv[3])
"""
KILLS = 10


class _Slow(http.server.BaseHTTPRequestHandler):
    """Serves 64 KB at a time, or ranges of it; `server.log` keeps where each request began."""

    def do_GET(self):
        wanted = self.headers.get("Range")
        start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
        self.server.log.append(start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        for at in range(start, len(CONTENT), 1 << 16):
            try:
                self.wfile.write(CONTENT[at : min(at + (1 << 16), len(CONTENT))])
            except OSError:  # killed
                return
            time.sleep(self.server.pause)

    def log_message(self, *args):
        """Says nothing."""


@pytest.fixture
def server(monkeypatch):
    with serving(_Slow, monkeypatch) as running:
        running.pause = 0.02
        yield running


def fetching(server, target):
    """A process that fetches the file."""
    md5 = hashlib.md5(CONTENT).hexdigest()
    words = [sys.executable, "-c", FETCH, server.url("slow"), str(target), md5]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_ten_kills_leave_a_part_that_is_gone_on_from(server, tmp_path):
    target = tmp_path / "data" / "f.zip"
    part = target.with_name("f.zip.part")
    for kill in range(KILLS):
        process, before = fetching(server, target), part.stat().st_size if part.exists() else 0
        while process.poll() is None and (not part.exists() or part.stat().st_size == before):
            time.sleep(0.001)
        time.sleep(0.005 * kill)
        process.kill()
        process.communicate()
        if target.exists():  # the last may have been quicker
            break
        assert CONTENT.startswith(part.read_bytes())
    process = fetching(server, target)
    assert process.communicate()[1] == "" and process.returncode == 0
    assert target.read_bytes() == CONTENT and list(target.parent.iterdir()) == [target]
    assert server.log == sorted(server.log)  # nothing was asked for twice


def test_of_two_at_once_one_waits(server, tmp_path):
    target = tmp_path / "data" / "f.zip"
    server.pause = 0.3
    processes = [fetching(server, target) for _ in range(2)]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(said) == ["", "Another process fetches f.zip; waiting for it.\n"]
    assert server.log == [0] and target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]

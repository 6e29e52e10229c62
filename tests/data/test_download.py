"""Downloads against a server of our own on this machine."""

import contextlib
import hashlib
import http.server
import re
import socket
import threading
import time

import pytest

from oneshot_tf.data import download
from oneshot_tf.errors import UserError

CONTENT = bytes(range(256)) * 400
MD5 = hashlib.md5(CONTENT).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves by path; `server.log` keeps (path, Range) of every request."""

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.log.append((self.path, wanted))
        kind = self.path.strip("/").split("/")[0]
        if kind == "missing":
            self.send_error(404)
            return
        content = b"x" * len(CONTENT) if kind == "wrong" else CONTENT
        start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted and kind != "no_ranges" else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = kind == "always_cut" or (kind == "cut" and len(self.server.log) <= 2)
        self.wfile.write(content[start : start + 30_000] if cut else content[start:])

    def log_message(self, *args):
        """Says nothing."""


@contextlib.contextmanager
def serving(handler, monkeypatch):
    """A server on a free port: `server.url(kind)`, `server.log`."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.log = []
        running.url = lambda kind: f"http://127.0.0.1:{running.server_address[1]}/{kind}/f.zip"
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "RETRY_SECONDS", 0.0)
    with serving(_Handler, monkeypatch) as running:
        yield running


@pytest.fixture
def target(tmp_path):
    return tmp_path / "data" / "f.zip"


def closed_port():
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/f.zip"


def part_of(target):
    return target.with_name("f.zip.part")


def begin(target, content):
    target.parent.mkdir()
    part_of(target).write_bytes(content)


def test_whole_file(server, target):
    assert download.fetch([server.url("good")], target, MD5) == target
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["f.zip"]


def test_present_file_is_not_fetched(server, target):
    target.parent.mkdir()
    target.write_bytes(b"the user's own")
    download.fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == b"the user's own" and not server.log


def test_resumes(server, target):
    begin(target, CONTENT[:1000])
    download.fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT
    assert server.log == [("/good/f.zip", "bytes=1000-")]


def test_complete_part_is_taken(server, target):
    begin(target, CONTENT)
    download.fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT


def test_starts_anew_where_the_server_ignores_ranges(server, target):
    begin(target, CONTENT[:1000])
    download.fetch([server.url("no_ranges")], target, MD5)
    assert target.read_bytes() == CONTENT


def test_starts_anew_where_the_part_was_of_another_file(server, target):
    begin(target, b"y" * 1000)
    download.fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.log] == ["bytes=1000-", None]


def test_cut_connection_is_resumed(server, target):
    download.fetch([server.url("cut")], target, MD5)
    assert target.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.log] == [None, "bytes=30000-", "bytes=60000-"]


def test_cut_too_often_leaves_the_part_for_the_next_time(server, target, monkeypatch):
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    with pytest.raises(download.DownloadError, match="cut off 2 times"):
        download.fetch([server.url("always_cut")], target, MD5)
    assert not target.exists() and part_of(target).stat().st_size == 60_000
    download.fetch([server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("bad", ["wrong", "missing"])
def test_next_mirror_after_a_bad_one(server, target, bad):
    download.fetch([server.url(bad), server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT


def test_next_mirror_after_a_dead_one(server, target):
    download.fetch([closed_port(), server.url("good")], target, MD5)
    assert target.read_bytes() == CONTENT


def test_all_mirrors_bad(server, target):
    with pytest.raises(download.DownloadError) as caught:
        download.fetch([server.url("wrong"), server.url("missing")], target, MD5)
    message = str(caught.value)
    for piece in ("f.zip", str(target.parent), "checksum", "404", "--data_dir", "ONESHOT_TF_DATA"):
        assert piece in message
    assert "\n" not in message
    assert list(target.parent.iterdir()) == []


def test_refuses_more_than_the_bound(server, target, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", 1000)
    with pytest.raises(download.DownloadError, match="more than the allowed 1000"):
        download.fetch([server.url("good")], target, MD5)


def test_time_limit(server, target, monkeypatch):
    monkeypatch.setattr(download, "TOTAL_SECONDS", -1.0)
    with pytest.raises(download.DownloadError, match="not done after"):
        download.fetch([server.url("good")], target, MD5)


def test_refused_connection_is_quick(target, monkeypatch):
    monkeypatch.setattr(download, "REACH_SECONDS", 120.0)  # of hosts that do not answer
    begun = time.monotonic()
    with pytest.raises(download.DownloadError, match="no network"):
        download.fetch([closed_port()] * 2, target, MD5)
    assert time.monotonic() - begun < 30
    assert not target.parent.exists()


def test_gives_up_on_hosts_that_do_not_answer(target, monkeypatch):
    """A connection, or the look-up of a name, that hangs."""
    release = threading.Event()

    def hang(*args, **kwargs):
        release.wait(60)
        raise OSError("at last")

    monkeypatch.setattr(socket, "create_connection", hang)
    monkeypatch.setattr(download, "REACH_SECONDS", 0.2)
    begun = time.monotonic()
    with pytest.raises(download.DownloadError, match="no network"):
        download.fetch(["http://a.invalid/f.zip", "https://b.invalid/f.zip"], target, MD5)
    assert time.monotonic() - begun < 30
    release.set()


def test_server_that_stalls(target, monkeypatch):
    monkeypatch.setattr(download, "STALL_SECONDS", 0.1)
    monkeypatch.setattr(download, "RETRY_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/f.zip"
        with pytest.raises(download.DownloadError, match="timed out"):
            download.fetch([url], target, MD5)


def test_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="folder that can be written") as caught:
        download.fetch([server.url("good")], tmp_path / "file" / "f.zip", MD5)
    assert not isinstance(caught.value, download.DownloadError)

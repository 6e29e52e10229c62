"""Requests that wait: in a full queue, behind large ones, too long."""

import contextlib
import socket
import threading

import pytest

from oneshot_tf.serving import limits, predicting, web
from tests.serving.live import Live


@pytest.fixture
def held(monkeypatch):
    """Graphs wait for this event before they answer."""
    event, answer = threading.Event(), predicting.predict

    def predict(*arguments):
        event.wait(30)
        return answer(*arguments)

    monkeypatch.setattr(predicting, "predict", predict)
    yield event
    event.set()


@contextlib.contextmanager
def two_asking(server, pool, **inputs):
    """Two clients whose requests are inside a pool in the block; gives their status codes, which come after it."""
    found = []

    def ask():
        found.append(server.predict("matching", "classify_encoded", **inputs)[0])

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    while pool.inside < 2:
        threading.Event().wait(0.01)
    yield found
    for thread in threads:
        thread.join()


def test_a_full_queue_says_when_to_come_again(folders, encoded, held):
    with Live(folders, threads=1, queue=1) as server:
        with two_asking(server, server.server.workers, **encoded) as found:
            status, answer, headers = server.predict("matching", "classify_encoded", **encoded)
            assert status == 503 and int(headers["retry-after"]) >= 1
            assert "waiting already" in answer["error"]
            held.set()
        assert found == [200, 200]
        assert server.predict("matching", "classify_encoded", **encoded)[0] == 200


def test_large_requests_leave_the_threads_to_others(folders, encoded, monkeypatch):
    go, answer = threading.Event(), predicting.answer

    def held_if_large(version, asked):
        if asked.large:
            go.wait(30)
        return answer(version, asked)

    monkeypatch.setattr(predicting, "answer", held_if_large)
    monkeypatch.setattr(limits, "LARGE_PICTURES", 8)
    many = {**encoded, "query_bytes": encoded["query_bytes"] * 2}
    with Live(folders, threads=1) as server:
        with two_asking(server, server.server.large, **many) as found:
            assert server.predict("matching", "classify_encoded", **encoded)[0] == 200
            assert not found
            go.set()
        assert found == [200, 200]


def test_time_limits(folders, encoded, held):
    with Live(folders, threads=1, timeout=0.2) as server:
        status, answer, _ = server.predict("matching", "classify_encoded", **encoded)
        assert status == 504 and "within 0.2 seconds" in answer["error"]
        held.set()
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(
                b"POST /v1/models/matching:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"
            )
            assert client.recv(2**16).startswith(b"HTTP/1.1 408")
        server.server.settings = web.Settings()  # a slow machine may take longer than the limit
        assert server.predict("matching", "classify_encoded", **encoded)[0] == 200

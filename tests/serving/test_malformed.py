"""Requests that no client should send: 4xx with a message, and the next right one is answered."""

import base64
import copy
import json
import socket
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving import exports
from tests.serving.live import Live

PREDICT = "/v1/models/matching:predict"
pytestmark = pytest.mark.slow


def b64(content):
    return {"b64": base64.b64encode(content).decode()}


@pytest.fixture(scope="module")
def live(served):
    with Live({"matching": served.export("matching").path}, timeout=15.0) as server:
        yield server


@pytest.fixture(scope="module")
def right(encode):
    """A right request of `classify_encoded`."""
    random = np.random.default_rng(0)
    files = [b64(encode(exports.drawing(random, 30, 20 + 3 * k, 1))) for k in range(5)]
    inputs = {"support_bytes": files[:4], "support_labels": [0, 1, 0, 1], "query_bytes": files[4:]}
    return {"signature_name": "classify_encoded", "inputs": inputs}


@pytest.fixture(scope="module")
def expected(live, right):
    status, answer, _ = live.ask("POST", PREDICT, right)
    assert status == 200
    return answer


def png(width, height, body=b""):
    """A PNG whose header says a size."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def changes(right, **inputs):
    return json.dumps({**right, "inputs": {**right["inputs"], **inputs}})


CASES = {
    "no JSON": lambda right: b"\x00\x01\x02",
    "half of a request": lambda right: json.dumps(right)[:-40],
    "another encoding": lambda right: json.dumps(right).encode("utf-16")[:-1],
    "deep lists": lambda right: '{"inputs":' + "[" * 200_000 + "]" * 200_000 + "}",
    "a number of a million digits": lambda right: '{"inputs": ' + "1" * 10**6 + "}",
    "a list": lambda right: "[]",
    "labels as words": lambda right: changes(right, support_labels=["a", "b", "c", "d"]),
    "labels as floats": lambda right: changes(right, support_labels=[0.5, 1, 0, 1]),
    "negative labels": lambda right: changes(right, support_labels=[-5, 1, 0, 1]),
    "labels of a million": lambda right: changes(right, support_labels=[10**6, 1, 0, 1]),
    "labels of 100 digits": lambda right: changes(right, support_labels=[10**100, 1, 0, 1]),
    "one label short": lambda right: changes(right, support_labels=[0, 1, 0]),
    "labels in lists": lambda right: changes(right, support_labels=[[0], [1], [0], [1]]),
    "5,000 classes": lambda right: changes(
        right, support_bytes=right["inputs"]["query_bytes"] * 5000, support_labels=list(range(5000))
    ),
    "pictures as numbers": lambda right: changes(right, query_bytes=[1, 2]),
    "no picture": lambda right: changes(right, query_bytes=[]),
    "null": lambda right: changes(right, query_bytes=None),
    "bad base64": lambda right: changes(right, query_bytes=[{"b64": "$$$"}]),
    "huge base64": lambda right: changes(right, query_bytes=[{"b64": "QUFB" * (3 * 2**20)}]),
    "a GIF": lambda right: changes(right, query_bytes=[b64(b"GIF89a" + b"\x00" * 50)]),
    "a truncated PNG": lambda right: changes(
        right, query_bytes=[b64(base64.b64decode(right["inputs"]["query_bytes"][0]["b64"])[:60])]
    ),
    "a PNG of 30,000 x 30,000 pixels": lambda right: changes(
        right, query_bytes=[b64(png(30_000, 30_000, b"\x00" * 10**6))]
    ),
    "a PNG of no pixels": lambda right: changes(right, query_bytes=[b64(png(0, 0))]),
    "a PNG of 2 billion x 1": lambda right: changes(right, query_bytes=[b64(png(2**31 - 1, 1))]),
    "a hundred large PNGs": lambda right: changes(
        right, query_bytes=[b64(png(1000, 1000, b"\x00" * 1001000))] * 100
    ),
    "arrays that are NaN": lambda right: json.dumps(
        {"inputs": {"support_images": [[[[[float("nan")]] * 8] * 8]], "support_labels": [[0]],
                    "query_images": [[[[[0.5]] * 8] * 8]]}}
    ),
    "arrays of another size": lambda right: json.dumps(
        {"inputs": {"support_images": [[[[[0.5]] * 9] * 9]], "support_labels": [[0]],
                    "query_images": [[[[[0.5]] * 8] * 8]]}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_written(live, right, expected, case):
    body = CASES[case](right)
    body = body.encode() if isinstance(body, str) else body
    status, answer, _ = live.ask("POST", PREDICT, body)
    assert 400 <= status < 500, answer
    assert set(answer) == {"error"} and 10 < len(answer["error"]) < 1000
    assert live.ask("POST", PREDICT, right)[1] == expected


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_wrong_paths(live, right, expected, method):
    for path in ("/v1", "/v1/", "/v1/models/", "/v2/models/matching:predict", "/v1/models/../x:predict",
                 "/v1/models/%2e%2e/metadata", "/v1/models/matching:predict/", "//", "/%00", "/cards/../web.py",
                 "/v1/models/matching/versions/-1", "/js/%2e%2e/%2e%2e/web.py", "/settings.json/x"):  # fmt: skip
        status, _, _ = live.ask(method, path, b"{}")
        assert 400 <= status < 500 or (path, method, status) == ("//", "GET", 200), (
            method,
            path,
            status,
        )
    assert live.ask("POST", PREDICT, right)[1] == expected


def test_slow_bodies(live, right, expected):
    """As many as would fill the queue: they hold no thread, and time out."""
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{{".encode()
    slow = [socket.create_connection(("127.0.0.1", live.port)) for _ in range(100)]
    for client in slow:
        client.sendall(head)
    assert live.ask("POST", PREDICT, right)[1] == expected
    for client in slow:
        client.settimeout(60)
        assert client.recv(100).startswith(b"HTTP/1.1 408")
        client.close()
    assert live.ask("POST", PREDICT, right)[1] == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


def places(value, at=()):
    """The paths to all values inside a JSON value."""
    yield at
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in pairs:
        yield from places(inner, (*at, key))


@settings(
    max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(data=st.data())
def test_drawn(live, right, expected, data):
    """Bytes, JSON, or a right request with one value in the place of another."""
    kind = data.draw(st.sampled_from(["bytes", "json", "changed", "changed", "changed"]))
    if kind == "bytes":
        body = data.draw(st.binary(max_size=60))
    elif kind == "json":
        body = json.dumps(data.draw(JSON)).encode()
    else:
        request = copy.deepcopy(right)
        *way, last = data.draw(st.sampled_from([at for at in places(request) if at]))
        inside = request
        for key in way:
            inside = inside[key]
        inside[last] = data.draw(JSON)
        body = json.dumps(request).encode()
    status, answer, _ = live.ask("POST", PREDICT, body)
    assert status == 200 and kind == "changed" or 400 <= status < 500, (status, answer, body)
    assert status == 200 or (set(answer) == {"error"} and answer["error"])
    assert live.ask("POST", PREDICT, right)[1] == expected

"""The server's answers, as a client of TensorFlow Serving's REST API reads them."""

import base64
import re
import select
import socket
import threading

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.serving import predicting
from oneshot_tf.serving.rest_values import RequestError
from tests.serving import exports
from tests.serving.live import Live


@pytest.fixture(scope="module")
def live(folders):
    with Live(folders, most_bytes=2**20, poll=60.0) as server:
        yield server


def as_tensors(encoded):
    decoded = {n: [base64.b64decode(t["b64"]) for t in v] for n, v in encoded.items() if "by" in n}
    return {
        "support_labels": tf.constant(encoded["support_labels"], tf.int64),
        **{name: tf.constant(values) for name, values in decoded.items()},
    }


def test_encoded_pictures_get_the_signatures_answer(live, served, encoded):
    status, answer, headers = live.predict("matching", "classify_encoded", **encoded)
    assert status == 200 and headers["content-type"] == "application/json"
    expected = served("matching")[1]["classify_encoded"](**as_tensors(encoded))
    assert set(answer["outputs"]) == {"probabilities", "labels", "attention"}
    for name, values in answer["outputs"].items():
        np.testing.assert_array_equal(np.array(values, expected[name].dtype.as_numpy_dtype), expected[name])  # fmt: skip


@pytest.mark.parametrize("by", ["inputs", "instances"])
def test_arrays_by_column_and_by_row(live, served, by):
    given = exports.request()
    expected = served("matching")[1]["classify"](**exports.tensors(given))
    columns = {name: array.tolist() for name, array in given.items()}
    body = {"inputs": columns}  # `classify` is the default signature
    if by == "instances":
        rows = zip(*columns.values(), strict=True)
        body = {"instances": [dict(zip(columns, row, strict=True)) for row in rows]}
    status, answer, _ = live.ask("POST", "/v1/models/matching:predict", body)
    assert status == 200
    if by == "inputs":
        found = answer["outputs"]["probabilities"]
    else:
        found = [row["probabilities"] for row in answer["predictions"]]
    np.testing.assert_array_equal(np.array(found, np.float32), expected["probabilities"])


PREDICT = "/v1/models/matching:predict"
# (method, path, body) -> (status, the answer, or words of its "error")
TABLE = [
    ("GET", "/v1/models/matching", None, 200,
     {"model_version_status": [{"version": "1", "state": "AVAILABLE",
                                "status": {"error_code": "OK", "error_message": ""}}]}),
    ("GET", "/v1/models/matching/versions/1", None, 200,
     {"model_version_status": [{"version": "1", "state": "AVAILABLE",
                                "status": {"error_code": "OK", "error_message": ""}}]}),
    ("GET", "/v1/models/matching/versions/7", None, 404, "version 7"),
    ("GET", "/v1/models/nobody", None, 404, "Could not find any versions of model nobody"),
    ("GET", "/v1/models/nobody/metadata", None, 404, "Could not find any versions"),
    ("GET", "/v1/models/matching/versions/7/metadata", None, 404, "Specific(matching, 7)"),
    ("GET", "/v1/models", None, 400, "Malformed request: GET /v1/models"),
    ("GET", "/v1/models/matching/versions/x", None, 400, "Malformed request"),
    ("GET", "/v1/models/matching/versions/" + "9" * 30, None, 400, "to numeric"),
    ("GET", PREDICT, None, 400, "Malformed request: GET"),
    ("PUT", PREDICT, "{}", 400, "Malformed request: PUT"),
    ("POST", "/v1/models/matching:guess", "{}", 400, "Malformed request: POST"),
    ("POST", "/v1/models/matching:classify", "{}", 400, "tensorflow/serving/classify"),
    ("POST", "/v1/models/matching:regress", "{}", 400, "tensorflow/serving/regress"),
    ("POST", "/v1/models/nobody:predict", "{}", 404, "Servable not found for request: Latest(nobody)"),
    ("POST", "/v1/models/matching/versions/2:predict", "{}", 404, "Specific(matching, 2)"),
    ("POST", "/v1/models/matching/versions/1:predict", "{}", 400, "Missing 'inputs' or 'instances'"),
    ("POST", PREDICT, "", 400, "document is empty"),
    ("POST", PREDICT, "{", 400, "JSON Parse error"),
    ("POST", PREDICT, b"\xff\xfe", 400, "JSON Parse error"),
    ("POST", PREDICT, {"signature_name": "x", "inputs": 1}, 400, 'name: "x" not found in signature'),
    ("POST", PREDICT, {"signature_name": 3, "inputs": 1}, 400, "must be a string value"),
    ("GET", "/healthz", None, 200, {"status": "ok", "models": ["matching"], "requests": 0}),
    ("GET", "/nothing", None, 404, "Malformed request: GET /nothing"),
    ("GET", "/cards/nobody.md", None, 404, "Servable not found"),
    ("POST", "/healthz", "", 405, "Malformed request"),
    ("GET", "/%2e%2e/web.py", None, 404, "Malformed request"),
]  # fmt: skip


@pytest.mark.parametrize("method, path, body, status, said", TABLE)
def test_requests_and_answers(live, method, path, body, status, said):
    found, answer, _ = live.ask(method, path, body)
    assert found == status, answer
    if isinstance(said, str):
        assert set(answer) == {"error"} and said in answer["error"]
    elif said is not None:
        assert answer == said


def test_metadata(live):
    status, answer, _ = live.ask("GET", "/v1/models/matching/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "matching", "signature_name": "", "version": "1"}
    definitions = answer["metadata"]["signature_def"]["signature_def"]
    assert set(definitions) == {"serving_default", "classify", "classify_encoded", "embed"}
    found = definitions["classify_encoded"]
    assert found["method_name"] == "tensorflow/serving/predict"
    labels = found["inputs"]["support_labels"]
    assert labels["dtype"] == "DT_INT64"
    assert labels["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert {t["dtype"] for n, t in found["inputs"].items() if "bytes" in n} == {"DT_STRING"}
    assert found["outputs"]["attention"]["dtype"] == "DT_FLOAT"


def test_what_the_graph_refuses_is_said(live, encoded):
    _, before, _ = live.predict("matching", "classify_encoded", **encoded)
    for changes, message in (
        ({"support_labels": [0, 1, 2, 0, 1, -2]}, "-1 (padding)"),
        ({"support_labels": [5000] * 6}, "0 to 4095"),
        ({"support_labels": [0, 1]}, "one label for each"),
        ({"query_bytes": []}, "at least one picture"),
        ({"query_bytes": [{"b64": "AAAA"}]}, "must be PNG or JPEG"),
    ):
        status, answer, _ = live.predict("matching", "classify_encoded", **{**encoded, **changes})
        assert status == 400 and message in answer["error"]
        assert "\n" not in answer["error"] and "Node" not in answer["error"]
    assert live.predict("matching", "classify_encoded", **encoded)[1] == before


def test_a_large_body_is_refused_before_it_is_read(live):
    with socket.create_connection(("127.0.0.1", live.port)) as client:
        client.sendall(
            b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n" % PREDICT.encode()
        )
        answer = b"".join(iter(lambda: client.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 413") and b"--max_request_mb" in answer


def test_a_large_body_without_a_length_is_refused_too(live):
    chunks = (b"x" * 2**16 for _ in range(40))
    with live.connect() as connection:
        connection.request("POST", PREDICT, chunks, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})  # fmt: skip
        assert connection.getresponse().status == 413


def test_a_client_that_sends_on_reads_its_refusal(live):
    status, answer, headers = live.ask("POST", PREDICT, b"x" * (3 * 2**20))
    assert status == 413 and "at most 1048576 bytes" in answer["error"]
    assert headers["connection"] == "close"


def test_one_line_a_request():
    with Live({}) as live:
        live.ask("GET", "/healthz")
        live.ask("GET", "/v1/%0aevil%1b")
        live.ask("POST", PREDICT, "{")
    pattern = r'[\d-]+ [\d:.]+ 127\.0\.0\.1 "(\S+) (\S+)" (\d+) \d+ \d+\.\d ms'
    found = [re.fullmatch(pattern, line) for line in live.lines]
    assert [m[3] for m in found] == ["200", "404", "404"]
    assert found[1][2] == "/v1/%0aevil%1b"


def test_the_page_and_what_it_needs(live):
    status, page, headers = live.ask("GET", "/")
    assert status == 200 and page.lstrip().lower().startswith(b"<!doctype html>")
    assert "default-src 'self'" in headers["content-security-policy"]
    status, settings, _ = live.ask("GET", "/settings.json")
    assert status == 200 and settings["rest"] == ""
    assert [model["name"] for model in settings["models"]] == ["matching"]


def test_pages_from_elsewhere_may_not_ask(live, folders):
    for origin, status in (("https://evil.example", 403), (f"http://127.0.0.1:{live.port}", 200)):
        found, _, headers = live.ask("GET", "/v1/models/matching", headers={"Origin": origin})
        assert found == status and "access-control-allow-origin" not in headers
    allowed = "https://friend.example"
    with Live({}, origins=(allowed,)) as server:
        status, _, headers = server.ask("GET", "/healthz", headers={"Origin": allowed})
        assert status == 200 and headers["access-control-allow-origin"] == allowed
        asked = {"Origin": allowed, "Access-Control-Request-Method": "POST"}
        assert server.ask("OPTIONS", "/v1/models/x:predict", headers=asked)[0] == 200
        assert server.ask("GET", "/healthz", headers={"Origin": "https://a.example"})[0] == 403


def test_a_failure_of_the_machine_is_no_fault_of_the_request():
    def fails(**tensors):
        raise tf.errors.ResourceExhaustedError(None, None, "no memory")

    with pytest.raises(RequestError, match="no memory") as error:
        predicting.run(fails, {})
    assert error.value.status == 429


def test_bodies_together_have_a_bound(live, encoded, monkeypatch):
    """Sixteen of the largest at once; what is held is counted until its answer is there."""
    monkeypatch.setattr(live.server, "_most_held", 3 * 2**20)
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" % PREDICT.encode()
    clients = [socket.create_connection(("127.0.0.1", live.port)) for _ in range(4)]
    for client in clients:
        client.sendall(head + b" " * 900_000)
    answered, _, _ = select.select(clients, [], [], 60)
    assert len(answered) == 1 and answered[0].recv(100).startswith(b"HTTP/1.1 503")
    answered[0].close()
    clients.remove(answered[0])
    assert select.select(clients, [], [], 0.5)[0] == []
    for client in clients:
        client.close()
    waits = iter(range(1000))
    while live.server._held and next(waits) < 999:
        threading.Event().wait(0.01)
    assert live.server._held == 0
    assert live.predict("matching", "classify_encoded", **encoded)[0] == 200

"""The server as a process: signals, clients that vanish, heads that never end."""

import contextlib
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from oneshot_tf.errors import UserError
from oneshot_tf.serving import web_server
from tests.serving import exports
from tests.serving.live import Live, process

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLASSIFY = "/v1/models/matching:predict"


def request_body():
    columns = {
        name: array.tolist() for name, array in exports.request(batch=1, queries=200).items()
    }
    return json.dumps({"inputs": columns}).encode()


def post(port, body):
    found = urllib.request.urlopen(f"http://127.0.0.1:{port}{CLASSIFY}", body, timeout=60)
    return json.loads(found.read())["outputs"]["probabilities"]


@pytest.mark.slow
def test_sigterm_under_load(served):
    """What was accepted is answered, nothing hangs, and the exit code is 0."""
    body = request_body()
    with process(f"--export=matching={served.export('matching').path}") as server:
        expected, found, lost = post(server.port, body), [], []

        def ask():
            try:
                while True:
                    found.append(post(server.port, body))
            except OSError as error:
                lost.append(repr(error))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(found) <= 8 and not lost:
            time.sleep(0.05)
        server.running.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        assert server.running.wait(60) == 0
        statuses = re.findall(rf'"POST {CLASSIFY}" (\d+)', server.said())
    assert len(found) > 8 and all(answer == expected for answer in found)
    assert statuses == ["200"] * (len(found) + 1)  # no answer went astray
    # refused; reset where the system had not handed the connection over yet; or closed before it was read
    ends = ("refused", "reset", "closed connection without response")
    assert len(lost) == 8 and all(any(end in what for end in ends) for what in lost), lost


# sends half a request, says so, and waits to be killed
HALF = """
import socket, sys
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
client.sendall(b"POST {path} HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: {length}\\r\\n\\r\\n" + b" " * {sent})
print("sent", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True], ids=["while it sends", "while it waits"])
def test_a_client_is_killed(served, whole):
    body = request_body()
    with Live({"matching": served.export("matching").path}) as live:
        expected = post(live.port, body)
        for _ in range(5):
            program = HALF.format(path=CLASSIFY, length=1000, sent=1000 if whole else 500)
            client = subprocess.Popen(
                [sys.executable, "-c", program, str(live.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )  # fmt: skip
            assert client.stdout.readline() == b"sent\n"
            client.kill()
            client.communicate()
        assert post(live.port, body) == expected
        assert live.server.workers.inside == 0 and live.server._held == 0
    assert [line.split()[5] for line in live.lines][1:6] == ["400" if whole else "499"] * 5


def test_a_head_that_never_ends(monkeypatch):
    monkeypatch.setattr(web_server, "_HEAD", 0.3)
    with Live({}) as live:
        for sent in (b"", b"GET / HT", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", live.port)) as client:
                client.settimeout(20)
                client.sendall(sent)
                if b"healthz" in sent:
                    assert client.recv(2**16).startswith(b"HTTP/1.1 200")
                    client.sendall(b"GET / HT")  # and the next head does not end
                assert b"HTTP/1.1" not in b"".join(iter(lambda c=client: c.recv(2**16), b""))
        assert live.ask("GET", "/healthz")[0] == 200


def test_what_is_no_http():
    with Live({}) as live:
        for sent in (
            b"\x16\x03\x01\x02\x00\x01",
            b"GET\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000,
        ):
            with socket.create_connection(("127.0.0.1", live.port)) as client:
                client.settimeout(20)
                with contextlib.suppress(ConnectionError):
                    client.sendall(sent + b"\r\n")
                    assert client.recv(2**16).startswith(b"HTTP/1.1 400")
        assert live.ask("GET", "/healthz")[0] == 200


def test_an_address_that_is_taken():
    with Live({}) as live, pytest.raises(UserError, match="cannot be listened on.*another --port"):
        web_server.listen("127.0.0.1", live.port)
    with pytest.raises(UserError, match="--host=nowhere.invalid"):
        web_server.listen("nowhere.invalid", 0)
    with pytest.raises(UserError, match="--port must be 0 to 65535"):
        web_server.listen("127.0.0.1", 99999)


@pytest.mark.parametrize("starts", [True, False])
def test_it_says_that_it_serves_once_it_accepts(starts):
    bound, said = web_server.listen("127.0.0.1", 0), []
    address = bound.getsockname()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 10)

    async def app(scope, receive, send):
        assert scope["type"] == "lifespan"
        while True:
            event = (await receive())["type"]
            ending = "complete" if starts or event == "lifespan.shutdown" else "failed"
            await send({"type": f"{event}.{ending}"})

    def ready():
        socket.create_connection(address, 10).close()
        said.append("ready")
        server.should_exit = True

    server = web_server.make_server(app, 1, ready)
    with bound, contextlib.suppress(SystemExit):  # of some versions of uvicorn, if it cannot start
        server.run(sockets=[bound])
    assert said == ["ready"] * starts

"""The flags of `python -m oneshot_tf.serve`, and the command as the README has it."""

import builtins
import json
import pathlib
import re
import shlex
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.commands import serve
from oneshot_tf.errors import UserError
from tests.serving.live import process

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPORT = f"--export={ROOT / 'pretrained' / 'matching_omniglot'}"


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "--export is missing"),
        (["--export=,"], "--export is missing"),
        (["--export=nowhere", "--port=0"], "folder of an exported model"),
        ([EXPORT, "--timeout=0"], "--timeout must be above 0. Received: 0"),
        ([EXPORT, "--max_request_mb=-1"], "--max_request_mb must be above 0"),
        ([EXPORT, "--threads=0"], "--threads must be above 0"),
        ([EXPORT, "--queue=-1"], "--queue must be 0 or more"),
        ([EXPORT, "--allow_origin=example.com"], "--allow_origin must be like https://host:port"),
        ([EXPORT, "--allow_origin=https://a/b"], "Received: https://a/b"),
        ([EXPORT, "--rest=localhost:8501"], "--rest must be like"),
        ([EXPORT, "--port=99999"], "--port must be 0 to 65535. Received: 99999"),
        ([EXPORT, "--prot=1"], "Unknown command line flag 'prot'"),
    ],
)
def test_mistakes(words, message):
    with pytest.raises(UserError, match=re.escape(message)) as error:
        serve.main(["serve", *words])
    assert "\n" not in str(error.value)


def test_a_server_that_is_not_installed(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == "uvicorn" or (name == "oneshot_tf.serving" and "web" in rest[2]):
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        UserError, match=r"uvicorn is missing; install it: pip install 'oneshot_tf\[serve\]'"
    ):
        serve.main(["serve", EXPORT])


@pytest.mark.slow
def test_the_readmes_lines_answer():
    """The server as the README starts it (but for the port), and its line with curl."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (start,) = re.findall(r"^python -m oneshot_tf\.serve (.*)$", text, re.M)
    (ask,) = re.findall(r"^curl (-d @examples/.*)$", text, re.M)
    with process(*shlex.split(start)) as server:
        words = ["curl", "-s", *shlex.split(ask.replace("8501", str(server.port)))]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)["outputs"]
    assert answer["labels"] == [3]
    np.testing.assert_allclose(np.sum(answer["probabilities"]), 1.0, atol=1e-5)


def test_the_readmes_request_is_right():
    request = json.loads((ROOT / "examples" / "request.json").read_text())
    assert request["signature_name"] == "classify_encoded"
    from oneshot_tf.serving import rest_values

    specs = {
        "support_bytes": tf.TensorSpec([None], tf.string),
        "support_labels": tf.TensorSpec([None], tf.int64),
        "query_bytes": tf.TensorSpec([None], tf.string),
    }
    arrays, by_row = rest_values.arrays(request, specs)
    assert not by_row and arrays["support_labels"].tolist() == [0, 1, 2, 3, 4]
    assert all(content.startswith(b"\x89PNG") for content in arrays["support_bytes"])

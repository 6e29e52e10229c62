"""An export behind TensorFlow's C API, which is what a server runs: no Python in the process."""

import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.exports import SIZE, WAY, request, tensor_names, tensors

WHEEL = pathlib.Path(tf.__file__).parent
LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("gcc") is None or not all((WHEEL / name).is_file() for name in LIBRARIES),
        reason="needs gcc and a TensorFlow wheel with its C library",
    ),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The compiled program."""
    program = tmp_path_factory.mktemp("client") / "client"
    source = pathlib.Path(__file__).with_name("client.c")
    # the headers lie under include/, the libraries in the wheel's own folder
    words = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{WHEEL / 'include'}", str(source)]
    words += [*(str(WHEEL / name) for name in LIBRARIES), f"-Wl,-rpath,{WHEEL}", "-o", str(program)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="module")
def exported(served):
    """The folder of a small exported model."""
    return served.export("flmn").path


def write_request(path, arguments):
    """The format that client.c describes."""
    support, labels, query = arguments.values()
    head = [*support.shape[:2], query.shape[1], *support.shape[2:], labels.shape[1]]
    parts = [np.array(head, np.int64), support, labels.astype(np.int64), query]
    path.write_bytes(b"".join(part.tobytes() for part in parts))
    return str(path)


def ask(client, exported, paths):
    """The program's lines, one a request."""
    inputs, outputs = tensor_names(exported, "classify")
    names = [inputs[name].removesuffix(":0") for name in request()]
    words = [str(client), str(exported), *names, outputs["probabilities"], *paths]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_equals_python_and_outlives_bad_requests(client, served, exported, tmp_path):
    good = [request(), request(batch=1, support=5, queries=7, way=2, seed=1)]
    wrong_label = request()
    wrong_label["support_labels"][0, 0] = WAY
    not_a_number = request()
    not_a_number["query_images"][0, 0, 0, 0] = np.nan
    one_label_short = request()
    one_label_short["support_labels"] = one_label_short["support_labels"][:, 1:]
    # as many numbers as right ones have: only the shape tells
    turned = {
        name: value.reshape(*value.shape[:2], 2 * SIZE, SIZE // 2, 1) if value.ndim == 5 else value
        for name, value in request().items()
    }
    everything = [good[0], wrong_label, not_a_number, one_label_short, turned, good[1]]
    paths = [write_request(tmp_path / str(i), r) for i, r in enumerate(everything)]
    first, *bad, last = ask(client, exported, paths)
    for line, expected in zip(
        bad, ["support_labels", "query_images", "support_labels", "support_images"], strict=True
    ):
        assert line.startswith("refused ") and "must" in line and expected in line, line

    answer = served("flmn")[1]["classify"]
    for line, arguments in zip((first, last), good, strict=True):
        word, *numbers = line.split()
        assert word == "ok", line
        expected = answer(**tensors(arguments))["probabilities"].numpy()
        shape = tuple(int(n) for n in numbers[:3])
        assert shape == expected.shape
        found = np.array(numbers[3:], np.float32).reshape(shape)
        np.testing.assert_allclose(found, expected, atol=1e-5)

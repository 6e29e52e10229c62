"""The request that docs/serving.md makes in Python, and the one that its line with curl sends."""

import json
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from oneshot_tf.serving import model, rest_values

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
SPECS = {
    "support_bytes": tf.TensorSpec([None], tf.string),
    "support_labels": tf.TensorSpec([None], tf.int64),
    "query_bytes": tf.TensorSpec([None], tf.string),
}


def answers(export, body):
    """What an export answers to the JSON of a request."""
    arrays, _ = rest_values.arrays(body, SPECS)
    return model.of_export(export).ask(body["signature_name"], **arrays)


def photo(path, seed, orientation=None):
    """A patchy JPEG, with a turn of the camera noted in it."""
    patches = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    image = Image.fromarray(patches).resize((400, 300), Image.Resampling.NEAREST)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif)


def test_the_request_of_the_page_is_answered_as_predict_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k, name in enumerate(["cat", "b", "a"]):
        photo(pathlib.Path("my_photos", name, "0.jpg"), k)
        photo(pathlib.Path("my_photos", name, "1.jpg"), k + 10, orientation=6)
    photo(pathlib.Path("unknown.jpg"), 12, orientation=8)
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    exec(compile(code, "docs/serving.md", "exec"), {})
    body = json.loads(pathlib.Path("request.json").read_text())
    assert body["inputs"]["support_labels"] == [0, 0, 1, 1, 2, 2]
    export = ROOT / "pretrained" / "matching_tiny_imagenet"
    found = answers(export, body)
    files = sorted(pathlib.Path("my_photos").glob("*/*.jpg"))
    expected = model.of_export(export).classify(
        files, [path.parent.name for path in files], [pathlib.Path("unknown.jpg")]
    )
    assert expected.classes == ["a", "b", "cat"]
    np.testing.assert_allclose(found["probabilities"], expected.probabilities, atol=0.05)


@pytest.mark.parametrize("line", re.findall(r"^curl .*$", PAGE, re.M))
def test_the_files_that_curl_sends_are_there_and_fit(line):
    file, name = re.search(r"-d @(\S+) \S*/models/(\w+):predict$", line).groups()
    folder = ROOT / "pretrained" / {"flmn": "flmn_omniglot_1"}.get(name, name)
    found = answers(folder, json.loads((ROOT / file).read_text()))
    assert found["labels"].tolist() == [3]

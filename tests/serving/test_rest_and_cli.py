"""One request, by REST and by `saved_model_cli`: the same numbers."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.serving import exports
from tests.serving.live import Live


@pytest.mark.slow
@pytest.mark.parametrize("signature", ["classify", "sequence"])
def test_the_same_numbers(served, tmp_path, signature):
    path, arrays = served.export("flmn").path, exports.request()
    if signature == "sequence":
        arrays = {"images": arrays["support_images"], "labels": arrays["support_labels"]}
    body = json.loads(json.dumps({name: array.tolist() for name, array in arrays.items()}))
    for name, values in body.items():
        kind = np.int64 if "labels" in name else np.float32
        np.save(tmp_path / f"{name}.npy", np.array(values, kind))
    inputs = ";".join(f"{name}={tmp_path / name}.npy" for name in body)
    program = "from tensorflow.python.tools.saved_model_cli import main; main()"
    words = ["run", "--dir", str(path), "--tag_set", "serve", "--signature_def", signature]
    words += ["--inputs", inputs, "--outdir", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with Live({"flmn": path}) as live:
        status, answer, _ = live.predict("flmn", signature, **body)
    assert status == 200, answer
    assert signature == "classify" or {"read_weights", "write_weights"} < set(answer["outputs"])
    for name, values in answer["outputs"].items():
        expected = np.load(tmp_path / "out" / f"{name}.npy")
        np.testing.assert_allclose(np.array(values), expected, rtol=0, atol=1e-6, err_msg=name)

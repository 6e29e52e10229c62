"""An export where there is TensorFlow but not this package: another process, other tools."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode, SequenceEpisode
from oneshot_tf.serving import signatures
from tests.serving.exports import SIZE, WAY, request, shake

# runs every request of requests.npz (named <signature>/<number>/<argument>) and keeps the answers
ALONE = """
import sys
sys.modules["oneshot_tf"] = None  # even where it is installed
try:
    import oneshot_tf
except ImportError:
    pass
else:
    raise SystemExit("the package can be imported")
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
requests = {}
for key, value in np.load(sys.argv[2]).items():
    signature, number, name = key.split("/")
    requests.setdefault((signature, number), {})[name] = tf.constant(value)
answers = {}
for (signature, number), arguments in requests.items():
    for name, value in model.signatures[signature](**arguments).items():
        answers[f"{signature}/{number}/{name}"] = value.numpy()
np.savez(sys.argv[3], **answers)
"""


@pytest.fixture(scope="module")
def learner(make_learner):
    learner = make_learner("flmn", way=WAY, image_size=SIZE, encoder="conv", blocks=1)
    shake(learner)
    return learner


@pytest.fixture(scope="module")
def exported(learner, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "1"
    signatures.save(learner, path)
    return path


def png_files(count, seed):
    """object [count]: random pictures at the model's size, light ink."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, SIZE, SIZE, 1), np.uint8)
    pixels[:, [0, -1]] = pixels[:, :, [0, -1]] = 0
    return pixels, np.array([tf.io.encode_png(p).numpy() for p in pixels])


def few_shot(learner, arguments):
    """Live probabilities: a softmax over the labels that are there."""
    query = arguments["query_images"]
    nothing = tf.fill(query.shape[:2], -1)
    labels = tf.cast(arguments["support_labels"], tf.int32)
    logits = learner(FewShotEpisode(arguments["support_images"], labels, query, nothing))
    return tf.nn.softmax(logits[..., : int(labels.numpy().max()) + 1]).numpy()


def test_every_signature_equals_the_live_model(learner, exported, tmp_path):
    padded = request(batch=3, support=7, way=3, seed=2)
    padded["support_labels"][:, 4] = -1
    ask = {
        "classify/0": request(),
        "classify/1": request(batch=1, support=2, queries=9, way=2, seed=1),
        "classify/2": padded,
    }
    expected = {f"{key}/probabilities": few_shot(learner, r) for key, r in ask.items()}
    images = request(support=11, seed=3)["support_images"]
    labels = np.arange(22).reshape(2, 11) % WAY
    ask["sequence/0"] = {"images": images, "labels": labels}
    episode = SequenceEpisode(tf.constant(images), tf.constant(labels, tf.int32), None)
    expected["sequence/0/probabilities"] = learner.probabilities(learner(episode)).numpy()
    ask["embed/0"] = {"images": images[0]}
    expected["embed/0/embeddings"] = learner.embed(tf.constant(images[0])).numpy()
    pixels, files = png_files(5, 0)
    ask["classify_encoded/0"] = {
        "support_bytes": files[:3], "support_labels": np.arange(3), "query_bytes": files[3:]
    }  # fmt: skip
    plain = (pixels / 255.0).astype(np.float32)[None]
    arrays = {"support_images": plain[:, :3], "support_labels": np.arange(3)[None]}
    arrays["query_images"] = plain[:, 3:]
    expected["classify_encoded/0/probabilities"] = few_shot(learner, arrays)[0]

    flat = {f"{key}/{name}": value for key, r in ask.items() for name, value in r.items()}
    np.savez(tmp_path / "requests.npz", **flat)
    words = [str(exported), str(tmp_path / "requests.npz"), str(tmp_path / "answers.npz")]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING:tensorflow" not in done.stderr, "loading warns its user"
    answers = np.load(tmp_path / "answers.npz")
    for key, value in expected.items():
        np.testing.assert_allclose(answers[key], value, atol=1e-5, err_msg=key)
    for key in ("classify/1", "sequence/0"):
        np.testing.assert_array_equal(
            answers[f"{key}/labels"], answers[f"{key}/probabilities"].argmax(-1)
        )


# runs saved_model_cli with the words of each line of commands.json, and keeps what each prints
CLI = """
import contextlib, io, json, sys
from tensorflow.python.tools import saved_model_cli
printed = []
for words in json.load(open("commands.json")):
    sys.argv = ["saved_model_cli", *words]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            saved_model_cli.main()
    except SystemExit as stopped:
        assert not stopped.code, (words, stopped.code)
    printed.append(said.getvalue())
json.dump(printed, open("printed.json", "w"))
"""


@pytest.fixture(scope="module")
def cli(learner, exported, tmp_path_factory):
    """saved_model_cli of this environment, without this package, in one process.

    Returns:
      (what it shows, {signature: probabilities}, {signature: those expected}).
    """
    folder, arguments = tmp_path_factory.mktemp("cli"), request()
    images, labels = arguments["support_images"], arguments["support_labels"]
    given = {"sequence": {"images": images, "labels": labels}, "classify": arguments}
    episode = SequenceEpisode(tf.constant(images), tf.constant(labels, tf.int32), None)
    expected = {"classify": few_shot(learner, arguments)}
    expected["sequence"] = learner.probabilities(learner(episode))
    commands = [["show", "--dir", str(exported), "--all"]]
    for signature, parts in given.items():
        for name, value in parts.items():
            np.save(folder / f"{signature}_{name}.npy", value)
        inputs = ";".join(f"{name}={signature}_{name}.npy" for name in parts)
        where = ["--dir", str(exported), "--tag_set", "serve", "--signature_def", signature]
        commands.append(["run", *where, "--inputs", inputs, "--outdir", signature])
    (folder / "commands.json").write_text(json.dumps(commands))
    done = subprocess.run([sys.executable, "-c", CLI], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {name: np.load(folder / name / "probabilities.npy") for name in given}
    return json.loads((folder / "printed.json").read_text())[0], found, expected


@pytest.mark.slow
@pytest.mark.parametrize("signature", ["sequence", "classify"])
def test_saved_model_cli_runs_it(cli, signature):
    _, found, expected = cli
    np.testing.assert_allclose(found[signature], expected[signature], atol=1e-5)


@pytest.mark.slow
def test_saved_model_cli_shows_it(cli):
    shown = cli[0]
    for name in ("serving_default", "classify", "classify_encoded", "sequence", "embed"):
        assert f"signature_def['{name}']" in shown
    assert f"shape: (-1, -1, {SIZE}, {SIZE}, 1)" in shown

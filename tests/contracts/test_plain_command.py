"""The plain command of every model: nothing is said but the model, the data and how long.

What a user types first has to work in the defaults that a user gets, from training to a prediction.
Other tests make models small, and have missed defaults that crash.
"""

import dataclasses
import json
import os
import pathlib
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import models
from oneshot_tf.commands import configs, export, predict
from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import train as train_command
from oneshot_tf.data import glyphs, ptb, splits
from oneshot_tf.training.logging import read_metrics
from tests.commands.test_train import run

REAL = pathlib.Path(os.environ.get("ONESHOT_TF_DATA") or "data")
OMNIGLOT = ("images_background.zip", "images_evaluation.zip")
PICTURES = ("glyphs", "omniglot", "tiny_imagenet")
CLASSES, WORDS = ("a", "b", "c"), 600
# the others are slow because they are 40 times the same way
QUICK = {("lstm", "glyphs")}


def cases():
    for name in models.MODELS:
        reads = models.find(name).reads
        datasets = (PICTURES if "pictures" in reads else ()) + ("ptb",) * ("sentences" in reads)
        for dataset in datasets:
            marks = [] if (name, dataset) in QUICK else [pytest.mark.slow]
            yield pytest.param(name, dataset, marks=marks, id=f"{name}-{dataset}")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory, encode):
    """A folder that reads as Tiny ImageNet: its 200 classes, 20 pictures of 64 x 64 of each."""
    folder = tmp_path_factory.mktemp("photographs")
    split = splits.stored("tiny", "tiny_imagenet")
    parts = {"train": split.train, "val": split.validation, "test": split.test}
    random = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "tiny_imagenet_fs.zip", "w") as archive:
        for part, names in parts.items():
            rows = ["filename,label"]
            for name in names:
                colour = random.integers(0, 200, 3)
                for k in range(20):
                    pixels = (colour + random.integers(0, 50, (64, 64, 3))).astype(np.uint8)
                    archive.writestr(f"images/{name}_{k}.JPEG", encode(pixels, "JPEG"))
                    rows.append(f"{name}_{k}.JPEG,{name}")
            archive.writestr(f"{part}.csv", "\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def treebank(tmp_path_factory):
    """Flags of the real treebank or, where it is not there, of one with few words."""
    if (REAL / "ptb.zip").is_file():
        yield [f"--data_dir={REAL}"]
        return
    folder, random = tmp_path_factory.mktemp("treebank"), np.random.default_rng(0)
    with zipfile.ZipFile(folder / "ptb.zip", "w") as archive:
        for name in ptb.FILES.values():
            pairs = (pair for _ in range(10) for pair in enumerate(random.permutation(WORDS)))
            archive.writestr(name, "".join(f"w{i} <unk> N w{j}\n" for i, j in pairs))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ptb, "VOCABULARY", WORDS + 4)
        patch.setattr(ptb, "SOURCE", dataclasses.replace(ptb.SOURCE, vocabulary=WORDS + 4))
        yield [f"--data_dir={folder}", "--split=random"]


@pytest.fixture
def words_of(request, monkeypatch):
    """Says which data: (data set) -> flags; skips where it is not there."""
    if request.node.get_closest_marker("slow") is None:  # drawing all of them takes a while
        monkeypatch.setattr(glyphs, "CLASSES", 500)
        monkeypatch.setattr(glyphs, "VERSION", "of 500 classes")  # cached apart

    def words(dataset):
        if dataset == "omniglot" and not all((REAL / name).is_file() for name in OMNIGLOT):
            pytest.skip("needs the real Omniglot: set ONESHOT_TF_DATA")
        if dataset == "tiny_imagenet":
            return [f"--dataset={dataset}", f"--data_dir={request.getfixturevalue('photographs')}"]
        if dataset == "ptb":
            return [f"--dataset={dataset}", *request.getfixturevalue("treebank")]
        return [f"--dataset={dataset}"]

    return words


def succeed(command, *words):
    """What a command prints; it ends with 0."""
    code, output, errors = run(command, *words)
    assert code in (0, None), errors[-4000:]
    return output


def batch_of(words):
    """Episodes of one update, which only the defaults say."""
    parsed = configs.parse(["train.py", *words])
    return configs.make_config(parsed).train.batch_size


def check_predictions(exported, folder, encode, channels):
    """`predict` names one of the classes for each of one's own pictures."""
    random = np.random.default_rng(0)
    files = [f"support/{name}/{k}.png" for name in CLASSES for k in range(2)]
    for file in [*files, "new/0.png", "new/1.png"]:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (40, 40, 3), np.uint8)
        (folder / file).write_bytes(encode(pixels if channels == 3 else pixels[..., 0]))
    where = [f"--support={folder / 'support'}", f"--query={folder / 'new'}", "--json"]
    answers = json.loads(succeed(predict.main, f"--export={exported}", *where))
    assert [pathlib.Path(a["file"]).name for a in answers] == ["0.png", "1.png"]
    for answer in answers:
        assert answer["class"] in CLASSES and tuple(answer["probabilities"]) == CLASSES
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-4)


def check_sentences(exported):
    """The export fills blanks: `predict` reads pictures alone."""
    answer = tf.saved_model.load(str(exported)).signatures
    texts = ["he sold <blank_token> of stock", "it <blank_token> in march"]
    if "choose_word" in answer:
        words = tf.constant(["lots", "march"])
        found = answer["choose_word"](query_text=tf.constant(texts), words=words)
    else:
        labels = tf.constant([0, 1], tf.int64)
        found = answer["classify_text"](
            support_text=tf.constant(texts), support_labels=labels, query_text=tf.constant(texts)
        )
    assert found["probabilities"].shape == (2, 2)
    np.testing.assert_allclose(tf.reduce_sum(found["probabilities"], 1), 1.0, atol=1e-4)


@pytest.mark.parametrize(("name", "dataset"), cases())
def test_the_plain_command_works(words_of, tmp_path, encode, name, dataset):
    # the usual 320 episodes of a validation would take minutes, all in the same graph
    words = [f"--model={name}", *words_of(dataset), "--validation_episodes=8"]
    two = 2 * batch_of(words)
    workdir = tmp_path / "run"
    for episodes in (two, 2 * two):  # the second goes on from the first
        output = succeed(
            train_command.main, *words, f"--episodes={episodes}", f"--workdir={workdir}"
        )
        assert f"Done: {workdir}" in output
        lines = read_metrics(workdir / "metrics.jsonl")
        steps = [line for line in lines if line["kind"] == "train"]
        trained = episodes if name != "pixels" else 0  # which has nothing to train
        assert [step["episode"] for step in steps][-1:] == ([trained] if trained else [])
        assert all(np.isfinite(step["loss"]) for step in steps)
        assert lines[-1]["kind"] == "validation" and lines[-1]["episode"] == trained

    succeed(eval_command.main, f"--workdir={workdir}", "--eval_episodes=4")
    (record,) = (workdir / "evaluation").glob("*.json")
    accuracy = json.loads(record.read_text())["accuracy"]
    assert accuracy and all(0 <= found["mean"] <= 100 for found in accuracy.values())

    exported = tmp_path / "exported"
    assert f"export: {exported / '1'}" in succeed(
        export.main, f"--workdir={workdir}", f"--output={exported}"
    )
    if dataset == "ptb":
        check_sentences(exported / "1")
    else:
        check_predictions(exported, tmp_path, encode, 3 if dataset == "tiny_imagenet" else 1)

"""The language model as a user runs it, on a small text: train, resume, test, export."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.commands import eval as eval_command
from oneshot_tf.commands import train as train_command
from oneshot_tf.data import ptb
from oneshot_tf.runs import exporting
from oneshot_tf.training.logging import read_metrics
from tests.commands.test_train import one_line, run

WORDS = 60
SMALL = ["--split=random", "--hidden_size=6", "--unrolled=5", "--dropout=0.25", "--batch_size=4"]
SMALL += ["--way=2", "--validation_episodes=20", "--steps_per_call=3", "--eval_every=40"]
EPISODES = 72  # pieces: 18 updates


@pytest.fixture(scope="module", autouse=True)
def text(tmp_path_factory):
    """A folder with a small treebank, every word in five sentences of each part."""
    folder = tmp_path_factory.mktemp("text")
    random = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "ptb.zip", "w") as archive:
        for name in ptb.FILES.values():
            lines = [
                f"w{i} <unk> N w{j}"
                for _ in range(4)
                for i, j in enumerate(random.permutation(WORDS))
            ]
            archive.writestr(name, "\n".join(lines) + "\n")
    tokens = WORDS + 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ptb, "VOCABULARY", tokens)
        patch.setattr(ptb, "SOURCE", dataclasses.replace(ptb.SOURCE, vocabulary=tokens))
        yield folder


def train(text, workdir, *more):
    words = ["--model=lstm_lm", f"--data_dir={text}", f"--workdir={workdir}", *SMALL]
    return run(train_command.main, *words, *more)


@pytest.fixture(scope="module")
def trained(text, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    code, _, errors = train(text, workdir, f"--episodes={EPISODES}")
    assert code == 0, errors
    return workdir


def numbers(workdir):
    """{name: array} of the last checkpoint."""
    reader = tf.train.load_checkpoint(str(workdir / "checkpoints"))
    names = [
        n for n in reader.get_variable_to_shape_map() if not n.startswith(("_", "save", "seconds"))
    ]
    return {name: reader.get_tensor(name) for name in names}


@pytest.mark.slow  # two more runs; models/test_lstm_lm_training.py carries the state
def test_a_resumed_run_equals_the_whole_one_to_the_bit(text, trained, tmp_path):
    for episodes in (20, 44, EPISODES):
        code, _, errors = train(text, tmp_path / "run", f"--episodes={episodes}")
        assert code == 0, errors
    whole, resumed = numbers(trained), numbers(tmp_path / "run")
    assert sum(name.startswith("carried") for name in whole) == 2
    for name in whole:
        if not name.startswith("best"):  # a run that ends earlier validates there as well
            np.testing.assert_array_equal(whole[name], resumed[name], name)


def test_logs_have_perplexities(trained):
    lines = read_metrics(trained / "metrics.jsonl")
    assert [line["episode"] for line in lines if line["kind"] == "validation"] == [40, EPISODES]
    for line in lines:
        assert 1.0 < line["perplexity"] < 2 * WORDS
        if line["kind"] == "train":
            assert line["perplexity"] == pytest.approx(np.exp(line["loss"] / 5), rel=1e-5)


def test_the_test_is_of_three_shots_and_of_the_text(trained, tmp_path):
    words = [f"--workdir={trained}", f"--results={tmp_path}", "--eval_episodes=20"]
    code, output, errors = run(eval_command.main, *words, "--way=2", "--shot=1:3")
    assert code == 0, errors
    (path,) = tmp_path.glob("*.json")
    record = json.loads(path.read_text())
    assert list(record["accuracy"]) == ["2w1s", "2w2s", "2w3s"]
    assert record["protocol"]["queries"] == 1
    assert record["perplexity"]["words"] == 4 * WORDS * 5  # four words a sentence, and its end
    assert f"perplexity of 1,200 words: {record['perplexity']['value']:.2f}" in output


@pytest.mark.slow  # an export of its own; serving/test_text.py has the signatures
def test_it_is_exported_with_its_card(trained):
    path = exporting.export(trained)
    assert "which of some words belongs in the blank" in " ".join(
        (path / "model_card.md").read_text().split()
    )
    choose = tf.saved_model.load(str(path)).signatures["choose_word"]
    found = choose(query_text=tf.constant(["w1 <blank_token> N"]), words=tf.constant(["w3", "w4"]))
    assert found["probabilities"].shape == (1, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset=glyphs"], "reads sentences, no pictures"),
        (["--batch_size=5000"], "lower --batch_size or --unrolled"),
        (["--replicas=2"], "lstm_lm trains on one device"),
        (["--configuration=tiny"], "small, medium, large"),
    ],
)
def test_mistakes(text, tmp_path, words, said):
    code, _, errors = train(text, tmp_path / "run", *words)
    assert code == 1 and said in one_line(errors)
    assert not (tmp_path / "run").exists()

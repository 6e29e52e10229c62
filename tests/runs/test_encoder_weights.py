"""Which weights an encoder may start from; Inception in a model, from a step to an export."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf.data import splits
from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.files import dump
from oneshot_tf.models.matching import MatchingOptions
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions
from oneshot_tf.runs import encoder_weights
from oneshot_tf.serving import signatures
from oneshot_tf.training.checkpoints import Checkpoints

RAND, DOGS = (splits.stored(name, "imagenet") for name in ("rand", "dogs"))
OPTIONS = MatchingOptions(encoder="inception", encoder_weights="imagenet")


def write_run(folder, split, dataset="imagenet", options=OPTIONS, **train):
    """A run's `config.json`."""
    data = DataOptions(dataset=dataset, split=split.name)
    config = RunConfig("some", "matching", data, TrainOptions(**train), options)
    folder.mkdir(exist_ok=True)
    fields = {**config.to_json(), "split": split.describe(), "pictures_sha256": ""}
    (folder / "config.json").write_text(dump(fields))
    return dataclasses.replace(OPTIONS, encoder_weights=str(folder))


def from_scratch():
    return dataclasses.replace(OPTIONS, encoder_weights=None)


def check(options, split, strict=True):
    encoder_weights.check(options, split.test, split.sha256(), strict)


@pytest.mark.parametrize(
    "split", [RAND, DOGS, splits.stored("ravi", "mini_imagenet"), splits.stored("dogs", "tiny_imagenet")]
)  # fmt: skip
def test_published_weights_are_an_oracle(split):
    count = len(split.test)
    message = f"=imagenet has seen {count} of {count} test classes, first {split.test[0]}; train on"
    with pytest.raises(UserError, match=message):
        check(OPTIONS, split)
    check(dataclasses.replace(OPTIONS, oracle=True), split)
    check(from_scratch(), split)


def test_published_weights_know_no_characters():
    check(OPTIONS, splits.stored("vinyals"))


def test_published_weights_are_known_by_their_bytes(tmp_path, monkeypatch):
    path = tmp_path / "mine.h5"
    path.write_bytes(b"weights")
    options = dataclasses.replace(OPTIONS, encoder_weights=str(path))
    with pytest.raises(
        UserError, match=r"mine\.h5 must be of a run whose training classes are known"
    ):
        check(options, RAND)  # of a file, nobody knows
    check(dataclasses.replace(options, oracle=True), RAND)
    known = "8ca0e0bdb5eb2ee4db9a97a6ea4d9c8e"
    monkeypatch.setattr(encoder_weights, "PUBLISHED_MD5", (known, _md5(path)))
    with pytest.raises(UserError, match=r"mine\.h5 has seen 118 of 118"):
        check(options, RAND)


def _md5(path):
    return encoder_weights.hashlib.md5(path.read_bytes()).hexdigest()


def test_a_run_on_the_training_classes(tmp_path):
    options = write_run(tmp_path / "run", RAND, options=from_scratch())
    check(options, RAND)
    dogs_among = sorted(set(RAND.train) & set(DOGS.test))
    with pytest.raises(UserError, match=f"seen {len(dogs_among)} of 118 .* first {dogs_among[0]}"):
        check(options, DOGS)
    options = write_run(tmp_path / "run", DOGS, options=from_scratch(), train_on_validation=True)
    check(options, splits.stored("dogs", "tiny_imagenet"))  # no dog among the training classes
    with pytest.raises(UserError, match="has seen 107 of 118 test classes"):
        check(options, RAND)


def test_what_a_run_began_from_counts(tmp_path):
    first = write_run(tmp_path / "first", RAND, options=from_scratch())
    second = write_run(tmp_path / "second", DOGS, options=first)
    with pytest.raises(UserError, match="second has seen"):
        check(second, splits.make("others", (), (), RAND.train[:5]))
    oracle = dataclasses.replace(OPTIONS, oracle=True)
    options = write_run(tmp_path / "oracle", RAND, options=oracle)
    with pytest.raises(UserError, match="oracle has seen 118 of 118"):
        check(options, RAND)


@pytest.mark.parametrize("content", ["{}", '{"architectures": []}', "[]"])
def test_a_folder_of_something_else_is_no_run(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    options = dataclasses.replace(OPTIONS, encoder_weights=str(tmp_path))
    with pytest.raises(
        UserError, match="must be imagenet, a run's workdir or .* Received: a folder"
    ):
        check(options, RAND)


def test_a_run_on_a_split_that_is_not_stored(tmp_path):
    names = [f"n{k:08d}" for k in range(20)]
    split = splits.shuffled(names, 0)
    options = write_run(tmp_path / "run", split, dataset="folder", options=from_scratch())
    check(options, split)
    with pytest.raises(UserError, match="must be of a run whose training classes are known"):
        check(options, RAND)
    check(options, RAND, strict=False)


@pytest.fixture(scope="module")
def learner(make_learner):
    """Built once: it takes ten seconds."""
    options = {"encoder": "inception", "fce": True, "fce_width": 8, "steps": 2}
    return make_learner("matching", image_size=75, **options)


@pytest.fixture
def episode():
    pictures = [tf.random.stateless_uniform([1, n, 75, 75, 1], [n, 0]) for n in (4, 2)]
    labels = [tf.constant([[0, 1, 0, 1]]), tf.constant([[1, 0]])]
    return FewShotEpisode(pictures[0], labels[0], pictures[1], labels[1])


@pytest.fixture(scope="module")
def optimizer():
    return keras.optimizers.Adam(1e-3, jit_compile=False)


@pytest.mark.slow  # a step of Inception
def test_a_step_and_weights_for_another_run(learner, optimizer, episode, tmp_path):
    weights = learner.trainable_variables
    assert learner.width == 2048 and len(weights) > 188 and not learner.finetune_matches
    before = learner.embedding.learned[0].numpy()
    # not in a graph: that takes minutes to make
    with tf.GradientTape() as tape:
        loss = learner.train_loss(episode).loss
    gradients = tape.gradient(loss, weights)
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    assert np.isfinite(loss) and np.isfinite(tf.linalg.global_norm(gradients))
    assert not np.array_equal(learner.embedding.learned[0], before)

    options = write_run(tmp_path / "run", RAND, options=from_scratch())
    Checkpoints(tmp_path / "run", learner, optimizer, 1).save_if_best(1.0)
    trained = [v.numpy() for v in learner.embedding.variables]
    for v in learner.embedding.variables:
        v.assign(tf.zeros_like(v))
    config = RunConfig("next", "matching", DataOptions(), TrainOptions(), options)
    encoder_weights.start(learner, config, tmp_path / "next")
    for v, value in zip(learner.embedding.variables, trained, strict=True):
        np.testing.assert_array_equal(v, value)
    check_files(learner, config, tmp_path)


@pytest.mark.slow
def test_an_export_answers_as_the_model_does(learner, episode, tmp_path):
    names = signatures.save(learner, tmp_path)
    assert "embed" in names and "classify_encoded" in names
    served = tf.saved_model.load(str(tmp_path)).signatures["classify"](
        support_images=episode.support,
        support_labels=tf.cast(episode.support_labels, tf.int64),
        query_images=episode.query,
    )
    expected = learner.probabilities(learner(episode))
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-4)


def check_files(learner, config, tmp_path):
    """Keras files, and what is none."""

    def start(value):
        options = dataclasses.replace(OPTIONS, encoder_weights=str(value))
        changed = dataclasses.replace(config, options=options)
        encoder_weights.start(learner, changed, tmp_path / "next")

    first = learner.embedding.variables[0]
    learner.embedding.network.save_weights(tmp_path / "mine.h5")
    saved = first.numpy()
    first.assign(tf.zeros_like(first))
    start(tmp_path / "mine.h5")
    np.testing.assert_array_equal(first, saved)
    (tmp_path / "next" / "checkpoints").mkdir(parents=True)
    (tmp_path / "next" / "checkpoints" / "checkpoint").touch()
    start(tmp_path / "gone")  # a run that goes on has its own
    (tmp_path / "next" / "checkpoints" / "checkpoint").unlink()
    (tmp_path / "bad.h5").write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"bad\.h5 must be weights of InceptionV3 without its top"):
        start(tmp_path / "bad.h5")
    with pytest.raises(UserError, match=r"nothing must be imagenet, a run's workdir or a Keras"):
        start(tmp_path / "nothing")
    path = tmp_path / "run" / "config.json"
    fields = json.loads(path.read_text())
    path.write_text(dump({**fields, "options": {**fields["options"], "encoder": "conv4"}}))
    with pytest.raises(UserError, match="must be a run with --encoder=inception. Received: a run"):
        start(tmp_path / "run")

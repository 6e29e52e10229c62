"""Runs of version 0.1.0 load, and answer as they did.

`version_0_1_0.json` was written by that version: of small models, the options as `config.json` has
them, the names and shapes of the weights in checkpoints, and what weights of known numbers answered.
"""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import models
from oneshot_tf.episodes import ClozeEpisode, FewShotEpisode, SequenceEpisode
from oneshot_tf.options import from_fields

BEFORE = json.loads(pathlib.Path(__file__).with_name("version_0_1_0.json").read_text())
SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


def make(name):
    """The model of a name in `BEFORE`, by its stored options."""
    model = models.find(name.split("-")[0])
    text = model.reads == ("sentences",)
    options = from_fields(model.Options, BEFORE[name]["options"])
    sizes = {"way": 3, "image_size": 8, "channels": 1, "vocabulary": 12 if text else 0}
    return model(options, **sizes, name=name.split("-")[0])


def weights_of(learner, folder):
    """{name in a checkpoint: variable}: found by what each holds when all hold another number."""
    for i, variable in enumerate(learner.variables):
        variable.assign(tf.fill(variable.shape, float(i)))
    reader = tf.train.load_checkpoint(tf.train.Checkpoint(model=learner).write(str(folder / "ck")))
    names = [k for k in reader.get_variable_to_shape_map() if k.startswith("model/")]
    return {
        key.removesuffix(SUFFIX): learner.variables[int(np.ravel(reader.get_tensor(key))[0])]
        for key in names
    }


def numbers(n, shape, positive):
    """Weights that are easily made again; variances have to be positive."""
    waves = 0.4 * np.sin(1.7 * np.arange(np.prod(shape, dtype=int)) + n).reshape(shape)
    return np.abs(waves) + 0.5 if positive else waves


def episode_of(learner):
    """An episode of the kind that the model answers."""
    random = np.random.RandomState(0)

    def pictures(count):
        return tf.constant(random.rand(1, count, 8, 8, 1).astype(np.float32))

    if learner.answers[0] is SequenceEpisode:
        labels = tf.constant([[0, 1, 2, 0, 2, 1, 1, 0]])
        return SequenceEpisode(pictures(8), labels, tf.ones_like(labels))
    if ClozeEpisode in learner.answers:
        query = random.randint(2, 12, (1, 2, 5)).astype(np.int32)
        query[:, :, 1] = 1
        return ClozeEpisode(tf.constant(query), tf.constant([[0, 1]]), tf.constant([[3, 5, 7]]))
    support, labels = pictures(5), tf.constant([[0, 1, 2, 0, 1]])
    return FewShotEpisode(support, labels, pictures(2), tf.constant([[0, 2]]))


@pytest.mark.parametrize("name", BEFORE)
def test_weights_and_answers_are_what_they_were(name, tmp_path):
    learner = make(name)
    weights = weights_of(learner, tmp_path)
    assert {key: list(weight.shape) for key, weight in weights.items()} == BEFORE[name]["weights"]
    for n, key in enumerate(sorted(weights)):
        positive = "running" in key or "variance" in weights[key].name
        weights[key].assign(numbers(n, weights[key].shape, positive))
    answers = np.ravel(learner(episode_of(learner)))
    np.testing.assert_allclose(answers, BEFORE[name]["logits"], rtol=2e-5, atol=2e-6)


def test_every_family_is_there():
    assert {name.split("-")[0] for name in BEFORE} >= {
        "flmn", "mann", "ntm", "lstm", "matching", "prototypical", "siamese", "mmnet",
        "rare_events", "gaussian_memory", "classifier", "pixels", "lstm_lm",
    }  # fmt: skip

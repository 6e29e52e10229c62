"""A Keras network of one's own as the encoder: training, resuming, testing, exporting."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

import oneshot_tf
from oneshot_tf import models
from tests.models.conftest import episode  # noqa: F401

SIZE = 8
OPTIONS = {"image_size": SIZE, "way": 3, "shot": 1, "queries": 1, "validation_episodes": 4}


def network(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.layers.Conv2D(4, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.MaxPool2D(4),
        ]
    )


def values(network):
    return [v.numpy() for v in network.variables]


@pytest.fixture
def make():
    def make(name="matching", backbone=network, **options):
        model = models.find(name)
        sizes = {"way": 3, "image_size": SIZE, "channels": 1, "name": name}
        return model(model.Options(**options), backbone=backbone, **sizes)

    return make


@pytest.fixture
def folder(picture_folder):
    return picture_folder({f"class{k}": 5 for k in range(10)})


@pytest.mark.slow  # all commands for one network
def test_train_resume_evaluate_export(folder, tmp_path):
    """One run of two updates, and one that is taken up after the first: the same to the bit."""
    whole, halves, again = (network(seed) for seed in (0, 0, 5))
    options = {**OPTIONS, "workdir": tmp_path / "whole"}
    run = oneshot_tf.train("matching", folder, episodes=2, backbone=whole, **options)
    assert run.config.options.encoder == "own"
    options["workdir"] = tmp_path / "halves"
    oneshot_tf.train("matching", folder, episodes=1, backbone=halves, **options)
    assert any(
        np.abs(a - b).max() > 1e-5 for a, b in zip(values(whole), values(halves), strict=True)
    )
    oneshot_tf.train("matching", folder, episodes=2, backbone=again, **options)  # other weights
    for one, other in zip(values(whole), values(again), strict=True):
        np.testing.assert_array_equal(one, other)

    test = {"way": 2, "shot": 1, "eval_episodes": 4, "eval_queries": 1, "checkpoint": "last"}
    opened = oneshot_tf.Run(tmp_path / "halves", backbone=network(7))
    accuracies = [oneshot_tf.evaluate(r, **test)["accuracy"] for r in (run, opened)]
    assert accuracies[0] == accuracies[1]
    model = oneshot_tf.load(opened)
    pictures = np.random.default_rng(0).random((3, SIZE, SIZE, 1), np.float32)
    asked = pictures, ["a", "b", "c"], pictures[::-1] * 0.9
    path = oneshot_tf.export(opened, tmp_path / "export")
    exported = oneshot_tf.load(path)
    np.testing.assert_allclose(
        exported.classify(*asked).probabilities, model.classify(*asked).probabilities, atol=1e-6
    )
    np.testing.assert_allclose(exported.embed(pictures), model.embed(pictures), atol=1e-6)
    tuned = oneshot_tf.load(oneshot_tf.export(opened, tmp_path / "tuned", steps=2, rate=0.1))
    assert (
        np.abs(tuned.classify(*asked).probabilities - model.classify(*asked).probabilities).max()
        > 1e-4
    )
    with pytest.raises(oneshot_tf.UserError, match="--encoder=own is a network given from Python"):
        oneshot_tf.load(tmp_path / "halves")


SLOWER = [pytest.param(n, marks=pytest.mark.slow) for n in ("matching", "siamese", "rare_events")]


@pytest.mark.parametrize("name", ["prototypical", *SLOWER])
def test_every_weight_is_reached_and_running_statistics_move(make, episode, name):  # noqa: F811
    learner = make(name)
    assert learner.embed(episode.query[0]).shape == (episode.query.shape[1], 16)
    before = values(learner.embedding)
    with tf.GradientTape() as tape:
        loss = learner.train_loss(episode).loss
    for weight, gradient in zip(
        learner.trainable_variables, tape.gradient(loss, learner.trainable_variables), strict=True
    ):
        assert gradient is not None and np.isfinite(gradient).all(), weight.name
        assert np.abs(gradient).max() > 0 or "alpha" in weight.name, weight.name
    moving = learner.embedding.non_trainable_variables
    assert len(moving) == 2 and np.abs(moving[0] - before[2]).max() > 0


def test_given_weights_in_training_leave_the_running_statistics(make, episode):  # noqa: F811
    learner = make()
    learned = [2.0 * v + 0.1 for v in learner.learned_weights()]
    before = values(learner.embedding)
    at_test, in_training = (
        learner.embed_episode(episode, training, learned) for training in (False, True)
    )
    for variable, value in zip(learner.embedding.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert np.abs(at_test[0] - in_training[0]).max() > 1e-3


def test_two_networks_need_a_function(make, episode):  # noqa: F811
    learner = make(shared=False)
    assert len(learner.embedding.trainable_variables) == 3
    assert len(learner.trainable_variables) == 7  # two networks of three weights, and the scale
    with pytest.raises(oneshot_tf.UserError, match="has two networks: give .* a function"):
        make(backbone=network(), shared=False)


def test_a_network_that_is_frozen_has_nothing_to_tune(make):
    frozen = network()
    frozen.trainable = False
    learner = make(backbone=frozen)
    assert learner.finetune_matches == () and len(learner.trainable_variables) == 1


@pytest.mark.parametrize(
    ("name", "backbone", "options", "message"),
    [
        ("pixels", network, {}, "pixels takes no `backbone`"),
        ("mmnet", network, {}, "mmnet takes no `backbone`"),
        ("flmn", network, {}, "flmn takes no `backbone`"),
        ("matching", "resnet", {}, "must be a tf_keras.Model or a function .* Received: str"),
        ("matching", lambda: 3, {}, "must be a tf_keras.Model .* Received: builtins.int"),
        ("matching", network, {"bn": "support"}, "needs bn='running'. Received: bn='support'"),
        ("matching", None, {"encoder": "own"}, "--encoder=own is a network given from Python"),
        ("matching", network, {"freeze_encoder": True}, "--freeze_encoder needs --encoder=incep"),
    ],
)
def test_refused(make, name, backbone, options, message):
    with pytest.raises(oneshot_tf.UserError, match=message):
        make(name, backbone, **options)

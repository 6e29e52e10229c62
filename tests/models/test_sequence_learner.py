import math

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import models
from oneshot_tf.episodes import FewShotEpisode, SequenceEpisode, count_presentations
from oneshot_tf.errors import UserError
from oneshot_tf.ops.string_labels import CHARACTERS, LENGTH
from oneshot_tf.run_config import DataOptions, RunConfig, TrainOptions
from oneshot_tf.runs import experiment
from tests.conftest import IMAGE_SIZE, WAY

NAMES = ["flmn", "mann", "ntm", "lstm"]
STEPS = 9


def make_episode(batch=2, steps=STEPS, labels=WAY, seed=0):
    random = np.random.default_rng(seed)
    inputs = random.random((batch, steps, IMAGE_SIZE, IMAGE_SIZE, 1)).astype(np.float32)
    labels = tf.constant(random.integers(0, labels, (batch, steps)), tf.int32)
    return SequenceEpisode(tf.constant(inputs), labels, count_presentations(labels))


def close(found, expected, tolerance=1e-5):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def loss_and_gradients(learner, episode):
    with tf.GradientTape() as tape:
        found = learner.train_loss(episode)
        loss = found.loss
    return loss, found, tape.gradient(loss, learner.trainable_variables)


def permute_labels(learner, permutation):
    """Renames label k to permutation[k] in the weights: label inputs and answers."""
    cell, classifier = learner.cell, learner.classifier
    first = cell.kernel.shape[0] - WAY  # the label is the last part of the input
    kernel, answers, bias = cell.kernel.numpy(), classifier.kernel.numpy(), classifier.bias.numpy()
    for k, new in enumerate(permutation):
        kernel[first + new] = cell.kernel[first + k]
        answers[:, new] = classifier.kernel[:, k]
        bias[new] = classifier.bias[k]
    for weight, value in [
        (cell.kernel, kernel),
        (classifier.kernel, answers),
        (classifier.bias, bias),
    ]:
        weight.assign(value)


@pytest.mark.parametrize("name", NAMES)
def test_permuted_labels_permute_the_logits(name, make_learner):
    learner, episode, permutation = make_learner(name), make_episode(), np.array([2, 0, 1])
    learner.classifier.bias.assign([0.1, -0.2, 0.3])
    logits = learner(episode).numpy()
    permute_labels(learner, permutation)
    renamed = episode._replace(labels=tf.gather(permutation, episode.labels))
    close(learner(renamed).numpy()[:, :, permutation], logits)
    assert np.abs(learner(episode) - logits).max() > 1e-3  # the renaming did something


@pytest.mark.parametrize("name", NAMES)
def test_queries_are_answered_as_if_the_sequence_were_presented_by_hand(name, make_learner):
    learner, episode = make_learner(name), make_episode(steps=6)
    queries = make_episode(steps=3, seed=1).inputs
    answers = learner(FewShotEpisode(episode.inputs, episode.labels, queries, -tf.ones([2, 3])))
    for q in range(3):
        inputs = tf.concat([episode.inputs, queries[:, q : q + 1]], axis=1)
        labels = tf.concat([episode.labels, tf.zeros([2, 1], tf.int32)], axis=1)
        by_hand = learner(SequenceEpisode(inputs, labels, labels))
        there = np.any(episode.labels.numpy()[:, :, None] == range(WAY), axis=1)
        close(answers[:, q].numpy()[there], by_hand[:, -1].numpy()[there])


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_unknown_label_is_answered_and_leaves_nothing_behind(name, make_learner):
    learner, episode, at = make_learner(name), make_episode(), 4
    known, weights = learner.explained(episode)
    gone = SequenceEpisode(*(tf.concat([x[:, :at], x[:, at + 1 :]], axis=1) for x in episode))
    unknown = tf.where(tf.range(STEPS) == at, -1, episode.labels)
    logits, shown = learner.explained(episode._replace(labels=unknown))
    close(logits[:, : at + 1], known[:, : at + 1])
    close(tf.concat([logits[:, :at], logits[:, at + 1 :]], axis=1), learner(gone))
    for kind in weights:  # it read, and would have written
        close(shown[kind][:, : at + 1], weights[kind][:, : at + 1])
    assert np.abs(logits - known)[:, at + 1 :].max() > 1e-4  # a known one leaves something


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_a_label_of_the_support(name, make_learner):
    """Of fewer classes than it was trained with, as an export answers."""
    learner, episode = make_learner(name), make_episode(labels=2)
    learner.classifier.bias.assign([0.0, 0.0, 9.0])
    queries = make_episode(steps=5, seed=1).inputs
    labels = tf.zeros([2, 5], tf.int32)
    found = learner(FewShotEpisode(episode.inputs, episode.labels, queries, labels))
    assert found.shape == (2, 5, WAY)
    assert learner.predict_labels(found).numpy().max() <= 1


# slow because XLA compiles each cell for seconds; their loops are held to each other in
# layers/test_unroll.py as well, and the way through a learner is that of the first
SLOWER = [("flmn", "conv"), ("flmn", "flat"), ("mann", "flat"), ("ntm", "flat")]
SLOWER = [pytest.param(*case, marks=pytest.mark.slow) for case in SLOWER]


@pytest.mark.parametrize("name, encoder", [("lstm", "flat"), *SLOWER])
def test_all_kinds_of_execution_agree(name, encoder, make_learner):
    episode, found = make_episode(steps=3), {}
    for execution in ("while", "unrolled", "xla"):
        learner = make_learner(name, execution=execution, encoder=encoder)
        found[execution] = loss_and_gradients(learner, episode)
    loss, metrics, gradients = found.pop("while")
    for other_loss, other_metrics, other in found.values():
        close(other_loss, loss)
        np.testing.assert_array_equal(other_metrics.right, metrics.right)
        for a, b in zip(other, gradients, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max() + 1e-7)


def test_gradient_under_xla_is_the_slope_of_the_loss(make_learner):
    """The compiled part makes its gradient by itself: held to differences of the loss."""
    learner, episode = make_learner("lstm", execution="xla", encoder="conv"), make_episode(steps=4)
    _, _, gradients = loss_and_gradients(learner, episode)
    for weight, gradient in zip(learner.trainable_variables, gradients, strict=True):
        if weight.name.startswith(("classifier", "conv")) or "length" in weight.name:
            direction = gradient / tf.norm(gradient)
            before, losses = tf.identity(weight), []
            for sign in (1, -1):
                weight.assign(before + sign * 1e-2 * direction)
                losses.append(float(learner.train_loss(episode)[0]))
            weight.assign(before)
            np.testing.assert_allclose(
                (losses[0] - losses[1]) / 2e-2, tf.norm(gradient), rtol=0.05, err_msg=weight.name
            )
    with tf.GradientTape() as tape:
        thrice = 3.0 * learner.train_loss(episode).loss
    found = tape.gradient(thrice, learner.trainable_variables)
    for weight, a, b in zip(learner.trainable_variables, found, gradients, strict=True):
        np.testing.assert_allclose(a, 3.0 * b, rtol=1e-4, atol=1e-7, err_msg=weight.name)


def test_loss_and_metrics_of_known_logits(make_learner):
    learner = make_learner("lstm")
    learner.classifier.kernel.assign(tf.zeros_like(learner.classifier.kernel))
    learner.classifier.bias.assign([0.0, math.log(2.0), 0.0])  # probabilities 1/4, 1/2, 1/4
    labels = tf.constant([[1, 0, 1, 2, 1, 1]])
    episode = make_episode(batch=1, steps=6)
    episode = episode._replace(labels=labels, presentations=count_presentations(labels))
    loss, right, shown, _ = learner.train_loss(episode)
    close(loss, (4 * math.log(2.0) + 2 * math.log(4.0)) / 6)
    np.testing.assert_array_equal(right, [1, 1])  # 6 steps, 3 classes: two presentations
    np.testing.assert_array_equal(shown, [3, 1])


def test_string_labels_are_five_one_hot_characters(make_learner):
    learner = make_learner("flmn", label_encoding="string")
    assert learner.num_labels == CHARACTERS**LENGTH
    label = 3 * 625 + 1 * 125 + 4 * 25 + 0 * 5 + 2
    encoded = learner.encode_labels(tf.constant([[label, -1, 0]]))
    expected = np.eye(5)[[3, 1, 4, 0, 2]].reshape(25)
    np.testing.assert_array_equal(encoded[0, 0], expected)
    np.testing.assert_array_equal(encoded[0, 1], np.zeros(25))
    np.testing.assert_array_equal(encoded[0, 2], np.eye(5)[[0] * 5].reshape(25))


def test_string_labels_survive_encoding_and_prediction(make_learner):
    learner = make_learner("flmn", label_encoding="string")
    labels = tf.range(0, learner.num_labels, 7)[None]
    np.testing.assert_array_equal(learner.predict_labels(learner.encode_labels(labels)), labels)


def test_loss_of_strings_is_the_sum_over_the_five_characters(make_learner):
    learner = make_learner("flmn", label_encoding="string", way=15)
    episode = make_episode(steps=4, labels=CHARACTERS**LENGTH)
    logits = learner(episode).numpy()
    assert logits.shape == (2, 4, 25)
    total = 0.0
    for b in range(2):
        for t in range(4):
            rest = int(episode.labels[b, t])
            for i in reversed(range(5)):
                rest, character = divmod(rest, 5)
                scores = logits[b, t, 5 * i : 5 * i + 5].astype(float)
                total += math.log(np.exp(scores).sum()) - scores[character]
    close(learner.sequence_loss(tf.constant(logits), episode.labels), total / 8)


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0])
def test_first_presentations_have_a_weight_in_the_loss(make_learner, weight):
    learner, episode = make_learner("lstm", guess_weight=weight), make_episode(steps=9)
    labels = np.where(np.arange(9) == 7, -1, episode.labels.numpy())  # one step is padding
    logits = learner(episode)
    total = count = 0.0
    for b in range(len(labels)):
        for t, label in enumerate(labels[b]):
            if label < 0:
                continue
            share = 1.0 if label in labels[b, :t] else weight
            scores = logits[b, t].numpy().astype(float)
            total += share * (math.log(np.exp(scores).sum()) - scores[label])
            count += share
    close(learner.sequence_loss(logits, tf.constant(labels)), total / count)


@pytest.mark.parametrize("execution", ["while", "xla"])
def test_string_labels_train_with_fifteen_classes(execution, make_learner):
    learner = make_learner("lstm", label_encoding="string", way=15, execution=execution)
    episode = make_episode(steps=15, labels=CHARACTERS**LENGTH)
    loss, metrics, gradients = loss_and_gradients(learner, episode)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert metrics.right.shape == (1,)
    assert float(loss) == pytest.approx(5 * math.log(5.0), rel=0.3)


def test_string_labels_refuse_the_few_shot_protocol(make_learner):
    learner, episode = make_learner("flmn", label_encoding="string"), make_episode()
    with pytest.raises(UserError, match="few-shot"):
        learner(FewShotEpisode(episode.inputs, episode.labels, episode.inputs, episode.labels))


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_makes_the_model_its_options_say(name):
    model = models.find(name)
    config = RunConfig(
        name="small",
        model=name,
        data=DataOptions(image_size=6),
        train=TrainOptions(way=4),
        options=model.Options(hidden_size=7, encoder="flat"),
    )
    learner = experiment.make_learner(config)
    assert isinstance(learner, model) and learner.name == name
    assert learner.cell.kernel.shape[0] == 6 * 6 + 4
    assert learner.cell.controller.units == 7
    assert learner.classifier.units == 4


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_on_the_answers_that_it_gives(name, make_learner):
    """Which see no label before its time: the loss and the right answers are theirs."""
    learner, episode = make_learner(name), make_episode()
    found, logits = learner.train_loss(episode), learner(episode)
    close(found.loss, learner.sequence_loss(logits, episode.labels))
    right = learner.predict_labels(logits).numpy() == episode.labels.numpy()
    for p in range(1, STEPS // WAY + 1):
        assert float(found.right[p - 1]) == right[episode.presentations.numpy() == p].sum()


@pytest.mark.parametrize("name", NAMES)
def test_figures_say_what_happened_step_by_step(name, make_learner):
    learner, episode = make_learner(name), make_episode()
    found = learner.figures(episode)
    logits = learner(episode)[0].numpy()
    np.testing.assert_array_equal(found["labels"], episode.labels[0])
    np.testing.assert_array_equal(found["predictions"], logits.argmax(axis=1))
    close(found["probabilities"], tf.nn.softmax(logits))
    close(found["confidence"], found["probabilities"].max(axis=1))
    for weights in ("read", "write"):
        if name != "lstm":
            assert found[weights].shape[0] == STEPS and found[weights].shape[2] == 8
            close(found[weights].sum(axis=2), np.ones(found[weights].shape[:2]))


def test_embedding_is_the_encoders_and_flat_pixels_have_none(make_learner):
    images = make_episode().inputs[0]
    assert make_learner("flmn").embed(images) is None
    learner = make_learner("flmn", encoder="conv")
    np.testing.assert_array_equal(learner.embed(images), learner.encoder(images))


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("mann", {"rows": 3, "heads": 4}, "--heads must be at most --rows=3"),
        ("ntm", {"rows": 3, "shifts": 2}, "--rows must be at least 5 with --shifts=2"),
    ],
)
def test_a_memory_too_small_is_refused_in_one_line(name, options, words, make_learner):
    with pytest.raises(UserError, match=words):
        make_learner(name, **options)

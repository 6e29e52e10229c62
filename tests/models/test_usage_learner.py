"""What answers are made from, in models whose memory keeps count of its use."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import previous_labels
from oneshot_tf.options import from_fields
from tests.models.test_sequence_learner import make_episode

HEADS = [
    {"answer_from": "read"},
    {"answer_units": 5},
    {"answer_from": "read", "answer_units": 5},
]
NAMES = ("flmn", "mann")


def outputs_of(learner, episode):
    """[h_t, r_t] of all steps, [B, T, U + R M]."""
    embedded = learner.encode_images(episode.inputs, False)
    _, ran = learner.run(embedded, previous_labels(episode.labels))
    return np.transpose(ran.outputs.numpy(), [1, 0, 2])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{}, *HEADS, {"answer_units": 5, "answer_activation": "relu"}])
def test_logits_against_numpy(make_learner, name, options):
    learner, episode = make_learner(name, **{"answer_units": 0, **options}), make_episode()
    for i, weight in enumerate(learner.trainable_variables):
        weight.assign(0.3 * tf.random.stateless_normal(weight.shape, [i, 7]))
    shown = outputs_of(learner, episode)
    units = learner.options.hidden_size
    assert shown.shape[2] == units + learner.cell.read_width
    if options.get("answer_from") == "read":
        shown = shown[..., units:]
    if options.get("answer_units"):
        kernel, bias = (v.numpy() for v in learner.hidden.weights)
        assert kernel.shape == (shown.shape[2], 5)
        shown = shown @ kernel + bias
        below = 0.0 if options.get("answer_activation") == "relu" else 0.2
        shown = np.where(shown > 0, shown, below * shown)
    kernel, bias = (v.numpy() for v in learner.classifier.weights)
    np.testing.assert_allclose(learner(episode), shown @ kernel + bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", HEADS)
@pytest.mark.parametrize("execution", ["while", pytest.param("xla", marks=pytest.mark.slow)])
def test_a_training_step_reaches_every_weight(make_learner, name, options, execution):
    learner = make_learner(name, execution=execution, **options)
    for i, weight in enumerate(learner.trainable_variables):
        weight.assign(0.3 * tf.random.stateless_normal(weight.shape, [i, 7]))
    with tf.GradientTape() as tape:
        loss = learner.train_loss(make_episode()).loss
    weights = learner.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None and np.isfinite(gradient).all(), weight.name
        assert np.abs(gradient).max() > 0, weight.name


@pytest.mark.slow  # XLA
@pytest.mark.parametrize("name", NAMES)
def test_compiled_gradients_are_the_loops(make_learner, name):
    found = []
    for execution in ("while", "xla"):
        learner = make_learner(name, execution=execution, **HEADS[2])
        with tf.GradientTape() as tape:
            loss = learner.train_loss(make_episode()).loss
        found.append(tape.gradient(loss, learner.trainable_variables))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)


def test_an_answer_from_what_was_read_alone_does_not_see_the_picture_past_the_memory(make_learner):
    """Where nothing but zeros can be read, every answer is the bias."""
    learner, episode = make_learner("flmn", answer_from="read"), make_episode()
    kernel = learner.cell.head_kernel.numpy()
    add_label = slice(sum(learner.cell.sizes[:2]), sum(learner.cell.sizes[:3]))
    kernel[:, add_label] = 0.0
    learner.cell.head_kernel.assign(kernel)
    logits = learner(episode).numpy()
    np.testing.assert_allclose(logits, np.broadcast_to(logits[:1, :1], logits.shape), atol=1e-4)
    both = make_learner("flmn")
    assert np.ptp(both(episode).numpy(), axis=1).max() > 1e-2


@pytest.mark.parametrize("name", NAMES)
def test_empty_rows_and_what_pictures_share_are_left_out_where_asked(make_learner, name):
    """Both options reach the layers, and a run made before they were there has neither."""
    episode, found = make_episode(), []
    for options in ({"least_norm": 0.0}, {"least_norm": 0.5}):
        learner = make_learner(name, encoder="conv", centred=True, **options)
        for i, weight in enumerate(learner.trainable_variables):
            weight.assign(0.3 * tf.random.stateless_normal(weight.shape, [i, 7]))
        _, weights = learner.explained(episode)
        found.append(weights["read_weights"].numpy())
    assert np.abs(found[0] - found[1]).max() > 1e-3
    embedded = learner.encode_images(episode.inputs, True).numpy().reshape(-1, 16)
    assert abs(embedded.mean()) < 0.05 * np.abs(embedded).max()  # a ReLU's are above 0
    before = from_fields(type(learner.options), {"hidden_size": 16})
    assert (before.centred, before.least_norm) == (False, 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_without_them_is_the_one_that_was_there(make_learner, name):
    learner = make_learner(name, answer_units=0)
    stored = {"hidden_size": 16}
    options = from_fields(type(learner.options), stored)
    assert (options.answer_from, options.answer_units) == ("both", 0)
    assert options.answer_activation == "relu"
    names = {v.name for v in learner.trainable_variables}
    assert not any("hidden/" in n for n in names) and learner.hidden is None
    flops = [
        make_learner(name, **{"answer_units": 0, **o}).flops_per_episode(1) for o in ({}, *HEADS)
    ]
    units, read, way = 16, learner.cell.read_width, learner.way
    assert flops[0] - flops[1] == pytest.approx(3 * 2 * units * way)
    hidden = (units + read) * 5 + 5 * way
    assert flops[2] - flops[0] == pytest.approx(3 * 2 * (hidden - (units + read) * way))

"""Sequence learners on batches and sequences of every size, and their options."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import models
from oneshot_tf.episodes import SequenceEpisode
from oneshot_tf.models.sequence_learner import SequenceLearner
from oneshot_tf.sampling import sequence
from tests.conftest import IMAGE_SIZE, SHOT, WAY

NAMES = [n for n in models.MODELS if issubclass(models.find(n), SequenceLearner)]


@pytest.fixture(scope="module")
def draw(make_source, distinct_dataset):
    """Draws episodes: (batch, number of the first) -> SequenceEpisode."""

    def draw(batch, first=0):
        sample = sequence.sampler(
            make_source(distinct_dataset),
            seed=0,
            stream="train",
            batch=batch,
            way=WAY,
            per_class=SHOT,
        )
        return sample(tf.constant(first))

    return draw


# slow because XLA compiles each cell for seconds; the plain one goes the same way
COMPILED = [n if n == "lstm" else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one(name, make_learner, draw):
    check_a_batch_of_one(make_learner(name, execution="while"), draw)


@pytest.mark.parametrize("name", COMPILED)
def test_a_batch_of_one_under_xla(name, make_learner, draw):
    check_a_batch_of_one(make_learner(name, execution="xla"), draw)


def check_a_batch_of_one(learner, draw):
    one = draw(1, first=1)
    np.testing.assert_allclose(learner(one)[0], learner(draw(2))[1], rtol=1e-5, atol=1e-5)
    with tf.GradientTape() as tape:
        loss = learner.train_loss(one).loss
    assert np.isfinite(loss)
    assert None not in tape.gradient(loss, learner.trainable_variables)


@pytest.mark.parametrize("name", NAMES)
def test_padding_at_the_end_counts_for_nothing_in_the_loss(name, make_learner, draw):
    learner, episode = make_learner(name), draw(2)
    shorter = SequenceEpisode(*(part[:, :-3] for part in episode))
    padding = -tf.ones([2, 3], tf.int32)
    padded = episode._replace(labels=tf.concat([shorter.labels, padding], axis=1))
    expected = learner.train_loss(shorter).loss
    np.testing.assert_allclose(learner.train_loss(padded)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("encoding", ["one_hot", "string"])
@pytest.mark.parametrize("execution", ["while", "unrolled"])
def test_one_trace_for_batches_and_sequences_of_all_sizes(encoding, execution, make_learner, draw):
    learner = make_learner("flmn", label_encoding=encoding, execution=execution)
    pictures = tf.TensorSpec([None, None, IMAGE_SIZE, IMAGE_SIZE, 1])

    @tf.function(input_signature=[pictures, tf.TensorSpec([None, None], tf.int32)])
    def answer(images, labels):
        logits = learner(SequenceEpisode(images, labels, labels))
        return logits, learner.predict_labels(logits)

    for batch, steps in [(1, 5), (3, WAY * SHOT)]:
        episode = SequenceEpisode(*(part[:, :steps] for part in draw(batch)))
        logits, labels = answer(episode.inputs, episode.labels)
        expected = learner(episode)
        np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(labels, learner.predict_labels(expected))


def unusual(field):
    """A value of an option that is not its default."""
    if field.metadata["choices"]:
        return next(choice for choice in field.metadata["choices"] if choice != field.default)
    if isinstance(field.default, bool):
        return not field.default
    return field.default + 1 if isinstance(field.default, int) else 0.5 * field.default + 0.25


@pytest.mark.parametrize("name", NAMES)
def test_every_option_of_a_model_reaches_its_cell(name):
    """An option that `make_cell` forgets would have no effect and no error."""
    model = models.find(name)
    shared = {field.name for field in dataclasses.fields(SequenceLearner.Options)}
    shared |= {
        "answer_from",
        "answer_units",
        "answer_activation",
    }  # of the answer, which is made outside the cell
    own = {f.name: unusual(f) for f in dataclasses.fields(model.Options) if f.name not in shared}
    usual = model.Options()
    assert all(getattr(usual, option) != value for option, value in own.items())
    learner = model(model.Options(**own), way=WAY, image_size=IMAGE_SIZE, channels=1)
    assert {option: getattr(learner.cell, option) for option in own} == own

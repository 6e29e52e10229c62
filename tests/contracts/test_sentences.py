"""What every model that reads sentences has to keep; it is tested by saying that it reads them."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import models
from oneshot_tf.data.sentences import BLANK
from oneshot_tf.episodes import FewShotEpisode, LabelledPictures
from oneshot_tf.errors import UserError
from oneshot_tf.layers.sentence_encoder import READERS

VOCABULARY, WAY, SHOT = 12, 3, 2
# a language model learns nothing of a support, and has none: see models/test_lstm_lm.py
READING = [
    name
    for name in models.MODELS
    if "sentences" in models.find(name).reads and models.find(name).episode != "text"
]
OTHERS = [name for name in models.MODELS if "sentences" not in models.find(name).reads]


def draw(seed, count):
    """[2, count, 7] tokens: sentences of 3 to 7 words with a blank."""
    random = np.random.default_rng(seed)
    tokens = random.integers(2, VOCABULARY, (2, count, 7))
    tokens[:, :, 1] = BLANK
    return np.where(np.arange(7) < random.integers(3, 8, (2, count, 1)), tokens, 0).astype(np.int32)


@pytest.fixture(scope="module", params=[(name, r) for name in READING for r in READERS], ids=str)
def learner(request, make_learner):
    name, reader = request.param
    learner = make_learner(name, WAY, vocabulary=VOCABULARY, reader=reader)
    for i, variable in enumerate(learner.trainable_variables):
        variable.assign(variable + 0.3 * tf.random.stateless_normal(variable.shape, [i, 1]))
    return learner


@pytest.fixture(scope="module")
def episode():
    labels = np.array([[0, 2, 1, 1, 0, 2], [2, 0, 1, 0, 2, 1]], np.int32)
    return FewShotEpisode(
        *map(tf.constant, (draw(0, 6), labels, draw(1, 4), np.array([[0, 1, 2, 1]] * 2, np.int32)))
    )


def answers(learner, episode):
    return learner.probabilities(learner(episode)).numpy()


def test_probabilities(learner, episode):
    found = answers(learner, episode)
    assert found.shape == (2, 4, WAY)
    np.testing.assert_allclose(found.sum(axis=2), 1.0, rtol=1e-5)


def test_permuted_labels_permute_the_answers(learner, episode):
    order = np.array([2, 0, 1])
    permuted = episode._replace(support_labels=tf.gather(order, episode.support_labels))
    found = answers(learner, permuted._replace(support_labels=tf.cast(permuted[1], tf.int32)))
    np.testing.assert_allclose(found[:, :, order], answers(learner, episode), atol=1e-5)


def test_padding_changes_no_answer(learner, episode):
    longer = [tf.pad(part, [[0, 0], [0, 0], [0, 9]]) for part in (episode.support, episode.query)]
    found = answers(learner, episode._replace(support=longer[0], query=longer[1]))
    np.testing.assert_allclose(found, answers(learner, episode), atol=1e-6)


def test_queries_do_not_see_each_other(learner, episode):
    alone = episode._replace(query=episode.query[:, :1], query_labels=episode.query_labels[:, :1])
    found = answers(learner, alone)
    np.testing.assert_allclose(found, answers(learner, episode)[:, :1], atol=1e-5)


def test_every_weight_learns(learner, episode):
    if learner.episode == "labelled":
        episode = LabelledPictures(episode.query[0], episode.query_labels[0])
    shown = len(np.ravel(episode[1] if learner.episode == "labelled" else episode.query_labels))
    with tf.GradientTape() as tape:
        loss, _, counted, _ = learner.train_loss(episode)
    gradients = tape.gradient(loss, learner.trainable_variables)
    for variable, gradient in zip(learner.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name
    assert np.isfinite(loss) and counted.numpy().tolist() == [shown]


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_say_that_they_do_not(make_learner, name):
    with pytest.raises(UserError, match="reads pictures, no sentences"):
        make_learner(name, vocabulary=VOCABULARY)


def test_full_context(make_learner, episode):
    learner = make_learner("matching", WAY, vocabulary=VOCABULARY, fce=True, word_width=8)
    order = [3, 1, 0, 2]
    shuffled = episode._replace(query=tf.gather(episode.query, order, axis=1))
    found = answers(learner, shuffled)
    np.testing.assert_allclose(found, answers(learner, episode)[:, order], atol=1e-5)

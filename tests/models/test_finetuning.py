"""Fine-tuning on an episode's support, in every model that has it."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import protocols
from oneshot_tf.layers.sentence_encoder import READERS
from tests.models.helpers import draw, trained_a_little

MODELS = ("matching", "prototypical", "siamese", "classifier")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("match", ["own", "softmax"])
def test_fine_tuning_changes_the_answer_and_no_weight(make_learner, episode, name, match):
    learner = trained_a_little(make_learner(name))
    if match not in learner.finetune_matches:
        with pytest.raises(UserError, match="--finetune_match of .* must be own. Received: soft"):
            protocols.finetuning(learner, 1, 1e-3, match)
        return
    before = [v.numpy() for v in learner.variables]
    plain = learner(episode)
    found = tf.function(learner.finetuned)(episode, 5, 1e-2, match)
    assert found.shape == plain.shape
    there = plain > -1e8
    assert np.abs((found - plain)[there]).max() > 1e-3
    for v, value in zip(learner.variables, before, strict=True):
        np.testing.assert_array_equal(v, value)
    np.testing.assert_array_equal(learner(episode), plain)


@pytest.mark.parametrize("name", MODELS)
def test_no_steps_of_fine_tuning_are_the_plain_answer(make_learner, episode, name):
    learner = trained_a_little(make_learner(name))
    found = learner.finetuned(episode, 0, 1e-3)
    np.testing.assert_allclose(found, learner(episode), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_fine_tuning_sees_each_episode_alone_and_no_query(make_learner, episode, name):
    learner = trained_a_little(make_learner(name))
    tune = tf.function(lambda e: learner.finetuned(e, 3, 1e-2), reduce_retracing=True)
    together = tune(episode)
    first = FewShotEpisode(*(part[:1] for part in episode))
    np.testing.assert_allclose(tune(first)[0], together[0], rtol=1e-4, atol=1e-4)
    others = episode._replace(query=tf.concat([episode.query[:, :1], draw(9, 2, 3)], axis=1))
    np.testing.assert_allclose(tune(others)[:, 0], together[:, 0], rtol=1e-4, atol=1e-4)


def test_fine_tuning_lowers_the_loss_on_the_support(make_learner, episode):
    learner = trained_a_little(make_learner("prototypical"))
    labels = episode.support_labels
    known = FewShotEpisode(episode.support, labels, episode.support, labels)

    def loss(logits):
        there = labels >= 0
        picked = tf.gather(logits, tf.maximum(labels, 0), batch_dims=2)
        return -float(tf.reduce_mean(picked[there]))

    assert loss(learner.finetuned(known, 20, 1e-2)) < 0.9 * loss(learner(known))


@pytest.mark.parametrize("reader", READERS)
def test_fine_tuning_on_sentences(make_learner, reader):
    learner = trained_a_little(make_learner("matching", vocabulary=12, reader=reader))
    random = np.random.default_rng(0)

    def tokens(count):
        found = random.integers(2, 12, (2, count, 5))
        found[:, :, 1] = 1  # the blank
        return tf.constant(found, tf.int32)

    labels = tf.constant([[0, 1, 2, 0], [2, 1, 0, -1]])
    sentences = FewShotEpisode(tokens(4), labels, tokens(3), tf.constant([[0, 1, 2]] * 2))
    before = [v.numpy() for v in learner.variables]
    plain = learner(sentences)
    found = tf.function(learner.finetuned)(sentences, 3, 0.1)
    assert np.abs((found - plain)[plain > -1e8]).max() > 1e-2
    still = learner.finetuned(sentences, 0, 0.1)
    np.testing.assert_allclose(still, plain, rtol=1e-4, atol=1e-5)
    for v, value in zip(learner.variables, before, strict=True):
        np.testing.assert_array_equal(v, value)


@pytest.mark.parametrize("name", ["pixels", "lstm"])
def test_what_cannot_be_fine_tuned_says_so(make_learner, name):
    with pytest.raises(UserError, match=f"{name} has no fine-tuning"):
        protocols.finetuning(make_learner(name), 1, 1e-3, "own")

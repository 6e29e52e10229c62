"""What the models that compare embeddings share: batch norm at test, fine-tuning, embeddings."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import protocols
from tests.models.helpers import draw

MODELS = ("matching", "prototypical", "siamese", "classifier")


def trained_a_little(learner):
    """Running statistics that are no longer their first values."""
    for v in learner.variables:
        v.assign(v + 0.1 * tf.random.stateless_uniform(v.shape, [3, 4]))
    return learner


@pytest.mark.parametrize("name", [*MODELS, "pixels"])
def test_the_answer_is_made_of_single_embeddings(make_learner, episode, name):
    learner = trained_a_little(make_learner(name))
    sides = [
        tf.stack([learner.embed(row) for row in part]) for part in (episode.support, episode.query)
    ]
    embedded = episode._replace(support=sides[0], query=sides[1])
    assert learner.embeds_alone
    np.testing.assert_allclose(
        learner.answer_embedded(embedded), learner(episode), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("options", [{"bn": "support"}, {"bn": "batch"}, {"shared": False}])
def test_where_it_is_not_the_model_says_so(make_learner, options):
    assert not make_learner("matching", **options).embeds_alone


@pytest.mark.parametrize("shared", [True, False])
def test_which_pictures_make_the_statistics(make_learner, episode, shared):
    """Other queries change an answer in the mode `batch` alone; the padding in none."""
    others = episode._replace(query=tf.concat([episode.query[:, :1], draw(9, 2, 3)], axis=1))
    padding = tf.where((episode.support_labels < 0)[..., None, None, None], 0.5, episode.support)
    repadded = episode._replace(support=padding)
    for mode, changes in (("running", False), ("support", False), ("batch", True)):
        if mode == "support" and not shared:
            with pytest.raises(UserError, match="--bn=support needs --shared"):
                make_learner("matching", bn=mode, shared=shared)
            continue
        learner = trained_a_little(make_learner("matching", bn=mode, shared=shared))
        before = learner(episode)[:, 0]
        assert (np.abs(learner(others)[:, 0] - before).max() > 1e-3) == changes, mode
        np.testing.assert_allclose(learner(repadded)[:, 0], before, rtol=1e-4, atol=1e-5)


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


@pytest.mark.parametrize("name", ["pixels", "lstm"])
def test_what_cannot_be_fine_tuned_says_so(make_learner, name):
    with pytest.raises(UserError, match=f"{name} has no fine-tuning"):
        protocols.finetuning(make_learner(name), 1, 1e-3, "own")


@pytest.mark.parametrize("name", MODELS)
def test_figures_say_what_was_answered(make_learner, episode, name):
    learner = trained_a_little(make_learner(name))
    found, logits = learner.figures(episode), learner(episode)[0]
    np.testing.assert_array_equal(found["support"], episode.support[0])
    np.testing.assert_array_equal(found["query_labels"], episode.query_labels[0])
    np.testing.assert_array_equal(found["predictions"], np.argmax(logits, axis=1))
    np.testing.assert_allclose(found["probabilities"], np.exp(logits), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found["confidence"], found["probabilities"].max(axis=1))
    np.testing.assert_allclose(found["attention"].sum(axis=1), 1.0, rtol=1e-5)
    assert (found["attention"][:, 3] == 0.0).all()  # padding
    assert found["similarity"].shape == (4, 5)

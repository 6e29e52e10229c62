"""What the models that compare embeddings share: batch norm at test, embeddings."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf import models
from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.models.few_shot_learner import FewShotLearner
from tests.models.helpers import draw, trained_a_little

MODELS = ("matching", "prototypical", "siamese", "classifier")


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


@pytest.mark.parametrize("name", ["matching", "prototypical", "mmnet"])
def test_training_is_by_the_batchs_statistics_and_moves_the_running_ones(
    make_learner, episode, name
):
    """The loss is minus the mean log-probability of what those statistics answer."""
    learner = trained_a_little(make_learner(name))
    logits = learner(episode, training=True).numpy()
    before = [v.numpy() for v in tf.nest.flatten(learner.embedding.running)]
    found = learner.train_loss(episode).loss
    after = tf.nest.flatten(learner.embedding.running)
    assert min(np.abs(v - b).max() for v, b in zip(after, before, strict=True)) > 1e-4
    labels = episode.query_labels.numpy()
    told = [logits[b, q, labels[b, q]] for b, q in zip(*np.nonzero(labels >= 0), strict=True)]
    np.testing.assert_allclose(found, -np.mean(told), rtol=1e-4)
    assert np.abs(logits - learner(episode)).max() > 1e-2


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


COMPARING = [name for name in models.MODELS if issubclass(models.find(name), FewShotLearner)]
OTHERWISE = [(name, {"aggregate": "sum"}, True) for name in ("siamese", "classifier", "pixels")]
OTHERWISE += [("mmnet", {"vote": "nearest"}, False)]


@pytest.mark.parametrize(
    "name, options, adds_up", [*((n, {}, models.find(n).adds_up) for n in COMPARING), *OTHERWISE]
)
def test_models_that_add_up_say_so(make_learner, name, options, adds_up):
    """With its one picture shown ten times, a class is the answer more often, or as often as before."""
    learner = trained_a_little(make_learner(name, **options))
    support, query = draw(0, 1, 3), draw(1, 1, 20)
    alike = tf.zeros([1, 20], tf.int32)
    once = learner(FewShotEpisode(support, tf.constant([[0, 1, 2]]), query, alike))
    shown = tf.gather(support, [0] * 10 + [1, 2], axis=1)
    often = learner(FewShotEpisode(shown, tf.constant([[0] * 10 + [1, 2]]), query, alike))
    grown = np.mean(tf.nn.softmax(often)[..., 0] - tf.nn.softmax(once)[..., 0])
    assert learner.adds_up == adds_up == (grown > 0.1), grown

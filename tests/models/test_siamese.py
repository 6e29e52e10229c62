import numpy as np
import pytest
import tensorflow as tf

from tests.numpy_reference import matching as reference


def embedded(learner, episode):
    return [
        np.stack([learner.embed(row) for row in part]) for part in (episode.support, episode.query)
    ]


@pytest.fixture
def learner(make_learner):
    learner = make_learner("siamese")
    learner.alpha.assign(tf.random.stateless_normal(learner.alpha.shape, [5, 6]))
    return learner


def test_the_logit_is_a_weighted_distance(learner, episode):
    support, query = embedded(learner, episode)
    expected = reference.similarity(query, support, "l1", learner.alpha.numpy())
    found = learner.same(tf.constant(support), tf.constant(query))
    np.testing.assert_allclose(found, expected + float(learner.bias), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("aggregate", ["nearest", "mean"])
@pytest.mark.parametrize("answer_by", ["cosine", "same"])
def test_the_class_of_the_most_similar_picture_is_the_answer(
    make_learner, episode, aggregate, answer_by
):
    learner = make_learner("siamese", aggregate=aggregate, answer_by=answer_by, scale=7.0)
    support, query = embedded(learner, episode)
    if answer_by == "cosine":
        scores = 7.0 * reference.similarity(query, support, "cosine")
    else:
        scores = reference.similarity(query, support, "l1", learner.alpha.numpy())
    expected = reference.class_probabilities(scores, episode.support_labels.numpy(), 3, aggregate)
    np.testing.assert_allclose(np.exp(learner(episode)), expected, rtol=1e-3, atol=1e-5)


def test_it_is_trained_on_pairs(learner, episode):
    support, query = learner.embed_episode(episode, True)
    scores = reference.similarity(query.numpy(), support.numpy(), "l1", learner.alpha.numpy())
    expected = reference.pair_loss(
        scores + float(learner.bias), episode.support_labels.numpy(), episode.query_labels.numpy()
    )
    loss, _, shown, _ = learner.train_loss(episode)
    np.testing.assert_allclose(loss, expected, rtol=1e-3)
    assert shown.numpy().tolist() == [7.0]


def test_at_the_start_distance_speaks_against_the_same_class(make_learner, episode):
    learner = make_learner("siamese")
    support, _ = embedded(learner, episode)
    found = learner.same(tf.constant(support), tf.constant(support))
    apart = np.abs(support[:, :, None] - support[:, None]).sum(axis=3)
    np.testing.assert_allclose(found, 3.0 - 0.1 * apart, rtol=1e-4, atol=1e-4)
    assert apart.max() > 1.0

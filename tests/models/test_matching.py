"""Matching Networks as a whole: the kernel, the factor, full-context embeddings."""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.helpers import trained_a_little
from tests.numpy_reference import matching as reference


@pytest.mark.parametrize("scale, learned", [(1.0, False), (7.0, True)])
def test_the_paper_is_a_softmax_over_cosines(make_learner, episode, scale, learned):
    learner = make_learner("matching", scale=scale, learn_scale=learned)
    support, query = (
        np.stack([learner.embed(row) for row in part]) for part in (episode.support, episode.query)
    )
    scores = scale * reference.similarity(query, support, "cosine")
    expected = reference.class_probabilities(scores, episode.support_labels.numpy(), 3, "sum")
    np.testing.assert_allclose(np.exp(learner(episode)), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"normalize": "support"}, {"kernel": "dot"}, {"kernel": "bilinear"}], ids=str
)
def test_other_similarities_against_loops(make_learner, episode, options):
    learner = make_learner("matching", scale=0.5, learn_scale=False, **options)
    support, query = (
        np.stack([learner.embed(row) for row in part]) for part in (episode.support, episode.query)
    )
    kernel, weights = options.get("kernel", "cosine"), None
    if kernel == "bilinear":
        weights = tf.random.stateless_normal(learner.bilinear.shape, [1, 2])
        learner.bilinear.assign(weights)
        weights = weights.numpy()
    scores = 0.5 * reference.similarity(
        query, support, kernel, weights, options.get("normalize", "both")
    )
    expected = reference.class_probabilities(scores, episode.support_labels.numpy(), 3, "sum")
    np.testing.assert_allclose(np.exp(learner(episode)), expected, rtol=1e-3, atol=1e-5)


def test_full_context_against_loops(make_learner, episode):
    learner = make_learner("matching", fce=True, fce_width=5, steps=3, scale=2.0)
    labels = episode.support_labels.numpy()
    forward, backward = map(reference.weights_of, learner.support_context.lstm.directions)
    cell = [w.numpy() for w in learner.query_context.cell.weights]
    found = np.exp(learner(episode))
    for b in range(2):
        there = labels[b] >= 0
        support, query = (
            learner.projection(learner.embed(part[b])).numpy()
            for part in (episode.support, episode.query)
        )
        g = reference.support_context(support, there, forward, backward)
        f = np.stack([reference.query_context(q, g, there, 3, cell) for q in query])
        g[~there] = 1.0  # padding: any but nothing, which has no cosine
        scores = 2.0 * reference.similarity(f[None], g[None], "cosine")
        expected = reference.class_probabilities(scores, labels[b : b + 1], 3, "sum")[0]
        np.testing.assert_allclose(found[b], expected, rtol=1e-3, atol=1e-5)


def test_queries_never_change_the_support_embeddings(make_learner, episode):
    learner = make_learner("matching", fce=True)
    labels = episode.support_labels
    support, query = learner.embed_episode(episode, False)
    before, _ = learner.in_context(support, labels, query)
    after, _ = learner.in_context(support, labels, 3.0 - query)
    np.testing.assert_array_equal(before, after)


def test_the_mean_over_orders_hardly_depends_on_the_order(make_learner):
    """One order is the paper's; with 64 its spread is an eighth, within the error of a mean."""
    support = tf.random.stateless_normal([1, 4, 64], [1, 2])
    there, order = tf.fill([1, 4], True), [2, 0, 3, 1]

    def moves(orders):
        learner = make_learner("matching", image_size=16, filters=4, fce=True)
        width = learner.support_context.width
        given, turned = support[..., :width], tf.gather(support[..., :width], order, axis=1)
        g = learner.mean_over_orders(given, there, orders).numpy()
        turned = learner.mean_over_orders(turned, there, orders)
        return np.abs(g[:, order] - turned).mean()

    one, many = moves(1), moves(64)
    assert one > 1e-3 and many < one / 3


def test_the_orders_are_the_same_in_every_row_and_with_padding(make_learner):
    learner = make_learner("matching", fce=True, orders=4)
    support = tf.random.stateless_normal([1, 5, learner.support_context.width], [1, 2])
    alone = learner.mean_over_orders(support, tf.fill([1, 5], True), 4)
    padded = tf.pad(tf.tile(support, [3, 1, 1]), [[0, 0], [0, 40], [0, 0]])
    there = tf.tile(tf.range(45)[None] < 5, [3, 1])
    found = learner.mean_over_orders(padded, there, 4)
    for row in found:
        np.testing.assert_allclose(row[:5], alone[0], atol=1e-6)
    assert np.abs(learner.mean_over_orders(support, tf.fill([1, 5], True), 1) - alone).max() > 1e-3


def test_orders_do_not_mix_the_rows_up(make_learner):
    """Without weights in the LSTMs g is g', whatever the order."""
    learner = make_learner("matching", fce=True)
    for w in learner.support_context.weights:
        w.assign(tf.zeros_like(w))
    support = tf.random.stateless_normal([2, 5, learner.support_context.width], [1, 2])
    there = tf.constant([[True] * 5, [True] * 4 + [False]])
    found = learner.mean_over_orders(support, there, 5)
    np.testing.assert_allclose(found, support, rtol=1e-6)


def test_separate_networks_have_weights_of_their_own(make_learner):
    one, two = make_learner("matching"), make_learner("matching", shared=False)
    count = len(one.embedding.trainable_variables)
    assert len(two.trainable_variables) == len(one.trainable_variables) + count


def test_each_side_passes_through_its_own_network(make_learner, episode):
    learner = trained_a_little(make_learner("matching", shared=False))
    sides = zip(
        learner.embed_episode(episode, False),
        (learner.support_embedding, learner.embedding),
        (learner.embedding, learner.support_embedding),
        (episode.support, episode.query),
        strict=True,
    )
    for found, own, other, pictures in sides:
        for b in range(2):
            np.testing.assert_allclose(found[b], own(pictures[b]), rtol=1e-4, atol=1e-5)
            assert np.abs(found[b] - other(pictures[b])).max() > 1e-2


def test_rows_of_a_support_may_come_in_any_order_without_full_context(make_learner, episode):
    learner, order = make_learner("matching"), [4, 2, 0, 1, 3]
    turned = episode._replace(
        support=tf.gather(episode.support, order, axis=1),
        support_labels=tf.gather(episode.support_labels, order, axis=1),
    )
    np.testing.assert_allclose(learner(turned), learner(episode), rtol=1e-4, atol=1e-5)


def test_orders_are_averaged_at_test_and_not_in_training(make_learner, episode):
    one, many = (make_learner("matching", fce=True, orders=n) for n in (1, 7))
    for ours, theirs in zip(many.variables, one.variables, strict=True):
        ours.assign(theirs)
    sides = one.embed_episode(episode, False)
    labels = episode.support_labels
    trained = [m.similarities(sides[0], labels, sides[1], training=True) for m in (one, many)]
    np.testing.assert_array_equal(*trained)
    np.testing.assert_allclose(*(m.train_loss(episode).loss for m in (one, many)), rtol=1e-6)
    tested = [m.similarities(sides[0], labels, sides[1]) for m in (one, many)]
    assert np.abs(tested[0] - tested[1]).max() > 1e-4

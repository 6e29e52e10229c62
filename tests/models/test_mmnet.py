"""MM-Net as a whole, and what each of its ablations takes away."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode
from tests.models.helpers import draw
from tests.numpy_reference import key_value
from tests.numpy_reference import matching as reference

PRINTED = {
    "similarity": "dot", "learn_scale": False, "scale": 1.0, "normalize_keys": False,
    "static_conv": False, "last_relu": True, "loss_of": "sample", "vote": "nearest",
}  # fmt: skip


def wake(learner):
    """Gives what starts at zero some other value."""
    for weight in (learner.from_memory.kernel, learner.predicted.out_of.kernel):
        weight.assign(0.3 * np.random.default_rng(3).normal(size=weight.shape))


def pieces(learner, episode):
    """(z [B, S, Dz], keys z^k, filters W) by the model's own layers, memory left to the loops."""
    support, _ = learner.embed_episode(episode, False)
    known = learner._apply_last(support, False).numpy()
    return known, learner.to_key(known).numpy()


@pytest.mark.parametrize("options", [{}, PRINTED])
def test_equations_2_to_8_against_loops(make_learner, episode, options):
    learner = make_learner("mmnet", **options)
    wake(learner)
    labels = episode.support_labels.numpy()
    support, query = learner.embed_episode(episode, False)
    known, keys = pieces(learner, episode)
    scores = learner.similarities(support, episode.support_labels, query).numpy()
    kernel, static = learner.options.similarity, learner.options.static_conv
    for b in range(2):
        there = labels[b] >= 0
        stored, _ = key_value.write_all(keys[b], labels[b], 128, learner.options.normalize_keys)
        read = key_value.read(stored, keys[b])
        g = read @ learner.from_memory.kernel.numpy() + known[b]
        slots = np.array([key for key, _ in stored], np.float32)[None]
        filters = learner.contextual(tf.constant(slots), tf.fill([1, len(stored)], True))
        maps = tf.reshape(query[b : b + 1], [1, 4, *learner.map_shape])
        kernel_of_g = learner.last_block.learned[0].kernel
        beside = tf.nn.conv2d(maps[0], kernel_of_g, 1, "SAME") if static else None
        f = tf.reshape(learner.predicted(maps, filters, beside), [4, -1]).numpy()
        expected = float(learner.scale) * reference.similarity(f[None], g[None], kernel)[0]
        np.testing.assert_allclose(scores[b][:, there], expected[:, there], rtol=1e-3, atol=1e-3)


def test_the_papers_loss_counts_every_sample_of_the_class(make_learner, episode):
    learner = make_learner("mmnet", **PRINTED)
    support, query = learner.embed_episode(episode, True)
    scores = learner.similarities(support, episode.support_labels, query, training=True).numpy()
    expected = []
    for b, rows in enumerate(scores):
        labels = episode.support_labels.numpy()[b]
        for row, label in zip(rows, episode.query_labels.numpy()[b], strict=True):
            if label >= 0:
                total = np.log(np.exp(row[labels >= 0]).sum())
                expected.append(sum(total - row[labels == label]))
    np.testing.assert_allclose(learner.train_loss(episode)[0], np.mean(expected), rtol=1e-3)


def test_a_permuted_support_may_be_written_otherwise(make_learner, episode):
    """The paper's memory depends on the order; without memory nothing does."""
    order = [4, 2, 0, 1, 3]
    turned = episode._replace(
        support=tf.gather(episode.support, order, axis=1),
        support_labels=tf.gather(episode.support_labels, order, axis=1),
    )
    learner = make_learner("mmnet")
    wake(learner)
    assert np.abs(learner(turned) - learner(episode)).max() > 1e-5
    bare = make_learner("mmnet", read_memory=False, predict=False)
    np.testing.assert_allclose(bare(turned), bare(episode), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options", [{"read_memory": False, "predict": False}, {}, {"last_relu": True}]
)
def test_without_memory_and_prediction_or_at_the_start_it_is_matching(
    make_learner, episode, options
):
    bare = make_learner("mmnet", **options)
    matching = make_learner("matching", last_relu=options.get("last_relu", False))
    for ours, theirs in zip(
        matching.embedding.learned,
        [*bare.embedding.learned, *bare.last_block.learned],
        strict=True,
    ):
        ours.kernel.assign(theirs.kernel)
    np.testing.assert_allclose(matching(episode), bare(episode), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({}, set()),
        ({"read_memory": False}, {"from_memory"}),
        ({"predict": False}, {"predicted", "contextual"}),
        (
            {"read_memory": False, "predict": False},
            {"from_memory", "predicted", "contextual", "to_key"},
        ),
    ],
)
def test_an_ablation_takes_its_weights_away(make_learner, options, gone):
    learner = make_learner("mmnet", **options)
    parts = {"from_memory", "predicted", "contextual", "to_key"}
    assert {name for name in parts if not hasattr(learner, name)} == gone


@pytest.mark.parametrize("static", [True, False])
def test_without_the_static_convolution_all_of_f_is_predicted(make_learner, episode, static):
    learner = make_learner("mmnet", static_conv=static)
    learner.predicted.out_of.kernel.assign(tf.zeros_like(learner.predicted.out_of.kernel))
    support, query = learner.embed_episode(episode, False)
    known = learner._apply_last(support, False)
    memory, _ = learner.memorise(known, episode.support_labels)
    f = learner.embed_queries(query, memory, False)
    assert (np.abs(f).max() > 0) == static


def test_separate_trunks_are_two_networks(make_learner):
    one, two = make_learner("mmnet"), make_learner("mmnet", share_trunk=False)
    count = len(one.embedding.variables)
    assert len(two.variables) == len(one.variables) + count and not two.embeds_alone


def test_a_full_memory_still_answers(make_learner, episode):
    learner = make_learner("mmnet", rows=2)
    known, keys = pieces(learner, episode)
    memory, _ = learner.memorise(tf.constant(known), episode.support_labels)
    for b, labels in enumerate(episode.support_labels.numpy()):
        stored, _ = key_value.write_all(keys[b], labels, 2, learner.options.normalize_keys)
        expected = [key for key, _ in stored]
        assert len(expected) == 2 < len(set(labels) - {-1})
        np.testing.assert_allclose(memory.keys[b], expected, rtol=1e-4, atol=1e-5)
    found = np.exp(learner(episode))
    np.testing.assert_allclose(found.sum(2), 1.0, rtol=1e-5)


@pytest.mark.parametrize("vote, right", [("nearest", 1.0), ("class_sum", 0.0)])
def test_training_counts_the_answers_of_its_vote(make_learner, vote, right):
    """Four pictures of another class outvote the very picture that is asked for."""
    learner = make_learner("mmnet", vote=vote, scale=0.1)
    pictures, labels = draw(0, 1, 5), tf.constant([[0, 0, 0, 0, 1]])
    asked = tf.constant([[-1, -1, -1, -1, 1]])  # the others share in the statistics alone
    outcome = learner.train_loss(FewShotEpisode(pictures, labels, pictures, asked))
    assert float(outcome.right[0]) == right

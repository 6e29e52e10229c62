"""The Gaussian memory as a model: its answer, and the four parts of its loss."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.models.explicit_memory import in_rounds
from oneshot_tf.ops import variational
from tests.models.helpers import trained_a_little
from tests.numpy_reference import gaussian as reference


def rows_of(learner, part):
    """[[(mean, variance)]] of each picture, by the model's own layers."""
    content = learner.heads(part).content
    return [
        [reference.pairs(m, s) for m, s in zip(*rows, strict=True)]
        for rows in zip(content.means.numpy(), content.variances.numpy(), strict=True)
    ]


def test_the_answer_is_the_nearest_slot_of_a_memory_that_read_the_support(make_learner, episode):
    learner = trained_a_little(make_learner("gaussian_memory"))
    support, query = learner.embed_episode(episode, False)
    held, asked = rows_of(learner, support), rows_of(learner, query)
    answers = learner.predict_labels(learner(episode)).numpy()
    for b in range(2):
        labels = episode.support_labels[b].numpy()
        memory = reference.Memory(len(labels))
        for n in in_rounds(tf.constant(labels[None])).numpy()[0]:
            if labels[n] >= 0:
                memory.update(held[b][n], int(labels[n]))
        for q, row in enumerate(asked[b]):
            assert answers[b, q] == memory.slots[memory.ranked(row)[0]][1]


@pytest.mark.parametrize("weight", ["triplet_weight", "latent_weight", "generative_weight"])
def test_every_part_counts_by_its_weight(make_learner, episode, weight):
    off = {"triplet_weight": 0.0, "latent_weight": 0.0, "generative_weight": 0.0}
    parts = []
    for value in (0.0, 1.0, 3.0):
        learner = trained_a_little(make_learner("gaussian_memory", **{**off, weight: value}))
        parts.append(float(learner.train_loss(episode)[0]))
    assert parts[0] == 0.0 and parts[1] > 0.0
    assert parts[2] == pytest.approx(3.0 * parts[1], rel=1e-4)


def test_a_part_of_the_pictures_stands_for_all(make_learner, episode, monkeypatch):
    """The generative loss of some is that of all, on average over what is drawn."""
    only = {"triplet_weight": 0.0, "latent_weight": 0.0, "generative_weight": 1.0}
    learner, means, seed = make_learner("gaussian_memory", **only), {}, tf.Variable(0)
    monkeypatch.setattr(variational, "seeds_of", lambda images: tf.stack([seed, 7]))
    for count in (0, 2):
        learner.options = dataclasses.replace(learner.options, generated=count)
        loss = tf.function(lambda: learner.train_loss(episode)[0])
        losses = [
            float(loss()) for seed_now in range(100) if seed.assign(10 * seed_now) is not None
        ]
        means[count] = np.mean(losses)
        assert np.std(losses) > 0.0
    assert means[2] == pytest.approx(means[0], rel=0.02)


def test_the_same_episode_has_the_same_noise(make_learner, episode):
    learner = make_learner("gaussian_memory")
    first = learner.train_loss(episode)[0]
    np.testing.assert_array_equal(first, learner.train_loss(episode)[0])


@pytest.mark.parametrize("form", ["log", "hinge", "paper"])
def test_all_forms_of_the_margin_are_finite(make_learner, episode, form):
    learner = make_learner("gaussian_memory", margin_form=form, temperature=1.0)
    assert np.isfinite(learner.train_loss(episode)[0])


def test_figures_show_what_is_made_of_content_and_style(make_learner, episode):
    learner = trained_a_little(make_learner("gaussian_memory"))
    found = learner.figures(episode)
    shown = int((episode.query_labels[0].numpy() >= 0).sum())
    images = episode.query[0].numpy()[episode.query_labels[0].numpy() >= 0]
    assert found["reconstruction"].shape == (3, shown, *images.shape[1:])
    np.testing.assert_array_equal(found["reconstruction"][0], images)
    again = learner.reconstruct(images)
    np.testing.assert_allclose(found["reconstruction"][1], again, rtol=1e-4, atol=1e-5)
    # a picture's own content in its own style is its reconstruction
    swaps = found["swap"]
    for i in range(shown):
        np.testing.assert_allclose(swaps[i + 1, i + 1], again[i], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(swaps[0, i + 1], images[i])
        np.testing.assert_array_equal(swaps[i + 1, 0], images[i])
    assert found["traversal"].shape[:2] == (6, 9)
    assert np.abs(np.diff(found["traversal"], axis=1)).max() > 0

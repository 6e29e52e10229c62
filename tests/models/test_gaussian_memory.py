"""The Gaussian memory as a model: its answer, and the four parts of its loss."""

import math

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.models.explicit_memory import in_rounds
from oneshot_tf.ops import variational
from tests.models.helpers import trained_a_little
from tests.numpy_reference import gaussian as reference


def pairs_of(content):
    """[(mean, variance)] of each picture of each episode, of `Gaussians` [B, N, Zc]."""
    return [
        [reference.pairs(m, s) for m, s in zip(*rows, strict=True)]
        for rows in zip(content.means.numpy(), content.variances.numpy(), strict=True)
    ]


def test_the_answer_is_the_nearest_slot_of_a_memory_that_read_the_support(make_learner, episode):
    learner = trained_a_little(make_learner("gaussian_memory"))
    support, query = learner.embed_episode(episode, False)
    held, asked = (pairs_of(learner.content_head(part)) for part in (support, query))
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


def test_the_same_episode_has_the_same_noise(make_learner, episode):
    learner = make_learner("gaussian_memory")
    first = learner.train_loss(episode)[0]
    np.testing.assert_array_equal(first, learner.train_loss(episode)[0])


@pytest.mark.parametrize("form", ["log", "hinge", "paper"])
def test_all_forms_of_the_margin_are_finite(make_learner, episode, form):
    learner = make_learner("gaussian_memory", margin_form=form, temperature=1.0)
    assert np.isfinite(learner.train_loss(episode)[0])


def test_figures_show_what_is_made_of_content_and_style(make_learner, episode):
    learner = make_learner("gaussian_memory")
    # queries of the classes 1, 1, 0, 2: each class once, then the second drawing of class 1
    episode = type(episode)(*(part[1:] for part in episode))
    found, order, partners = learner.figures(episode), [0, 2, 3, 1], [1, 2, 3, 0]
    images = episode.query[0].numpy()
    again = learner.reconstruct(images).numpy()
    posterior = learner.posterior(images, learner.features(images))
    content, style = posterior.content.means, posterior.style.means
    made = {
        (i, j): learner.generate(content[i : i + 1], style[j : j + 1])[0].numpy()
        for i in range(4)
        for j in range(4)
    }
    near = {"rtol": 1e-4, "atol": 1e-5}
    pictures, made_again, other_content = found["reconstruction"]
    np.testing.assert_array_equal(pictures, images[order])
    np.testing.assert_allclose(made_again, again[order], **near)
    for place, (picture, partner) in enumerate(zip(order, partners, strict=True)):
        np.testing.assert_allclose(other_content[place], made[partner, picture], **near)
    swaps = found["swap"]
    np.testing.assert_array_equal(swaps[0, 1:], images[order])
    np.testing.assert_array_equal(swaps[1:, 0], images[order])
    for row, column in np.ndindex(4, 4):
        expected = made[order[row], order[column]]
        np.testing.assert_allclose(swaps[row + 1, column + 1], expected, **near)
    assert np.abs(made[0, 2] - made[2, 0]).max() > 1e-3
    assert found["traversal"].shape[:2] == (6, 9)
    for row, column in np.ndindex(6, 9):
        moved = content.numpy()[:1].copy()  # of the first picture, one number from -2 to 2
        moved[0, row] = -2.0 + 0.5 * column
        expected = learner.generate(tf.constant(moved), style[:1])[0]
        np.testing.assert_allclose(found["traversal"][row, column], expected, **near)
    assert np.abs(np.diff(found["traversal"], axis=1)).max() > 1e-3


@pytest.mark.parametrize("form", ["log", "hinge", "paper"])
def test_the_triplet_loss_against_loops(make_learner, episode, form):
    """A memory for each episode; similarities are exp(-J / temperature)."""
    settings = {"temperature": 7.0, "margin": 0.3, "margin_form": form, "share_memory": False}
    learner = trained_a_little(make_learner("gaussian_memory", **settings))
    _, posterior, labels = seen_in_training(learner, episode)
    order, losses = in_rounds(tf.constant(labels)).numpy(), []
    pictures = pairs_of(posterior.content)
    for b in range(2):
        memory = reference.Memory(labels.shape[1])
        for n in order[b]:
            if labels[b, n] < 0:
                continue
            losses.append(triplet(memory, pictures[b][n], labels[b, n], form))
            memory.update(pictures[b][n], int(labels[b, n]))
    found = learner.memory_loss(tf.concat(posterior.content, axis=-1), episode)[0]
    np.testing.assert_allclose(found, np.mean(losses), rtol=1e-4, atol=1e-6)


def triplet(memory, row, label, form, margin=0.3, temperature=7.0):
    """[GM]'s loss of one picture, in one of three forms."""
    held = [slot for slot in memory.slots if slot is not None]
    own, other = (
        [
            -reference.symmetric_kl(row, slot[0]) / temperature
            for slot in held
            if (slot[1] == label) == same
        ]
        for same in (True, False)
    )
    if form == "log":
        return max(max(other) - max(own) + margin, 0.0) if own and other else 0.0
    near, far = (math.exp(max(part)) if part else 0.0 for part in (own, other))
    return far + 1.0 - near if form == "paper" else max(far - near + margin, 0.0)


def seen_in_training(learner, episode):
    """Pictures, posterior and labels of an episode, support first."""
    images = tf.concat([episode.support, episode.query], axis=1)
    labels = tf.concat([episode.support_labels, episode.query_labels], axis=1).numpy()
    embeddings = tf.concat(learner.embed_episode(episode, True), axis=1)
    return images, learner.posterior(images, embeddings), labels


def test_the_generative_loss_is_of_the_own_content_and_of_a_partners(make_learner, episode):
    weights = {"triplet_weight": 0.0, "latent_weight": 0.0, "generative_weight": 1.0}
    learner = trained_a_little(make_learner("gaussian_memory", **weights))
    images, posterior, labels = seen_in_training(learner, episode)
    seeds = variational.seeds_of(images)
    content = variational.sample(posterior.content, seeds).numpy()
    style = variational.sample(posterior.style, seeds + 1).numpy()
    nats = []
    for b, n in zip(*np.nonzero(labels >= 0), strict=True):
        same = [m for m in range(9) if labels[b, m] == labels[b, n]]
        partner = same[(same.index(n) + 1) % len(same)]
        nats.append(0.0)
        for z in (content[b, n], content[b, partner]):
            logits = learner.decoder(*map(tf.constant, (z[None], style[b, n][None])))[0]
            logits, picture = logits.numpy().astype(np.float64), images[b, n].numpy()
            nats[-1] += (np.logaddexp(0.0, logits) - picture * logits).sum()
    np.testing.assert_allclose(learner.train_loss(episode)[0], np.mean(nats), rtol=1e-4)


def test_the_latent_loss_is_of_content_and_style(make_learner, episode):
    weights = {"triplet_weight": 0.0, "latent_weight": 1.0, "generative_weight": 0.0}
    learner = trained_a_little(make_learner("gaussian_memory", **weights))
    _, posterior, labels = seen_in_training(learner, episode)
    both = sum(variational.kl_to_standard(part).numpy() for part in posterior)
    expected = both[labels >= 0].mean()
    np.testing.assert_allclose(learner.train_loss(episode)[0], expected, rtol=1e-4)

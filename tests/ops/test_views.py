import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.ops import views

RANDOM = np.random.default_rng(0)


def episode_of(support=4, query=3):
    def pictures(count):
        return tf.constant(RANDOM.random((2, count, 5, 5, 1)), tf.float32)

    labels = tf.constant([[0, 1, 2, 1]] * 2)
    return FewShotEpisode(pictures(support), labels, pictures(query), tf.constant([[0, 1, 2]] * 2))


def features(images):
    """[N, 25]: differs from view to view, as an embedding does."""
    flat = tf.reshape(images, [-1, 25])
    return flat * tf.range(25.0)


def logits_of(episode):
    """Of a matching network with one hot labels: [B, Q, 3]."""
    support, query = (
        tf.reshape(features(tf.reshape(p, [-1, 5, 5, 1])), [2, -1, 25])
        for p in (episode.support, episode.query)
    )
    return embedded_logits(episode._replace(support=support, query=query))


def embedded_logits(episode):
    scores = -tf.reduce_sum((episode.query[:, :, None] - episode.support[:, None]) ** 2, -1) / 50.0
    return tf.matmul(scores, tf.one_hot(episode.support_labels, 3))


@pytest.mark.parametrize("view", range(8))
def test_a_view_turns_and_mirrors(view):
    images = RANDOM.random((2, 3, 5, 5, 2))
    expected = images[..., ::-1, :] if view >= 4 else images
    expected = np.rot90(expected, view % 4, axes=(2, 3))
    np.testing.assert_array_equal(views.turned(tf.constant(images), view), expected)


@pytest.mark.parametrize("count", [1, 4, 8])
def test_the_answer_is_the_mean_of_the_log_probabilities(count):
    episode = episode_of()
    parts = []
    for view in range(count):
        seen = episode._replace(
            support=views.turned(episode.support, view), query=views.turned(episode.query, view)
        )
        logits = logits_of(seen).numpy()
        parts.append(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))
    found = views.averaged(logits_of, count)(episode)
    np.testing.assert_allclose(found, np.mean(parts, 0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("count", [1, 4, 8])
def test_embedding_each_picture_once_gives_the_same(count):
    episode = episode_of()
    both = views.side_by_side(features, count)
    embedded = episode._replace(
        **{
            name: tf.stack([both(pictures) for pictures in tf.unstack(getattr(episode, name))])
            for name in ("support", "query")
        }
    )
    found = views.averaged_embedded(embedded_logits, count)(embedded)
    np.testing.assert_allclose(found, views.averaged(logits_of, count)(episode), atol=1e-5)


def test_a_turned_episode_gets_the_same_answer():
    episode, answer = episode_of(), views.averaged(logits_of, 4)
    turned = episode._replace(
        support=views.turned(episode.support, 1), query=views.turned(episode.query, 1)
    )
    np.testing.assert_allclose(answer(turned), answer(episode), rtol=1e-4, atol=1e-5)

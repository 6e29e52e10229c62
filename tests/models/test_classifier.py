import math

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import LabelledPictures
from tests.models.helpers import draw
from tests.numpy_reference import matching as reference


def plain_logits(learner, features):
    """Of the training classes, a number at a time."""
    weights = learner.class_weights.numpy()
    if learner.options.head == "cosine":
        scores = reference.similarity(features[None], weights.T[None], "cosine")[0]
        return learner.options.head_scale * scores
    return features @ weights + learner.class_bias.numpy()


@pytest.mark.parametrize("head", ["linear", "cosine"])
def test_training_is_a_softmax_over_all_training_classes(make_learner, head):
    learner = make_learner("classifier", head=head)
    pictures = LabelledPictures(draw(0, 6), tf.constant([0, 11, 3, 3, 7, 1]))
    features = learner.embedding(pictures.images, training=True).numpy()
    logits = plain_logits(learner, features)
    expected = []
    for row, label in zip(logits, pictures.labels.numpy(), strict=True):
        expected.append(math.log(sum(math.exp(x) for x in row)) - row[label])
    loss, right, shown, _ = learner.train_loss(pictures)
    np.testing.assert_allclose(loss, np.mean(expected), rtol=1e-4)
    answered = sum(logits.argmax(1) == pictures.labels.numpy())
    assert right.numpy().tolist() == [answered] and float(shown[0]) == 6.0


@pytest.mark.parametrize("aggregate", ["nearest", "sum", "mean"])
def test_new_classes_are_compared_by_the_cosine_of_features(make_learner, episode, aggregate):
    learner = make_learner("classifier", aggregate=aggregate, head_scale=5.0)
    support, query = (
        np.stack([learner.embed(row) for row in part]) for part in (episode.support, episode.query)
    )
    scores = 5.0 * reference.similarity(query, support, "cosine")
    labels = episode.support_labels.numpy()
    expected = reference.class_probabilities(scores, labels, 3, aggregate)
    np.testing.assert_allclose(np.exp(learner(episode)), expected, rtol=1e-3, atol=1e-5)


def test_a_softmax_made_for_the_support_knows_the_support(make_learner, episode):
    learner = make_learner("classifier")
    known = episode._replace(query=episode.support, query_labels=episode.support_labels)
    answers = np.argmax(learner.finetuned(known, 60, 3e-2, "softmax"), axis=2)
    there = episode.support_labels.numpy() >= 0
    np.testing.assert_array_equal(answers[there], episode.support_labels.numpy()[there])


def test_how_many_classes_there_are_has_to_be_known(make_learner):
    with pytest.raises(ValueError, match="`train_classes` must be known"):
        make_learner("classifier", train_classes=None)


@pytest.mark.parametrize("match", ["own", "softmax"])
def test_a_fine_tuned_answer_is_a_class_of_the_support(make_learner, episode, match):
    """Labels with a gap, as a request may have them."""
    learner = make_learner("classifier")
    gap = episode._replace(support_labels=2 * episode.support_labels)  # padding stays below 0
    found = learner.probabilities(learner.finetuned(gap, 3, 1e-2, match)).numpy()
    assert found.shape[2] == 5
    np.testing.assert_array_equal(found[..., [1, 3]], 0.0)
    np.testing.assert_allclose(found.sum(axis=2), 1.0, rtol=1e-5)

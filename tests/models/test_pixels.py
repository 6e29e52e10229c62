import numpy as np
import pytest
import tensorflow as tf

from tests.numpy_reference import matching as reference


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("kernel", ["cosine", "l1"])
def test_the_nearest_picture(make_learner, episode, kernel, inverted):
    learner = make_learner("pixels", kernel=kernel, inverted=inverted)
    support, query = (
        np.reshape(part, [*part.shape[:2], -1]) for part in (episode.support, episode.query)
    )
    if inverted:
        support, query = 1.0 - support, 1.0 - query
    scores = reference.similarity(query, support, kernel)
    expected = reference.class_probabilities(scores, episode.support_labels.numpy(), 3, "nearest")
    np.testing.assert_allclose(np.exp(learner(episode)), expected, rtol=1e-4, atol=1e-6)
    assert learner.trainable_variables == []


def test_features_are_what_the_answer_is_made_from(make_learner, episode):
    learner = make_learner("pixels", inverted=True)
    features = episode._replace(
        support=tf.stack([learner.features(row) for row in episode.support]),
        query=tf.stack([learner.features(row) for row in episode.query]),
    )
    np.testing.assert_allclose(learner.answer_embedded(features), learner(episode), rtol=1e-5)

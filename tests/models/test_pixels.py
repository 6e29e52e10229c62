import numpy as np
import pytest

from tests.numpy_reference import matching as reference


@pytest.mark.parametrize("kernel", ["cosine", "l1"])
def test_the_nearest_picture(make_learner, episode, kernel):
    learner = make_learner("pixels", kernel=kernel)
    support, query = (
        np.reshape(part, [*part.shape[:2], -1]) for part in (episode.support, episode.query)
    )
    scores = reference.similarity(query, support, kernel)
    expected = reference.class_probabilities(scores, episode.support_labels.numpy(), 3, "nearest")
    np.testing.assert_allclose(np.exp(learner(episode)), expected, rtol=1e-4, atol=1e-6)
    assert learner.trainable_variables == []

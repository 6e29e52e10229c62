import numpy as np
import pytest

from tests.numpy_reference import matching as reference

PAPER = {"scale": 1.0, "learn_scale": False}


@pytest.mark.parametrize(
    "kernel, scale, learned",
    [("sqeuclidean", 1.0, False), ("cosine", 4.0, False), ("sqeuclidean", 0.1, True)],
)
def test_a_softmax_over_the_nearness_of_class_means(make_learner, episode, kernel, scale, learned):
    learner = make_learner("prototypical", kernel=kernel, scale=scale, learn_scale=learned)
    assert len(learner.trainable_variables) == len(learner.embedding.trainable_variables) + learned
    support, query = (
        np.stack([learner.embed(row) for row in part]) for part in (episode.support, episode.query)
    )
    labels = episode.support_labels.numpy()
    means = reference.prototypes(support, labels, 3)
    scores = scale * reference.similarity(query, means, kernel)
    names = np.tile(np.arange(3), (2, 1))
    expected = reference.class_probabilities(scores, names, 3, "sum")
    np.testing.assert_allclose(np.exp(learner(episode)), expected, rtol=1e-3, atol=1e-6)


def test_with_one_picture_a_class_it_is_matching_by_distance(make_learner, episode):
    one_shot = episode._replace(
        support=episode.support[:, :3], support_labels=np.array([[2, 0, 1]] * 2, np.int32)
    )
    found = make_learner("prototypical", **PAPER)(one_shot)
    matching = make_learner("matching", kernel="sqeuclidean", scale=1.0, learn_scale=False)
    for ours, theirs in zip(
        matching.variables, make_learner("prototypical", **PAPER).variables, strict=True
    ):
        ours.assign(theirs)
    prototypical = make_learner("prototypical", last_relu=False, **PAPER)
    np.testing.assert_allclose(prototypical(one_shot), matching(one_shot), rtol=1e-4, atol=1e-4)
    assert found.shape == (2, 4, 3)

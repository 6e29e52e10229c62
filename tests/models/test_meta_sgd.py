import numpy as np
import tensorflow as tf

from tests.models.conftest import episode  # noqa: F401


def gradients(learner, episode):  # noqa: F811
    with tf.GradientTape() as tape:
        loss = learner.train_loss(episode).loss
    weights = [w for w in learner.trainable_variables if "rate" not in w.name]
    return loss, tape.gradient(loss, weights)


def test_with_equal_rates_it_is_maml(make_learner, episode):  # noqa: F811
    learner, maml = (
        make_learner("meta_sgd", 3),
        make_learner("maml", 3, inner_rate=0.2, rates="fixed"),
    )
    for rate in tf.nest.flatten(learner.own().rates):
        rate.assign(tf.fill(rate.shape, 0.2))
    np.testing.assert_allclose(learner(episode), maml(episode), atol=1e-6)
    (loss, found), (expected_loss, expected) = (gradients(m, episode) for m in (learner, maml))
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)


def test_each_weight_that_adapts_has_a_rate_within_the_options(make_learner):
    learner = make_learner("meta_sgd", 3)
    values = learner.what_adapts(learner.own().net, 3)
    for value, rate in zip(values, learner.own().rates[0], strict=True):
        assert rate.shape == value.shape
        assert rate.numpy().min() >= 0.005 and rate.numpy().max() <= 0.1
    spread = np.concatenate([np.ravel(rate) for rate in learner.own().rates[0]])
    assert len(np.unique(spread)) > 0.9 * len(spread)

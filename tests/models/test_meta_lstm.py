import math

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.models import meta_lstm
from oneshot_tf.models.task_learner import cross_entropy, task_of
from tests.models.conftest import episode  # noqa: F401


@pytest.fixture
def make(make_learner):
    return lambda **options: make_learner(
        "meta_lstm", 3, **{"passes": 2, "hidden_size": 3, **options}
    )


@pytest.fixture
def task(episode):  # noqa: F811
    return task_of([part[1] for part in episode])


def hold(learner, rate):
    """Gates that are open for the weights, and as wide as a rate for the gradients."""
    own = learner.optimizer_weights
    for kernel in (own.input_kernel, own.forget_kernel):
        kernel.assign(tf.zeros_like(kernel))
    own.input_bias.assign([math.log(rate / (1.0 - rate))])
    own.forget_bias.assign([50.0])


def test_with_gates_held_it_is_gradient_descent_of_every_weight(make, task):
    learner, rate = make(), 0.05
    hold(learner, rate)
    values = [tf.convert_to_tensor(v) for v in tf.nest.flatten(learner.net.own)]
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(values)
            net = tf.nest.pack_sequence_as(learner.net.own, values)
            loss = cross_entropy(learner.support_logits(net, task, True), task.labels)
        slopes = tape.gradient(loss, values)
        values = [v - rate * g for v, g in zip(values, slopes, strict=True)]
    found, _ = learner.adapted(learner.own(), task)
    for a, b in zip(tf.nest.flatten(found), values, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_initialisation_is_learned_through_the_gates_that_keep_it(make, episode):  # noqa: F811
    """c_0 has a gradient, and with gates held it is that of the adapted weights."""
    learner = make()
    hold(learner, 1e-9)
    with tf.GradientTape() as tape:
        loss = learner.train_loss(episode).loss
    found = tape.gradient(loss, learner.net.head)
    losses, expected = [], []
    for b in range(2):
        one = task_of([part[b] for part in episode])
        with tf.GradientTape() as tape:
            logits, _ = learner.query_logits(learner.net.own, one, True)
            losses.append(cross_entropy(logits, one.query_labels))
        expected.append(tape.gradient(losses[-1], learner.net.head))
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-5)
    np.testing.assert_allclose(found, (expected[0] + expected[1]) / 2.0, atol=1e-5)


@pytest.mark.slow
def test_statistics_run_within_an_episode_and_are_gone_after_it(make, episode):  # noqa: F811
    """bn=running: a query does not see others, and the support's last passes normalise it."""
    learner = make(bn="running", passes=5)
    before = [v.numpy() for v in learner.variables]
    together = learner(episode)
    alone = learner(
        episode._replace(query=episode.query[:, :1], query_labels=episode.query_labels[:, :1])
    )
    np.testing.assert_allclose(together[:, :1], alone, atol=1e-5)
    for variable, value in zip(learner.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    # gates that let nothing pass: the statistics are those of the support, but for the first passes
    hold(learner, 1e-9)
    for b in range(2):
        one = task_of([part[b] for part in episode])
        _, statistics = learner.adapted(learner.own(), one)
        _, expected = learner.support_features(learner.net.own, one, True)
        for found, value in zip(
            tf.nest.flatten(statistics), tf.nest.flatten(expected), strict=True
        ):
            np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_statistics_begin_at_0_and_1_and_move_by_their_momentum(make, task):
    learner = make(bn="running", passes=1, inner_batch=9, norm_momentum=0.3)
    _, statistics = learner.adapted(learner.own(), task)
    _, now = learner.support_features(learner.net.own, task, True)
    for found, new in zip(statistics, now, strict=True):
        np.testing.assert_allclose(found[0], 0.3 * new[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found[1], 0.7 + 0.3 * new[1], rtol=1e-4)


def test_at_the_start_weights_stay_and_gradients_count_a_little(make):
    """The gates begin nearly open for the ones and nearly shut for the others."""
    own = make().optimizer_weights
    kept, opened = (tf.sigmoid(bias)[0] for bias in (own.forget_bias, own.input_bias))
    assert 0.98 < kept < 1.0 and 0.0 < opened < 0.02
    for kernel in (own.input_kernel, own.forget_kernel):
        assert 0.0 < np.abs(kernel).max() <= 0.01


def test_updates_are_of_a_few_pictures_round_and_round(make, task):
    """Five pictures, two an update: three updates a pass."""
    learner = make(inner_batch=2, passes=2)
    seen = []

    def slope(net, some):
        seen.append(some.labels.numpy().tolist())
        return meta_lstm.MetaLSTM.slope(learner, net, some)

    learner.slope = slope
    learner.adapted(learner.own(), task)
    labels = task.labels.numpy().tolist()
    assert seen == [[labels[(2 * t + i) % 5] for i in range(2)] for t in range(6)]


def test_a_row_of_weights_and_back(make):
    net = make().net.own
    found = meta_lstm.join(net, meta_lstm.flat(net))
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(net), strict=True):
        np.testing.assert_array_equal(a, b)

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.models.task_learner import cross_entropy, task_of
from oneshot_tf.ops import adaptation
from tests.models.conftest import episode  # noqa: F401


@pytest.fixture
def make(make_learner):
    return lambda **options: make_learner("reptile", 3, **{"inner_rate": 0.02, **options})


@pytest.mark.parametrize("shared", [False, True])
def test_the_direction_is_the_difference_of_weights(make, episode, shared):  # noqa: F811
    learner = make(shared_head=shared, steps=2)
    own = tf.nest.flatten(learner.own())
    with tf.GradientTape() as tape:
        loss = learner.train_loss(episode).loss
    # by name: the layer makes its weights in another order
    found = dict(zip([v.name for v in own], tape.gradient(loss, own), strict=True))
    fresh = make(shared_head=shared, steps=2)
    own = tf.nest.flatten(fresh.own())
    ends = []
    for b in range(episode.query.shape[0]):
        net, _ = fresh.adapted(fresh.own(), task_of([part[b] for part in episode]), True)
        ends.append(fresh.gathered(tf.nest.flatten(net)))
    for variable, *end in zip(own, *ends, strict=True):
        expected = variable - sum(end) / len(end)
        np.testing.assert_allclose(found[variable.name], expected, atol=1e-6)
        assert np.abs(expected).max() > 1e-4, variable.name


def test_a_step_is_adams_without_momentum_on_the_next_few_pictures(make, episode):  # noqa: F811
    """Two steps of three pictures, by hand; second moments start at nothing."""
    learner, rate = make(steps=2, inner_batch=3), 0.02
    task = task_of([part[0] for part in episode])
    values = [v.numpy() for v in tf.nest.flatten(learner.own())]
    second = [np.zeros_like(v) for v in values]
    count = task.support.shape[0]
    for t in (1, 2):
        rows = adaptation.rows_of_step(t - 1, 3, count)
        few = task._replace(
            support=tf.gather(task.support, rows), labels=tf.gather(task.labels, rows)
        )
        now = [tf.constant(v) for v in values]
        with tf.GradientTape() as tape:
            tape.watch(now)
            net = tf.nest.pack_sequence_as(learner.own(), now)
            loss = cross_entropy(learner.support_logits(net, few, True), few.labels)
        slopes = tape.gradient(loss, now)
        second = [0.999 * s + 0.001 * g.numpy() ** 2 for s, g in zip(second, slopes, strict=True)]
        values = [
            v - rate * g.numpy() / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
            for v, g, s in zip(values, slopes, second, strict=True)
        ]
    net, moments = learner.adapted(learner.own(), task, True)
    for found, value in zip(tf.nest.flatten(net), values, strict=True):
        np.testing.assert_allclose(found, value, atol=2e-3)
    for found, value in zip(moments, second, strict=True):
        np.testing.assert_allclose(found, value, rtol=2e-2, atol=1e-7)


def test_second_moments_go_on_from_update_to_update(make, episode):  # noqa: F811
    learner = make(steps=2)
    learner.train_loss(episode)
    once = [m.numpy() for m in learner.moments]
    learner.train_loss(episode)
    assert float(learner.inner_steps) == 4.0
    for before, after in zip(once, learner.moments, strict=True):
        assert (after >= 0.99 * before).numpy().all() and np.abs(after - before).max() > 0


def test_an_answer_takes_steps_and_pictures_of_its_own_number(make, episode):  # noqa: F811
    """It is what training makes of as many; the support's statistics normalise in both."""
    task = task_of([part[0] for part in episode])
    tested = make(steps=1, inner_batch=4, test_steps=3, test_batch=2)
    trained = make(steps=3, inner_batch=2)
    found, _ = tested.adapted(tested.own(), task, False)
    expected, _ = trained.adapted(trained.own(), task, True)
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert tested.test_conditions()["steps"] == 3

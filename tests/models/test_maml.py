import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.layers.adaptable_net import head_logits
from oneshot_tf.models.task_learner import task_of
from tests.models.conftest import episode  # noqa: F401
from tests.models.helpers import draw


@pytest.fixture(scope="module")
def make(make_learner):
    return lambda **options: make_learner("maml", 3, **options)


@pytest.fixture
def task(episode):  # noqa: F811
    return task_of([part[0] for part in episode])


def gradients(learner, episode):  # noqa: F811
    with tf.GradientTape() as tape:
        loss = learner.train_loss(episode).loss
    return tape.gradient(loss, learner.trainable_variables)


@pytest.mark.parametrize("blocks", [2, 1, 0])
def test_no_steps_are_the_initialisation(make, episode, blocks):  # noqa: F811
    """Of as many blocks as adapt; all queries are normalised together, of which there are many here."""
    learner = make(steps=0, bn="batch", adapted_blocks=blocks)
    many = episode._replace(query=draw(2, 2, 9), query_labels=tf.zeros([2, 9], tf.int32))
    found = learner(many)
    for b in range(2):
        features, _ = learner.net.features(learner.net.own.blocks, many.query[b], 9)
        expected = head_logits(learner.net.own, features)
        np.testing.assert_allclose(found[b], expected, atol=1e-6)


def adapted(learner, task):
    own = learner.own()
    loss, _ = learner.of_what_adapts(own.net, task, True)
    start = learner.what_adapts(own.net, task.way)
    return loss, start, learner.end(own, loss, start, task.way)


def test_steps_lower_the_loss_of_the_support(make, task):
    loss, start, end = adapted(make(steps=3, inner_rate=0.1), task)
    assert float(loss(end)) < 0.9 * float(loss(start))


def test_the_heads_steps_alone_grow_with_the_classes(make_learner, task):
    """Three classes, of one row that was trained among six: a column's gradient is of a third, not a sixth."""
    of_six, of_three = (make_learner("maml", n, shared_head=True, steps=2) for n in (6, 3))
    for rate in tf.nest.flatten(of_six.own().rates):
        if rate.name.split(":")[0].endswith(("_2", "_3")):  # the head and its bias
            rate.assign(2.0 * rate)
    for found, expected in zip(adapted(of_six, task)[2], adapted(of_three, task)[2], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_batch_norm_does_not_adapt(make, task):
    learner = make()
    net = learner.own().net
    end = learner.with_adapted(net, adapted(learner, task)[2])
    for own, block in zip(net.blocks, end.blocks, strict=True):
        assert block.offset is own.offset and block.factor is own.factor
        assert np.abs(block.kernel - own.kernel).max() > 0


@pytest.mark.parametrize("bn", ["support", "batch", "running"])
@pytest.mark.parametrize("adapted", [0, 1, 2])
def test_blocks_that_do_not_adapt_are_as_with_rates_of_zero(make, episode, bn, adapted):  # noqa: F811
    """The answers in training and in a test, and what training learns from them."""
    every, last = (make(steps=2, bn=bn, inner_rate=0.1, adapted_blocks=n) for n in (None, adapted))
    of_all = every.own().rates
    for step in range(2):
        for rate in of_all[step][: 2 - adapted]:
            rate.assign(0.0)
    assert len(last.own().rates[0]) == adapted + 2
    np.testing.assert_allclose(last(episode), every(episode), rtol=1e-4, atol=1e-5)
    found, expected = (gradients(learner, episode) for learner in (last, every))
    weights = tf.nest.flatten(last.own().net)
    assert len(weights) == len(tf.nest.flatten(every.own().net)) < len(found)
    for a, b in zip(found[: len(weights)], expected[: len(weights)], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    for a, b in zip(last.net.running, every.net.running, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_no_more_blocks_adapt_than_there_are(make):
    with pytest.raises(UserError, match="--adapted_blocks must be at most --blocks=2. Received: 3"):
        make(adapted_blocks=3)


@pytest.mark.slow  # the functions behind it are tested so in ops
def test_first_order_is_second_order_in_the_limit(make, episode):  # noqa: F811
    apart = []
    for rate in (0.1, 1e-4):
        exact, rough = (gradients(make(order=o, inner_rate=rate), episode) for o in (2, 1))
        apart.append(max(np.abs(a - b).max() for a, b in zip(exact, rough, strict=True)))
    assert apart[1] < 1e-2 * apart[0]


@pytest.mark.parametrize("rates", ["tensor", "step"])
def test_learned_rates_start_as_the_fixed_one(make, episode, rates):  # noqa: F811
    fixed, learned = make(steps=2, rates="fixed"), make(steps=2, rates=rates)
    assert len(learned.trainable_variables) - len(fixed.trainable_variables) == (
        4 if rates == "tensor" else 8
    )
    np.testing.assert_allclose(learned(episode), fixed(episode), atol=1e-6)
    for rate in tf.nest.flatten(learned.own().rates):
        rate.assign(0.0)
    np.testing.assert_allclose(learned(episode), make(steps=0)(episode), atol=1e-6)


def test_more_steps_in_an_answer_than_in_training(make, episode):  # noqa: F811
    """After the last rate that is learned, that."""
    one = make(steps=1, test_steps=3, rates="step")
    assert one.test_conditions()["steps"] == 3
    np.testing.assert_allclose(one(episode), make(steps=3)(episode), atol=1e-6)
    none = make(steps=1, test_steps=0)
    assert none.test_conditions()["steps"] == 0
    np.testing.assert_allclose(none(episode), make(steps=0)(episode), atol=1e-6)


def test_the_order_rises_with_the_episodes(make, episode):  # noqa: F811
    learner = make(first_order_episodes=2)
    first, exact, rough = (gradients(m, episode) for m in (learner, make(), make(order=1)))
    assert float(learner.seen) == 2.0
    second = gradients(learner, episode)  # no weight has moved
    for pair in ((first, rough), (second, exact)):
        for a, b in zip(*pair, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    assert max(np.abs(a - b).max() for a, b in zip(first, second, strict=True)) > 1e-4


def test_the_loss_of_all_steps_gives_way_to_the_last_ones(make, episode):  # noqa: F811
    learner = make(steps=2, multi_step_episodes=4, bn="batch")
    after = [make(steps=steps, bn="batch").train_loss(episode).loss for steps in (1, 2)]
    for share in (0.5, 0.25, 0.0):
        found = learner.train_loss(episode).loss
        np.testing.assert_allclose(found, share * after[0] + (1 - share) * after[1], rtol=1e-5)

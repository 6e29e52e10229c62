"""What learners that adapt have in common."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.conv4 import MOMENTUM
from oneshot_tf.models.task_learner import task_of
from oneshot_tf.ops import losses
from oneshot_tf.serving import signatures
from tests.models.conftest import episode  # noqa: F401

# the others differ from `maml` in what adapts and how, not in what is held to here
NAMES = [
    "maml",
    *(pytest.param(n, marks=pytest.mark.slow) for n in ("anil", "meta_sgd", "reptile")),
]


@pytest.fixture(scope="module")
def make(make_learner):
    """A small learner that adapts so far that it shows: (name, **options) -> Learner."""

    def make(name="maml", way=3, **options):
        if name == "reptile":  # at 0.05 three steps of Adam magnify rounding a hundredfold
            options = {"test_steps": 3, "inner_rate": 0.01, **options}
        learner = make_learner(name, way, **options)
        if name == "reptile":  # as after training: without it Adam makes whole steps of rounding
            learner.inner_steps.assign(1000.0)
            for moment in learner.moments:
                moment.assign(tf.fill(moment.shape, 1e-3))
        return learner

    return make


def permuted(episode, order):  # noqa: F811
    """The same episode with other names for its classes."""

    def named(labels):
        return tf.where(labels < 0, -1, tf.gather(order, tf.maximum(labels, 0)))

    return episode._replace(
        support_labels=named(episode.support_labels), query_labels=named(episode.query_labels)
    )


@pytest.mark.parametrize("name", [*NAMES, pytest.param("meta_lstm", marks=pytest.mark.slow)])
def test_with_one_row_for_all_classes_labels_are_only_names(make, episode, name):  # noqa: F811
    order = [2, 0, 1]
    for shared, alike in ((True, True), (False, False)):
        learner = make(name, shared_head=shared)
        before, after = learner(episode), learner(permuted(episode, order))
        apart = np.abs(tf.gather(after, order, axis=2) - before).max()
        assert (apart < 1e-5) == alike


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maml", "meta_lstm", "meta_networks"])
def test_without_it_a_score_depends_on_the_order_and_its_mean_does_not(make, episode, name):  # noqa: F811
    """All orders of labels are as likely, so that the mean over orders is any class's own."""
    learner, means = make(name), []
    orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    for first in orders[0], orders[4]:
        named = permuted(episode, first)
        scores = [tf.gather(learner(permuted(named, order)), order, axis=2) for order in orders]
        assert np.ptp(scores, axis=0).max() > 1e-4
        means.append(tf.gather(sum(scores) / len(orders), first, axis=2))
    np.testing.assert_allclose(means[0], means[1], atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_leaves_nothing_behind(make, episode, name):  # noqa: F811
    learner = make(name)
    before = [v.numpy() for v in learner.variables]
    first, second = learner(episode), learner(episode)
    np.testing.assert_array_equal(first, second)
    for variable, value in zip(learner.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("name", NAMES[:3])
def test_an_update_is_the_mean_of_the_tasks_gradients(make, episode, name):  # noqa: F811
    """The loop that adds up beside the loss gives what one tape over all tasks gives.

    Of three times the loss, too: what comes after it has a say in its gradient.
    """
    learner = make(name, bn="batch", rates="step") if name != "meta_sgd" else make(name)
    weights = learner.trainable_variables
    with tf.GradientTape() as tape:
        outcome = learner.train_loss(episode)
        thrice = 3.0 * outcome.loss
    found = tape.gradient(thrice, weights)
    count = episode.query.shape[0]
    with tf.GradientTape() as tape:
        tasks = [type(episode)(*(part[b : b + 1] for part in episode)) for b in range(count)]
        answers = [learner(task, training=True) for task in tasks]
        pairs = zip(answers, tasks, strict=True)
        loss = sum(losses.cross_entropy(a, task.query_labels) for a, task in pairs) / count
        thrice = 3.0 * loss
    logits = tf.concat(answers, 0)
    np.testing.assert_allclose(outcome.loss, loss, rtol=1e-5)
    right = np.sum(np.argmax(logits, axis=2) == episode.query_labels.numpy())
    assert float(outcome.right[0]) == right
    for weight, a, b in zip(weights, found, tape.gradient(thrice, weights), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-6, err_msg=weight.name)


def test_transductive_batch_norm_lets_queries_see_each_other(make, episode):  # noqa: F811
    one = episode._replace(query=episode.query[:, :2], query_labels=episode.query_labels[:, :2])
    apart = {
        bn: np.abs(make(bn=bn)(one) - make(bn=bn)(episode)[:, :2]).max()
        for bn in ("support", "batch", "running")
    }
    assert apart["batch"] > 1e-2 and max(apart["support"], apart["running"]) < 1e-5
    assert make(bn="batch").test_conditions() == {"bn": "batch", "steps": 1}


@pytest.mark.parametrize("bn", ["running", "support", "batch"])
def test_running_statistics_move_in_training_whatever_normalises_there(make, episode, bn):  # noqa: F811
    """A test may ask for them. They move towards the mean over the tasks of what normalised each."""
    learner = make(bn=bn)
    tasks = [task_of([part[b] for part in episode]) for b in range(2)]
    seen = [tf.nest.flatten(learner.solve(learner.own(), task, True)[2]) for task in tasks]
    before = [v.numpy() for v in tf.nest.flatten(learner.net.running)]
    learner.train_loss(episode)
    after = tf.nest.flatten(learner.net.running)
    for value, old, first, second in zip(after, before, *seen, strict=True):
        expected = MOMENTUM * old + (1.0 - MOMENTUM) * (first + second) / 2.0
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)
        assert np.abs(value - old).max() > 1e-4


@pytest.mark.parametrize(
    "downsampling, positions, strides", [("strides", 1, 2), ("strides_all", 4, 2), ("pools", 4, 1)]
)
def test_the_network_is_as_downsampling_says(make, downsampling, positions, strides):
    """Of pictures of 8 x 8 pixels, two blocks of 8 filters leave 2 x 2 positions."""
    net = make(downsampling=downsampling).net
    assert net.width == net.head.shape[0] == 8 * positions
    convolved = net.convolve(tf.zeros([1, 8, 8, 1]), net.learned[0])
    assert convolved.shape == (1, 8 // strides, 8 // strides, 8)


@pytest.mark.parametrize("shared", [False, True])
def test_a_way_that_is_fixed_is_said_by_the_signature(make, shared):
    learner = make(shared_head=shared)
    assert learner.fixed_way == (None if shared else 3)
    classify = signatures.Signatures(learner).functions["classify"]
    pictures = tf.random.stateless_uniform([1, 4, 8, 8, 1], [0, 0])
    asked = pictures, tf.constant([[0, 1, 2, 3]], tf.int64), pictures[:, :1]
    if shared:
        assert classify(*asked)["probabilities"].shape == (1, 1, 4)
        return
    with pytest.raises(tf.errors.InvalidArgumentError, match="the model tells 3 classes apart"):
        classify(*asked)


def test_episodes_of_different_ways_answer_side_by_side(make):
    learner = make(shared_head=True)
    pictures = tf.random.stateless_uniform([2, 4, 8, 8, 1], [0, 0])
    labels = tf.constant([[0, 1, 2, 3], [0, 1, 0, 1]])
    kind = learner.answers[0]
    asked = kind(pictures, labels, pictures[:, :2], tf.zeros([2, 2], tf.int32))
    found = learner(asked)
    alone = learner(kind(*(part[1:] for part in asked)))
    np.testing.assert_allclose(found[1:, :, :2], alone, atol=1e-5)
    assert (found[1, :, 2:] < -1e8).numpy().all()

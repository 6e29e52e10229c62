import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf.errors import UserError
from oneshot_tf.models import meta_networks
from oneshot_tf.models.task_learner import cross_entropy, task_of
from tests.models.conftest import episode  # noqa: F401

ROUNDING = 1e-4  # small gradients count a thousandfold, and so does their rounding


@pytest.fixture
def make(make_learner):
    return lambda **options: make_learner("meta_networks", 3, **{"hidden_size": 3, **options})


@pytest.fixture
def task(episode):  # noqa: F811
    return task_of([part[1] for part in episode])


def test_with_fast_weights_at_zero_it_is_its_slow_network(make, task):
    learner = make()
    for maker in learner.of_picture:
        for weight in (maker.kernels[-1], maker.biases[-1]):
            weight.assign(tf.zeros_like(weight))
    logits = learner.solve(learner.own(), task, False)[1]
    np.testing.assert_allclose(logits, learner.base.logits(learner.base.own, task.query), atol=1e-6)


def test_keys_may_be_negative_and_the_base_networks_features_may_not(make, task):
    learner = make()
    lowest = [
        tf.reduce_min(net.features(net.own, task.support)) for net in (learner.keys, learner.base)
    ]
    assert lowest[0] < 0.0 == lowest[1]


def test_memory_has_each_pictures_own_gradient(make, task):
    """A picture's fast weights are the same whatever else is in the support."""
    learner = make()
    memory = learner.fast_of_pictures(learner.own(), task)
    for s in range(len(task.labels)):
        one = task._replace(support=task.support[s : s + 1], labels=task.labels[s : s + 1])
        alone = learner.fast_of_pictures(learner.own(), one)
        for found, expected in zip(memory, alone, strict=True):
            np.testing.assert_allclose(found[s], expected[0], atol=ROUNDING)
    assert np.abs(memory[0][0] - memory[0][1]).max() > 100 * ROUNDING


@pytest.mark.parametrize("cuts", [[0, 1, 2, 3, 4, 5], [0, 2, 5]], ids=str)
def test_fast_weights_of_the_task_are_of_its_parts_in_order(make, task, cuts):
    """By hand, from the gradients of each; five pictures in two parts are two and three."""
    learner = make(parts=len(cuts) - 1, fast_scale="one")
    for maker in learner.of_task:  # as large as needed to be told apart by far
        maker.kernel.assign(tf.random.stateless_normal(maker.kernel.shape, [3, 4], stddev=0.3))
    gradients = []
    for first, end in zip(cuts[:-1], cuts[1:], strict=True):
        with tf.GradientTape() as tape:
            tape.watch(learner.keys.last)  # which stays, but has a gradient
            logits = learner.keys.logits(learner.keys.own, task.support[first:end])
            loss = cross_entropy(logits, task.labels[first:end])
        gradients.append(meta_networks.rows_of(tape.gradient(loss, learner.keys.own)))
    found = meta_networks.rows_of(learner.fast_of_task(learner.own(), task))
    for k in range(2):
        made = meta_networks.meta_networks.by_recurrence(
            learner.of_task[k], tf.stack([g[k] for g in gradients])
        )
        np.testing.assert_allclose(found[k], made, atol=ROUNDING)
        assert np.ptp(made) > 1000 * ROUNDING


@pytest.mark.slow
def test_gradients_are_constants(make, episode):  # noqa: F811
    """The base network learns from its answer alone: as if the gradients had been given."""
    learner = make()
    with tf.GradientTape() as tape:
        loss = learner.train_loss(episode).loss
    found = tape.gradient(loss, learner.base.last)
    given = [
        learner.fast_of_pictures(learner.own(), task_of([part[b] for part in episode]))
        for b in range(2)
    ]
    learner.fast_of_pictures = lambda own, task: given.pop(0)
    total = 0.0
    for b in range(2):
        one = task_of([part[b] for part in episode])
        with tf.GradientTape() as tape:
            loss = learner.solve(learner.own(), one, True)[0]
        total += tape.gradient(loss, learner.base.last) / 2.0
    np.testing.assert_allclose(found, total, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scale", ["inputs", "one"])
def test_makers_of_fast_kernels_stay_alive_where_they_are_scaled(make, episode, scale):  # noqa: F811
    """As they are made, one step of Adam takes all kernels below zero, and a ReLU shuts them out."""
    learner = make(fast_scale=scale, hidden_size=20, filters=8)
    optimizer, smallest = keras.optimizers.Adam(1e-3), []
    makers = [learner.of_picture[0].kernels[0], learner.of_task[0].first.kernel]
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = learner.train_loss(episode).loss
        found = dict(
            zip(
                [v.ref() for v in learner.trainable_variables],
                tape.gradient(loss, learner.trainable_variables, unconnected_gradients="zero"),
                strict=True,
            )
        )
        smallest.append(min(tf.reduce_max(tf.abs(found[v.ref()])) for v in makers))
        optimizer.apply_gradients((g, v.deref()) for v, g in found.items())
    assert (min(smallest) > 0.0) == (scale == "inputs")


def test_fast_weights_of_the_last_blocks_alone(make, task):
    """Those of two blocks of two are those of all; of one block they leave the first as it is."""
    every, both, last = (make(blocks=2, fast_blocks=n) for n in (None, 2, 1))
    answers = [m.solve(m.own(), task, False)[1] for m in (every, both, last)]
    np.testing.assert_array_equal(answers[0], answers[1])
    own = last.own()
    kernels, dense = last.fast_of_pictures(own, task)
    whole = every.fast_of_pictures(own, task)
    count = last.base.kernels[1].shape.num_elements()
    np.testing.assert_allclose(kernels, whole[0][:, -count:], atol=ROUNDING)
    np.testing.assert_allclose(dense, whole[1], atol=ROUNDING)
    assert np.abs(answers[2] - answers[0]).max() > 0.0


def test_no_more_fast_blocks_than_blocks(make):
    with pytest.raises(UserError, match="at most --blocks=2. Received: 3"):
        make(blocks=2, fast_blocks=3)


def test_a_fast_kernel_is_divided_by_its_inputs(make, task):
    made, scaled = make(fast_scale="one"), make()
    own = made.own()
    found, expected = scaled.fast_of_task(own, task), made.fast_of_task(own, task)
    for a, b in zip(found.kernels, expected.kernels, strict=True):
        np.testing.assert_allclose(a, b / (9 * b.shape[2]), rtol=1e-5)
    np.testing.assert_array_equal(found.dense, expected.dense)


def test_rows_and_back(make):
    own = make().base.own
    rows = meta_networks.rows_of(own)
    assert tuple(row.shape[0] for row in rows) == meta_networks.sizes_of(own)
    found = meta_networks.parted(own, [row[None] for row in rows])
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(own), strict=True):
        np.testing.assert_array_equal(a[0], b)

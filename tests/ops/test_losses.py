import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import losses


def logits_and_labels(batch, steps, classes, seed, padding=0.3):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, (batch, steps)).astype(np.int32)
    labels[random.random(labels.shape) < padding] = -1
    return random.normal(size=(batch, steps, classes)).astype(np.float32), labels


@hypothesis.given(st.integers(1, 3), st.integers(1, 5), st.integers(2, 4), st.integers(0, 99))
@hypothesis.settings(deadline=None, max_examples=20)
def test_cross_entropy(batch, steps, classes, seed):
    logits, labels = logits_and_labels(batch, steps, classes, seed)
    total, count = 0.0, 0
    for b in range(batch):
        for t in range(steps):
            if labels[b, t] >= 0:
                powers = [math.exp(float(x)) for x in logits[b, t]]
                total -= math.log(powers[labels[b, t]] / sum(powers))
                count += 1
    found = losses.cross_entropy(tf.constant(logits), tf.constant(labels))
    np.testing.assert_allclose(found, total / max(count, 1), rtol=1e-5, atol=1e-6)


def test_cross_entropy_of_equal_logits_is_log_of_their_number():
    found = losses.cross_entropy(tf.zeros([2, 3, 5]), tf.ones([2, 3], tf.int32))
    np.testing.assert_allclose(found, math.log(5.0), rtol=1e-6)


def test_padding_has_neither_loss_nor_gradient():
    logits, labels = logits_and_labels(2, 6, 3, seed=1)
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.cross_entropy(logits, tf.constant(labels))
    gradient = tape.gradient(loss, logits).numpy()
    assert (labels < 0).any() and (labels >= 0).any()
    np.testing.assert_array_equal(np.abs(gradient).sum(axis=2) > 0, labels >= 0)
    assert float(losses.cross_entropy(logits, -tf.ones([2, 6], tf.int32))) == 0.0


def test_accuracy_by_presentation():
    correct = tf.constant([[False, True, True, True], [True, False, False, True]])
    presentations = tf.constant([[1, 1, 2, 3], [1, 2, 3, 4]])
    right, shown = losses.accuracy_by_presentation(correct, presentations, 3)
    np.testing.assert_array_equal(right, [[1, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(shown, [[2, 1, 1], [1, 1, 1]])  # the fourth is not reported


def test_weights_of_steps():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(2, 4, 3)), np.array([[0, 2, -1, 1], [1, -1, -1, 0]])
    weights = random.uniform(size=(2, 4))
    total = count = 0.0
    for (b, t), label in np.ndenumerate(labels):
        if label >= 0:
            scores = logits[b, t]
            total += weights[b, t] * (np.log(np.exp(scores).sum()) - scores[label])
            count += weights[b, t]
    found = losses.cross_entropy(
        tf.constant(logits, tf.float32), tf.constant(labels), tf.constant(weights, tf.float32)
    )
    np.testing.assert_allclose(found, total / count, rtol=1e-5)


def test_steps_that_all_count_nothing_have_neither_loss_nor_gradient():
    logits, labels = logits_and_labels(2, 4, 3, seed=0, padding=0.0)
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.cross_entropy(logits, tf.constant(labels), tf.zeros([2, 4]))
    assert float(loss) == 0.0
    assert not tape.gradient(loss, logits).numpy().any()


@pytest.mark.parametrize(
    "call",
    [
        lambda: losses.cross_entropy(tf.zeros([2, 3, 5]), tf.zeros([2, 4], tf.int32)),
        lambda: losses.cross_entropy(tf.zeros([2, 3, 5]), tf.zeros([2, 3, 5], tf.int32)),
    ],
)
def test_wrong_shapes_are_named(call):
    with pytest.raises(ValueError, match=r"`labels` must be \[B T\].*Received: shape="):
        call()


def test_accuracy_refuses_presentations_of_other_steps():
    with pytest.raises(ValueError, match="`presentations` must be"):
        losses.accuracy_by_presentation(tf.fill([2, 3], True), tf.ones([2, 4], tf.int32), 1)

"""Tasks one by one: the padding of a support, and an update of many tasks."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.models.task_learner import cross_entropy, task_of
from oneshot_tf.serving import signatures
from tests.models.helpers import draw


def test_a_task_has_no_padding_in_its_support():
    support = tf.reshape(tf.range(4.0), [4, 1, 1, 1])
    parts = support, tf.constant([1, -1, 0, -1]), support[:2], tf.constant([0, -1])
    task = task_of(parts)
    np.testing.assert_array_equal(tf.reshape(task.support, [-1]), [0.0, 2.0])
    np.testing.assert_array_equal(task.labels, [1, 0])
    np.testing.assert_array_equal(task.query_labels, [0, -1])
    assert int(task.way) == 2


def test_queries_that_are_padding_do_not_count():
    logits = tf.constant([[2.0, 0.0], [0.0, 9.0]])
    found = cross_entropy(logits, tf.constant([0, -1]))
    np.testing.assert_allclose(found, np.log1p(np.exp(-2.0)), rtol=1e-6)


def test_more_tasks_are_no_more_graph(make_learner):
    """They are taken in a loop, not one beside the other."""
    learner = make_learner("maml", 3)
    sizes = []
    for batch in (1, 7):
        shape = [batch, 3, 8, 8, 1]
        labels = tf.tile([[0, 1, 2]], [batch, 1])
        pictures = tf.zeros(shape)
        kind = learner.answers[0]
        graph = tf.function(lambda p, n, k=kind: learner.train_loss(k(p, n, p, n)).loss)
        sizes.append(len(graph.get_concrete_function(pictures, labels).graph.get_operations()))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("name", ["maml", pytest.param("meta_networks", marks=pytest.mark.slow)])
def test_an_answer_is_a_class_of_the_support(make_learner, name):
    """Of a head with more columns than the episode has classes; a test, and an export."""
    options = {"test_steps": 0} if name == "maml" else {}
    learner = make_learner(name, 9, **options)
    support, query, labels = draw(0, 1, 2), draw(1, 1, 30), tf.constant([[0, 1]])
    episode = learner.answers[0](support, labels, query, tf.zeros([1, 30], tf.int32))
    logits = learner(episode)
    assert logits.shape == (1, 30, 9)
    assert learner.predict_labels(logits).numpy().max() <= 1
    assert learner.probabilities(logits).numpy()[..., 2:].max() == 0.0
    classify = signatures.Signatures(learner).functions["classify"]
    served = classify(support, tf.cast(labels, tf.int64), query)
    np.testing.assert_array_equal(served["labels"], learner.predict_labels(logits))
    np.testing.assert_allclose(
        served["probabilities"], learner.probabilities(logits)[..., :2], atol=1e-6
    )

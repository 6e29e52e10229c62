"""Tasks one by one: the padding of a support, and an update of many tasks."""

import numpy as np
import tensorflow as tf

from oneshot_tf.models.task_learner import cross_entropy, task_of


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

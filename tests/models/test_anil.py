import numpy as np

from oneshot_tf.models.task_learner import task_of
from tests.models.conftest import episode  # noqa: F401


def test_the_head_alone_moves(make_learner, episode):  # noqa: F811
    learner = make_learner("anil", 3, steps=3)
    net = learner.own().net
    assert [list(v.shape) for v in learner.what_adapts(net, 3)] == [[learner.net.width, 3], [3]]
    end = learner.with_adapted(net, [2.0 * v for v in learner.what_adapts(net, 3)])
    assert end.blocks == []  # those that adapt
    np.testing.assert_array_equal(end.head, 2.0 * net.head)


def test_steps_are_those_of_a_linear_classifier(make_learner, episode):  # noqa: F811
    """In numpy, on features that the untouched convolutions make."""
    learner = make_learner("anil", 3, steps=3, inner_rate=0.7)
    head, bias = learner.net.head.numpy(), learner.net.head_bias.numpy()
    expected = descended(learner, episode, head, bias, 0.7)
    np.testing.assert_allclose(learner(episode)[1], expected, rtol=1e-4, atol=1e-5)


def test_a_class_takes_as_large_steps_among_fewer_classes(make_learner, episode):  # noqa: F811
    """Three classes, of a head that was trained among six: half the mean."""
    learner = make_learner("anil", 6, steps=3, inner_rate=1.4, shared_head=True)
    head, bias = learner.net.columns(learner.net.own, 3)
    expected = descended(learner, episode, head.numpy(), bias.numpy(), 0.7)
    np.testing.assert_allclose(learner(episode)[1], expected, rtol=1e-4, atol=1e-5)


def descended(learner, episode, head, bias, rate):  # noqa: F811
    """Logits of the queries of the second task after three steps of its head."""
    task = task_of([part[1] for part in episode])
    found, _ = learner.after_first(2, learner.own().net, task, False)
    support, query = (learner.net.finish(x).numpy() for x in (found.support, found.query))
    for _ in range(3):
        scores = support @ head + bias
        errors = np.exp(scores - scores.max(1, keepdims=True))
        errors /= errors.sum(1, keepdims=True)
        errors[np.arange(len(errors)), task.labels] -= 1.0
        errors /= len(errors)
        head, bias = head - rate * support.T @ errors, bias - rate * errors.sum(0)
    return query @ head + bias

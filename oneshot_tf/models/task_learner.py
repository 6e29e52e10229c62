"""What answers one task at a time: learners whose weights are each task's own after the first step.

Tasks of a batch are taken one by one, with plain convolutions, and each adds its gradient: on a CPU
this takes a fifth of the time of one product for all tasks, and less than `tf.vectorized_map`;
docs/papers/maml.md has the figures.
Dimensions: B episodes, S support pictures, Q queries, K classes.
"""

import typing

import tensorflow as tf

from oneshot_tf.models.base import Learner, Outcome
from oneshot_tf.ops import losses, matching


class Task(typing.NamedTuple):
    """One episode without padding in its support.

    Attributes:
      support: float32 [S, H, W, C].
      labels: int32 [S].
      query: float32 [Q, H, W, C].
      query_labels: int32 [Q], -1 where a row is padding.
      way: int32 scalar, the classes of the support.
    """

    support: tf.Tensor
    labels: tf.Tensor
    query: tf.Tensor
    query_labels: tf.Tensor
    way: tf.Tensor


class TaskLearner(Learner):
    """A learner that says what its own weights are (`own`), and what they make of a task (`solve`)."""

    defaults = {
        "image_size": 28,
        "rotations": True,
        "test_rotations": True,
        "way": 5,
        "shot": 1,
    }

    @property
    def fixed_way(self):
        return self.way

    def own(self):
        """The weights that training moves, a structure of variables."""
        raise NotImplementedError

    def solve(self, own, task, training):
        """What the model makes of one task.

        Args:
          own: weights in the structure of `own`.
          task: `Task`.
          training: true in training.

        Returns:
          (loss that training lowers, logits [Q, K], what is kept: see `keep`).
        """
        raise NotImplementedError

    def call(self, episode, training=False):
        own = tf.nest.map_structure(tf.convert_to_tensor, self.own())
        way = self.way_of_answer(episode.support_labels)

        def answer(parts):
            task = task_of(parts)
            logits = self.solve(own, task, training)[1]
            # a head with a column for each class of training has some that this episode lacks
            logits = matching.of_classes_there(logits, task.labels)
            missing = [[0, 0], [0, way - tf.shape(logits)[1]]]
            return tf.pad(logits, missing, constant_values=matching.IMPOSSIBLE)

        spec = tf.TensorSpec([None, self.fixed_way], tf.float32)
        return tf.map_fn(answer, tuple(episode), fn_output_signature=spec)

    def way_of_answer(self, labels):
        """K of a batch's logits."""
        return self.fixed_way or matching.way_of(labels)

    def train_loss(self, episode, state=()):
        loss, right, shown, kept = self._over_tasks(episode)
        self.keep(kept)
        return Outcome(loss, right, shown)

    def nothing_kept(self):
        """Zeros in the structure of what `solve` gives to keep."""
        return ()

    def keep(self, kept):
        """Keeps, after an update, what is no weight: the mean over tasks of what `solve` gave."""

    def _over_tasks(self, episode):
        """(loss, right [1], shown [1], what is kept): means over tasks, or sums of answers.

        Each task's gradient is made beside its loss, so that nothing of a task stays in memory.
        """
        structure = self.own()

        @tf.custom_gradient
        def mean_loss(*values):
            loss, gradients, rest = self._sum_over(structure, values, episode)
            return (loss, rest), lambda slope, *_: [slope * g for g in gradients]

        values = [tf.convert_to_tensor(v) for v in tf.nest.flatten(structure)]
        loss, (right, shown, kept) = mean_loss(*values)
        return loss, right, shown, kept

    def _sum_over(self, structure, values, episode, **how):
        """`task_gradient` of a batch: answers added up, all else the mean over tasks."""
        count = tf.shape(episode.support)[0]

        def more(i, sums):
            task = task_of([part[i] for part in episode])
            own = tf.nest.pack_sequence_as(structure, list(values))
            loss, gradients, logits, kept = self.task_gradient(own, task, **how)
            answers = self.predict_labels(logits)[None]
            answers = losses.right_and_shown(answers, task.query_labels[None])
            now = loss, gradients, (*answers, kept)
            return i + 1, tf.nest.map_structure(tf.add, sums, now)

        zeros = [tf.zeros_like(v) for v in values]
        none = tf.zeros([1]), tf.zeros([1]), self.nothing_kept()
        start = tf.constant(0), (tf.constant(0.0), zeros, none)
        _, sums = tf.while_loop(lambda i, _: i < count, more, start, parallel_iterations=1)
        loss, gradients, (right, shown, kept) = sums
        loss, gradients, kept = tf.nest.map_structure(
            lambda total: total / tf.cast(count, total.dtype), (loss, gradients, kept)
        )
        return loss, gradients, (right, shown, kept)

    def task_gradient(self, own, task, **how):
        """What a task teaches.

        Args:
          own: weights in the structure of `own`.
          task: `Task`.
          **how: what else `solve` is told.

        Returns:
          (loss, its gradient as a flat list, logits [Q, K], what is kept).
        """
        values = tf.nest.flatten(own)
        with tf.GradientTape() as tape:
            tape.watch(values)
            loss, logits, kept = self.solve(own, task, True, **how)
        slopes = tape.gradient(loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return loss, [tf.convert_to_tensor(g) for g in slopes], logits, kept


def task_of(parts):
    """The `Task` of (support, support_labels, query, query_labels) of one episode."""
    support, labels, query, query_labels = parts
    there = tf.where(labels >= 0)[:, 0]
    labels = tf.gather(labels, there)
    return Task(
        tf.gather(support, there), labels, query, query_labels, tf.reduce_max(labels, axis=0) + 1
    )


def of_support(task, rows):
    """The task with some rows of its support alone, int32 [n]."""
    return task._replace(support=tf.gather(task.support, rows), labels=tf.gather(task.labels, rows))


def cross_entropy(logits, labels):
    """Mean of -log p(label) of logits [n, K]; labels of -1 do not count."""
    return losses.cross_entropy(logits[None], labels[None])

"""Reptile (Nichol, Achiam and Schulman, 2018): weights that move towards those that tasks end in.

For each task k steps of an optimiser lead from phi to W; then phi <- phi + eps (W - phi),
algorithm 1: phi - W stands in for the gradient, and eps is the outer optimiser's rate. As in the
authors' code all weights adapt, by Adam without momentum on a few pictures a step, and Adam's second
moments go on from task to task.
"""

import dataclasses

import tensorflow as tf

from oneshot_tf.models.adapting_learner import (
    AdaptingLearner,
    AdaptingOptions,
    downsampling_option,
    steps_options,
)
from oneshot_tf.models.task_learner import cross_entropy, of_support
from oneshot_tf.ops import adaptation, descent
from oneshot_tf.options import option

_STEPS, _ = steps_options(5)


@dataclasses.dataclass(frozen=True)
class ReptileOptions(AdaptingOptions):
    """Options of Reptile."""

    downsampling: str = downsampling_option("strides_all")
    steps: int = _STEPS
    test_steps: int | None = option(50, "gradient steps of an answer", low=0)
    inner_rate: float = option(1e-3, "rate of the gradient steps, which are Adam's", low=0.0)
    inner_batch: int = option(10, "support pictures of a gradient step in training", low=1)
    test_batch: int = option(5, "support pictures of a gradient step of an answer", low=1)


class Reptile(AdaptingLearner):
    """Adam on the support; training follows the weights it leads to."""

    Options = ReptileOptions
    halves = {"downsampling": "pools"}
    # --shot is of training: the authors' 10, of which a test has 1 or 5
    defaults = {
        **AdaptingLearner.defaults,
        "shot": 10,
        "queries": 1,
        "batch_size": 5,
        "optimizer": "sgd",
        "momentum": 0.0,
        "learning_rate": 1.0,
        "schedule": "linear",
    }

    def build_weights(self):
        self.moments = [
            self.add_kept(f"moment_{i}", v.shape) for i, v in enumerate(tf.nest.flatten(self.own()))
        ]
        self.inner_steps = self.add_kept("inner_steps", [])

    def solve(self, own, task, training):
        net, moments = self.adapted(own, task, training)
        logits, statistics = self.query_logits(net, task, training)
        return cross_entropy(logits, task.query_labels), logits, (net, moments, statistics)

    def task_gradient(self, own, task, **how):
        """phi - W in the place of a gradient."""
        loss, logits, (net, moments, statistics) = self.solve(own, task, True, **how)
        found = self.gathered(tf.nest.flatten(net))
        away = [start - end for start, end in zip(tf.nest.flatten(own), found, strict=True)]
        return loss, away, logits, (self.gathered(moments), statistics)

    def nothing_kept(self):
        return [tf.zeros(m.shape) for m in self.moments], self.net.no_statistics()

    def keep(self, kept):
        moments, statistics = kept
        # the next update begins with them: replicas must agree before it, not at the end of a call
        replicas = tf.distribute.get_replica_context()
        moments = replicas.all_reduce(tf.distribute.ReduceOp.MEAN, moments)
        for variable, value in zip(self.moments, moments, strict=True):
            variable.assign(value)
        self.inner_steps.assign_add(float(self.options.steps))
        super().keep(statistics)

    def adapted(self, own, task, training):
        """(`NetWeights` after the steps on the support, the second moments then as a list)."""
        options = self.options
        batch = options.inner_batch if training else options.test_batch
        steps = options.steps if training else self.steps_of_answer
        count = tf.shape(task.support)[0]
        start = self.spread(own, task.way)

        def loss(i, values):
            some = of_support(task, adaptation.rows_of_step(i, batch, count))
            net = tf.nest.pack_sequence_as(own, values)
            return cross_entropy(self.support_logits(net, some, training), some.labels)

        state = self.moments_of(own, task.way)
        values, state = descent.adam_from(
            state, loss, tf.nest.flatten(start), steps, options.inner_rate, beta_1=0.0
        )
        return tf.nest.pack_sequence_as(own, values), state.second

    def moments_of(self, own, way):
        """The `descent.AdamState` that training has left."""
        kept = [tf.convert_to_tensor(m) for m in self.moments]
        kept = self.spread(tf.nest.pack_sequence_as(own, kept), way)
        second = tf.nest.flatten(kept)
        return descent.AdamState(self.inner_steps, [tf.zeros_like(m) for m in second], second)

    def gathered(self, values):
        """A list as of `NetWeights` with one column of the head where the model has one: the mean."""
        if self.net.way is not None:
            return values
        *blocks, head, bias = values
        return [
            *blocks,
            tf.reduce_mean(head, 1, keepdims=True),
            tf.reduce_mean(bias, 0, keepdims=True),
        ]

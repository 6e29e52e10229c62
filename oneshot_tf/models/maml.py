"""MAML (Finn, Abbeel and Levine, 2017): weights from which a few gradient steps solve a task.

theta'_i = theta - alpha grad L(theta; support_i); theta moves to lower the sum of L(theta'_i;
query_i). Eq. 1 and algorithm 2. The convolutions' kernels and the head adapt; scale and offset of
batch norm are learned across tasks alone (of the two the authors' code has the offset).
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.errors import UserError
from oneshot_tf.layers.adaptable_net import NetWeights
from oneshot_tf.models.adapting_learner import AdaptingLearner, AdaptingOptions, steps_options
from oneshot_tf.models.task_learner import cross_entropy
from oneshot_tf.ops import adaptation
from oneshot_tf.options import option

_STEPS, _TEST_STEPS = steps_options(1)


@dataclasses.dataclass(frozen=True)
class GradientOptions(AdaptingOptions):
    """Options of learners that take plain gradient steps."""

    steps: int = _STEPS
    test_steps: int | None = _TEST_STEPS
    order: int = option(
        2, "2: through the gradient steps; 1: their gradients count as constants", low=1, high=2
    )
    first_order_episodes: int = option(
        0, "episodes at first whose updates are of order 1, whatever --order says (MAML++)", low=0
    )
    multi_step_episodes: int = option(
        0,
        "episodes at first in which the loss after each step counts, less and less but for the last "
        "(MAML++)",
        low=0,
    )


@dataclasses.dataclass(frozen=True)
class RateOptions(GradientOptions):
    """Options of learners whose steps have one rate for a tensor."""

    inner_rate: float = option(0.4, "alpha, the rate of the gradient steps (at first)", low=0.0)
    rates: str = option(
        "step",
        "alpha is fixed (the paper), or learned: one a tensor, or one a step and tensor (MAML++)",
        choices=("fixed", "tensor", "step"),
    )


def adapted_blocks_option():
    """The option `adapted_blocks`: a field of a class of options."""
    return option(
        None,
        "blocks, the last so many, whose kernels adapt, and the head (default: all, the papers)",
        low=0,
    )


@dataclasses.dataclass(frozen=True)
class MAMLOptions(RateOptions):
    """Options of MAML."""

    adapted_blocks: int | None = adapted_blocks_option()


class MetaWeights(typing.NamedTuple):
    """What is learned across tasks.

    Attributes:
      net: `NetWeights`, theta.
      rates: list: alpha of each step, a list of scalars or tensors, one for each tensor that adapts;
        empty where it is a fixed number.
    """

    net: NetWeights
    rates: list


class MAML(AdaptingLearner):
    """Gradient descent on the support."""

    Options = MAMLOptions
    halves = {"downsampling": "pools"}

    def build_weights(self):
        if self.fixed_blocks < 0:
            raise UserError(
                f"--adapted_blocks must be at most --blocks={self.options.blocks}. "
                f"Received: {self.options.adapted_blocks}"
            )
        self.learned_rates = self.make_rates()
        if self.counts_episodes:
            self.seen = self.add_kept("seen", [])

    @property
    def fixed_blocks(self):
        """How many blocks, the first, are the same for every task."""
        adapted = self.options.adapted_blocks
        return 0 if adapted is None else self.options.blocks - adapted

    @property
    def counts_episodes(self):
        """Whether training depends on how many episodes there have been."""
        return bool(self.options.multi_step_episodes or self.options.first_order_episodes)

    def make_rates(self):
        """The variables of `MetaWeights.rates`."""
        times = {"fixed": 0, "tensor": 1, "step": self.options.steps}[self.options.rates]
        start = keras.initializers.Constant(self.options.inner_rate)
        count = len(self.what_adapts(self.net.own, 1))
        return [
            [self.add_weight(f"rate_{step}_{i}", [], initializer=start) for i in range(count)]
            for step in range(times)
        ]

    def own(self):
        return MetaWeights(self.net.own, [list(rates) for rates in self.learned_rates])

    def solve(self, own, task, training, order=None):
        loss, answer = self.of_what_adapts(own.net, task, training)
        start = self.what_adapts(own.net, task.way)
        if not training:
            logits, statistics = answer(self.end(own, loss, start, task.way))
            return cross_entropy(logits, task.query_labels), logits, statistics
        rates = [self.rates(own, step, task.way) for step in range(self.options.steps)]
        second_order = (order or self.options.order) == 2
        stops = adaptation.path(loss, start, rates, second_order)
        logits, statistics = answer(stops[-1])
        error = cross_entropy(logits, task.query_labels)
        if self.options.multi_step_episodes:
            earlier = [cross_entropy(answer(v)[0], task.query_labels) for v in stops[1:-1]]
            error = self.of_all_steps([*earlier, error])
        return error, logits, statistics

    def of_what_adapts(self, net, task, training):
        """Functions of what adapts: (values -> loss on the support, values -> as of `query_logits`)."""
        task, first = self.after_first(self.fixed_blocks, net, task, training)

        def loss(values):
            logits = self.support_logits(self.with_adapted(net, values), task, training)
            return cross_entropy(logits, task.labels)

        def answer(values):
            logits, last = self.query_logits(self.with_adapted(net, values), task, training)
            return logits, [*first, *last]

        return loss, answer

    def end(self, own, loss, start, way):
        """What adapts after the steps of an answer among `way` classes."""
        steps = self.steps_of_answer
        if len(own.rates) <= 1:  # of any number of steps
            return adaptation.sgd(loss, start, self.rates(own, 0, way), steps)
        rates = [self.rates(own, step, way) for step in range(steps)]
        return adaptation.path(loss, start, rates)[-1]

    def of_all_steps(self, errors):
        """The training loss where that of every step counts, until the last counts alone."""
        done = tf.minimum(self.seen / self.options.multi_step_episodes, 1.0)
        weights = adaptation.multi_step_weights(len(errors), done)
        return tf.reduce_sum(weights * tf.stack(errors))

    def task_gradient(self, own, task, **how):
        until = self.options.first_order_episodes
        if how or not until or self.options.order == 1:
            return super().task_gradient(own, task, **how)
        return tf.cond(
            self.seen < until,
            lambda: super(MAML, self).task_gradient(own, task, order=1),
            lambda: super(MAML, self).task_gradient(own, task, order=2),
        )

    def train_loss(self, episode, state=()):
        outcome = super().train_loss(episode, state)
        if self.counts_episodes:
            replicas = tf.distribute.get_strategy().num_replicas_in_sync  # each counts for all
            self.seen.assign_add(tf.cast(replicas * tf.shape(episode.support)[0], tf.float32))
        return outcome

    def timed_parts(self, episode):
        if self.options.order == 1:
            return {}
        own = self.own()
        values = [tf.convert_to_tensor(v) for v in tf.nest.flatten(own)]

        def first_order(noise):
            moved = episode._replace(support=episode.support + noise)
            loss, gradients, _ = self._sum_over(own, values, moved, order=1)
            return loss + tf.add_n([tf.reduce_sum(g) for g in gradients])

        return {"an update of first order": first_order}

    def rates(self, own, step, way):
        """alpha of a step, as `adaptation.descend` takes it; after the last that is learned, that.

        Where all classes have one row of the head, the steps of its columns grow with `way`: among twice as
        many classes each has half the share in a mean, and its column's gradient is half as large.
        """
        if own.rates:
            rates = list(own.rates[min(step, len(own.rates) - 1)])
        else:
            rates = [self.options.inner_rate] * len(self.what_adapts(own.net, 1))
        if not self.options.shared_head:
            return rates
        share = tf.cast(way, tf.float32) / self.way
        *kernels, head, bias = rates
        return [*kernels, share * head, share * bias]

    def what_adapts(self, net, way):
        """The weights that adapt, as a list: kernels and the head."""
        kernels = [block.kernel for block in net.blocks[self.fixed_blocks :]]
        return [*kernels, *self.net.columns(net, way)]

    def with_adapted(self, net, values):
        """`NetWeights` of the blocks that adapt, with a list as of `what_adapts` in their place."""
        *kernels, head, bias = values
        last = net.blocks[self.fixed_blocks :]
        blocks = [
            block._replace(kernel=kernel) for block, kernel in zip(last, kernels, strict=True)
        ]
        return net._replace(blocks=blocks, head=head, head_bias=bias)

"""The meta-learner LSTM (Ravi and Larochelle, 2017): an LSTM whose cell is the learner's weights.

A pass over the support gives gradients and losses; the LSTM turns each into an update, and is trained
with c_0, the initialisation, by the loss of the queries after the last one. Algorithm 1. Gradients and
losses count as constants. All weights of the network adapt, batch norm's too, as in the authors' code.
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.adaptable_net import NetWeights, head_logits
from oneshot_tf.models.adapting_learner import AdaptingLearner, AdaptingOptions
from oneshot_tf.models.task_learner import cross_entropy, of_support
from oneshot_tf.ops import adaptation, meta_lstm
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class MetaLSTMOptions(AdaptingOptions):
    """Options of the meta-learner LSTM."""

    filters: int = option(32, "filters of each convolution", low=1)
    bn: str = option(
        "support",
        "batch norm: statistics of the support alone; of the queries for the queries (batch: "
        "transductive); or (the paper's) at test those that ran along the support's updates",
        choices=("support", "batch", "running"),
    )
    passes: int = option(12, "passes over the support (authors' code: 12 of 1 shot, 8 of 5)", low=1)
    inner_batch: int = option(5, "support pictures of an update (authors' code: 5 and 25)", low=1)
    norm_momentum: float = option(
        0.9,
        "share of an update's statistics in those that run along (the authors: 0.9 of 1 shot, 0.95 of 5)",
        low=0.0,
        high=1.0,
    )
    hidden_size: int = option(20, "units of the LSTM before the gates", low=1)


class Learned(typing.NamedTuple):
    """What is learned across tasks.

    Attributes:
      net: `NetWeights`, c_0.
      optimizer: `meta_lstm.MetaLSTMWeights`.
    """

    net: NetWeights
    optimizer: meta_lstm.MetaLSTMWeights


class MetaLSTM(AdaptingLearner):
    """A learned optimiser, started from learned weights."""

    Options = MetaLSTMOptions
    test_options = ("bn",)
    defaults = {
        **AdaptingLearner.defaults,
        "batch_size": 1,
        "learning_rate": 1e-3,
        "clip_norm": 0.25,
        "schedule": "constant",
    }

    def build_weights(self):
        units = self.options.hidden_size

        def small():
            return keras.initializers.RandomUniform(-0.01, 0.01)

        opened = keras.initializers.RandomUniform(-5.0, -4.0)  # small updates at first,
        kept = keras.initializers.RandomUniform(4.0, 5.0)  # of weights that stay
        first = meta_lstm.LSTMWeights(
            self.add_weight("lstm_kernel", [4 + units, 4 * units], initializer=small()),
            self.add_weight("lstm_bias", [4 * units], initializer=small()),
        )
        self.optimizer_weights = meta_lstm.MetaLSTMWeights(
            first,
            self.add_weight("input_kernel", [units + 2, 1], initializer=small()),
            self.add_weight("input_bias", [1], initializer=opened),
            self.add_weight("forget_kernel", [units + 2, 1], initializer=small()),
            self.add_weight("forget_bias", [1], initializer=kept),
        )

    def own(self):
        return Learned(self.net.own, self.optimizer_weights)

    def keep(self, kept):
        """Nothing: statistics run within an episode."""

    def solve(self, own, task, training):
        net, statistics = self.adapted(own, task)
        if training or self.options.bn != "running":
            logits, _ = self.query_logits(net, task, training)
        else:
            features, _ = self.net.features(net.blocks, task.query, statistics=statistics)
            logits = head_logits(net, features)
        return cross_entropy(logits, task.query_labels), logits, statistics

    def adapted(self, own, task):
        """(`NetWeights` after the updates, the statistics that ran along)."""
        count = tf.shape(task.support)[0]
        size = tf.minimum(self.options.inner_batch, count)
        steps = self.options.passes * ((count + size - 1) // size)
        start = self.spread(own.net, task.way)
        momentum = self.options.norm_momentum

        def update(t, state, statistics):
            rows = (t * size + tf.range(size)) % count
            some = of_support(task, rows)
            loss, gradient, now = self.slope(join(start, state.theta), some)
            statistics = tf.nest.map_structure(
                lambda before, new: before + momentum * (new - before), statistics, now
            )
            return t + 1, meta_lstm.step(own.optimizer, state, gradient, loss), statistics

        state = meta_lstm.initial_state(flat(start), self.options.hidden_size)
        statistics = [(mean, tf.ones_like(variance)) for mean, variance in self.net.no_statistics()]
        begin = tf.constant(0), state, statistics
        _, state, statistics = tf.while_loop(
            lambda t, *_: t < steps, update, begin, parallel_iterations=1
        )
        return join(start, state.theta), statistics

    def slope(self, net, task):
        """(loss, gradient [n], statistics) of the support; all of them constants."""
        found = []

        def loss(values):
            now = tf.nest.pack_sequence_as(net, values)
            features, statistics = self.net.features(
                now.blocks, task.support, tf.shape(task.support)[0]
            )
            found.append(statistics)
            return cross_entropy(head_logits(now, features), task.labels)

        values = [tf.stop_gradient(v) for v in tf.nest.flatten(net)]
        error, gradients = adaptation.gradients(loss, values)
        statistics = tf.nest.map_structure(tf.stop_gradient, found[0])
        return tf.stop_gradient(error), flat(gradients), statistics

    def test_conditions(self):
        return {"bn": self.options.bn}


def flat(structure):
    """[n]: all weights of a structure in a row."""
    return tf.concat([tf.reshape(v, [-1]) for v in tf.nest.flatten(structure)], axis=0)


def join(structure, values):
    """A structure like that given, of a row of weights."""
    parts = tf.nest.flatten(structure)
    rows = tf.split(values, [tf.size(v) for v in parts])
    found = [tf.reshape(row, tf.shape(v)) for row, v in zip(rows, parts, strict=True)]
    found = [tf.ensure_shape(f, v.shape) for f, v in zip(found, parts, strict=True)]
    return tf.nest.pack_sequence_as(structure, found)

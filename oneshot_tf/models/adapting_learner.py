"""What learners that adapt by gradient share: a network, and batch norm that is named.

Dimensions: S support pictures, Q queries, K classes.
"""

import dataclasses

import tensorflow as tf

from oneshot_tf.layers.adaptable_net import AdaptableNet, head_logits
from oneshot_tf.models.task_learner import TaskLearner
from oneshot_tf.options import Options, option


def downsampling_option(default):
    """The option `downsampling`: a field of a class of options."""
    return option(
        default,
        "convolutions of stride 2 and the mean over positions (MAML on Omniglot), or all positions "
        "(Reptile on Omniglot); or max pooling and all positions (both on miniImageNet)",
        choices=("strides", "strides_all", "pools"),
    )


@dataclasses.dataclass(frozen=True)
class AdaptingOptions(Options):
    """Options of every learner that adapts."""

    filters: int = option(64, "filters of each convolution", low=1)
    blocks: int = option(4, "convolution blocks; each halves the picture", low=1, high=6)
    downsampling: str = downsampling_option("strides")
    bn: str = option(
        "support",
        "batch norm: statistics of the support alone; of the queries for the queries (batch: "
        "transductive, the papers'); or running ones, at test",
        choices=("support", "batch", "running"),
    )
    shared_head: bool = option(
        False,
        "the head starts as one row for all classes: the order of labels does not matter, and any "
        "number of classes can be told apart",
    )


def steps_options(default):
    """The options `steps` and `test_steps`: fields of a class of options."""
    return (
        option(default, "gradient steps on a support in training", low=0),
        option(None, "gradient steps of an answer (default: as in training)", low=0),
    )


class AdaptingLearner(TaskLearner):
    """A network that answers after it has adapted to the support.

    Its own weights are the network's (`own`), unless a model has more.
    """

    Options = AdaptingOptions
    test_options = ("bn", "test_steps")
    defaults = {
        **TaskLearner.defaults,
        "queries": 3,
        "batch_size": 8,
        "learning_rate": 2e-3,
        "schedule": "cosine",
    }

    def __init__(self, options, **kwargs):
        super().__init__(options, **kwargs)
        self.net = AdaptableNet(
            None if options.shared_head else self.way,
            strides=options.downsampling != "pools",
            mean=options.downsampling == "strides",
            filters=options.filters,
            blocks=options.blocks,
            precision=self.precision,
            name="net",
        )
        self.net.build(tf.TensorShape([None, *self.image_shape]))
        self.build_weights()
        self.built = True

    def build_weights(self):
        """Makes the weights beside the network's."""

    def add_kept(self, name, shape):
        """Zeros that training counts in, and no gradient moves; of replicas, their mean."""
        return self.add_weight(
            name,
            shape,
            initializer="zeros",
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.MEAN,
        )

    def own(self):
        return self.net.own

    def nothing_kept(self):
        return self.net.no_statistics()

    def keep(self, kept):
        # whatever `bn` is: a test may ask for the running ones
        self.net.keep_running(kept)

    @property
    def fixed_way(self):
        return None if self.options.shared_head else self.way

    @property
    def steps_of_answer(self):
        """Gradient steps of an answer."""
        given = getattr(self.options, "test_steps", None)
        return self.options.steps if given is None else given

    # --- the network on a task -------------------------------------------------------------------

    def spread(self, net, way):
        """`NetWeights` with a column of the head for each of `way` classes."""
        head, bias = self.net.columns(net, way)
        return net._replace(head=head, head_bias=bias)

    def support_features(self, net, task, training):
        """As of `AdaptableNet.features`, of the support, which gives its own statistics.

        Args:
          net: `NetWeights`.
          task: `Task`.
          training: true in training.
        """
        speakers = tf.shape(task.support)[0] if self._batch_speaks(training) else None
        return self.net.features(net.blocks, task.support, speakers)

    def query_features(self, net, task, training):
        """The same of the queries, by the statistics that `bn` says."""
        if self.options.bn == "support":
            return self.joint_features(net, task)[1:]
        speakers = tf.shape(task.query)[0] if self._batch_speaks(training) else None
        return self.net.features(net.blocks, task.query, speakers)

    def joint_features(self, net, task):
        """(support [S, D], query [Q, D], statistics) of one pass, by the support's statistics."""
        count = tf.shape(task.support)[0]
        images = tf.concat([task.support, task.query], axis=0)
        features, statistics = self.net.features(net.blocks, images, count)
        return features[:count], features[count:], statistics

    def after_first(self, count, net, task, training):
        """What the first blocks make of a task's pictures: what no task changes is made once.

        Args:
          count: how many blocks.
          net, task, training: as of `support_features`.

        Returns:
          (`Task` with [S, h, w, F] and [Q, h, w, F] in the place of its pictures, [(mean, variance)]
          of the blocks that normalised the queries).
        """
        if not count:
            return task, []
        blocks, size = net.blocks[:count], tf.shape(task.support)[0]
        if self.options.bn == "support":
            images = tf.concat([task.support, task.query], axis=0)
            maps, statistics = self.net.maps(blocks, images, size)
            return task._replace(support=maps[:size], query=maps[size:]), statistics
        own = self._batch_speaks(training)
        support, _ = self.net.maps(blocks, task.support, size if own else None)
        query, statistics = self.net.maps(
            blocks, task.query, tf.shape(task.query)[0] if own else None
        )
        return task._replace(support=support, query=query), statistics

    def support_logits(self, net, task, training):
        """Logits [S, K] of the support; arguments as of `support_features`."""
        return head_logits(net, self.support_features(net, task, training)[0])

    def query_logits(self, net, task, training):
        """(logits [Q, K] of the queries, [(mean, variance)] of the blocks that normalised them)."""
        features, statistics = self.query_features(net, task, training)
        return head_logits(net, features), statistics

    def _batch_speaks(self, training):
        return training or self.options.bn != "running"

    def test_conditions(self):
        return {"bn": self.options.bn, "steps": self.steps_of_answer}

    def flops_per_episode(self, steps):
        """Three times the convolutions' forward pass, of `steps` pictures: an update without adapting."""
        return 3.0 * steps * self.net.flops()

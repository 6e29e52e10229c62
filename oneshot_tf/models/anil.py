"""ANIL (Raghu, Raghu, Bengio and Vinyals, 2020): MAML whose head alone adapts.

"Almost no inner loop", section 5: features are made once, by weights that no task changes, and the
steps are of a linear classifier.
"""

import dataclasses

from oneshot_tf.layers.adaptable_net import head_logits
from oneshot_tf.models.adapting_learner import steps_options
from oneshot_tf.models.maml import MAML, MAMLOptions
from oneshot_tf.models.task_learner import cross_entropy

_STEPS, _ = steps_options(3)


@dataclasses.dataclass(frozen=True)
class ANILOptions(MAMLOptions):
    """Options of ANIL."""

    steps: int = _STEPS


class ANIL(MAML):
    """Gradient descent of the head on the support."""

    Options = ANILOptions

    def what_adapts(self, net, way):
        return list(self.net.columns(net, way))

    def with_adapted(self, net, values):
        return net._replace(head=values[0], head_bias=values[1])

    def of_what_adapts(self, net, task, training):
        support, query, statistics = self.task_features(net, task, training)

        def loss(values):
            return cross_entropy(head_logits(self.with_adapted(net, values), support), task.labels)

        return loss, lambda values: (
            head_logits(self.with_adapted(net, values), query),
            statistics,
        )

    def task_features(self, net, task, training):
        """(support [S, D], query [Q, D], statistics of the query's pass): one pass where it can be."""
        if self.options.bn != "support":
            support, _ = self.support_features(net, task, training)
            return support, *self.query_features(net, task, training)
        return self.joint_features(net, task)

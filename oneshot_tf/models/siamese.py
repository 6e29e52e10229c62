"""Siamese network (Koch et al., 2015): trained on same or different, used for nearest neighbours.

p(same) = sigmoid(sum_j alpha_j |h_j(x1) - h_j(x2)| + b), Eq. 1. Koch's network reads 105 x 105
pixels; the row of the few-shot tables is Vinyals et al.'s own, on Conv4, and so is this one.
"""

import dataclasses

import tf_keras as keras

from oneshot_tf.models.few_shot_learner import (
    EmbeddingOptions,
    FewShotLearner,
    aggregate_option,
)
from oneshot_tf.ops import matching


@dataclasses.dataclass(frozen=True)
class SiameseOptions(EmbeddingOptions):
    """Options of the siamese network."""

    aggregate: str = aggregate_option()


class Siamese(FewShotLearner):
    """Weighted L1 distance of all pairs of a query and a support picture."""

    Options = SiameseOptions
    alone = True
    reads = ("pictures", "sentences")

    def build_weights(self):
        # features start as evidence against "same", with even odds at a usual distance
        start = keras.initializers.Constant(-0.1)
        self.alpha = self.add_weight("alpha", [self.width], initializer=start)
        self.bias = self.add_weight("bias", [], initializer=keras.initializers.Constant(3.0))

    def similarities(self, support, labels, query, training=False):
        """The logit of "same" of each pair, [B, Q, S]."""
        del labels, training
        return matching.similarity(query, support, "l1", self.alpha) + self.bias

    def episode_loss(self, support, query, logits, episode):
        """Cross-entropy of same and different pairs, half each."""
        del logits
        scores = self.similarities(support, episode.support_labels, query)
        return matching.pair_loss(scores, episode.support_labels, episode.query_labels)

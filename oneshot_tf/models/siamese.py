"""Siamese network (Koch et al., 2015): trained on same or different, used for nearest neighbours.

p(same) = sigmoid(sum_j alpha_j |h_j(x1) - h_j(x2)| + b), Eq. 1. Koch's network reads 105 x 105
pixels; the row of the few-shot tables is Vinyals et al.'s own, on Conv4, and so is this one. They
train the network so and then match by the cosine of its last layer (their section 4.1.1).
"""

import dataclasses

import tf_keras as keras

from oneshot_tf.models.few_shot_learner import (
    EmbeddingOptions,
    FewShotLearner,
    aggregate_option,
)
from oneshot_tf.ops import matching
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class SiameseOptions(EmbeddingOptions):
    """Options of the siamese network."""

    aggregate: str = aggregate_option()
    answer_by: str = option(
        "cosine",
        "what the nearest picture is found by: cosine (Vinyals et al.) or same (Koch et al.: the"
        " logit of the same class)",
        choices=("cosine", "same"),
        earlier="same",
    )
    scale: float = option(10.0, "factor of the cosine: how sure the answers are", low=1e-6)


class Siamese(FewShotLearner):
    """All pairs of a query and a support picture: the same class or not."""

    Options = SiameseOptions
    alone = True
    reads = ("pictures", "sentences")

    def build_weights(self):
        # features start as evidence against "same", with even odds at a usual distance
        start = keras.initializers.Constant(-0.1)
        self.alpha = self.add_weight("alpha", [self.width], initializer=start)
        self.bias = self.add_weight("bias", [], initializer=keras.initializers.Constant(3.0))

    def same(self, support, query):
        """The logit of "same" of each pair, [B, Q, S]."""
        return matching.similarity(query, support, "l1", self.alpha) + self.bias

    def similarities(self, support, labels, query, training=False):
        """As of `FewShotLearner`, by `answer_by`: what an answer comes from, not the loss."""
        del labels, training
        if self.options.answer_by == "same":
            return self.same(support, query)
        return self.options.scale * matching.similarity(query, support, "cosine")

    def episode_loss(self, support, query, logits, episode):
        """Cross-entropy of same and different pairs, half each."""
        del logits
        scores = self.same(support, query)
        return matching.pair_loss(scores, episode.support_labels, episode.query_labels)

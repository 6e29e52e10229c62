"""Prototypical Networks (Snell et al., 2017): the nearest mean of a class.

p(y = k | x) = softmax_k(-|f(x) - c_k|^2), c_k the mean embedding of class k. Eq. 1 and 2.

The paper's model is `--scale=1 --nolearn_scale`: at first the distances of many features are so large
that the softmax is sure of whatever is nearest. A learned factor that starts small learns sooner. On
validation classes of Omniglot, 32 x 32 pixels, 1,800 episodes (5w1s/5w5s/20w1s/20w5s, one seed):
the paper's 98.50/99.68/94.35/98.69, the default 98.83/99.72/95.57/98.90.
"""

import dataclasses

from oneshot_tf.models.few_shot_learner import EmbeddingOptions, FewShotLearner
from oneshot_tf.ops import matching
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class PrototypicalOptions(EmbeddingOptions):
    """Options of Prototypical Networks."""

    kernel: str = option(
        "sqeuclidean",
        "closeness to a prototype; the paper's is sqeuclidean",
        choices=("sqeuclidean", "cosine", "dot", "l1"),
    )
    scale: float = option(
        0.05, "factor of the closeness, at the start (the paper: 1)", low=1e-6, earlier=1.0
    )
    learn_scale: bool = option(True, "the factor is learned (the paper has none)", earlier=False)


class Prototypical(FewShotLearner):
    """Distances to class means."""

    Options = PrototypicalOptions
    alone = True
    reads = ("pictures", "sentences")

    def build_weights(self):
        self.add_scale()

    explains = ()  # prototypes answer, no single picture

    def answer(self, support, labels, query, training=False):
        del training
        means, names = matching.prototypes(support, labels, matching.way_of(labels))
        scores = self.scale * matching.similarity(query, means, self.options.kernel)
        return matching.class_log_probabilities(scores, names, matching.way_of(labels))

    def similarities(self, support, labels, query, training=False):
        """Closeness to each support picture, for figures: with one picture a class, the model's."""
        del labels, training
        return self.scale * matching.similarity(query, support, self.options.kernel)

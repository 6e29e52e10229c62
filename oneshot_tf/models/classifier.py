"""The baseline classifier of Vinyals et al. (2016): trained on all training classes at once.

At test its last features before the softmax are compared by cosine. A baseline that is trained
badly makes others look good: the defaults are the best we know, not the paper's (`--head=linear`).
"""

import dataclasses

import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.models.base import Outcome
from oneshot_tf.models.few_shot_learner import (
    EmbeddingOptions,
    FewShotLearner,
    aggregate_option,
)
from oneshot_tf.ops import descent, losses, matching
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class ClassifierOptions(EmbeddingOptions):
    """Options of the baseline classifier."""

    head: str = option(
        "cosine",
        "training logits: linear in the features (the paper), or cosines with a vector a class",
        choices=("linear", "cosine"),
    )
    head_scale: float = option(20.0, "factor of the cosines of the head `cosine`", low=0.001)
    aggregate: str = aggregate_option()
    train_classes: int | None = option(
        None, "classes of the softmax (default: counted from the training data)", low=2
    )


class Classifier(FewShotLearner):
    """Softmax over the training classes; nearest neighbour by cosine on new ones."""

    Options = ClassifierOptions
    episode = "labelled"
    alone = True
    reads = ("pictures", "sentences")
    finetune_matches = ("own", "softmax")
    defaults = {**FewShotLearner.defaults, "batch_size": 128}

    @classmethod
    def options_for(cls, options, train_classes):
        if options.train_classes not in (None, train_classes):
            raise UserError(
                f"--train_classes must be {train_classes}, the training classes that there are; "
                f"leave it out. Received: {options.train_classes}"
            )
        return dataclasses.replace(options, train_classes=train_classes)

    def pictures_per_episode(self, train):
        return 1

    def examples(self, train):
        return "single pictures, a softmax over all training classes"

    def build_weights(self):
        if self.options.train_classes is None:
            raise ValueError("`train_classes` must be known when a classifier is made")
        shape = [self.width, self.options.train_classes]
        self.class_weights = self.add_weight("class_weights", shape)
        if self.options.head == "linear":
            self.class_bias = self.add_weight("class_bias", shape[1:], initializer="zeros")

    def class_logits(self, features):
        """Logits of the training classes, [n, D] -> [n, training classes]."""
        if self.options.head == "linear":
            return tf.matmul(features, self.class_weights) + self.class_bias
        features = tf.math.l2_normalize(features, axis=1, epsilon=1e-12)
        directions = tf.math.l2_normalize(self.class_weights, axis=0, epsilon=1e-12)
        return self.options.head_scale * tf.matmul(features, directions)

    def train_loss(self, episode, state=()):
        """Cross-entropy over all training classes, for `LabelledPictures`."""
        logits = self.class_logits(self.embedding(episode.images, training=True))
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(episode.labels, logits)
        right = tf.cast(self.predict_labels(logits) == episode.labels, tf.float32)
        shown = tf.cast(tf.size(episode.labels), tf.float32)
        return Outcome(tf.reduce_mean(loss), tf.reduce_sum(right)[None], shown[None])

    def finetuned(self, episode, steps, rate, match="own"):
        """As in `FewShotLearner`, but a new softmax is trained on the support with the features.

        Args:
          episode: `FewShotEpisode`.
          steps: steps of Adam for each episode.
          rate: its learning rate.
          match: "own" compares the tuned features by cosine, "softmax" answers with the new
            softmax; two rows of Vinyals et al.'s tables.
        """

        def tuned_answer(parts):
            one = FewShotEpisode(*(part[None] for part in parts))
            head = tf.zeros([self.width + 1, matching.way_of(one.support_labels)])
            *tuned, head = descent.adam(
                lambda values: self._support_loss(one, values),
                [*self.flat_weights(), head],
                steps,
                rate,
            )
            support, query = self.embed_episode(one, False, self.pack(tuned))
            if match == "softmax":
                return tf.nn.log_softmax(_linear(query[0], head, one.support_labels[0]))
            return self.answer(support, one.support_labels, query)[0]

        return self._map_episodes(tuned_answer, episode)

    def _support_loss(self, one, values):
        """Cross-entropy of the new softmax on the support."""
        *values, head = values
        support, _ = self.embed_episode(one, False, self.pack(values))
        logits = _linear(support[0], head, one.support_labels[0])
        return losses.cross_entropy(logits[None], one.support_labels)

    def similarities(self, support, labels, query, training=False):
        """Cosines of features, times the head's factor."""
        del labels, training
        return self.options.head_scale * matching.similarity(query, support, "cosine")


def _linear(features, head, labels):
    """Logits [n, K] of features [n, D] by a head [D + 1, K] with the bias last.

    `matching.IMPOSSIBLE` of classes that support labels [S] have none of.
    """
    return matching.of_classes_there(tf.matmul(features, head[:-1]) + head[-1], labels)

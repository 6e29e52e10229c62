"""What Matching Networks and their baselines share: an embedding, and classes by similarity.

Dimensions: B episodes, S support pictures, Q queries, D features, K classes.
"""

import dataclasses
import math

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.models import encoders
from oneshot_tf.models.base import Learner, Outcome
from oneshot_tf.models.encoders import EmbeddingOptions
from oneshot_tf.models.finetuning import FineTuning
from oneshot_tf.ops import losses, matching
from oneshot_tf.options import option


def aggregate_option():
    """The option `aggregate`, alike in all baselines that look for the nearest picture."""
    return option(
        "nearest",
        "which support pictures speak for a class: the nearest (the paper), all by sum or by mean",
        choices=matching.AGGREGATES,
    )


class FewShotLearner(FineTuning, Learner):
    """An embedding of pictures; a query's class is found by comparing embeddings."""

    Options = EmbeddingOptions
    test_options = ("bn",)
    compares = True
    takes_backbone = True
    halves = {"encoder": "conv4"}
    explains = ("attention",)  # where an answer is made from `similarities`
    alone = False  # whether running statistics and one network make it a model that `embeds_alone`
    # One model for all four usual settings. More ways than in the test: with as many pictures seen,
    # 60 ways and 5 shots gave 98.9/99.7/95.5/98.7 % on validation classes of Omniglot, 5 to 20 ways
    # and 1 to 5 shots 98.5/99.6/94.3/98.4
    # (5w1s/5w5s/20w1s/20w5s, `matching`, 1.5 and 1.2 million pictures, mixed_bfloat16).
    defaults = {
        "image_size": 28,
        "rotations": True,
        "test_rotations": True,
        "way": 60,
        "shot": 5,
        "shot_from": 1,
        "batch_size": 1,
        "schedule": "cosine",
    }

    def __init__(self, options, *, backbone=None, **kwargs):
        """As of `Learner`.

        Args:
          options: an `Options`.
          backbone: a `tf_keras.Model` that embeds pictures, [n, H, W, C] in [0, 1] to [n, D] (maps
            [n, h, w, F] are flattened), or a function that makes one; None is as options say.
          **kwargs: as of `Learner`.
        """
        if backbone is not None and self.takes_backbone:
            options = dataclasses.replace(options, encoder="own")
        super().__init__(options, backbone=backbone, **kwargs)
        # prototypes and slots speak once for their class, however many pictures they hold
        self.adds_up = bool(self.explains) and self.aggregate == "sum"
        self.make_network = None if backbone is None else encoders.network_maker(backbone)
        encoders.check(options, self.image_shape, self.vocabulary, self.make_network)
        self.embedding = self.make_embedding(options)
        self.support_embedding = self.embedding  # a model may give the support one of its own
        self.width = self.embedding(self.blank()).shape[-1]
        self.build_weights()
        # Adam on the 22 million weights of an Inception for every episode is not worth its while
        if encoders.named(options) == "inception" or not self.flat_weights():
            self.finetune_matches = ()

    def make_embedding(self, options):
        """The layer that embeds pictures [n, H, W, C] or sentences [n, L]: -> [n, D]."""
        return encoders.make(
            options, self.image_shape, self.vocabulary, self.precision, self.make_network
        )

    def build_weights(self):
        """Makes the weights behind the embedding."""

    def add_scale(self):
        """Makes the factor of the similarity, for models with `scale` and `learn_scale`."""
        if self.options.learn_scale:
            start = keras.initializers.Constant(math.log(self.options.scale))
            self.log_scale = self.add_weight("log_scale", [], initializer=start)

    @property
    def scale(self):
        """The factor of the similarity, a scalar above zero."""
        return tf.exp(self.log_scale) if self.options.learn_scale else self.options.scale

    @property
    def aggregate(self):
        """How a class's pictures speak for it, see `class_log_probabilities`."""
        return getattr(self.options, "aggregate", "sum")

    def similarities(self, support, labels, query, training=False):
        """Logits of each query's attention on each support picture: the answer's, unless a model
        answers in another way and has these for figures only.

        Args:
          support: [B, S, D], embeddings.
          labels: int32 [B, S], -1 for padding.
          query: [B, Q, D], embeddings.
          training: true in training.

        Returns:
          [B, Q, S].
        """
        raise NotImplementedError

    def in_context(self, support, labels, query, training=False):
        """What is compared: embeddings after all that a model lets them see of the support.

        Args:
          As of `similarities`.

        Returns:
          (support [B, S, E], query [B, Q, E]).
        """
        del labels, training
        return support, query

    def answer(self, support, labels, query, training=False):
        """Log-probabilities of the classes, [B, Q, K], from embeddings as in `similarities`."""
        return self.answer_from(self.similarities(support, labels, query, training), labels)

    def answer_from(self, scores, labels):
        """Log-probabilities of the classes, [B, Q, K], from `similarities` [B, Q, S]."""
        way = matching.way_of(labels)
        return matching.class_log_probabilities(scores, labels, way, self.aggregate)

    def explained(self, episode):
        if not self.explains:
            return super().explained(episode)
        labels = episode.support_labels
        support, query = self.embed_episode(episode, False)
        scores = self.similarities(support, labels, query)
        attention = matching.masked_softmax(scores, labels >= 0)
        return self.answer_from(scores, labels), {"attention": attention}

    def call(self, episode, training=False):
        support, query = self.embed_episode(episode, training)
        return self.answer(support, episode.support_labels, query, training)

    def embed_episode(self, episode, training, learned=None):
        """(support [B, S, D], query [B, Q, D]): in one pass, or each by its own network.

        Two networks are normalised by the statistics of what passes through each.

        Args:
          episode: `FewShotEpisode`.
          training: true in training.
          learned: weights to embed with instead of the model's own, as `learned_weights` gives;
            with these, training moves no running statistics.
        """
        sizes = [tf.shape(part)[1] for part in (episode.support, episode.query)]
        marks = self.speakers(episode, training)
        if self.support_embedding is self.embedding:
            images = tf.concat([episode.support, episode.query], axis=1)
            flat = self._embed_flat(self.embedding, images, training, marks, learned)
            embedded = tf.reshape(flat, [-1, tf.add_n(sizes), self.width])
            return tf.split(embedded, sizes, axis=1)
        marks = [None, None] if marks is None else tf.split(marks, sizes, axis=1)
        sides = []
        for i, layer in enumerate((self.support_embedding, self.embedding)):
            own = None if learned is None else learned[i]
            flat = self._embed_flat(layer, episode[2 * i], training, marks[i], own)
            sides.append(tf.reshape(flat, [-1, sizes[i], self.width]))
        return sides

    def _embed_flat(self, layer, images, training, marks, learned):
        """[B, N, H, W, C] -> [B N, D]."""
        flat = tf.reshape(images, tf.concat([[-1], tf.shape(images)[2:]], axis=0))
        flat = tf.ensure_shape(flat, [None, *self.image_shape])
        marks = {} if marks is None else {"speakers": marks}
        if learned is None:
            return layer(flat, training=training, **marks)
        return layer.embed(learned, flat, training=training, **marks)

    def learned_weights(self):
        """The embedding's weights, in the structure that `embed_episode` takes."""
        if self.support_embedding is self.embedding:
            return self.embedding.learned
        return [self.support_embedding.learned, self.embedding.learned]

    def speakers(self, episode, training):
        """bool [B, S + Q]: whose statistics normalise an episode at test; None: running ones."""
        if training or self.options.bn == "running":
            return None
        queries = tf.fill(tf.shape(episode.query)[:2], self.options.bn == "batch")
        return tf.concat([episode.support_labels >= 0, queries], axis=1)

    def train_loss(self, episode, state=()):
        support, query = self.embed_episode(episode, True)
        logits = self.answer(support, episode.support_labels, query, training=True)
        loss = self.episode_loss(support, query, logits, episode)
        return self.outcome(loss, logits, episode)

    def outcome(self, loss, logits, episode):
        """The `Outcome` of logits [B, Q, K] for queries."""
        return Outcome(
            loss, *losses.right_and_shown(self.predict_labels(logits), episode.query_labels)
        )

    def episode_loss(self, support, query, logits, episode):
        """Minus the mean log-probability of the right classes, [MN] Eq. 2."""
        del support, query
        return losses.cross_entropy(logits, episode.query_labels)

    def features(self, images):
        return self.embedding(images)

    def embed(self, images):
        return self.features(images)

    @property
    def embeds_alone(self):
        """Where a model is `alone`, embeds by running statistics, and by one network."""
        running = self.test_conditions()["bn"] == "running"
        # a sentence is of many words, each with another blank: too many to embed them all
        one_network = self.support_embedding is self.embedding
        return self.alone and not self.vocabulary and running and one_network

    def answer_embedded(self, episode):
        return self.answer(episode.support, episode.support_labels, episode.query)

    def test_conditions(self):
        conditions = {"bn": self.options.bn}
        return {**conditions, "oracle": True} if self.options.oracle else conditions

    def compared(self, episode):
        support, query = self.embed_episode(episode, False)
        labels = episode.support_labels
        shown = self.in_context(support, labels, query)
        return *shown, self.answer(support, labels, query)

    def figures(self, episode):
        """The first episode of a batch, for `figures/drawing.py`.

        Args:
          episode: `FewShotEpisode`.

        Returns:
          numpy arrays: "support" [S, H, W, C], "support_labels" [S], "query" [Q, H, W, C],
          "query_labels", "predictions" and "confidence" [Q], "probabilities" [Q, K], "similarity"
          and "attention" (its softmax) [Q, S].
        """
        first = type(episode)(*(part[:1] for part in episode))
        found = {**first._asdict(), **self._looked_into(first)}
        return {name: array[0].numpy() for name, array in found.items()}

    @tf.function(reduce_retracing=True, autograph=False)
    def _looked_into(self, episode):
        support, query = self.embed_episode(episode, False)
        labels = episode.support_labels
        scores = self.similarities(support, labels, query)
        logits = self.answer(support, labels, query)
        probabilities = self.probabilities(logits)
        return {
            "similarity": scores,
            "attention": matching.masked_softmax(scores, labels >= 0),
            "probabilities": probabilities,
            "predictions": self.predict_labels(logits),
            "confidence": tf.reduce_max(probabilities, axis=-1),
        }

    def flops_per_episode(self, steps):
        """Three times the convolutions' forward pass, of `steps` pictures."""
        return 3.0 * steps * self.embedding.flops()

"""Life-long memory: Kaiser et al. (2017), *Learning to Remember Rare Events* ([RE]).

A picture's embedding asks an explicit memory for its nearest neighbour, whose label is the answer,
and is then written. Only the embedding learns; the memory is not differentiated through. All
episodes of a training batch share one memory, their labels offset: B episodes of N ways are a task
of B N ways.
"""

import dataclasses
import math

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.models.few_shot_learner import EmbeddingOptions, FewShotLearner
from oneshot_tf.ops import losses, matching, rare_events, slots
from oneshot_tf.options import option


@dataclasses.dataclass(frozen=True)
class RareEventsOptions(EmbeddingOptions):
    """Where the paper and the default differ, the help says which value is the paper's."""

    last_relu: bool = option(False, "the last block ends in a ReLU")
    width: int = option(128, "width of a key (the authors' code: 128; the paper: 256)", low=1)
    slots: int = option(
        0, "memory slots in training (0: as many as a batch has pictures; the paper: 8192)", low=0
    )
    share_memory: bool = option(
        True,
        "all episodes of a training batch are one task in one memory (paper: true; false where "
        "classes are few, so that episodes have some in common)",
    )
    neighbours: int = option(256, "how many neighbours are looked at (paper: 256)", low=1)
    margin: float = option(0.1, "margin of the loss, alpha (paper: 0.1)", low=0.0, high=2.0)
    age_noise: float = option(
        8.0, "uniform noise either way on ages, in looking for the oldest slot (authors' code: 8)",
        low=0.0,
    )  # fmt: skip


class RareEvents(FewShotLearner):
    """Nearest neighbours in a memory of keys, labels and ages."""

    Options = RareEventsOptions
    defaults = {**FewShotLearner.defaults, "way": 20, "batch_size": 4}

    def build_weights(self):
        self.to_key = keras.layers.Dense(self.options.width, use_bias=False, name="to_key")
        self.to_key.build([None, self.width])

    @property
    def sharpness(self):
        """t = max(1, ln(0.2 k) / alpha): the factor of cosines in a softmax over k neighbours."""
        margin = max(self.options.margin, 1e-3)
        return max(1.0, math.log(0.2 * self.options.neighbours) / margin)

    def keys_of(self, embeddings):
        """[B, N, D] -> directions [B, N, width]."""
        return tf.math.l2_normalize(self.to_key(embeddings), axis=-1, epsilon=1e-12)

    def in_context(self, support, labels, query, training=False):
        """Directions; neither side sees more than itself."""
        del labels, training
        return self.keys_of(support), self.keys_of(query)

    def similarities(self, support, labels, query, training=False):
        """Sharpened cosines to the support pictures, for figures; the answer asks the memory."""
        support, query = self.in_context(support, labels, query, training)
        return self.sharpness * matching.similarity(query, support, "dot")

    def answer(self, support, labels, query, training=False):
        """Log-probabilities of the classes, by the nearest slot of each, [B, Q, K]."""
        support, query = self.in_context(support, labels, query, training)
        memory = self.remember(support, labels)
        scores = self.sharpness * rare_events.similarities(memory, query)
        way = matching.way_of(labels)
        return matching.class_log_probabilities(scores, memory.labels, way, "nearest")

    def remember(self, support, labels):
        """One memory an episode, after its support was written: each class once, then again."""
        order = in_rounds(labels)
        rows, labels = (tf.gather(x, order, batch_dims=1) for x in (support, labels))
        count = tf.shape(labels)[1]
        start = rare_events.empty(tf.shape(labels)[0], count, self.options.width)
        return self._live(start, tf.stop_gradient(rows)[:, None], labels[:, None])[0]

    def train_loss(self, episode):
        support, query = self.embed_episode(episode, True)
        rows = self.keys_of(tf.concat([support, query], axis=1))
        labels = tf.concat([episode.support_labels, episode.query_labels], axis=1)
        order = in_rounds(labels)
        rows, labels = (tf.gather(x, order, batch_dims=1) for x in (rows, labels))
        asked = order >= tf.shape(episode.support_labels)[1]
        batch = tf.shape(labels)[0]
        if self.options.share_memory:
            offsets = tf.range(batch) * matching.way_of(labels)
            labels = tf.where(labels >= 0, labels + offsets[:, None], -1)
        groups = 1 if self.options.share_memory else batch
        together = [groups, -1, tf.shape(labels)[1]]
        of_memory = tf.reshape(labels, together)
        still = tf.reshape(tf.stop_gradient(rows), [*together, self.options.width])
        count = self.options.slots or tf.size(of_memory[0])
        start = rare_events.empty(groups, count, self.options.width)
        _, keys, there, answers = self._live(start, still, of_memory)
        loss = rare_events.loss(
            tf.reshape(rows, [-1, self.options.width]),
            tf.reshape(keys, [-1, 2, self.options.width]),
            tf.reshape(there, [-1, 2]),
            self.options.margin,
        )
        shown = tf.cast(tf.reshape(labels, [-1]) >= 0, tf.float32)
        loss = tf.reduce_sum(loss * shown) / tf.maximum(tf.reduce_sum(shown), 1.0)
        answers = tf.reshape(answers, tf.shape(labels))
        return loss, losses.right_and_shown(answers, tf.where(asked, labels, -1))

    def _live(self, memory, rows, labels):
        """Asks and writes, step by step.

        Args:
          memory: `RareEvents` of G memories.
          rows: [G, R, T, D], not differentiated.
          labels: int32 [G, R, T].

        Returns:
          The memory afterwards and, of every step, the keys that the loss compares
          [G, R, T, 2, D], whether they are there [G, R, T, 2], the answers [G, R, T].
        """
        steps, options = tf.shape(labels)[2], self.options
        rows, labels = tf.transpose(rows, [2, 0, 1, 3]), tf.transpose(labels, [2, 0, 1])

        def step(t, memory, keys, there, answers):
            found = rare_events.similarities(memory, rows[t])
            neighbours = slots.nearest(memory.labels, found, options.neighbours)
            chosen = slots.contrast(memory.labels, found, neighbours, labels[t])
            keys = keys.write(t, slots.take(memory.keys, chosen.slots))
            answers = answers.write(t, neighbours.labels[:, :, 0])
            noise = options.age_noise * tf.random.stateless_uniform(
                tf.shape(memory.ages), [0, t], -1.0, 1.0
            )
            memory = rare_events.update(memory, rows[t], labels[t], neighbours, noise)
            return t + 1, memory, keys, there.write(t, chosen.there), answers

        arrays = [tf.TensorArray(kind, steps) for kind in (tf.float32, tf.bool, tf.int32)]
        memory = rare_events.RareEvents(
            tf.ensure_shape(memory.keys, [None, None, options.width]), *memory[1:]
        )
        _, memory, *arrays = tf.while_loop(
            lambda t, *_: t < steps, step, (tf.constant(0), memory, *arrays)
        )
        keys, there, answers = (array.stack() for array in arrays)
        return (
            memory,
            tf.transpose(keys, [1, 2, 0, 3, 4]),
            tf.transpose(there, [1, 2, 0, 3]),
            tf.transpose(answers, [1, 2, 0]),
        )


def in_rounds(labels):
    """An order of pictures that shows every class once before any is shown again.

    Args:
      labels: int32 [B, N]; -1 is padding and comes last.

    Returns:
      int32 [B, N], which picture comes when; within a round as they stood.
    """
    count = tf.shape(labels)[1]
    same = labels[:, :, None] == labels[:, None, :]
    before = tf.range(count)[None, :] < tf.range(count)[:, None]
    seen = tf.reduce_sum(tf.cast(same & before, tf.int32), axis=2)
    return tf.argsort(tf.where(labels >= 0, seen, count), axis=1, stable=True)

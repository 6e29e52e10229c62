"""What models with an explicit memory of slots share: asking and writing it, picture by picture.

A picture asks the memory for its nearest neighbour, whose label is the answer, and is then written.
The memory is not differentiated through: gradients reach the asking side alone. All episodes of a
training batch share one memory, their labels offset: B episodes of N ways are a task of B N ways.
They are drawn one by one, so that two may have a class in common, under two labels: of Omniglot's
4,800 classes, 4 episodes of 20 do so in four batches of ten, with one class or two.
"""

import dataclasses

import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode, SequenceEpisode
from oneshot_tf.models.base import Outcome
from oneshot_tf.models.few_shot_learner import EmbeddingOptions, FewShotLearner
from oneshot_tf.ops import losses, matching
from oneshot_tf.ops import slots as slot_rules
from oneshot_tf.ops.scan import scan
from oneshot_tf.options import option

AGE_SEED = 20171  # of the noise on ages, apart from what draws episodes


@dataclasses.dataclass(frozen=True)
class ExplicitMemoryOptions(EmbeddingOptions):
    """Options of a memory of slots; [RE] is Kaiser et al. (2017)."""

    last_relu: bool = option(False, "the last block ends in a ReLU")
    rows: int = option(
        0,
        "rows of the memory in training (0: as many as a batch has pictures, more are never reached; "
        "[RE]: 8192)",
        low=0,
        formerly="slots",
    )
    share_memory: bool = option(
        True,
        "all episodes of a training batch, or of a replica's part of it, are one task in one memory "
        "(the papers: true; false where classes are few, so that episodes have some in common)",
    )
    neighbours: int = option(256, "how many neighbours are looked at ([RE]: 256)", low=1)
    age_noise: float = option(
        8.0,
        "uniform noise either way on ages, in looking for the oldest slot ([RE]'s code: 8)",
        low=0.0,
    )


class ExplicitMemory(FewShotLearner):
    """A memory of slots between support and queries.

    Subclasses say what a picture is to the memory, E numbers, and give `represent`, `row_width`,
    `empty`, `scores`, `write`, `held` and `contrast_loss`.
    """

    Options = ExplicitMemoryOptions
    answers = (FewShotEpisode, SequenceEpisode)
    alone = True
    defaults = {**FewShotLearner.defaults, "way": 20, "batch_size": 4}

    row_width = 0  # E
    sharpness = 1.0  # the factor of scores in a softmax

    def represent(self, embeddings):
        """Embeddings [B, N, D] as the memory takes them, [B, N, E]."""
        raise NotImplementedError

    def empty(self, memories, count):
        """A NamedTuple of `memories` memories of `count` empty slots, with `labels` and `ages`."""
        raise NotImplementedError

    def scores(self, memory, rows):
        """How near rows [G, R, E] are to all slots: [G, R, M], lowest where a slot is empty."""
        raise NotImplementedError

    def write(self, memory, rows, labels, neighbours, noise):
        """The memory after rows [G, R, E] of labels [G, R]."""
        raise NotImplementedError

    def held(self, memory, slots):
        """What slots [G, R, 2] hold, [G, R, 2, E]."""
        raise NotImplementedError

    def contrast_loss(self, rows, held, there):
        """Loss of rows [N, E] against two slots each, [N, 2, E] and bool [N, 2]: [N]."""
        raise NotImplementedError

    def in_context(self, support, labels, query, training=False):
        """What the memory would be shown; neither side sees more than itself."""
        del labels, training
        return self.represent(support), self.represent(query)

    explains = ()  # slots answer, of which each may hold several pictures

    def answer(self, support, labels, query, training=False):
        """Log-probabilities of the classes, by the nearest slot of each, [B, Q, K]."""
        del training
        query, memory = self.represent(query), self.remember(self.represent(support), labels)
        scores = self.sharpness * self.scores(memory, query)
        way = matching.way_of(labels)
        return matching.class_log_probabilities(scores, memory.labels, way, "nearest")

    def call(self, episode, training=False):
        if isinstance(episode, SequenceEpisode):
            return self.answer_sequence(episode)
        return super().call(episode, training)

    def answer_sequence(self, episode):
        """Asks the memory for each picture, then writes it with its label, as [RE] test.

        Queries are written too, other than in `answer`. Pictures are embedded by running statistics.

        Args:
          episode: `SequenceEpisode`; -1 is padding, which is asked for and not written.

        Returns:
          log-probabilities [B, T, K], K the largest label and one; of a class that has not been shown
          `matching.IMPOSSIBLE`, and all alike before the first.
        """
        labels = episode.labels
        way = tf.maximum(matching.way_of(labels), 1)
        flat = tf.reshape(episode.inputs, [-1, *self.image_shape])
        embedded = tf.reshape(self.features(flat), [*_sizes(labels), self.width])
        count = tf.minimum(self.options.neighbours, most_alike(labels[:, None]) + 1)

        def step(t, memory, now):
            row, label = now[0][:, None], now[1][:, None]
            found = self.scores(memory, row)
            told = matching.class_log_probabilities(
                self.sharpness * found, memory.labels, way, "nearest"
            )
            neighbours = slot_rules.nearest(memory.labels, found, count)
            return self.write(memory, row, label, neighbours, self._noise(memory, t)), (told[:, 0],)

        rows = self.represent(embedded)
        by_step = tf.transpose(rows, [1, 0, 2]), tf.transpose(labels)
        _, (logits,) = scan(step, self.empty(*_sizes(labels)), by_step, (tf.float32,))
        return tf.transpose(logits, [1, 0, 2])

    def _noise(self, memory, t):
        """What is added to the slots' ages at step t, in looking for the oldest."""
        noise = tf.random.stateless_uniform(tf.shape(memory.ages), [AGE_SEED, t], -1.0, 1.0)
        return self.options.age_noise * noise

    def remember(self, rows, labels):
        """One memory an episode, after its support [B, S, E] was written: each class once, then again."""
        order = in_rounds(labels)
        rows, labels = (tf.gather(x, order, batch_dims=1) for x in (rows, labels))
        start = self.empty(tf.shape(labels)[0], tf.shape(labels)[1])
        return self._live(start, tf.stop_gradient(rows)[:, None], labels[:, None])[0]

    def train_loss(self, episode, state=()):
        support, query = self.embed_episode(episode, True)
        return self.memory_loss(self.represent(tf.concat([support, query], axis=1)), episode)

    def memory_loss(self, rows, episode):
        """The `Outcome` of asking and writing all pictures of a batch of episodes.

        Args:
          rows: [B, S + Q, E], support first.
          episode: `FewShotEpisode`; only labels count.

        Returns:
          `Outcome`; only answers to queries are counted.
        """
        labels = tf.concat([episode.support_labels, episode.query_labels], axis=1)
        order = in_rounds(labels)
        rows, labels = (tf.gather(x, order, batch_dims=1) for x in (rows, labels))
        asked = order >= tf.shape(episode.support_labels)[1]
        groups = batch = tf.shape(labels)[0]
        if self.options.share_memory:
            groups, offsets = 1, tf.range(batch) * matching.way_of(labels)
            labels = tf.where(labels >= 0, labels + offsets[:, None], -1)
        together = tf.reshape(labels, [groups, -1, tf.shape(labels)[1]])
        still = tf.reshape(
            tf.stop_gradient(rows), tf.concat([tf.shape(together), [self.row_width]], axis=0)
        )
        # every batch begins with nothing, so slots beyond one a picture would stay empty: not made
        pictures, at_once = tf.size(together[0]), tf.shape(together)[1]
        wanted = self.options.rows or pictures
        start = self.empty(groups, tf.clip_by_value(wanted, at_once, pictures))
        _, held, there, answers = self._live(start, still, together)
        loss = self.contrast_loss(
            tf.reshape(rows, [-1, self.row_width]),
            tf.reshape(held, [-1, 2, self.row_width]),
            tf.reshape(there, [-1, 2]),
        )
        shown = tf.cast(tf.reshape(labels, [-1]) >= 0, tf.float32)
        answers = tf.reshape(answers, tf.shape(labels))
        loss = losses.masked_mean(loss, shown)
        return Outcome(loss, *losses.right_and_shown(answers, tf.where(asked, labels, -1)))

    def _live(self, memory, rows, labels):
        """Asks and writes, step by step.

        Args:
          memory: of `empty`, G memories.
          rows: [G, R, T, E], not differentiated.
          labels: int32 [G, R, T].

        Returns:
          The memory afterwards and, of every step, what the slots hold that the loss compares
          [G, R, T, 2, E], whether they are there [G, R, T, 2], the answers [G, R, T].
        """
        # no more slots can have a label than pictures have it, so one neighbour more is always
        # enough to find the nearest of another label: the same as among all `neighbours`, sooner
        count = tf.minimum(self.options.neighbours, most_alike(labels) + 1)

        def step(t, memory, now):
            found = self.scores(memory, now[0])
            neighbours = slot_rules.nearest(memory.labels, found, count)
            chosen = slot_rules.contrast(memory.labels, found, neighbours, now[1])
            after = self.write(memory, *now, neighbours, self._noise(memory, t))
            return after, (
                self.held(memory, chosen.slots),
                chosen.there,
                neighbours.labels[:, :, 0],
            )

        by_step = tf.transpose(rows, [2, 0, 1, 3]), tf.transpose(labels, [2, 0, 1])
        memory, (held, there, answers) = scan(
            step, memory, by_step, (tf.float32, tf.bool, tf.int32)
        )
        return (
            memory,
            tf.transpose(held, [1, 2, 0, 3, 4]),
            tf.transpose(there, [1, 2, 0, 3]),
            tf.transpose(answers, [1, 2, 0]),
        )


def _sizes(labels):
    """(B, T) of labels [B, T], as tensors."""
    return tuple(tf.unstack(tf.shape(labels)))


def most_alike(labels):
    """How many pictures of a memory have the same label at most: labels [G, R, T] -> int32 []."""
    labels = tf.reshape(labels, [tf.shape(labels)[0], -1])
    alike = (labels[:, :, None] == labels[:, None, :]) & (labels >= 0)[:, None, :]
    return tf.reduce_max(tf.reduce_sum(tf.cast(alike, tf.int32), axis=2))


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

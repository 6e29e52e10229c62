"""Sequence episodes: shuffled drawings of a few classes, labels one step late."""

import tensorflow as tf

from oneshot_tf.episodes import SequenceEpisode, count_presentations
from oneshot_tf.sampling import choice
from oneshot_tf.sampling import source as sources
from oneshot_tf.sampling.sampler import Drawn, Sampler


def sampler(
    source, *, seed, stream, batch, way, per_class, num_labels=None, counts="equal", rounds=False
):
    """A `Sampler` of batches of `SequenceEpisode`, T = way * per_class steps each.

    Args:
      source: `source.Source`.
      seed: the run's seed.
      stream: a key of `choice.STREAMS`.
      batch: episodes per call.
      way: classes per episode.
      per_class: presentations of each class.
      num_labels: labels are drawn from 0 .. num_labels - 1 without replacement (default: way).
      counts: "equal": each class `per_class` times; "random": T drawings out of all the classes',
        so that a class may be shown more or less often.
      rounds: with equal counts, every class is shown once before any is shown again.

    Returns:
      sample(first) -> SequenceEpisode, for episodes first .. first + batch - 1; `first` is an
      integer tensor, and the call is free of state.

    Raises:
      UserError: the data cannot fill an episode.
    """
    population = source.population
    num_labels = num_labels or way
    choice.check(source.dataset, population, way, per_class)
    steps = way * per_class
    pool = per_class if counts == "equal" else int(source.dataset.class_sizes.min())
    widths = [choice.choose_width(population, way, num_labels), way * pool]
    numbers = sources.noise_width(source)  # a picture
    widths.append(numbers * steps)

    def draw(first):
        noise = choice.uniform_rows(seed, stream, first, batch, sum(widths))
        choosing, order_noise, variation = tf.split(noise, widths, axis=1)
        chosen = choice.choose(choosing, population, way, pool, num_labels)
        order = tf.math.top_k(order_noise, steps).indices  # [B, T] of way * pool
        if rounds:
            classes = tf.math.top_k(tf.reshape(order_noise, [batch, pool, way]), way).indices
            order = tf.reshape(classes * pool + tf.range(pool)[:, None], [batch, -1])
        drawings = tf.gather(tf.reshape(chosen.drawings, [batch, -1]), order, batch_dims=1)
        of_class = order // pool
        turns = tf.gather(chosen.turns, of_class, batch_dims=1)
        labels = tf.gather(chosen.labels, of_class, batch_dims=1)
        variation = tf.reshape(variation, [batch, steps, numbers])
        return Drawn(drawings, turns, variation, (labels,))

    return Sampler(source, draw, arrange)


def arrange(images, labels):
    """The `SequenceEpisode` of pictures [B, T, ...] and labels ([B, T],)."""
    return SequenceEpisode(images, *labels, count_presentations(*labels))

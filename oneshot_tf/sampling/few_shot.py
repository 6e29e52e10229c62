"""N-way k-shot episodes: a labelled support set and queries."""

import tensorflow as tf

from oneshot_tf.episodes import ClozeEpisode, FewShotEpisode
from oneshot_tf.sampling import choice, sentences
from oneshot_tf.sampling import source as sources
from oneshot_tf.sampling.sampler import Drawn, Sampler


def sampler(
    source,
    *,
    seed,
    stream,
    batch,
    way,
    shot,
    queries,
    way_from=None,
    shot_from=None,
    whole_batch=None,
    told=False,
):
    """A `Sampler` of batches of `FewShotEpisode`: the support is in random order, queries class by class.

    Args:
      source: `source.Source`.
      seed: the run's seed.
      stream: a key of `choice.STREAMS`.
      batch: episodes per call.
      way: classes per episode.
      shot: support pictures per class.
      queries: query pictures per class.
      way_from: draws the way of each batch from way_from .. way; None is always `way`.
      shot_from: likewise of `shot`.
      whole_batch: episodes of the batch that is shared out in `batch`es, of one way and shot.
      told: gives `ClozeEpisode`, the queries of the same episodes with the words behind the labels.

    Returns:
      sample(first) -> FewShotEpisode, for episodes first .. first + batch - 1. All episodes of a
      batch have one way and one shot; where these are drawn, shapes are known at run time only.

    Raises:
      UserError: the data cannot fill an episode.
    """
    population = source.population
    choice.check(source.dataset, population, way, shot + queries)
    drawn = way_from not in (None, way) or shot_from not in (None, shot)
    numbers = sources.noise_width(source)  # a picture
    shown = way * (shot + queries)
    widths = [choice.choose_width(population, way, way), way * shot, numbers * shown, 2 * drawn]

    def draw(first):
        noise = choice.uniform_rows(seed, stream, first, batch, sum(widths))
        choosing, order_noise, variation, sizes = tf.split(noise, widths, axis=1)
        if drawn and whole_batch not in (None, batch):
            start = first - first % whole_batch
            sizes = choice.uniform_rows(seed, stream, start, 1, sum(widths))[:, -2:]
        now_way = between(sizes[0, 0], way_from or way, way) if drawn else way
        now_shot = between(sizes[0, 1], shot_from or shot, shot) if drawn else shot
        chosen = choice.choose(choosing, population, now_way, now_shot + queries, way, way)
        drawings, turns, labels = parted(chosen, order_noise, now_way, now_shot, queries)
        variation = tf.reshape(variation, [batch, shown, numbers])
        variation = variation[:, : now_way * (now_shot + queries)]
        if told:
            labels += (sentences.told(source, chosen.drawings, chosen.labels),)
        return Drawn(tf.concat(drawings, 1), tf.concat(turns, 1), variation, labels)

    return Sampler(source, draw, arrange_told if told else arrange)


def arrange(images, labels):
    """The `FewShotEpisode` of pictures [B, S + Q, ...] and labels ([B, S], [B, Q])."""
    sizes = [of.shape[1] or tf.shape(of)[1] for of in labels]
    support, query = tf.split(images, sizes, axis=1)
    return FewShotEpisode(support, labels[0], query, labels[1])


def parted(chosen, order_noise, way, shot, queries):
    """Drawings, turns and labels of a `choice.Choice`, each as `separate` gives them.

    Args:
      chosen: `choice.Choice` of `shot + queries` drawings a class.
      order_noise: float32 [B, way * shot or more], by which the support is shuffled.
      way: an int or a scalar tensor.
      shot: likewise.
      queries: int.
    """
    order = tf.argsort(order_noise[:, : way * shot], axis=1)
    every = [1, 1, shot + queries]
    turns = tf.tile(chosen.turns[..., None], every)
    labels = tf.tile(chosen.labels[..., None], every)
    return [separate(values, order, shot) for values in (chosen.drawings, turns, labels)]


def arrange_told(images, labels):
    """The `ClozeEpisode` of sentences [B, S + Q, L] and labels ([B, S], [B, Q], words [B, way])."""
    episode = arrange(images, labels[:2])
    return ClozeEpisode(episode.query, episode.query_labels, labels[2])


def separate(values, order, shot):
    """Support, in its random order, and queries of what is arranged by class.

    Args:
      values: [B, way, shot + queries].
      order: int32 [B, way * shot].
      shot: an int or a scalar tensor.

    Returns:
      ([B, way * shot], [B, way * queries]).
    """
    support = tf.reshape(values[:, :, :shot], [values.shape[0], -1])
    return tf.gather(support, order, batch_dims=1), tf.reshape(
        values[:, :, shot:], [values.shape[0], -1]
    )


def between(noise, low, high):
    """int32 in low .. high, both included, of a uniform number in [0, 1)."""
    return low + tf.minimum(tf.cast(noise * float(high - low + 1), tf.int32), high - low)

"""N-way k-shot episodes: a labelled support set and queries."""

import tensorflow as tf

from oneshot_tf.episodes import ClozeEpisode, FewShotEpisode
from oneshot_tf.sampling import choice, sentences, source


def sampler(
    population,
    *,
    seed,
    stream,
    batch,
    way,
    shot,
    queries,
    way_from=None,
    shot_from=None,
    oracle=False,
):
    """A function that draws batches of `FewShotEpisode`.

    The support is in random order; queries stand class by class. Support and queries of an episode
    share no drawing.

    Args:
      population: `source.Source`.
      seed: the run's seed.
      stream: a key of `choice.STREAMS`.
      batch: episodes per call.
      way: classes per episode.
      shot: support pictures per class.
      queries: query pictures per class.
      way_from: draws the way of each batch from way_from .. way; None is always `way`.
      shot_from: likewise of `shot`.
      oracle: gives the queries of the same episodes with the words behind the labels instead, as
        `ClozeEpisode`.

    Returns:
      sample(first) -> FewShotEpisode, for episodes first .. first + batch - 1. All episodes of a
      batch have one way and one shot; where these are drawn, shapes are known at run time only.

    Raises:
      UserError: the data cannot fill an episode.
    """
    people = population.people
    choice.check(population.dataset, people, way, shot + queries)
    drawn = way_from not in (None, way) or shot_from not in (None, shot)
    widths = [choice.choose_width(people, way, way), way * shot]
    numbers = source.noise_width(population)  # a picture
    widths.append(numbers * way * (shot + queries))
    widths.append(2 if drawn else 0)

    def sample(first):
        noise = choice.uniform_rows(seed, stream, first, batch, sum(widths))
        choosing, order_noise, variation, sizes = tf.split(noise, widths, axis=1)
        if drawn:
            now_way = between(sizes[0, 0], way_from or way, way)
            now_shot = between(sizes[0, 1], shot_from or shot, shot)
        else:
            now_way, now_shot = way, shot
        chosen = choice.choose(choosing, people, now_way, now_shot + queries, way, way)
        order = tf.argsort(order_noise[:, : now_way * now_shot], axis=1)
        pictures = now_way * (now_shot + queries)
        variation = tf.reshape(variation, [batch, -1, numbers])[:, :pictures] if numbers else None
        episode = shown(population, chosen, order, variation, now_way, now_shot, queries)
        if not oracle:
            return episode
        words = sentences.told(population, chosen.drawings, chosen.labels)
        return ClozeEpisode(episode.query, episode.query_labels, words)

    return sample


def shown(population, chosen, order, variation, way, shot, queries):
    """The `FewShotEpisode` of a choice.

    Args:
      population: `source.Source`.
      chosen: `choice.Choice`, of shot + queries drawings a class.
      order: int32 [B, way * shot], of the support.
      variation: as in `source.pictures`.
      way: an int or a scalar tensor.
      shot: likewise.
      queries: query pictures per class.
    """
    every = [1, 1, shot + queries]
    drawings, turns, labels = (
        separate(values, order, shot)
        for values in (
            chosen.drawings,
            tf.tile(chosen.turns[..., None], every),
            tf.tile(chosen.labels[..., None], every),
        )
    )
    images = source.pictures(population, tf.concat(drawings, 1), tf.concat(turns, 1), variation)
    support, query = tf.split(images, [way * shot, way * queries], axis=1)
    return FewShotEpisode(support, labels[0], query, labels[1])


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

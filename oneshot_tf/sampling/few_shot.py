"""N-way k-shot episodes: a labelled support set and queries."""

import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode
from oneshot_tf.sampling import choice, source


def sampler(population, *, seed, stream, batch, way, shot, queries):
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

    Returns:
      sample(first) -> FewShotEpisode, for episodes first .. first + batch - 1.

    Raises:
      UserError: the data cannot fill an episode.
    """
    people = population.people
    per_class = shot + queries
    choice.check(population.dataset, people, way, per_class)
    widths = [choice.choose_width(people, way, way), way * shot]
    numbers = source.noise_width(population)  # a picture
    widths.append(numbers * way * per_class)

    def sample(first):
        noise = choice.uniform_rows(seed, stream, first, batch, sum(widths))
        choosing, order_noise, variation = tf.split(noise, widths, axis=1)
        chosen = choice.choose(choosing, people, way, per_class, way)
        order = tf.argsort(order_noise, axis=1)
        turns = tf.repeat(chosen.turns[..., None], per_class, axis=2)
        labels = tf.repeat(chosen.labels[..., None], per_class, axis=2)

        def part(values, start, stop):
            return tf.reshape(values[:, :, start:stop], [batch, way * (stop - start)])

        parts = [
            [part(values, 0, shot), part(values, shot, per_class)]
            for values in (chosen.drawings, turns, labels)
        ]
        (drawn, query_drawn), (turned, query_turned), (support_labels, query_labels) = parts
        drawn, turned, support_labels = (
            tf.gather(values, order, batch_dims=1) for values in (drawn, turned, support_labels)
        )
        drawings = tf.concat([drawn, query_drawn], axis=1)
        turned = tf.concat([turned, query_turned], axis=1)
        variation = tf.reshape(variation, [batch, way * per_class, numbers]) if numbers else None
        images = source.pictures(population, drawings, turned, variation)
        support, query = tf.split(images, [way * shot, way * queries], axis=1)
        return FewShotEpisode(support, support_labels, query, query_labels)

    return sample

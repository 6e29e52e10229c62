"""Single pictures with their classes, for training a classifier over all training classes."""

import tensorflow as tf

from oneshot_tf.episodes import LabelledPictures
from oneshot_tf.sampling import choice
from oneshot_tf.sampling import source as sources
from oneshot_tf.sampling.sampler import Drawn, Sampler


def sampler(source, *, seed, stream, batch):
    """A `Sampler` of batches of `LabelledPictures`: a class, then one of its drawings.

    Args:
      source: `source.Source`.
      seed: the run's seed.
      stream: a key of `choice.STREAMS`.
      batch: pictures per call; each is an episode of its own.

    Returns:
      sample(first) -> LabelledPictures, for pictures first .. first + batch - 1. Labels are
      classes of the population, turned ones included.
    """
    population = source.population
    base_classes = population.offsets.shape[0] - 1
    numbers = sources.noise_width(source)  # a picture

    def draw(first):
        noise = choice.uniform_rows(seed, stream, first, batch, 2 + numbers)
        labels = below(noise[:, 0], population.num_classes)
        owner = labels % base_classes
        start = tf.gather(population.offsets, owner)
        drawings = start + below(noise[:, 1], tf.gather(population.offsets, owner + 1) - start)
        turns = labels // base_classes
        return Drawn(drawings[:, None], turns[:, None], noise[:, None, 2:], (labels,))

    return Sampler(source, draw, arrange)


def arrange(images, labels):
    """The `LabelledPictures` of pictures [B, 1, ...] and labels ([B],)."""
    return LabelledPictures(images[:, 0], *labels)


def below(noise, limit):
    """int32 in [0, limit) of uniform numbers in [0, 1)."""
    limit = tf.cast(limit, tf.int32)
    # rounding may take the largest numbers to the limit itself
    return tf.minimum(tf.cast(noise * tf.cast(limit, tf.float32), tf.int32), limit - 1)

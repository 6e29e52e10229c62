"""Sentences on the device, from which episodes are drawn."""

import typing

import tensorflow as tf

from oneshot_tf.data.sentences import BLANK
from oneshot_tf.sampling import choice


class SentenceSource(typing.NamedTuple):
    """The counterpart of `source.Source` for sentences.

    Attributes:
      tokens: int32 [s, L].
      words: int32 [n], the word that each drawing is of.
      population: `choice.Population`; a drawing shows the sentence `population.shown`.
      dataset: the `Sentences`, for messages.
    """

    tokens: tf.Tensor
    words: tf.Tensor
    population: choice.Population
    dataset: typing.Any

    varied = False
    in_files = False


def make(dataset):
    """A `SentenceSource` of all words of `Sentences`."""
    sizes = dataset.class_sizes
    population = choice.Population(
        offsets=tf.constant(dataset.offsets, tf.int32),
        max_size=int(sizes.max()),
        turns=1,
        shown=tf.constant(dataset.rows),
    )
    return SentenceSource(
        tokens=tf.constant(dataset.tokens),
        words=tf.repeat(tf.constant(dataset.words), tf.constant(sizes)),
        population=population,
        dataset=dataset,
    )


def shown(source, drawings):
    """Sentences [B, K, L] of drawings int32 [B, K], each with its own word blanked throughout."""
    tokens = tf.gather(source.tokens, tf.gather(source.population.shown, drawings))
    words = tf.gather(source.words, drawings)[..., None]
    return tf.where(tokens == words, BLANK, tokens)


def told(source, drawings, labels):
    """int32 [B, way]: the word that each label stands for.

    Args:
      source: `SentenceSource`.
      drawings: int32 [B, way, per_class].
      labels: int32 [B, way], each below `way`, once.
    """
    words = tf.gather(source.words, drawings[:, :, 0])
    return tf.gather(words, tf.argsort(labels, axis=1), batch_dims=1)

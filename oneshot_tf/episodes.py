"""What every part of the library speaks: episodes. B episodes, T steps, S support, Q query."""

import typing

import tensorflow as tf


class SequenceEpisode(typing.NamedTuple):
    """Pictures shown one by one; the label of step t is shown to the learner at t + 1.

    Attributes:
      inputs: float32 [B, T, H, W, C] in [0, 1], ink = 1.
      labels: int32 [B, T], -1 where a step is padding.
      presentations: int32 [B, T]: 1 where a class is shown for the first time, then 2, ...
    """

    inputs: tf.Tensor
    labels: tf.Tensor
    presentations: tf.Tensor


class FewShotEpisode(typing.NamedTuple):
    """A labelled support set and queries.

    Attributes:
      support: [B, S, ...]: pictures float32 [H, W, C] in [0, 1].
      support_labels: int32 [B, S] in [0, way), -1 where a row is padding.
      query: [B, Q, ...].
      query_labels: int32 [B, Q], -1 where a row is padding.
    """

    support: tf.Tensor
    support_labels: tf.Tensor
    query: tf.Tensor
    query_labels: tf.Tensor


class LabelledPictures(typing.NamedTuple):
    """Pictures with the names of their classes, for learners that are trained as classifiers.

    Attributes:
      images: float32 [B, H, W, C] in [0, 1]; one picture is one episode.
      labels: int32 [B], the class among all training classes, turned ones included.
    """

    images: tf.Tensor
    labels: tf.Tensor


class ClozeEpisode(typing.NamedTuple):
    """Queries with a blank, and which word each label stands for: what an oracle is told.

    A type of its own: a learner that is asked by `FewShotEpisode` cannot come by the words.

    Attributes:
      query: int32 [B, Q, L], sentences with a blank.
      query_labels: int32 [B, Q], -1 where a row is padding.
      words: int32 [B, way], the token of the word that each label stands for.
    """

    query: tf.Tensor
    query_labels: tf.Tensor
    words: tf.Tensor


class RunningText(typing.NamedTuple):
    """The next piece of a text that is read in B rows side by side; a row of it is one episode.

    Attributes:
      inputs: int32 [B, T], the word before each target.
      targets: int32 [B, T], the words to be foretold.
      begins: bool scalar, whether the rows begin here; otherwise they go on from the piece before.
      noise: int64 [2], a seed that belongs to this piece alone, for dropout.
    """

    inputs: tf.Tensor
    targets: tf.Tensor
    begins: tf.Tensor
    noise: tf.Tensor


def previous_labels(labels):
    """The labels as the learner sees them: y_{t-1} at step t, -1 (nothing) at the first.

    Padding is passed over: after it comes the last label that was there.

    Args:
      labels: int32 [B, T].

    Returns:
      int32 [B, T].
    """
    steps = tf.range(tf.shape(labels)[1])
    shown = tf.where(labels >= 0, steps[None], -1)
    earlier = steps[None, :, None] > steps[None, None, :]
    last = tf.reduce_max(tf.where(earlier, shown[:, None, :], -1), axis=2)
    found = tf.gather(labels, tf.maximum(last, 0), batch_dims=1)
    return tf.where(last >= 0, found, -1)


def count_presentations(labels):
    """How often the label of each step has been shown so far, itself included.

    Args:
      labels: int32 [B, T].

    Returns:
      int32 [B, T], from 1.
    """
    steps = tf.range(tf.shape(labels)[1])
    same = labels[:, :, None] == labels[:, None, :]
    so_far = steps[:, None] >= steps[None, :]
    return tf.reduce_sum(tf.cast(same & so_far, tf.int32), axis=2)

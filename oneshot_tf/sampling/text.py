"""Running text in parallel rows, piece by piece, for training a language model."""

import numpy as np
import tensorflow as tf

from oneshot_tf.data.sentences import END
from oneshot_tf.episodes import RunningText
from oneshot_tf.errors import UserError
from oneshot_tf.sampling import choice


def rows(text, count):
    """(inputs, targets), int32 [count, n // count]: a text cut into rows; its last words are left out.

    The word before the first is `END`, as if a sentence had ended there.

    Args:
      text: int32 [n].
      count: how many rows.
    """
    length = len(text) // count
    return tuple(part[: count * length].reshape(count, length) for part in pairs(text))


def pairs(text):
    """(inputs, targets), int32 [n]: the word before each word of a text, and the word."""
    return np.concatenate([[END], text[:-1]]).astype(np.int32), np.asarray(text, np.int32)


def pieces(words, batch, steps):
    """How many pieces of [batch, steps] a text of this length has: the updates of an epoch."""
    return words // batch // steps


def sampler(text, *, seed, stream, batch, steps):
    """A function that gives a text piece by piece and starts over after its end.

    Args:
      text: int32 [n].
      seed: the run's seed; only dropout depends on it.
      stream: a key of `choice.STREAMS`.
      batch: rows.
      steps: words of a row in one piece.

    Returns:
      sample(first) -> RunningText of episodes first .. first + batch - 1; `first` is a multiple of
      `batch`.

    Raises:
      UserError: the text has no piece of this size.
    """
    count = pieces(len(text), batch, steps)
    if not count:
        raise UserError(
            f"A text of {len(text)} words has no {batch} rows of {steps} words; lower --batch_size "
            "or --unrolled"
        )
    inputs, targets = (tf.constant(part) for part in rows(text, batch))
    origin = tf.constant(seed * len(choice.STREAMS) + choice.STREAMS[stream], tf.int64)

    def sample(first):
        number = tf.cast(first, tf.int64) // batch
        piece = tf.cast(number % count, tf.int32)
        now = [part[:, piece * steps : (piece + 1) * steps] for part in (inputs, targets)]
        now = [tf.ensure_shape(part, [batch, steps]) for part in now]
        return RunningText(*now, piece == 0, tf.stack([origin, number]))

    return sample

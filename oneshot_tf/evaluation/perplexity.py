"""Perplexity of a language model on a text: exp of the mean surprise of a word."""

import math

import tensorflow as tf

from oneshot_tf.sampling import text as running

ROWS = 20  # read side by side in validation; a test reads one, so that nothing is forgotten
POSITIONS = 2000  # whose probabilities are asked for at once


def measure(learner, text, rows=ROWS):
    """exp(-mean log p) over all words of a text, ends of sentences counted.

    Args:
      learner: a `Learner` of running text, with `log_probabilities` and `first_state`.
      text: int32 [n].
      rows: read side by side, each from an empty state. What is left over when the text is cut
        into rows is read by itself, after the last row.
    """
    cut = len(text) // rows * rows
    parts = [running.rows(text, rows)] if cut else []
    if cut < len(text):
        parts.append(tuple(part[None, cut:] for part in running.pairs(text)))
    steps = max(1, POSITIONS // rows)

    @tf.function(reduce_retracing=True, autograph=False)
    def read(inputs, targets, state):
        found, state = learner.log_probabilities(inputs, targets, state)
        return tf.reduce_sum(tf.cast(found, tf.float64)), state

    total = 0.0
    for inputs, targets in parts:
        state = learner.first_state(len(inputs))
        for start in range(0, inputs.shape[1], steps):
            end = start + steps
            found, state = read(
                tf.constant(inputs[:, start:end]), tf.constant(targets[:, start:end]), state
            )
            total += float(found)
    return math.exp(-total / len(text))

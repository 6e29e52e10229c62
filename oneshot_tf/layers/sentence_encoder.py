"""Sentences with a blank, embedded: what `Conv4` is for pictures.

Dimensions: n sentences, L tokens, E width of a word, V tokens that there are.
"""

import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.bi_lstm import BiLSTM
from oneshot_tf.layers.plain_cell import PlainCell
from oneshot_tf.layers.unroll import unroll
from oneshot_tf.ops import language
from oneshot_tf.ops.language import BLANK, PADDING

READERS = ("words", "near", "places", "lstm", "bi_lstm")
REACH = 10  # words on each side of the blank that `near` tells apart
PLACES = (-2, -1, 1, 2)  # beside the blank, whose words have tables of their own in `places`


class SentenceWeights(typing.NamedTuple):
    """The weights of a `SentenceEncoder`; None is what its reader does not have.

    Attributes:
      table: [V, E].
      distances: [2 REACH + 1, E], of the readers "near" and "places".
      places: [4, V, E], of the reader "places".
      lstm: `CellWeights` of the reader "lstm", a list of two of "bi_lstm".
    """

    table: tf.Tensor
    distances: tf.Tensor | None = None
    places: tf.Tensor | None = None
    lstm: typing.Any = None


class SentenceEncoder(keras.layers.Layer):
    """Tokens int32 [n, L] -> [n, D].

    Args:
      vocabulary: V.
      width: E.
      units: of an LSTM.
      reader: one of `READERS`: the mean of the words ("words": the simple encoding of Vinyals et al.,
        2016, who say no more of it); their mean with weights by the distance to the blank, learned
        ("near"); beside that mean the two words on each side of the blank, each place with a table of
        its own ("places"); the last state of an LSTM; or the states of an LSTM of each direction at
        the blank.
      dropout: share of the words' numbers that are left out in training.
    """

    def __init__(self, vocabulary, width=64, units=64, reader="words", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary, self.width, self.units = vocabulary, width, units
        self.reader, self.dropout = reader, dropout

    def build(self, shape):
        del shape
        self.table = self._table("words", [self.vocabulary, self.width])
        if self.reader in ("near", "places"):
            weights = [2 * REACH + 1, self.width]
            self.weights_by_distance = self.add_weight("distances", weights, initializer="ones")
        if self.reader == "places":
            self.places = self._table("places", [len(PLACES), self.vocabulary, self.width])
        if self.reader == "lstm":
            self.lstm = PlainCell("lstm", self.units, name="lstm")
            self.lstm.build([None, None, self.width])
        if self.reader == "bi_lstm":
            self.lstm = BiLSTM(self.width, self.units, name="lstm")
            self.lstm.build(None)
        self.built = True

    def _table(self, name, shape):
        start = keras.initializers.RandomNormal(stddev=0.1)
        return self.add_weight(name, shape, initializer=start)

    @property
    def learned(self):
        """The weights, `SentenceWeights`."""
        own = SentenceWeights(self.table)
        if self.reader in ("near", "places"):
            own = own._replace(distances=self.weights_by_distance)
        if self.reader == "places":
            return own._replace(places=self.places)
        if self.reader == "lstm":
            return own._replace(lstm=self.lstm.gate_weights)
        return own._replace(lstm=self.lstm.learned) if self.reader == "bi_lstm" else own

    def call(self, tokens, training=False):
        """[n, D]; padding has no part in it."""
        return self.embed(self.learned, tokens, training)

    def embed(self, learned, tokens, training=False):
        """As `call`, with any weights.

        Args:
          learned: `SentenceWeights`.
          tokens: int32 [n, L].
          training: leave out numbers of words.
        """
        longest = tf.reduce_max(language.lengths(tokens))
        tokens = tokens[:, : tf.maximum(longest, 1)]  # no step is made for padding alone
        noise = seed_of(tokens) if training else None
        words = language.dropout(tf.gather(learned.table, tokens), self.dropout, noise)
        there = tokens != PADDING
        if self.reader == "lstm":
            start = self.lstm.initial_state(tf.shape(tokens)[0])
            inputs = tf.transpose(words, [1, 0, 2])
            run = unroll(
                self.lstm,
                inputs,
                start,
                mask=tf.transpose(there),
                deferred=training,
                weights=learned.lstm,
            )
            return run.state.controller.hidden
        if self.reader == "bi_lstm":
            outputs, _ = self.lstm.read(learned.lstm, words, there, training)
            return mean_where(outputs, tokens == BLANK)
        away = distances(tokens)
        if self.reader != "words":
            words *= tf.gather(learned.distances, away + REACH)
        mean = mean_where(words, there & (tokens != BLANK))
        if self.reader != "places":
            return mean
        beside = [self._at(learned, tokens, away, i, noise) for i in range(len(PLACES))]
        return tf.concat([mean, *beside], axis=1)

    def _at(self, learned, tokens, away, place, noise):
        """The word at one of `PLACES` by that place's table, [n, E]; 0 where the sentence has ended."""
        here = tf.cast((away == PLACES[place]) & (tokens != PADDING), tokens.dtype)
        token = tf.reduce_sum(tokens * here, axis=1)
        word = tf.gather(learned.places[place], token)
        noise = None if noise is None else noise + 1 + place
        word = language.dropout(word, self.dropout, noise)
        return word * tf.cast(token != PADDING, word.dtype)[:, None]

    def flops(self):
        """Operations for one sentence: not counted, they are few beside those of pictures."""
        return 0.0


def seed_of(tokens):
    """int32 [2] that differs from batch to batch of tokens int32 [n, L]: a mask without a state.

    So that a run resumes to the bit, as all that is random in training hangs on the episodes alone.
    """
    places = tf.reshape(tf.range(1, tf.size(tokens) + 1), tf.shape(tokens))
    return tf.stack([tf.reduce_sum(tokens), tf.reduce_sum(tokens * places)])


def mean_where(values, marks):
    """The mean of values [n, L, D] where bool [n, L] says so; 0 where nothing is marked."""
    marks = tf.cast(marks, values.dtype)[..., None]
    return tf.reduce_sum(values * marks, axis=1) / tf.maximum(tf.reduce_sum(marks, axis=1), 1.0)


def distances(tokens):
    """int32 [n, L]: places right of the first blank (left of it: below 0), within `REACH`."""
    blank = tf.argmax(tf.cast(tokens == BLANK, tf.int32), axis=1, output_type=tf.int32)
    return tf.clip_by_value(tf.range(tf.shape(tokens)[1]) - blank[:, None], -REACH, REACH)

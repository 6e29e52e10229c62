"""Signatures for sentences as strings, as `decoding` and `signatures` provide for pictures.

Dimensions: B episodes, S support sentences, Q queries, N sentences. A sentence is words with a space
between them, `<blank_token>` wherever the word in question was.
"""

import tensorflow as tf

from oneshot_tf.data.sentences import BLANK, BLANK_WORD, PADDING
from oneshot_tf.serving.decoding import require

UNKNOWN = "<unk>"
_NUMBER = r"^(\d[\d.,]*|n)$"  # the Penn Treebank's N, which must stay uppercase


class Tokens(tf.Module):
    """Strings to tokens, in the graph.

    Args:
      vocabulary: the word of every token; the first two are no words.
    """

    def __init__(self, vocabulary):
        super().__init__(name="tokens")
        words = tf.constant(vocabulary[1:])
        numbers = tf.range(1, len(vocabulary), dtype=tf.int32)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(words, numbers), vocabulary.index(UNKNOWN)
        )

    def __call__(self, texts):
        """int32 [..., L] of string [...]; unknown words are `<unk>`, numbers `N`.

        Text is lowercased. A sentence without a blank is refused.
        """
        flat = tf.strings.strip(tf.reshape(texts, [-1]))
        found = self._numbers(flat).to_tensor(PADDING)
        blanks = tf.reduce_sum(tf.cast(found == BLANK, tf.int32), axis=1)
        right = require(
            tf.reduce_all(blanks > 0),
            f"Every sentence must have a {BLANK_WORD}. Received:",
            tf.boolean_mask(flat, blanks == 0),
        )
        with tf.control_dependencies([right]):
            return tf.reshape(found, tf.concat([tf.shape(texts), [-1]], axis=0))

    def words(self, texts):
        """int32 [K] of string [K], one word each; anything else is refused."""
        found = self._numbers(texts)
        right = require(
            tf.reduce_all(found.row_lengths() == 1) & (tf.size(texts) > 0),
            "Every candidate must be one word. Received:",
            texts,
        )
        with tf.control_dependencies([right]):
            return tf.identity(found.values)

    def _numbers(self, texts):
        """The ragged tokens of string [n]."""
        words = tf.strings.split(tf.strings.lower(texts, encoding="utf-8"))
        named = tf.strings.regex_replace(words.values, _NUMBER, "N")
        return words.with_values(self.table.lookup(named))


def classify_text(tokens, checked_labels, answer):
    """The signature `classify_text`.

    Args:
      tokens: `Tokens`.
      checked_labels: (labels, sentences) -> the labels, after they were checked.
      answer: (support, labels, query) -> {"probabilities", "labels"}, of tokens.
    """

    def classify(support_text, support_labels, query_text):
        labels = checked_labels(support_labels, support_text)
        some = require(tf.size(query_text) > 0, "`query_text` must have at least one sentence")
        with tf.control_dependencies([labels, some]):
            together = tokens(tf.concat([support_text, query_text], axis=0))  # of one length
        support, query = tf.split(together, [tf.size(support_text), tf.size(query_text)])
        found = answer(support[None], labels[None], query[None])
        return {name: tensor[0] for name, tensor in found.items()}

    return tf.function(
        classify,
        input_signature=[
            tf.TensorSpec([None], tf.string, "support_text"),
            tf.TensorSpec([None], tf.int64, "support_labels"),
            tf.TensorSpec([None], tf.string, "query_text"),
        ],
    )


def embed_text(tokens, embed):
    """The signature `embed_text`: {"embeddings": [N, D]} of string [N]."""
    return tf.function(
        lambda text: {"embeddings": tf.cast(embed(tokens(text)), tf.float32)},
        input_signature=[tf.TensorSpec([None], tf.string, "text")],
    )


def choose_word(tokens, score):
    """The signature `choose_word`: which of some words belongs in the blank of each sentence.

    Args:
      tokens: `Tokens`.
      score: (sentences int32 [N, L], words int32 [K]) -> log-likelihoods [N, K].
    """

    def choose(query_text, words):
        some = require(tf.size(query_text) > 0, "`query_text` must have at least one sentence")
        with tf.control_dependencies([some]):
            found = score(tokens(query_text), tokens.words(words))
        return {
            "log_likelihoods": found,
            "probabilities": tf.nn.softmax(found),
            "labels": tf.argmax(found, axis=1),
        }

    return tf.function(
        choose,
        input_signature=[
            tf.TensorSpec([None], tf.string, "query_text"),
            tf.TensorSpec([None], tf.string, "words"),
        ],
    )

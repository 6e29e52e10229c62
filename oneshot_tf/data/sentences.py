"""Sentences in memory, by the words they have: what a text becomes. A class is a word."""

import dataclasses
import hashlib

import numpy as np

from oneshot_tf.data.dataset import Classes
from oneshot_tf.errors import UserError

PADDING, BLANK = 0, 1  # tokens that are no word
END = PADDING  # of a sentence in running text, as what stands behind its last word
BLANK_WORD = "<blank_token>"  # as the paper prints it
RESERVED = ("", BLANK_WORD)


@dataclasses.dataclass(frozen=True)
class Sentences(Classes):
    """Words, and the sentences of each; one sentence is of every word that it has.

    Speaks like a `Dataset`.

    Attributes:
      name: which data set it is ("ptb").
      tokens: int32 [s, L], a sentence a row, `PADDING` behind its end.
      rows: int32 [n], sentences; class c owns rows[offsets[c]:offsets[c + 1]].
      offsets: int64 [classes + 1].
      class_names: the words, one a class.
      vocabulary: the word of every token; the first two are no words.
      parts: (name, first, end) of each part of the text: its sentences are rows of `tokens`.
    """

    name: str
    tokens: np.ndarray
    rows: np.ndarray
    offsets: np.ndarray
    class_names: tuple[str, ...]
    vocabulary: tuple[str, ...]
    parts: tuple[tuple[str, int, int], ...] = ()

    called = "words"

    @property
    def words(self):
        """int32 [classes]: the token of each class."""
        number = {word: token for token, word in enumerate(self.vocabulary)}
        return np.array([number[name] for name in self.class_names], np.int32)

    def text(self, *names):
        """int32 [n]: parts of the text as they run, `END` behind every sentence."""
        rows = [self.tokens[first:end] for name, first, end in self.parts if name in names]
        padded = np.pad(np.concatenate(rows), [(0, 0), (0, 1)], constant_values=PADDING)
        lengths = (padded != PADDING).sum(axis=1)
        return padded[np.arange(padded.shape[1]) <= lengths[:, None]]

    def select(self, class_names):
        """The classes named, in that order; sentences stay where they are."""
        chosen = self.places(class_names)
        rows = np.split(self.rows, self.offsets[1:-1])
        return dataclasses.replace(
            self,
            rows=np.concatenate([np.zeros(0, np.int32), *(rows[c] for c in chosen)]),
            offsets=np.cumsum([0, *self.class_sizes[chosen]]).astype(np.int64),
            class_names=tuple(class_names),
        )

    def sha256(self):
        """Hash of words, sentences and which are of which, as hex."""
        digest = hashlib.sha256("\n".join((*self.class_names, *self.vocabulary)).encode())
        for array in (self.tokens, self.rows, self.offsets):
            digest.update(np.ascontiguousarray(array, np.int64).tobytes())
        return digest.hexdigest()


def encode(sentences, vocabulary):
    """int32 [s, L] of sentences, each a list of words of the vocabulary.

    Raises:
      UserError: a word is not in the vocabulary.
    """
    number = {word: token for token, word in enumerate(vocabulary)}
    tokens = np.full((len(sentences), max(map(len, sentences), default=1)), PADDING, np.int32)
    for row, sentence in enumerate(sentences):
        unknown = [word for word in sentence if word not in number]
        if unknown:
            raise UserError(
                f"{unknown[0]!r} is no word of the vocabulary; write <unk> in its place"
            )
        tokens[row, : len(sentence)] = [number[word] for word in sentence]
    return tokens

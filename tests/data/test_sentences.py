import dataclasses

import numpy as np
import pytest

from oneshot_tf.data.sentences import BLANK_WORD, Sentences, encode
from oneshot_tf.errors import UserError

VOCABULARY = ("", BLANK_WORD, "a", "b", "c")


@pytest.fixture
def sentences():
    """a is in sentences 0 and 2, b in none, c in 1."""
    return Sentences(
        name="s",
        tokens=encode([["a", "c"], ["c"], ["a", "b", "a"]], VOCABULARY),
        rows=np.array([0, 2, 1], np.int32),
        offsets=np.array([0, 2, 2, 3]),
        class_names=("a", "b", "c"),
        vocabulary=VOCABULARY,
    )


def test_encode(sentences):
    assert sentences.tokens.tolist() == [[2, 4, 0], [4, 0, 0], [2, 3, 2]]
    with pytest.raises(UserError, match="'d' is no word"):
        encode([["a"], ["d"]], VOCABULARY)


def test_select_keeps_each_word_with_its_sentences(sentences):
    chosen = sentences.select(("c", "b", "a"))
    assert chosen.class_sizes.tolist() == [1, 0, 2]
    assert chosen.rows.tolist() == [1, 0, 2]
    assert chosen.words.tolist() == [4, 3, 2]
    assert chosen.tokens is sentences.tokens
    with pytest.raises(UserError, match="lacks 1 words of the split, first 'd'"):
        sentences.select(("a", "d"))


def test_running_text_has_an_end_behind_every_sentence(sentences):
    parted = dataclasses.replace(sentences, parts=(("train", 0, 2), ("test", 2, 3)))
    assert parted.text("train").tolist() == [2, 4, 0, 4, 0]
    assert parted.text("test").tolist() == [2, 3, 2, 0]  # the longest sentence, without padding
    assert parted.text("train", "test").tolist() == [2, 4, 0, 4, 0, 2, 3, 2, 0]
    assert parted.select(("c",)).text("test").tolist() == [2, 3, 2, 0]


def test_the_hash_is_of_everything(sentences):
    other = sentences.select(("a", "b", "c"))
    assert other.sha256() == sentences.sha256()
    assert sentences.select(("a", "c", "b")).sha256() != sentences.sha256()
    assert sentences.select(("a", "c")).sha256() != sentences.sha256()

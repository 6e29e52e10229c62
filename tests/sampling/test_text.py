import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.sampling import text

WORDS = np.arange(2, 49, dtype=np.int32)  # 47
BATCH, STEPS = 3, 4


def sampler(seed=0, words=WORDS):
    return text.sampler(words, seed=seed, stream="train", batch=BATCH, steps=STEPS)


def test_rows():
    inputs, targets = text.rows(WORDS, 3)
    assert targets.tolist() == [list(range(2, 17)), list(range(17, 32)), list(range(32, 47))]
    assert inputs[0].tolist() == [0, *range(2, 16)]
    np.testing.assert_array_equal(inputs[1:], targets[1:] - 1)


def test_pieces_follow_each_other_and_begin_again():
    sample, (inputs, targets) = sampler(), text.rows(WORDS, BATCH)
    assert text.pieces(len(WORDS), BATCH, STEPS) == 3
    for number in range(7):
        piece = sample(tf.constant(number * BATCH, tf.int64))
        start = number % 3 * STEPS
        np.testing.assert_array_equal(piece.inputs, inputs[:, start : start + STEPS])
        np.testing.assert_array_equal(piece.targets, targets[:, start : start + STEPS])
        assert bool(piece.begins) == (number % 3 == 0)


def test_every_piece_has_noise_of_its_own():
    seen = {
        tuple(sampler(seed)(tf.constant(n * BATCH, tf.int64)).noise.numpy())
        for seed in range(3)
        for n in range(8)
    }
    assert len(seen) == 24


def test_a_text_that_is_too_short_is_refused():
    with pytest.raises(UserError, match="A text of 11 words has no 3 rows of 4 words; lower"):
        sampler(words=WORDS[:11])

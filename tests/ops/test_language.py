import math

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.data import sentences
from oneshot_tf.ops import language


def test_tokens_that_are_no_word_are_those_of_the_data():
    """What carries a paper imports no data: the numbers stand in both."""
    assert (language.PADDING, language.BLANK) == (sentences.PADDING, sentences.BLANK)


def test_word_numbers_leave_out_the_blank():
    found = language.word_numbers(tf.constant([0, 2, 3, 10]))
    assert found.numpy().tolist() == [0, 1, 2, 9]


def test_loss_is_summed_over_steps_and_averaged_over_rows(random):
    logits = random.normal(size=(4, 3, 6)).astype(np.float32)
    targets = random.integers(0, 6, (4, 3)).astype(np.int32)
    total, first = 0.0, 0
    for t in range(4):
        for b in range(3):
            row = logits[t, b]
            total -= row[targets[t, b]] - math.log(sum(math.exp(float(x)) for x in row))
            first += row.argmax() == targets[t, b]
    loss, right = language.loss_and_right(tf.constant(logits), tf.constant(targets))
    np.testing.assert_allclose(loss, total / 3, rtol=1e-5)
    assert float(right) == first


@pytest.mark.parametrize("count", [1, 7, 8, 9, 30])
def test_log_probabilities_block_by_block(random, monkeypatch, count):
    monkeypatch.setattr(language, "BLOCK", 8)
    outputs, kernel, bias = (
        random.normal(size=shape).astype(np.float32) for shape in [(count, 3), (3, 5), (5,)]
    )
    targets = random.integers(0, 5, count).astype(np.int32)
    logits = outputs @ kernel + bias
    expected = (logits - np.log(np.exp(logits).sum(1, keepdims=True)))[np.arange(count), targets]
    found = language.log_probabilities(*map(tf.constant, (outputs, targets, kernel, bias)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_filled_puts_every_word_in_every_blank():
    query = tf.constant([[[4, 1, 1, 0], [1, 5, 0, 0]]])
    found = language.filled(query, tf.constant([[7, 8]]))
    expected = [[[[4, 7, 7, 0], [4, 8, 8, 0]], [[7, 5, 0, 0], [8, 5, 0, 0]]]]
    assert found.numpy().tolist() == expected


def test_what_is_foretold_from_what():
    inputs, targets, there = language.foretold(tf.constant([[4, 5, 0], [6, 7, 8]]))
    assert inputs.numpy().tolist() == [[0, 4, 5, 0], [0, 6, 7, 8]]
    assert targets.numpy().tolist() == [[4, 5, 0, 0], [6, 7, 8, 0]]
    assert there.numpy().tolist() == [[True, True, True, False], [True] * 4]


def test_dropout():
    values, seed = tf.ones([200, 100]), tf.constant([3, 4], tf.int64)
    assert language.dropout(values, 0.5, None) is values
    assert language.dropout(values, 0.0, seed) is values
    found = language.dropout(values, 0.75, seed).numpy()
    assert set(np.unique(found)) == {0.0, 4.0}
    assert abs(found.mean() - 1.0) < 0.05
    np.testing.assert_array_equal(language.dropout(values, 0.75, seed), found)
    assert (language.dropout(values, 0.75, seed + 1) != found).numpy().any()


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"`words` must be \[B K\] with B=2"):
        language.filled(tf.zeros([2, 1, 4], tf.int32), tf.zeros([3, 5], tf.int32))
    with pytest.raises(ValueError, match="`targets`"):
        language.loss_and_right(tf.zeros([2, 3, 4]), tf.zeros([3, 2], tf.int32))

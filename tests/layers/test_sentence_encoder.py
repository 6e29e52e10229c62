import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.sentence_encoder import (
    BLANK,
    PLACES,
    REACH,
    READERS,
    SentenceEncoder,
)

TOKENS = np.array(
    [[4, 1, 3, 5, 0, 0], [2, 2, 6, 1, 1, 7], [1, 0, 0, 0, 0, 0], [8, 9, 3, 4, 1, 0]], np.int32
)
WIDTH, UNITS = 5, 4


def make(reader, **options):
    layer = SentenceEncoder(10, WIDTH, UNITS, reader, **options)
    layer(TOKENS)
    random = np.random.default_rng(0)
    for variable in layer.variables:
        variable.assign(random.normal(size=variable.shape))
    return layer


@pytest.mark.parametrize("reader", ["words", "near"])
def test_means_against_a_loop(reader):
    layer = make(reader)
    table = layer.table.numpy()
    expected = np.zeros((len(TOKENS), WIDTH))
    for n, sentence in enumerate(TOKENS):
        blank = list(sentence).index(BLANK)
        words = [(place, token) for place, token in enumerate(sentence) if token > 1]
        for place, token in words:
            away = min(max(place - blank, -REACH), REACH)
            weight = layer.weights_by_distance.numpy()[away + REACH] if reader == "near" else 1.0
            expected[n] += weight * table[token] / len(words)
    np.testing.assert_allclose(layer(TOKENS), expected, rtol=1e-5, atol=1e-6)


def test_places_have_tables_of_their_own():
    layer = make("places")
    expected = np.zeros((len(TOKENS), 4, WIDTH))
    for n, sentence in enumerate(TOKENS):
        blank = list(sentence).index(BLANK)
        for i, place in enumerate(PLACES):
            at = blank + place
            if 0 <= at < len(sentence) and sentence[at] > 0:
                expected[n, i] = layer.places.numpy()[i, sentence[at]]
    near = make("near")
    for name in ("table", "weights_by_distance"):
        getattr(near, name).assign(getattr(layer, name))
    expected = np.concatenate([near(TOKENS), expected.reshape(len(TOKENS), -1)], axis=1)
    np.testing.assert_allclose(layer(TOKENS), expected, rtol=1e-5, atol=1e-6)


def test_far_words_share_a_weight():
    layer = make("near")
    layer.table.assign(tf.ones_like(layer.table))
    far = np.zeros((2, 40), np.int32)
    far[0, [0, REACH]] = 3, 1
    far[1, [0, REACH + 25]] = 3, 1
    near, further = layer(far)
    np.testing.assert_allclose(near, further, rtol=1e-6)


def lstm_loop(layer, rows):
    """Outputs of one direction, step by step."""
    cell = layer
    hidden, memory, outputs = np.zeros(UNITS), np.zeros(UNITS), []
    kernel, recurrent, bias = (v.numpy() for v in (cell.kernel, cell.recurrent_kernel, cell.bias))
    for row in rows:
        i, f, g, o = np.split(row @ kernel + hidden @ recurrent + bias, 4)
        memory = memory / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        hidden = np.tanh(memory) / (1 + np.exp(-o))
        outputs.append(hidden)
    return np.array(outputs)


@pytest.mark.parametrize("reader", ["lstm", "bi_lstm"])
def test_lstms_against_a_loop(reader):
    layer = make(reader)
    expected = []
    for sentence in TOKENS:
        sentence = sentence[sentence > 0]
        rows = layer.table.numpy()[sentence]
        if reader == "lstm":
            expected.append(lstm_loop(layer.lstm, rows)[-1])
        else:
            forward, backward = layer.lstm.directions
            both = lstm_loop(forward, rows) + lstm_loop(backward, rows[::-1])[::-1]
            expected.append(both[sentence == BLANK].mean(axis=0))
    np.testing.assert_allclose(layer(TOKENS), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reader", READERS)
def test_padding_changes_nothing(reader):
    layer = make(reader)
    padded = np.pad(TOKENS, [[0, 0], [0, 30]])
    np.testing.assert_allclose(layer(padded), layer(TOKENS), atol=1e-6)
    for n, sentence in enumerate(TOKENS):
        alone = sentence[sentence > 0][None]
        np.testing.assert_allclose(layer(alone)[0], layer(TOKENS)[n], atol=1e-6)


def test_dropout_is_of_training_alone():
    layer = make("words", dropout=0.5)
    np.testing.assert_array_equal(layer(TOKENS), layer(TOKENS))
    assert np.abs(layer(TOKENS, training=True) - layer(TOKENS)).max() > 1e-3


def test_dropout_is_a_function_of_the_batch():
    layer = make("words", dropout=0.5)
    first = layer(TOKENS, training=True)
    layer(TOKENS[::-1], training=True)
    np.testing.assert_array_equal(layer(TOKENS, training=True), first)
    assert np.abs(layer(TOKENS[::-1], training=True)[::-1] - first).max() > 1e-3


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("training", [False, True])
def test_a_function_of_its_weights(reader, training):
    ours, theirs, tokens = make(reader, dropout=0.3), make(reader, dropout=0.3), tf.constant(TOKENS)
    for variable in theirs.variables:
        variable.assign(0.5 * variable + 0.1)
    own, other = ([v for v in tf.nest.flatten(e.learned) if v is not None] for e in (ours, theirs))
    assert {id(v) for v in own} == {id(v) for v in ours.trainable_variables}
    values = iter([tf.constant(v.numpy()) for v in other])
    leaves = [None if v is None else next(values) for v in tf.nest.flatten(ours.learned)]
    learned = tf.nest.pack_sequence_as(ours.learned, leaves)
    with tf.GradientTape() as tape:
        tape.watch([v for v in leaves if v is not None])
        found = ours.embed(learned, tokens, training)
        total = tf.reduce_sum(found**2)
    with tf.GradientTape() as theirs_tape:
        expected = theirs(tokens, training=training)
        theirs_total = tf.reduce_sum(expected**2)
    np.testing.assert_array_equal(found, expected)
    assert np.abs(found - ours(tokens, training=training)).max() > 0.01
    mine = tape.gradient(total, [v for v in leaves if v is not None])
    for got, wanted in zip(mine, theirs_tape.gradient(theirs_total, other), strict=True):
        got, wanted = tf.convert_to_tensor(got), tf.convert_to_tensor(wanted)
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)

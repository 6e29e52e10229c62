import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import string_labels
from oneshot_tf.ops.string_labels import CHARACTERS, COUNT, LENGTH, WIDTH


def digits(number):
    return [number // CHARACTERS ** (LENGTH - 1 - i) % CHARACTERS for i in range(LENGTH)]


def test_every_label_has_its_own_string_and_is_found_again():
    labels = np.arange(COUNT, dtype=np.int32)[None]
    found = string_labels.digits(tf.constant(labels)).numpy()
    assert found[0].tolist() == [digits(number) for number in range(COUNT)]
    encoded = string_labels.encode(tf.constant(labels))
    assert (
        encoded.shape == (1, COUNT, WIDTH)
        and (tf.reduce_sum(encoded, axis=2) == LENGTH).numpy().all()
    )
    np.testing.assert_array_equal(string_labels.predict(encoded), labels)


def test_padding_is_all_zeros():
    assert not string_labels.encode(tf.constant([[-1]])).numpy().any()


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_against_a_loop(weighted):
    random = np.random.default_rng(0)
    logits = random.normal(size=(2, 3, WIDTH))
    labels = np.array([[0, 777, -1], [COUNT - 1, -1, 5]], np.int32)
    weights = random.uniform(size=(2, 3)) if weighted else np.ones([2, 3])
    total = count = 0.0
    for (b, t), label in np.ndenumerate(labels):
        if label < 0:
            continue
        for i, character in enumerate(digits(label)):
            scores = logits[b, t, CHARACTERS * i : CHARACTERS * (i + 1)]
            total += weights[b, t] * (np.log(np.exp(scores).sum()) - scores[character])
        count += weights[b, t]
    given = tf.constant(weights, tf.float32) if weighted else None
    found = string_labels.cross_entropy(tf.constant(logits, tf.float32), tf.constant(labels), given)
    np.testing.assert_allclose(found, total / count, rtol=1e-5)

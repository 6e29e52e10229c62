import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import key_value
from tests.numpy_reference import key_value as reference


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def assert_is(memory, b, expected):
    """Episode b of a memory is the list `expected`."""
    used = int(memory.used[b])
    assert used == len(expected)
    np.testing.assert_array_equal(memory.values[b, :used], [label for _, label in expected])
    assert (memory.values[b, used:].numpy() == -1).all()
    assert (memory.keys[b, used:].numpy() == 0.0).all()
    if used:
        keys = np.array([key for key, _ in expected])
        np.testing.assert_allclose(memory.keys[b, :used], keys, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalize_new", [False, True])
@hypothesis.given(st.integers(1, 3), st.integers(1, 12), st.integers(1, 5), st.integers(0, 999))
@hypothesis.settings(deadline=None, max_examples=25)
def test_writing_a_support_set_against_loops(normalize_new, batch, count, slots, seed):
    keys = draw(seed, batch, count, 4)
    labels = np.random.default_rng(seed).integers(-1, 3, (batch, count)).astype(np.int32)
    found = key_value.write_all(tf.constant(keys), tf.constant(labels), slots, normalize_new)
    for b in range(batch):
        expected, _ = reference.write_all(keys[b], labels[b], slots, normalize_new)
        assert_is(found, b, expected)


def test_the_four_cases_one_after_the_other():
    """Two slots: empty; another class; the same class; full. In a batch with padding."""
    keys = np.array([[3, 0], [-1, 3], [2, 0], [0, 1], [1, 1]], np.float32)
    labels = np.array([0, 1, 0, 2, -1], np.int32)
    expected, cases = reference.write_all(keys, labels, 2)
    assert cases == ["empty", "new", "same", "full", "padding"]
    memory = key_value.empty(1, 2, 2)
    states = []
    for key, label in zip(keys, labels, strict=True):
        memory = key_value.write(memory, tf.constant(key[None]), tf.constant([label]))
        states.append(memory)
    np.testing.assert_array_equal(states[0].keys[0], [[3, 0], [0, 0]])
    np.testing.assert_array_equal(states[1].keys[0], [[3, 0], [-1, 3]])
    np.testing.assert_allclose(states[2].keys[0], [[1, 0], [-1, 3]])  # (5, 0) at length 1
    length = np.sqrt(1 + 16)
    np.testing.assert_allclose(states[3].keys[0], [[1, 0], [-1 / length, 4 / length]], rtol=1e-6)
    assert states[3].values.numpy().tolist() == [[0, 1]]  # a full slot keeps its class
    for before, after in zip(states[3], states[4], strict=True):
        np.testing.assert_array_equal(before, after)
    assert_is(states[4], 0, expected)


def test_trimming_takes_away_what_no_episode_uses():
    keys, labels = draw(1, 2, 5, 3), np.array([[0, 1, 2, -1, -1], [0, -1, -1, -1, -1]], np.int32)
    memory = key_value.write_all(tf.constant(keys), tf.constant(labels), 5)
    found = key_value.trim(memory)
    most = int(max(memory.used))
    assert 1 < most < 5
    assert found.keys.shape == (2, most, 3)
    np.testing.assert_array_equal(found.keys, memory.keys[:, :most])
    np.testing.assert_array_equal(found.values, memory.values[:, :most])
    np.testing.assert_array_equal(found.used, memory.used)


def test_a_permuted_support_is_written_in_its_new_order():
    keys, labels = draw(5, 6, 3), np.array([0, 0, 1, 1, 2, 0], np.int32)
    order = [5, 3, 0, 4, 1, 2]
    for rows in (range(6), order):
        rows = list(rows)
        found = key_value.write_all(
            tf.constant(keys[None, rows]), tf.constant(labels[None, rows]), 4
        )
        assert_is(found, 0, reference.write_all(keys[rows], labels[rows], 4)[0])


@hypothesis.given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
@hypothesis.settings(deadline=None, max_examples=20)
def test_reading_against_loops(batch, count, slots, seed):
    keys, asked = draw(seed, batch, count, 3), draw(seed + 1, batch, 4, 3)
    labels = np.random.default_rng(seed).integers(0, 3, (batch, count)).astype(np.int32)
    memory = key_value.write_all(tf.constant(keys), tf.constant(labels), slots)
    found = key_value.read(memory, tf.constant(asked))
    for b in range(batch):
        stored, _ = reference.write_all(keys[b], labels[b], slots)
        np.testing.assert_allclose(found[b], reference.read(stored, asked[b]), rtol=1e-4, atol=1e-5)


def test_the_gradient_through_writing_and_reading_against_differences():
    """Of the keys, at a place where no small change makes another slot the nearest."""
    keys = np.random.default_rng(3).normal(size=(2, 5, 3))
    labels = np.array([[0, 1, 0, 1, 2], [0, 0, 0, 1, -1]], np.int32)

    def total(z):
        z = tf.cast(z, tf.float32)
        memory = key_value.write_all(z, tf.constant(labels), 2)
        return tf.reduce_sum(tf.cos(key_value.read(memory, z)))

    analytic, numeric = tf.test.compute_gradient(total, [tf.constant(keys, tf.float32)], delta=1e-2)
    np.testing.assert_allclose(analytic[0], numeric[0], rtol=2e-2, atol=2e-3)
    assert np.abs(analytic[0]).max() > 0.1


def test_any_number_of_pictures_and_slots_in_one_graph():
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 3]),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([], tf.int32),
        ]
    )
    def written(keys, labels, slots):
        return key_value.write_all(keys, labels, slots)

    for count, slots in ((2, 2), (7, 3), (5, 9)):
        keys, labels = draw(count, 2, count, 3), np.arange(2 * count).reshape(2, count) % 3
        found = written(tf.constant(keys), tf.constant(labels, tf.int32), tf.constant(slots))
        for b in range(2):
            assert_is(found, b, reference.write_all(keys[b], labels[b], slots)[0])


KNOWN = {
    "nothing": ([None, None, 3], [None, None]),
    "the labels' batch": ([None, None, 3], [2, None]),  # what drawn ways and shots leave of it
    "the keys' batch": ([2, None, 3], [None, None]),
    "one count each": ([None, 7, 3], [2, None]),
    "not even the labels' rank": ([None, None, 3], None),
}


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("normalize_new", [False, True])
def test_whatever_is_known_of_shapes_memory_and_gradient_are_those_of_known_ones(
    known, normalize_new
):
    keys = tf.constant(draw(4, 2, 7, 3))
    labels = tf.constant(np.random.default_rng(4).integers(-1, 3, (2, 7)), tf.int32)
    weights = tf.constant(draw(5, 2, 3, 3))

    def written(keys, labels, slots):
        with tf.GradientTape() as tape:
            tape.watch(keys)
            memory = key_value.write_all(keys, labels, slots, normalize_new)
            total = tf.reduce_sum(memory.keys * weights)
        return (*memory, tape.gradient(total, keys))

    expected = written(keys, labels, 3)
    of_keys, of_labels = KNOWN[known]
    specs = [
        tf.TensorSpec(of_keys),
        tf.TensorSpec(of_labels, tf.int32),
        tf.TensorSpec([], tf.int32),
    ]
    found = tf.function(written, input_signature=specs)(keys, labels, tf.constant(3))
    assert np.abs(expected[3]).max() > 0.1
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_wrong_shapes_are_named():
    memory = key_value.empty(2, 3, 4)
    with pytest.raises(ValueError, match="`key` must be"):
        key_value.write(memory, tf.zeros([2, 5]), tf.zeros([2], tf.int32))
    with pytest.raises(ValueError, match="`keys` must be"):
        key_value.read(memory, tf.zeros([2, 5, 3]))

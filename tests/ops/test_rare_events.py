import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import rare_events, slots
from tests.numpy_reference import rare_events as reference

WIDTH = 4


def directions(random, *shape):
    rows = random.normal(size=(*shape, WIDTH))
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def ask(memory, queries, count=slots.NEIGHBOURS):
    found = rare_events.similarities(memory, tf.convert_to_tensor(queries))
    return found, slots.nearest(memory.labels, found, count)


def assert_is(memory, g, expected):
    """Memory g is the reference's."""
    for index, slot in enumerate(expected.slots):
        if slot is None:
            assert memory.labels[g, index] == -1 and not memory.keys[g, index].numpy().any()
            assert memory.ages[g, index] == slots.NEVER
        else:
            key, label, age = slot
            assert (memory.labels[g, index], memory.ages[g, index]) == (label, age)
            np.testing.assert_allclose(memory.keys[g, index], key, atol=1e-5)


def labels_of_a_step(random, groups, rows):
    """Different labels at once, some of them padding."""
    labels = np.stack([random.permutation(6)[:rows] for _ in range(groups)])
    return np.where(random.random((groups, rows)) < 0.15, -1, labels).astype(np.int32)


@hypothesis.given(st.integers(1, 3), st.integers(1, 3), st.integers(3, 9), st.integers(0, 9999))
@hypothesis.settings(deadline=None, max_examples=15)
def test_writing_against_loops(groups, rows, count, seed):
    random = np.random.default_rng(seed)
    memory = rare_events.empty(groups, count, WIDTH)
    expected = [reference.Memory(count) for _ in range(groups)]
    for _ in range(8):
        queries, labels = directions(random, groups, rows), labels_of_a_step(random, groups, rows)
        found, neighbours = ask(memory, queries)
        chosen = slots.contrast(memory.labels, found, neighbours, tf.constant(labels))
        for g in range(groups):
            for r in range(rows):
                if labels[g, r] < 0:
                    continue
                pair = expected[g].contrast(queries[g, r], labels[g, r])
                assert [p is not None for p in pair] == chosen.there[g, r].numpy().tolist()
                for slot, mine in zip(pair, chosen.slots[g, r].numpy(), strict=True):
                    assert slot is None or slot == mine
        memory = rare_events.update(memory, tf.constant(queries), tf.constant(labels), neighbours)
        for g in range(groups):
            expected[g].update(list(zip(queries[g], labels[g], strict=True)))
            assert_is(memory, g, expected[g])


def test_ten_thousand_updates_lose_and_duplicate_no_slot():
    """Every write is of one slot of its own, with age 0; all others keep what they hold."""
    count, rows, steps = 12, 4, 2500
    random = np.random.default_rng(0)
    queries = directions(random, steps, 1, rows)
    labels = np.stack([labels_of_a_step(random, 1, rows) for _ in range(steps)])

    @tf.function
    def memories(queries, labels):
        """An empty memory and what it is after each update, [steps + 1, 1, ...]."""

        def step(memory, given):
            _, neighbours = ask(memory, given[0])
            return rare_events.update(memory, *given, neighbours)

        first = rare_events.empty(1, count, WIDTH)
        after = tf.scan(step, (queries, labels), first)
        return tf.nest.map_structure(
            lambda one, rest: tf.concat([one[None], rest], 0), first, after
        )

    found = memories(tf.constant(queries), tf.constant(labels))
    keys, held, ages = (part[:, 0].numpy() for part in found)
    written = ages[1:] == 0
    for n in range(steps):
        shown = labels[n][labels[n] >= 0]
        assert written[n].sum() == len(shown)
        assert sorted(held[n + 1, written[n]]) == sorted(shown)
    np.testing.assert_array_equal(keys[1:][~written], keys[:-1][~written])
    np.testing.assert_array_equal(held[1:][~written], held[:-1][~written])
    lengths = np.linalg.norm(keys[-1], axis=1)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-5)


def test_ages_rise_by_one_and_noise_changes_who_is_oldest():
    memory = rare_events.RareEvents(
        keys=tf.constant(np.eye(4, dtype=np.float32)[None, :3]),
        labels=tf.constant([[0, 1, 2]]),
        ages=tf.constant([[5, 7, 6]]),
    )
    query, label = tf.constant([[[0.0, 0, 0, 1]]]), tf.constant([[3]])
    _, neighbours = ask(memory, query)
    after = rare_events.update(memory, query, label, neighbours)
    assert after.labels.numpy().tolist() == [[0, 3, 2]]
    assert after.ages.numpy().tolist() == [[6, 0, 7]]
    noisy = rare_events.update(memory, query, label, neighbours, tf.constant([[3.0, 0.0, 0.0]]))
    assert noisy.labels.numpy().tolist() == [[3, 1, 2]]


def test_neighbours_are_as_many_as_asked_for_and_the_teacher_is_found_beyond():
    random = np.random.default_rng(1)
    memory = rare_events.RareEvents(
        keys=tf.constant(directions(random, 1, 6)),
        labels=tf.constant([[0, 1, 2, 3, 4, 5]]),
        ages=tf.zeros([1, 6], tf.int32),
    )
    query = directions(random, 1, 1)
    found, neighbours = ask(memory, query, count=2)
    order = np.argsort(-found[0, 0].numpy())
    assert neighbours.slots[0, 0].numpy().tolist() == order[:2].tolist()
    last = int(order[-1])  # no neighbour
    chosen = slots.contrast(memory.labels, found, neighbours, tf.constant([[last]]))
    assert chosen.slots[0, 0].numpy().tolist() == [last, order[0]]
    assert chosen.there.numpy().all()


def test_an_empty_memory_has_neither():
    memory, queries = rare_events.empty(1, 3, WIDTH), directions(np.random.default_rng(0), 1, 2)
    found, neighbours = ask(memory, queries)
    assert (found.numpy() == rare_events.NOWHERE).all()
    chosen = slots.contrast(memory.labels, found, neighbours, tf.constant([[0, 1]]))
    assert not chosen.there.numpy().any()


def test_the_loss_and_its_gradient():
    random = np.random.default_rng(3)
    queries, keys = directions(random, 5), directions(random, 5, 2)
    there = np.array([[1, 1], [1, 0], [0, 1], [0, 0], [1, 1]], bool)
    with tf.GradientTape() as tape:
        q, k = tf.constant(queries), tf.constant(keys)
        tape.watch([q, k])
        found = rare_events.loss(q, k, tf.constant(there), 0.1)
    expected = []
    for n in range(5):
        own, other = (keys[n, i] if there[n, i] else None for i in (0, 1))
        expected.append(reference.loss(queries[n], own, other, 0.1))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    gradient, none = tape.gradient(found, [q, k])
    assert none is None  # the memory is not differentiated through
    raised = there[:, 1:] * keys[:, 1] - there[:, :1] * keys[:, 0]
    np.testing.assert_allclose(gradient, raised * (np.array(expected) > 0)[:, None], atol=1e-6)


@pytest.mark.parametrize("wrong", ["queries", "labels"])
def test_wrong_shapes_are_named(wrong):
    memory = rare_events.empty(1, 3, WIDTH)
    queries = tf.zeros([1, 2, WIDTH + (wrong == "queries")])
    labels = tf.zeros([1, 2 + (wrong == "labels")], tf.int32)
    with pytest.raises(ValueError, match=f"`{wrong}` must be"):
        rare_events.update(memory, queries, labels, None)

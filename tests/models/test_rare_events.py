"""The life-long memory as a model: what it writes, asks and learns from."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import SequenceEpisode, count_presentations
from oneshot_tf.models.explicit_memory import in_rounds, most_alike
from oneshot_tf.ops import matching
from tests.models.helpers import trained_a_little
from tests.numpy_reference import rare_events as reference


@pytest.fixture
def learner(make_learner):
    return trained_a_little(make_learner("rare_events"))


def test_rounds_show_every_class_once_before_any_again():
    labels = np.array([[0, 0, 1, -1, 0, 2, 1], [2, 1, 2, 2, 0, -1, -1]], np.int32)
    order = in_rounds(tf.constant(labels)).numpy()
    assert order.tolist() == [[0, 2, 5, 1, 6, 4, 3], [0, 1, 4, 2, 3, 5, 6]]
    found = np.take_along_axis(labels, order, axis=1)
    assert found.tolist() == [[0, 1, 2, 0, 1, 0, -1], [2, 1, 0, 2, 2, -1, -1]]


def test_the_answer_is_the_nearest_slot_of_a_memory_that_read_the_support(learner, episode):
    support, query = learner.embed_episode(episode, False)
    keys, asked = (learner.represent(part).numpy() for part in (support, query))
    answers = learner.predict_labels(learner(episode)).numpy()
    for b in range(2):
        labels = episode.support_labels[b].numpy()
        memory = reference.Memory(len(labels))
        for n in in_rounds(tf.constant(labels[None])).numpy()[0]:
            memory.update([(keys[b, n], labels[n])])
        for q, row in enumerate(asked[b]):
            similarity, slot = memory.similarities(row)[0]
            assert answers[b, q] == memory.slots[slot][1]


def sequence(seed=3, steps=9):
    random = np.random.default_rng(seed)
    images = tf.constant(random.random((2, steps, 8, 8, 1)), tf.float32)
    labels = tf.constant(random.integers(0, 3, (2, steps)), tf.int32)
    return SequenceEpisode(images, labels, count_presentations(labels))


@pytest.mark.parametrize("name", ["rare_events", "gaussian_memory"])
def test_a_sequence_is_asked_before_it_is_written(make_learner, name):
    learner, episode = trained_a_little(make_learner(name)), sequence()
    steps, labels = 9, episode.labels.numpy()
    logits = learner(episode).numpy()
    assert logits.shape == (2, steps, labels.max() + 1)
    np.testing.assert_allclose(logits[:, 0], logits[:, 0, :1] + 0 * logits[:, 0])
    other = episode._replace(labels=tf.concat([labels[:, :6], 2 - labels[:, 6:]], axis=1))
    np.testing.assert_array_equal(learner(other)[:, :7], logits[:, :7])  # the 7th label is no input
    unseen = np.array([[k not in labels[b, :7] for k in range(3)] for b in range(2)])
    np.testing.assert_array_equal(logits[:, 7] == matching.IMPOSSIBLE, unseen)


def test_a_sequence_against_a_loop(learner):
    episode = sequence()
    logits = learner(episode).numpy()
    for b, labels in enumerate(episode.labels.numpy()):
        rows = learner.represent(learner.features(episode.inputs[b])[None])[0].numpy()
        memory = reference.Memory(len(labels))
        for t, label in enumerate(labels):
            if t:
                _, slot = memory.similarities(rows[t])[0]
                assert logits[b, t].argmax() == memory.slots[slot][1]
            memory.update([(rows[t], label)])


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("slots, neighbours", [(0, 256), (3, 256), (0, 1)])
def test_the_loss_against_loops(make_learner, episode, share, slots, neighbours):
    """In a shared memory, labels of the second episode are other labels.

    Few slots forget the oldest, and what is no neighbour is no slot of another label.
    """
    options = {"share_memory": share, "rows": slots, "neighbours": neighbours, "age_noise": 0.0}
    learner = trained_a_little(make_learner("rare_events", **options))
    support, query = learner.embed_episode(episode, True)
    rows = learner.represent(tf.concat([support, query], axis=1))
    labels = tf.concat([episode.support_labels, episode.query_labels], axis=1)
    order, labels = in_rounds(labels).numpy(), labels.numpy()
    way = int(episode.support_labels.numpy().max()) + 1
    groups = [[0, 1]] if share else [[0], [1]]
    losses, right = [], 0
    for group in groups:
        memory = reference.Memory(slots or labels.size)
        for t in range(labels.shape[1]):
            step = []
            for b in group:
                n = order[b, t]
                label = int(labels[b, n]) + share * b * way if labels[b, n] >= 0 else -1
                step.append((rows[b, n].numpy(), label))
                if label >= 0:
                    pair = memory.contrast(step[-1][0], label)
                    near = [slot for _, slot in memory.similarities(step[-1][0])[:neighbours]]
                    pair = pair[0], pair[1] if pair[1] in near else None
                    keys = [None if slot is None else memory.slots[slot][0] for slot in pair]
                    losses.append(reference.loss(step[-1][0], *keys, learner.options.margin))
                if label >= 0 and n >= episode.support_labels.shape[1]:
                    right += memory.slots[memory.similarities(step[-1][0])[0][1]][1] == label
            memory.update(step)
    found, *metrics, _ = learner.train_loss(episode)
    np.testing.assert_allclose(found, np.mean(losses), rtol=1e-4, atol=1e-6)
    queries = (episode.query_labels.numpy() >= 0).sum()
    assert [number.numpy()[0] for number in metrics] == [right, queries]


@pytest.mark.parametrize("name", ["rare_events", "gaussian_memory"])
def test_only_the_asking_side_learns(make_learner, episode, name, monkeypatch):
    """Gradients are those of the asking pictures beside slots that are mere numbers."""
    learner, held_then = trained_a_little(make_learner(name)), []
    plain = learner.contrast_loss

    def keeping(rows, held, there):
        held_then.append(held.numpy())
        return plain(rows, held, there)

    def beside_numbers(rows, held, there):
        return plain(rows, tf.constant(held_then[0]), there)

    support, query = learner.embed_episode(episode, True)
    rows, gradients = learner.represent(tf.concat([support, query], axis=1)), []
    for function in (keeping, beside_numbers):
        monkeypatch.setattr(learner, "contrast_loss", function)
        with tf.GradientTape() as tape:
            tape.watch(rows)
            loss, *_ = learner.memory_loss(rows, episode)
        gradients.append(tape.gradient(loss, rows).numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-6)
    assert np.abs(gradients[0]).max() > 0


def loss_of(learner, episode):
    return float(learner.train_loss(episode).loss)


def test_there_are_at_least_as_many_slots_as_pictures_come_at_once(make_learner, episode):
    """Here two; a third is one that less is forgotten in."""
    one, two, three = (
        loss_of(make_learner("rare_events", rows=rows, age_noise=0.0), episode)
        for rows in (1, 2, 3)
    )
    assert one == two != three


def test_noise_on_ages_changes_which_slot_a_full_memory_forgets(make_learner, episode):
    """Uniform either way, as large as the option says, new at every step and the same in each run."""
    learner = make_learner("rare_events", age_noise=3.0)
    memory = learner.empty(2, 500)
    first, again, later = (learner._noise(memory, tf.constant(t)).numpy() for t in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert abs(first.mean()) < 0.2 and abs(np.corrcoef(first.ravel(), later.ravel())[0, 1]) < 0.1
    for noise in (first, later):
        assert -3.0 <= noise.min() < -2.9 and 2.9 < noise.max() <= 3.0
    still, noisy = (
        loss_of(make_learner("rare_events", rows=3, age_noise=noise), episode)
        for noise in (0.0, 100.0)
    )
    assert still != noisy


@pytest.mark.parametrize("name", ["rare_events", "gaussian_memory"])
def test_what_cannot_matter_costs_nothing(make_learner, episode, name):
    """Slots that no picture reaches, and neighbours beyond the nearest of another label."""
    expected = make_learner(name, rows=0, neighbours=256).train_loss(episode)[0]
    for slots, neighbours in [(0, 4000), (8192, 256), (8192, 16)]:
        found = make_learner(name, rows=slots, neighbours=neighbours).train_loss(episode)[0]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_most_alike():
    labels = tf.constant([[[0, 1, 1, -1], [2, 1, -1, -1]], [[0, 0, 1, 1], [1, 1, -1, -1]]])
    assert most_alike(labels) == 4
    assert most_alike(labels[:1]) == 3


def test_sharpness_is_the_papers(make_learner):
    """ln(51.2) / 0.1 for the 256 neighbours and the margin of the paper."""
    assert make_learner("rare_events", margin=0.1).sharpness == pytest.approx(39.36, abs=0.01)

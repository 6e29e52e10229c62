"""Protocols on learners whose accuracy is known."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import FewShotEpisode, SequenceEpisode
from oneshot_tf.errors import UserError
from oneshot_tf.evaluation import protocols

WAY, SHOT, STEPS = 2, 3, 6


class Oracle:
    """Knows the labels; answers wrongly where a picture says so (its only pixel is 0)."""

    def __call__(self, episode):
        sequence = isinstance(episode, SequenceEpisode)
        labels = episode.labels if sequence else episode.query_labels
        pictures = episode.inputs if sequence else episode.query
        knows = tf.cast(pictures[..., 0, 0, 0] > 0.5, tf.int32)
        return tf.one_hot((labels + 1 - knows) % WAY, WAY)

    def predict_labels(self, logits):
        return tf.argmax(logits, axis=-1, output_type=tf.int32)


def sequences(known):
    """A sampler of sequences: `known(episode numbers [B, 1], presentations [B, T])` is answered."""

    def sample(first):
        numbers = tf.cast(first, tf.int32) + tf.range(protocols.BATCH)[:, None]
        labels = tf.tile([[0, 1, 0, 1, 0, 1]], [protocols.BATCH, 1])
        shown = tf.tile([[1, 1, 2, 2, 3, 3]], [protocols.BATCH, 1])
        inputs = tf.cast(known(numbers, shown), tf.float32)[..., None, None, None]
        return SequenceEpisode(inputs, labels, shown)

    return sample


def accuracy(found):
    return {name: found[name] for name in ("mean", "ci95")}


def test_summary_matches_numpy(random):
    accuracies = random.random(37)
    found = protocols.summary(accuracies)
    percent = 100 * accuracies
    assert found["mean"] == pytest.approx(np.mean(percent), abs=1e-3)
    expected = 1.96 * np.sqrt(np.sum((percent - percent.mean()) ** 2) / 36) / np.sqrt(37)
    assert found["ci95"] == pytest.approx(expected, abs=1e-3)


def test_summary_of_one_episode_and_of_equal_ones_has_no_interval():
    assert protocols.summary([0.25]) == {"mean": 25.0, "ci95": 0.0}
    assert protocols.summary([0.5, 0.5]) == {"mean": 50.0, "ci95": 0.0}


def test_sequence_accuracy_by_presentation():
    found = protocols.sequence(Oracle(), sequences(lambda n, shown: shown + 0 * n > 1), 40, SHOT)
    assert {key: value["mean"] for key, value in found.items()} == {
        "1": 0.0,
        "2": 100.0,
        "3": 100.0,
    }


def test_episodes_differ_and_only_as_many_count_as_were_asked_for():
    # right in the first 10 episodes only: 10 of 30, though two whole batches are answered
    sample = sequences(lambda n, shown: (n < 10) & (shown > 0))
    found = protocols.sequence(Oracle(), sample, 30, SHOT)
    expected = protocols.summary([1.0] * 10 + [0.0] * 20)
    assert [accuracy(found[key]) for key in "123"] == [expected] * 3
    for key in "123":  # two classes, each shown once at every presentation
        assert found[key]["right"].tolist() == [2] * 10 + [0] * 20
        assert found[key]["shown"].tolist() == [2] * 30


def test_a_presentation_that_an_episode_lacks_does_not_count():
    def sample(first):
        episode = sequences(lambda n, shown: shown + 0 * n > 0)(first)
        even = tf.range(protocols.BATCH)[:, None] % 2 == 0
        # the even episodes have no third presentation, the odd ones answer it rightly
        shown = tf.where(even & (episode.presentations == 3), 4, episode.presentations)
        return episode._replace(presentations=shown)

    found = protocols.sequence(Oracle(), sample, 20, SHOT)
    assert accuracy(found["3"]) == {"mean": 100.0, "ci95": 0.0}
    assert found["3"]["shown"].tolist() == found["3"]["right"].tolist() == [0, 2] * 10


def test_few_shot_accuracy_leaves_padding_out():
    def sample(first):
        del first
        # 4 queries: 2 right, 1 wrong, 1 padding
        pixels = tf.tile([[1.0, 1.0, 0.0, 1.0]], [protocols.BATCH, 1])[..., None, None, None]
        labels = tf.tile([[0, 1, 0, -1]], [protocols.BATCH, 1])
        return FewShotEpisode(pixels, labels, pixels, labels)

    found = protocols.few_shot(Oracle(), sample, 25)
    assert accuracy(found) == {"mean": pytest.approx(66.667), "ci95": pytest.approx(0.0, abs=1e-6)}
    assert found["right"].tolist() == [2] * 25 and found["shown"].tolist() == [3] * 25


@pytest.mark.parametrize(
    "said, name",
    [({"rate": 0.1}, "finetune_rate=0.1"), ({"match": "softmax"}, "finetune_match=softmax")],
)
def test_fine_tuning_without_steps_is_refused(said, name):
    """The plain answer would have the name of another one."""
    with pytest.raises(
        UserError, match=f"--{name} needs --finetune_steps of at least 1. Received: 0"
    ):
        protocols.answering(Oracle(), **said)
    assert protocols.answering(Oracle(), rate=1e-3, match="own") == (None, {})

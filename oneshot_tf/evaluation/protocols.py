"""How a model is tested: answers to sampled episodes, and their mean with an interval."""

import math

import numpy as np
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.ops import losses
from oneshot_tf.ops.views import averaged
from oneshot_tf.sampling import pipeline
from oneshot_tf.test_options import TestOptions

BATCH = 20  # episodes answered at once
MOST_PIXELS = 2000 * 32**2  # answered at once, in batches of fewer episodes where they are large
SENTENCE = 32**2  # a sentence counts as so many pixels


def sequence(learner, sample, episodes, presentations):
    """Accuracy at the 1st, 2nd, ... presentation of a class.

    Args:
      learner: a `Learner` that answers `SequenceEpisode`.
      sample: (first episode) -> batch of BATCH sequence episodes.
      episodes: how many to answer.
      presentations: the last presentation to report.

    Returns:
      {"1": {"mean", "ci95", "right", "shown"}, "2": ...}: the first two in percent, of the episodes that
      show a class so often; the others whole numbers [episodes], right answers and pictures.
    """

    @tf.function(autograph=False)
    def answer(first, *read):
        episode = pipeline.episodes(sample, first, read)
        correct = learner.predict_labels(learner(episode)) == episode.labels
        return losses.accuracy_by_presentation(correct, episode.presentations, presentations)

    right, shown = _collect(answer, sample, episodes)
    return {str(p + 1): _described(right[:, p], shown[:, p]) for p in range(presentations)}


def few_shot(learner, sample, episodes, batch=BATCH, logits_of=None):
    """Accuracy on the queries of few-shot episodes, as at one presentation of `sequence`.

    Args:
      learner: a `Learner` that answers `FewShotEpisode`.
      sample: (first episode) -> batch of episodes.
      episodes: how many to answer.
      batch: how many episodes `sample` gives.
      logits_of: (episode) -> logits [B, Q, way], for what is not the learner's plain answer.
    """
    logits_of = logits_of or learner

    @tf.function(autograph=False)
    def answer(first, *read):
        episode = pipeline.episodes(sample, first, read)
        correct = learner.predict_labels(logits_of(episode)) == episode.query_labels
        there = tf.cast(episode.query_labels >= 0, tf.float32)
        right = tf.reduce_sum(tf.cast(correct, tf.float32) * there, axis=1)
        return right, tf.reduce_sum(there, axis=1)

    right, shown = _collect(answer, sample, episodes, batch)
    return _described(right, shown)


def finetuning(learner, steps, rate, match):
    """Another answer than the learner's plain one: after Adam on each episode's support.

    Args:
      learner: a `Learner`.
      steps: steps of Adam; 0 is the plain answer.
      rate: its learning rate.
      match: how the model answers then, "own" or "softmax".

    Returns:
      ((episode) -> logits, or None for the plain answer; what a record says of it).

    Raises:
      UserError: the model has no fine-tuning, or none with this answer; a rate or an answer of
        fine-tuning without steps.
    """
    if not steps:
        for name, value in (("finetune_rate", rate), ("finetune_match", match)):
            if value != getattr(TestOptions, name):
                raise UserError(
                    f"--{name}={value} needs --finetune_steps of at least 1. Received: {steps}; say how "
                    "many, or leave it out"
                )
        return None, {}
    if not learner.finetune_matches:
        raise UserError(f"{learner.name} has no fine-tuning; leave --finetune_steps out")
    if match not in learner.finetune_matches:
        raise UserError(
            f"--finetune_match of {learner.name} must be {' or '.join(learner.finetune_matches)}. "
            f"Received: {match}"
        )
    settings = {"steps": steps, "rate": rate, "match": match}
    return lambda episode: learner.finetuned(episode, **settings), {"finetune": settings}


def answering(learner, steps=0, rate=1e-3, match="own", views=1):
    """Another answer than the learner's plain one: fine-tuned, the mean of several views, or both.

    Args:
      learner: a `Learner`.
      steps: as of `finetuning`.
      rate: as of `finetuning`.
      match: as of `finetuning`.
      views: how many, see `ops.views.averaged`.

    Returns:
      As of `finetuning`.

    Raises:
      UserError: as of `finetuning`, or several views of sentences.
    """
    logits_of, described = finetuning(learner, steps, rate, match)
    if views == 1:
        return logits_of, described
    if learner.vocabulary:
        raise UserError(f"--views turns pictures, and {learner.name} reads sentences; leave it out")
    return averaged(logits_of or learner, views), {**described, "views": views}


def fitting_batch(learner, pictures):
    """Episodes to answer at once, where each has so many pictures (or sentences) of a learner's size."""
    size = SENTENCE if learner.vocabulary else learner.image_shape[0] * learner.image_shape[1]
    return max(1, min(BATCH, MOST_PIXELS // (size * pictures)))


def _collect(answer, sample, episodes, batch=BATCH):
    firsts = [tf.constant(b * batch, tf.int64) for b in range(math.ceil(episodes / batch))]
    if pipeline.reads_files(sample):
        read = pipeline.batches(sample, batch, tf.distribute.get_strategy(), 0)
        parts = [answer(first, *now) for first, now in zip(firsts, read, strict=False)]
    else:
        parts = [answer(first) for first in firsts]
    return (np.concatenate([part[i].numpy() for part in parts])[:episodes] for i in (0, 1))


def _described(right, shown):
    """Mean and interval over the episodes that ask anything, and the answers of all."""
    asked = shown > 0
    numbers = {"right": np.rint(right).astype(int), "shown": np.rint(shown).astype(int)}
    return {**summary(right[asked] / shown[asked]), **numbers}


def summary(accuracies):
    """Mean of the episodes' accuracies and 1.96 s / sqrt(n), in percent."""
    percent = 100.0 * np.asarray(accuracies, np.float64)
    spread = percent.std(ddof=1) if len(percent) > 1 else 0.0
    return {
        "mean": round(float(percent.mean()), 3),
        "ci95": round(float(1.96 * spread / math.sqrt(len(percent))), 3),
    }

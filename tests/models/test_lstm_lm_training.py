"""What updates hand on to each other: through calls, through checkpoints, to the bit."""

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.run_config import TrainOptions
from oneshot_tf.sampling import text
from oneshot_tf.training import checkpoints, loop, optimizers

TOKENS, BATCH, STEPS = 12, 3, 5  # 60 words in rows of 20: an epoch of 4 updates
WORDS = np.random.default_rng(0).integers(2, TOKENS, 60).astype(np.int32)


class Run:
    """A small run with dropout, all fresh."""

    def __init__(self, make_learner, workdir, dropout=0.25):
        sizes = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.5, "clip_norm": 1.0}
        self.options = TrainOptions(batch_size=BATCH, episodes=10 * BATCH, **sizes)
        self.learner = make_learner(
            "lstm_lm", vocabulary=TOKENS, unrolled=STEPS, dropout=dropout, init_range=0.8
        )
        self.optimizer = optimizers.make(self.options)
        self.optimizer.build(self.learner.trainable_variables)
        self.sample = text.sampler(WORDS, seed=3, stream="train", batch=BATCH, steps=STEPS)
        self.carried = loop.make_carried(self.learner, self.options)
        self.checkpoints = checkpoints.Checkpoints(
            workdir, self.learner, self.optimizer, 3, tf.nest.flatten(self.carried)
        )
        self.train_steps = loop.make_train_steps(
            self.learner, self.optimizer, self.sample, self.options,
            tf.distribute.get_strategy(), self.carried,
        )  # fmt: skip

    def step(self, start, num):
        result = self.train_steps(tf.constant(start, tf.int64), tf.constant(num, tf.int64))
        self.checkpoints.updates.assign(start + num)
        return result

    def everything(self):
        variables = [*self.learner.variables, *tf.nest.flatten(self.carried)]
        return [v.numpy() for v in [*variables, *self.optimizer.variables]]


@pytest.fixture
def make_run(make_learner, tmp_path):
    return lambda **options: Run(make_learner, tmp_path, **options)


@pytest.fixture(scope="module")
def six_updates(make_learner, tmp_path_factory):
    """Everything after six updates in one call."""
    run = Run(make_learner, tmp_path_factory.mktemp("run"))
    run.step(0, 6)
    return run.everything()


def assert_same_bits(run, expected):
    for found, wanted in zip(run.everything(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_several_calls_equal_one(make_run, six_updates):
    run = make_run()
    for start, num in ((0, 1), (1, 2), (3, 3)):
        run.step(start, num)
    assert_same_bits(run, six_updates)
    assert run.train_steps.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("after", [3, 4])  # within the text, and at its end
def test_going_on_from_a_checkpoint_equals_one_call(make_run, six_updates, after):
    run = make_run()
    run.step(0, after)
    run.checkpoints.save()
    again = make_run()
    assert again.checkpoints.restore()
    again.step(int(again.checkpoints.updates), 6 - after)
    assert_same_bits(again, six_updates)


def test_without_the_state_it_would_be_another_run(make_run, six_updates):
    run = make_run()
    run.step(0, 3)
    for variable in tf.nest.flatten(run.carried):
        assert np.abs(variable).max() > 0
        variable.assign(tf.zeros_like(variable))
    run.step(3, 3)
    assert any((a != b).any() for a, b in zip(run.everything(), six_updates, strict=True))


def test_updates_by_hand(make_run):
    """Loss, gradient, bound of the norm and descent; the state of one update into the next."""
    run, hand = make_run(dropout=0.0), make_run(dropout=0.0)
    result = run.step(0, 6)
    state, losses = hand.learner.first_state(BATCH), []
    for number in range(6):
        episode = hand.sample(tf.constant(number * BATCH, tf.int64))
        with tf.GradientTape() as tape:
            loss, _, _, state = hand.learner.train_loss(episode, state)
        gradients = tape.gradient(loss, hand.learner.trainable_variables)
        gradients = [tf.convert_to_tensor(g).numpy() for g in gradients]
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        for weight, g in zip(hand.learner.trainable_variables, gradients, strict=True):
            weight.assign_sub(0.5 * g * min(1.0, 1.0 / norm))
        losses.append(float(loss))
    np.testing.assert_allclose(result["loss"], np.mean(losses), rtol=1e-5)
    pairs = zip(run.learner.get_weights(), hand.learner.get_weights(), strict=True)
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_it_learns_a_text(make_run):
    run = make_run(dropout=0.0)
    first = float(run.step(0, 4)["loss"])
    run.step(4, 400)
    assert float(run.step(404, 4)["loss"]) < 0.5 * first


def test_other_models_hand_on_nothing(make_learner):
    assert loop.make_carried(make_learner("lstm"), TrainOptions()) == ()

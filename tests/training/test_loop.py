import os
import signal
import types

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.errors import UserError
from oneshot_tf.training import loop, signals
from oneshot_tf.training.logging import read_metrics
from tests.training.helpers import BATCH, Run


@pytest.fixture
def make_run(make_learner, make_source, distinct_dataset, tmp_path):
    def make(**options):
        return Run(make_learner, make_source(distinct_dataset), tmp_path, **options)

    return make


def assert_same_bits(run, expected):
    for found, wanted in zip(run.everything(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


OPTIONS = {"schedule": "cosine", "episodes": 40, "clip_norm": 1.0}


@pytest.fixture(scope="module")
def eight_updates(make_learner, make_source, distinct_dataset, tmp_path_factory):
    """All numbers after 8 updates in one call; the schedule moves at every update."""
    folder = tmp_path_factory.mktemp("run")
    run = Run(make_learner, make_source(distinct_dataset), folder, **OPTIONS)
    run.step(0, 8)
    return run.everything()


def test_several_calls_equal_one(make_run, eight_updates):
    run = make_run(**OPTIONS)
    start = run.everything()
    run.step(0, 3)
    run.step(3, 5)
    assert_same_bits(run, eight_updates)
    assert any((a != b).any() for a, b in zip(start, eight_updates, strict=True))


def test_saving_and_going_on_with_new_objects_equals_one_call(make_run, eight_updates):
    run = make_run(**OPTIONS)
    run.step(0, 3)
    run.checkpoints.save()
    again = make_run(**OPTIONS)
    assert again.checkpoints.restore()
    again.step(int(again.checkpoints.updates), 5)
    assert_same_bits(again, eight_updates)


def test_an_update_equals_the_same_by_hand(make_run):
    """Loss, gradient, plain descent; two updates, so that the second's episodes count too."""
    run, hand = (make_run(optimizer="sgd", learning_rate=0.1, shot=2) for _ in range(2))
    result = run.step(0, 2)
    losses, norms, right, velocity = [], [], 0.0, None
    for number in range(2):
        episode = hand.sample(tf.constant(number * BATCH))
        with tf.GradientTape() as tape:
            found = hand.learner.train_loss(episode)
            loss = found.loss
        right += found.right
        gradients = tape.gradient(loss, hand.learner.trainable_variables)
        losses.append(float(loss))
        norms.append(float(tf.linalg.global_norm(gradients)))
        velocity = velocity or [0.0] * len(gradients)
        velocity = [0.9 * v - 0.1 * g for v, g in zip(velocity, gradients, strict=True)]
        for weight, v in zip(hand.learner.trainable_variables, velocity, strict=True):
            weight.assign_add(v)
    np.testing.assert_allclose(result["loss"], np.mean(losses), rtol=1e-5)
    np.testing.assert_allclose(result["gradient_norm"], np.mean(norms), rtol=1e-5)
    np.testing.assert_array_equal(result["right"], right)
    pairs = zip(run.learner.get_weights(), hand.learner.get_weights(), strict=True)
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_answers_are_counted_by_presentation(make_run):
    result = make_run().step(0, 3)
    np.testing.assert_array_equal(result["shown"], [3 * BATCH * 3] * 2)
    assert (result["right"] <= result["shown"]).numpy().all()
    assert int(result["first_bad"]) == -1


def test_numbers_of_a_call_are_percent_of_what_was_shown():
    learner = types.SimpleNamespace(loss_scalars=lambda loss: {"loss": loss})
    optimizer = types.SimpleNamespace(learning_rate=tf.constant(0.5))
    result = {"loss": 2.0, "gradient_norm": 3.0}
    result |= {"right": tf.constant([1.0, 6.0, 0.0]), "shown": tf.constant([4.0, 8.0, 0.0])}
    numbers, by_presentation = loop.scalars(learner, optimizer, result, 9.0)
    assert numbers == {
        "loss": 2.0,
        "accuracy": pytest.approx(100 * 7 / 12),
        "gradient_norm": 3.0,
        "learning_rate": 0.5,
        "episodes_per_second": 9.0,
    }
    np.testing.assert_array_equal(by_presentation, [25.0, 75.0, np.nan])


def test_any_number_of_updates_is_traced_once(make_run):
    run = make_run()
    for start, num in [(0, 1), (1, 3), (4, 2)]:
        run.step(start, num)
    assert run.train_steps.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("clip_norm", [0.0, 0.01])
def test_clipping_bounds_the_step_but_not_the_number_that_is_shown(make_run, clip_norm):
    run = make_run(optimizer="sgd", learning_rate=1.0, clip_norm=clip_norm)
    before = run.learner.get_weights()
    norm = float(run.step(0, 1)["gradient_norm"])
    after = run.learner.get_weights()
    moved = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True)))
    assert norm > 0.05
    np.testing.assert_allclose(moved, clip_norm or norm, rtol=1e-3)


def train(run, workdir, hooks=None):
    strategy = tf.distribute.get_strategy()
    loop.train(run.learner, run.sample, run.options, workdir, strategy, hooks or loop.Hooks())


def saved(folder):
    return sorted(path.stem for path in folder.glob("ckpt-*.index"))


def test_a_rate_that_is_too_high_stops_the_run_and_keeps_the_checkpoint(make_run, tmp_path):
    good = make_run(episodes=2 * BATCH)
    train(good, tmp_path)
    kept = good.learner.get_weights()
    bad = make_run(episodes=100 * BATCH, learning_rate=1e38)
    with pytest.raises(UserError, match="update .*is not finite.*last checkpoint is intact"):
        train(bad, tmp_path)
    assert saved(tmp_path / "checkpoints") == ["ckpt-2"]
    again = make_run()
    again.checkpoints.restore()
    for found, wanted in zip(again.learner.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_first_bad_update_and_tensor_are_named(make_run):
    run = make_run()
    sample = run.sample

    def spoiled(first):
        episode = sample(first)
        hole = tf.where(first >= 2 * BATCH, float("nan"), 0.0)
        return episode._replace(inputs=episode.inputs + hole)

    run.train_steps = loop.make_train_steps(
        run.learner, run.optimizer, spoiled, run.options, tf.distribute.get_strategy()
    )
    result = run.step(0, 5)
    assert int(result["first_bad"]) == 2
    with pytest.raises(UserError, match=r"update 3 \(episodes 8 to 11\): the loss is not finite"):
        loop.check_finite(result, run.learner, run.options)


def test_the_tensor_with_the_bad_gradient_is_named(make_run):
    run = make_run()
    names = [v.name for v in run.learner.trainable_variables]
    bad = np.zeros(1 + len(names), np.float32)
    bad[2] = 1.0
    result = {"first_bad": tf.constant(0, tf.int64), "bad": tf.constant(bad)}
    with pytest.raises(UserError, match=f"the gradient of {names[1]} is not finite"):
        loop.check_finite(result, run.learner, run.options)


def test_validation_saves_and_pictures_happen_when_they_are_due(make_run, tmp_path):
    run = make_run(
        episodes=10 * BATCH,
        steps_per_call=4,
        eval_every=3 * BATCH,
        save_every=5 * BATCH,
        figures_every=6 * BATCH,
    )
    scores, drawn = iter([50.0, 70.0, 60.0, 65.0]), []

    def validate():
        score = next(scores)
        return score, {"accuracy": score}, None

    def draw():
        drawn.append(1)
        return {"picture": tf.zeros([2, 2, 3], tf.uint8)}

    train(run, tmp_path, loop.Hooks(validate, draw))
    lines = read_metrics(tmp_path / "metrics.jsonl")
    when = {
        kind: [line["episode"] // BATCH for line in lines if line["kind"] == kind]
        for kind in ("train", "validation")
    }
    assert when["validation"] == [3, 6, 9, 10]
    assert when["train"] == [3, 5, 6, 9, 10]
    assert len(drawn) == 2  # at 6, and at the end
    assert saved(tmp_path / "checkpoints") == ["ckpt-10", "ckpt-5"]
    assert saved(tmp_path / "best") == ["ckpt-6"]


def test_a_finished_run_trains_no_further_and_a_longer_one_goes_on(make_run, tmp_path, capsys):
    train(make_run(episodes=2 * BATCH), tmp_path)
    train(make_run(episodes=2 * BATCH), tmp_path)
    assert "raise --episodes" in capsys.readouterr().out
    longer = make_run(episodes=5 * BATCH)
    train(longer, tmp_path)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["episode"] // BATCH for line in lines] == [2, 5]  # what was trained before stays
    whole = make_run(episodes=5 * BATCH)
    whole.step(0, 5)
    assert_same_bits_of_weights(longer, whole)


def assert_same_bits_of_weights(run, other):
    for found, wanted in zip(run.learner.get_weights(), other.learner.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_saves_and_a_second_run_ends_as_if_nothing_had_happened(
    make_run, tmp_path, number, code
):
    def interrupt():
        os.kill(os.getpid(), number)
        return 50.0, {"accuracy": 50.0}, None

    handler = signal.getsignal(number)
    run = make_run(episodes=6 * BATCH, steps_per_call=2, eval_every=2 * BATCH)
    with pytest.raises(signals.Interrupted) as caught:
        train(run, tmp_path, loop.Hooks(validate=interrupt))
    assert caught.value.code == code
    assert signal.getsignal(number) is handler
    assert saved(tmp_path / "checkpoints") == ["ckpt-2"]
    again, whole = make_run(episodes=6 * BATCH), make_run()
    train(again, tmp_path)
    whole.step(0, 6)
    assert_same_bits_of_weights(again, whole)

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.episodes import ClozeEpisode, RunningText
from oneshot_tf.errors import UserError
from oneshot_tf.layers.stacked_lstm import StackState
from oneshot_tf.models.lstm_lm import CONFIGURATIONS, LanguageOptions, LSTMLanguageModel
from oneshot_tf.ops import language
from tests.numpy_reference import language as reference

TOKENS, BATCH, STEPS, UNITS = 13, 3, 5, 6


def make(make_learner, **options):
    """Weights large enough that words differ."""
    learner = make_learner(
        "lstm_lm", vocabulary=TOKENS, hidden_size=UNITS, unrolled=STEPS, **options
    )
    random = np.random.default_rng(0)
    for weight in learner.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return learner


def words(seed, *shape):
    """Tokens that are words or ends of sentences."""
    tokens = np.random.default_rng(seed).integers(1, TOKENS, shape)
    return np.where(tokens == 1, 0, tokens).astype(np.int32)


def piece(seed=0, begins=False):
    parts = words(seed, BATCH, STEPS), words(seed + 1, BATCH, STEPS)
    return RunningText(
        *map(tf.constant, parts), tf.constant(begins), tf.constant([seed, 7], tf.int64)
    )


def some_state(seed=9):
    numbers = np.random.default_rng(seed).normal(size=(2, 2, BATCH, UNITS))
    return StackState(*map(tf.constant, numbers.astype(np.float32)))


def plain(state):
    return [
        {"hidden": hidden.numpy(), "cell": cell.numpy()}
        for hidden, cell in zip(*map(tf.unstack, state), strict=True)
    ]


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_loss_and_state_against_a_loop(make_learner, begins, dropout):
    learner, episode = make(make_learner, dropout=dropout), piece(begins=begins)
    weights = reference.weights_of(learner)
    state = reference.first_state(weights, BATCH) if begins else plain(some_state())
    seeds = tf.random.experimental.stateless_split(episode.noise, 3, "philox")
    ones = tf.ones([STEPS, BATCH, UNITS])
    masks = [language.dropout(ones, dropout, seed).numpy() for seed in seeds]
    found, after, first = reference.read(
        weights, episode.inputs.numpy(), episode.targets.numpy(), state, masks
    )
    loss, right, shown, state = learner.train_loss(episode, some_state())
    np.testing.assert_allclose(loss, -found.sum() / BATCH, rtol=1e-5)
    assert float(right[0]) == first.sum() and float(shown[0]) == BATCH * STEPS
    for layer, expected in enumerate(after):
        np.testing.assert_allclose(state.hidden[layer], expected["hidden"], atol=1e-5)
        np.testing.assert_allclose(state.cell[layer], expected["cell"], rtol=1e-5, atol=1e-5)
    scalars = learner.loss_scalars(float(loss))
    assert scalars["perplexity"] == pytest.approx(np.exp(-found.mean()), rel=1e-5)


def test_pieces_go_on_where_the_last_one_ended(make_learner):
    learner = make(make_learner)
    inputs, targets = words(0, BATCH, 3 * STEPS), words(1, BATCH, 3 * STEPS)
    whole, _ = learner.log_probabilities(inputs, targets, learner.first_state(BATCH))
    state, losses = some_state(), []
    for number in range(3):
        now = slice(number * STEPS, (number + 1) * STEPS)
        noise = tf.constant([0, number], tf.int64)
        episode = RunningText(inputs[:, now], targets[:, now], tf.constant(number == 0), noise)
        loss, _, _, state = learner.train_loss(episode, state)
        losses.append(float(loss))
    np.testing.assert_allclose(sum(losses), -tf.reduce_sum(whole) / BATCH, rtol=1e-5)


def test_every_weight_learns_and_repeated_words_are_one_row(make_learner):
    learner, episode = make(make_learner), piece()
    episode = episode._replace(inputs=tf.fill([BATCH, STEPS], 4))
    with tf.GradientTape() as tape:
        loss, *_ = learner.train_loss(episode, some_state())
    gradients = tape.gradient(loss, learner.trainable_variables)
    for weight, gradient in zip(learner.trainable_variables, gradients, strict=True):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.name
    table = gradients[[w is learner.table for w in learner.trainable_variables].index(True)]
    # otherwise the norm would be of the parts, not of their sum
    assert table.indices.numpy().tolist() == [3]
    found = tf.linalg.global_norm(gradients)
    expected = tf.linalg.global_norm([tf.convert_to_tensor(g) for g in gradients])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_scores_equal_every_word_tried_by_hand(make_learner):
    learner = make(make_learner)
    query = np.zeros((2, 3, 7), np.int32)
    for b in range(2):
        for q in range(3):
            length = 3 + b + q
            query[b, q, :length] = np.maximum(words(10 * b + q, length), 2)
            query[b, q, [q, length - 1]] = 1
    candidates = np.array([[2, 5, 9, 12], [3, 4, 6, 2]], np.int32)
    expected = np.zeros((2, 3, 4))
    for b, q, k in np.ndindex(expected.shape):
        sentence = [candidates[b, k] if t == 1 else t for t in query[b, q] if t]
        expected[b, q, k] = reference.log_likelihood(reference.weights_of(learner), sentence)
    labels = tf.constant([[0, 1, 2], [3, 3, 0]])
    found = learner(ClozeEpisode(tf.constant(query), labels, tf.constant(candidates)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(learner.predict_labels(found), expected.argmax(axis=2))
    others = learner(ClozeEpisode(tf.constant(query), (labels + 1) % 4, tf.constant(candidates)))
    np.testing.assert_array_equal(others, found)
    padded = tf.pad(tf.constant(query), [[0, 0], [0, 0], [0, 9]])
    again = learner(ClozeEpisode(padded, labels, tf.constant(candidates)))
    np.testing.assert_allclose(again, found, atol=1e-5)


def test_probabilities_are_of_all_words(make_learner):
    """What follows a given beginning is certain to be one of the words or the end."""
    learner = make(make_learner)
    inputs = tf.constant([[0, 4, 7]] * (TOKENS - 1))
    targets = tf.constant([[4, 7, token] for token in [0, *range(2, TOKENS)]])
    found, _ = learner.log_probabilities(inputs, targets, learner.first_state(TOKENS - 1))
    np.testing.assert_allclose(np.exp(found[:, 2]).sum(), 1.0, rtol=1e-5)


def test_configurations_are_the_papers(make_learner):
    for name, chosen in CONFIGURATIONS.items():
        found = LSTMLanguageModel.defaults_for(LanguageOptions(configuration=name))
        assert (found["clip_norm"], found["decay_by"]) == (chosen.clip_norm, chosen.decay_by)
        updates = {20: 2323, 35: 1327}[chosen.unrolled]
        assert found["episodes"] == chosen.epochs * updates * 20
        assert found["decay_from"] == chosen.constant_epochs * updates * 20
    options = LanguageOptions(configuration="medium", hidden_size=7, dropout=0.0)
    assert options.resolved() == CONFIGURATIONS["medium"]._replace(hidden_size=7, dropout=0.0)
    learner = make_learner("lstm_lm", vocabulary=TOKENS, init_range=0.25)
    for weight in learner.trainable_variables:
        assert 0.1 < np.abs(weight).max() <= 0.25, weight.name
    firsts = [float(tf.reshape(weight, [-1])[0]) for weight in learner.trainable_variables]
    assert len(set(firsts)) == len(firsts)
    assert dataclasses.asdict(learner.options)["layers"] == 2


def test_what_it_cannot_do_is_said_in_one_line(make_learner):
    with pytest.raises(UserError, match="lstm_lm reads sentences, no pictures; choose --dataset"):
        make_learner("lstm_lm")
    with pytest.raises(UserError, match="--precision of lstm_lm must be float32.*mixed_bfloat16"):
        LSTMLanguageModel(
            LanguageOptions(), way=5, image_size=8, channels=1, vocabulary=TOKENS,
            precision="mixed_bfloat16", name="lstm_lm",
        )  # fmt: skip

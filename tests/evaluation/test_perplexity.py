import numpy as np
import pytest

from oneshot_tf.evaluation import perplexity
from tests.numpy_reference import language as reference

TOKENS = 12


@pytest.fixture(scope="module")
def learner(make_learner):
    learner = make_learner("lstm_lm", vocabulary=TOKENS)
    random = np.random.default_rng(0)
    for weight in learner.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return learner


def draw(count):
    tokens = np.random.default_rng(1).integers(1, TOKENS, count)
    return np.where(tokens == 1, 0, tokens).astype(np.int32)


@pytest.mark.parametrize("positions", [2000, 6])
def test_one_row_against_a_loop(learner, monkeypatch, positions):
    monkeypatch.setattr(perplexity, "POSITIONS", positions)
    words = draw(23)
    weights = reference.weights_of(learner)
    inputs = np.array([[0, *words[:-1]]])
    found = reference.read(weights, inputs, words[None], reference.first_state(weights, 1))[0]
    expected = np.exp(-found.mean())
    assert perplexity.measure(learner, words, rows=1) == pytest.approx(expected, rel=1e-5)


def test_rows_and_what_is_left_over_against_a_loop(learner):
    words = draw(23)  # 3 rows of 7, and 2
    weights = reference.weights_of(learner)
    before = np.array([0, *words[:-1]])
    total = 0.0
    for start, end in ((0, 7), (7, 14), (14, 21), (21, 23)):
        state = reference.first_state(weights, 1)
        total += reference.read(weights, before[None, start:end], words[None, start:end], state)[
            0
        ].sum()
    found = perplexity.measure(learner, words, rows=3)
    assert found == pytest.approx(np.exp(-total / 23), rel=1e-5)


def test_a_text_shorter_than_the_rows(learner):
    words = draw(5)
    found = perplexity.measure(learner, words, rows=20)
    assert found == pytest.approx(perplexity.measure(learner, words, rows=1), rel=1e-5)


def test_a_model_that_knows_nothing_is_as_surprised_as_there_are_words(make_learner):
    learner = make_learner("lstm_lm", vocabulary=TOKENS)
    for weight in learner.trainable_variables:
        weight.assign(np.zeros(weight.shape))
    assert perplexity.measure(learner, draw(50)) == pytest.approx(TOKENS - 1, rel=1e-5)

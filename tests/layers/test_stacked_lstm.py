import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.stacked_lstm import StackedLSTM, StackState
from oneshot_tf.ops import language
from tests.numpy_reference import lstm

LAYERS, STEPS, BATCH, UNITS = 3, 5, 2, 4


def make(dropout=0.0):
    layer = StackedLSTM(LAYERS, UNITS, dropout)
    layer.build(None)
    random = np.random.default_rng(0)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))
    return layer


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def loop(layer, inputs, state, masks):
    """Outputs [T, B, U] and the state after the last step, step by step."""
    names = ("kernel", "recurrent_kernel", "bias")
    weights = [{name: getattr(cell, name).numpy() for name in names} for cell in layer.cells]
    states = [
        {"hidden": hidden, "cell": cell} for hidden, cell in zip(state[0], state[1], strict=True)
    ]
    outputs = []
    for t in range(STEPS):
        rows = inputs[t]
        for i in range(LAYERS):
            rows, new = lstm.step("lstm", weights[i], rows * masks[i][t], {"controller": states[i]})
            states[i] = new["controller"]
        outputs.append(rows * masks[LAYERS][t])
    return np.array(outputs), [[one[name] for one in states] for name in ("hidden", "cell")]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_against_a_loop(dropout):
    layer, inputs = make(dropout), draw(1, STEPS, BATCH, UNITS)
    state = StackState(draw(2, LAYERS, BATCH, UNITS), draw(3, LAYERS, BATCH, UNITS))
    noise = tf.constant([5, 6], tf.int64)
    seeds = tf.random.experimental.stateless_split(noise, LAYERS + 1, "philox")
    ones = tf.ones([STEPS, BATCH, UNITS])
    masks = [language.dropout(ones, dropout, seed).numpy() for seed in seeds]
    expected, after = loop(layer, inputs, state, masks)
    for training in (False, True):
        outputs, found = layer(
            tf.constant(inputs), StackState(*map(tf.constant, state)), noise, training
        )
        np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.hidden, after[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.cell, after[1], rtol=1e-4, atol=1e-5)


def test_two_halves_equal_the_whole():
    layer, inputs = make(), tf.constant(draw(1, STEPS, BATCH, UNITS))
    whole, last = layer(inputs, layer.initial_state(BATCH))
    first, state = layer(inputs[:2], layer.initial_state(BATCH))
    second, state = layer(inputs[2:], state)
    np.testing.assert_allclose(tf.concat([first, second], 0), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state.cell, last.cell, rtol=1e-5, atol=1e-6)


def test_no_dropout_without_noise():
    layer, inputs = make(dropout=0.5), tf.constant(draw(1, STEPS, BATCH, UNITS))
    plain, _ = make()(inputs, layer.initial_state(BATCH))
    found, _ = layer(inputs, layer.initial_state(BATCH))
    np.testing.assert_array_equal(found, plain)


def test_a_state_of_another_size_is_refused():
    layer = make()
    with pytest.raises(ValueError, match="`hidden` must be"):
        layer(tf.zeros([STEPS, BATCH, UNITS]), layer.initial_state(BATCH + 1))

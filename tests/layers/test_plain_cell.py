import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.plain_cell import PlainCell
from tests.layers.helpers import UNITS, build, check_against_loops, plain_run, random_inputs
from tests.numpy_reference import lstm


@pytest.mark.parametrize("controller", ["lstm", "mlp"])
def test_against_loops(controller):
    def loops(weights, inputs, state):
        return lstm.step(controller, weights, inputs, state)

    check_against_loops(build(PlainCell(controller, UNITS)), loops)


def test_lstm_equals_keras():
    cell, inputs = build(PlainCell("lstm", UNITS)), tf.constant(random_inputs())
    outputs, state = plain_run(cell, inputs, cell.initial_state(inputs.shape[1]))
    layer = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True, time_major=True)
    layer.build(inputs.shape)
    layer.set_weights([cell.kernel, cell.recurrent_kernel, cell.bias])
    expected, hidden, memory = layer(inputs)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state.controller.hidden, hidden, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state.controller.cell, memory, rtol=1e-5, atol=1e-6)


def test_a_feed_forward_layer_remembers_nothing():
    cell, inputs = build(PlainCell("mlp", UNITS)), random_inputs()
    assert cell.recurrent_kernel is None
    outputs, _ = plain_run(cell, tf.constant(inputs), cell.initial_state(inputs.shape[1]))
    changed = np.concatenate([inputs[:-1] + 1.0, inputs[-1:]])
    others, _ = plain_run(cell, tf.constant(changed), cell.initial_state(inputs.shape[1]))
    np.testing.assert_array_equal(outputs[-1], others[-1])
    assert np.abs(outputs[0] - others[0]).max() > 0.01


def test_the_forget_gate_starts_open():
    cell = PlainCell("lstm", 3)
    cell.build([None, None, 2])
    np.testing.assert_array_equal(cell.bias, [0.0] * 3 + [1.0] * 3 + [0.0] * 6)

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.controllers import CONTROLLERS, LSTMController, MLPController


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_a_step_keeps_structure_and_shapes(kind):
    controller = CONTROLLERS[kind](4)
    state = controller.initial_state(3)
    new = controller.step(tf.ones([3, controller.width]), state)
    assert type(new) is type(state)
    assert [s.shape for s in new] == [s.shape for s in state] == [(3, 4)] * len(state)
    assert controller.initial_bias().shape == (controller.width,)


def test_open_forget_gate_keeps_the_cell():
    controller = LSTMController(2)
    state = controller.initial_state(1)._replace(cell=tf.constant([[0.3, -2.0]]))
    gates = tf.constant([[-100.0] * 2 + [100.0] * 2 + [0.7] * 2 + [100.0] * 2])  # i, f, g, o
    new = controller.step(gates, state)
    np.testing.assert_array_equal(new.cell, state.cell)
    np.testing.assert_allclose(new.hidden, np.tanh(state.cell), rtol=1e-6)


def test_forget_gate_starts_open():
    np.testing.assert_array_equal(LSTMController(2).initial_bias(), [0, 0, 1, 1, 0, 0, 0, 0])


def test_feed_forward_layer_is_tanh():
    controller = MLPController(2)
    new = controller.step(tf.constant([[0.5, -1.0]]), controller.initial_state(1))
    np.testing.assert_allclose(new.hidden, np.tanh([[0.5, -1.0]]), rtol=1e-6)

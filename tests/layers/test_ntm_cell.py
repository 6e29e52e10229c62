import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.ntm_cell import NTMCell
from tests.layers.helpers import (
    BATCH,
    ROWS,
    UNITS,
    WIDTH,
    build,
    check_against_loops,
    random_inputs,
    random_state,
    step,
)  # fmt: skip
from tests.numpy_reference import ntm


def make(controller="lstm", heads=1, shifts=1, read_after_write=False):
    sizes = (controller, UNITS, ROWS, WIDTH, heads)
    return build(NTMCell(*sizes, shifts=shifts, read_after_write=read_after_write))


@pytest.mark.parametrize("controller", ["lstm", "mlp"])
@pytest.mark.parametrize("heads, shifts", [(1, 1), (3, 1), (2, 0), (1, 2)])
@pytest.mark.parametrize("read_after_write", [False, True])
def test_against_loops(controller, heads, shifts, read_after_write):
    options = {"width": WIDTH, "heads": heads, "shifts": shifts}
    options["read_after_write"] = read_after_write

    def loops(weights, inputs, state):
        return ntm.step(controller, weights, options, inputs, state)

    check_against_loops(make(controller, heads, shifts, read_after_write), loops)


def test_first_weights_and_reads_are_learned():
    cell = make(heads=2)
    state = cell.initial_state(BATCH)
    weights = tf.exp(cell.first_weights) / tf.reduce_sum(tf.exp(cell.first_weights), 2, True)
    for b in range(BATCH):
        np.testing.assert_allclose(state.weights[b], weights[0], rtol=1e-5)
        np.testing.assert_allclose(state.reads[b], np.tanh(cell.first_reads[0]), rtol=1e-5)
    np.testing.assert_array_equal(state.memory, np.full((BATCH, ROWS, WIDTH), np.float32(1e-6)))


def set_heads(cell, **values):
    """Lets the bias alone speak; names that are not given stay zero."""
    names = ("key", "strength", "gate", "shift", "gamma", "erase", "add")
    parts = [np.zeros(size) for size in cell.sizes]
    for name, value in values.items():
        parts[names.index(name)] += value
    cell.head_kernel.assign(tf.zeros_like(cell.head_kernel))
    cell.head_bias.assign(np.concatenate(parts))


STAY = np.tile([-100.0, 100.0, -100.0], 2)  # for two heads: shift -1, 0, +1
GO_UP = np.tile([-100.0, -100.0, 100.0], 2)


def test_gate_zero_identity_shift_and_no_sharpening_keep_the_weights():
    cell = make()
    set_heads(cell, gate=-100.0, shift=STAY, gamma=-100.0)
    state = random_state(cell)
    _, new = step(cell, tf.constant(random_inputs()[0]), state)
    np.testing.assert_allclose(new.weights, state.weights, atol=1e-6)


def test_gate_zero_and_a_shift_move_the_weights():
    cell = make()
    set_heads(cell, gate=-100.0, shift=GO_UP, gamma=-100.0)
    state = random_state(cell)
    _, new = step(cell, tf.constant(random_inputs()[0]), state)
    np.testing.assert_allclose(new.weights, np.roll(state.weights, 1, axis=2), atol=1e-6)


def test_full_erase_and_add_replace_the_row_under_the_write_head():
    cell = make()
    set_heads(cell, gate=-100.0, shift=STAY, gamma=-100.0, erase=100.0, add=100.0)
    state = random_state(cell)._replace(weights=tf.one_hot([[0, 3], [1, 2]], ROWS))
    _, new = step(cell, tf.constant(random_inputs()[0]), state)
    expected = state.memory.numpy()
    expected[0, 3] = expected[1, 2] = 1.0
    np.testing.assert_allclose(new.memory, expected, atol=1e-6)


@pytest.mark.parametrize("read_after_write", [False, True])
def test_reading_sees_the_write_of_the_same_step_only_if_asked(read_after_write):
    cell = make(read_after_write=read_after_write)
    set_heads(cell, gate=-100.0, shift=STAY, gamma=-100.0, erase=100.0, add=100.0)
    state = random_state(cell)._replace(weights=tf.one_hot([[3, 3], [2, 2]], ROWS))
    _, new = step(cell, tf.constant(random_inputs()[0]), state)
    read_from = new.memory if read_after_write else state.memory
    np.testing.assert_allclose(new.reads, tf.stack([read_from[0, 3], read_from[1, 2]]), atol=1e-6)

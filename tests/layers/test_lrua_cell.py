import itertools

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.lrua_cell import LRUACell
from oneshot_tf.ops import addressing
from tests.layers.helpers import (
    INPUTS,
    ROWS,
    UNITS,
    WIDTH,
    build,
    check_against_loops,
    random_inputs,
    random_state,
    step,
)  # fmt: skip
from tests.numpy_reference import lrua

COMBINATIONS = [
    {"add_vector": vector, "shared_rows": shared, "write_gate": gate, "read_after_write": after}
    for vector, shared, gate, after in itertools.product(
        ["key", "separate", "previous_key"], [False, True], ["scalar", "step"], [False, True]
    )
]
DEFAULTS = {"usage_decay": 0.9, "key_strength": True, "initial_strength": 3.0, "least_norm": 0.5}


def make(controller="lstm", heads=4, **options):
    options = {**DEFAULTS, **COMBINATIONS[0], **options}
    return build(LRUACell(controller, UNITS, ROWS, WIDTH, heads, **options))


@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize(
    "options", COMBINATIONS, ids=lambda o: "-".join(f"{v}" for v in o.values())
)
def test_against_loops(heads, options):
    def loops(weights, inputs, state):
        settings = {**DEFAULTS, **options, "width": WIDTH, "heads": heads}
        return lrua.step("lstm", weights, settings, inputs, state)

    check_against_loops(make(heads=heads, **options), loops)


@pytest.mark.parametrize("key_strength", [False, True])
def test_feed_forward_controller_against_loops(key_strength):
    def loops(weights, inputs, state):
        settings = {**DEFAULTS, **COMBINATIONS[0], "width": WIDTH, "heads": 2}
        settings["key_strength"] = key_strength
        return lrua.step("mlp", weights, settings, inputs, state)

    check_against_loops(make("mlp", heads=2, key_strength=key_strength), loops)


def step_with_gate(alpha, **options):
    """(state before, state after) of a step whose gates are sigmoid(alpha), one a head."""
    cell = make(heads=2, write_gate="scalar", **options)
    cell.alpha.assign([alpha])
    state = random_state(cell)
    return state, step(cell, tf.constant(random_inputs()[0]), state)[1]


def test_gate_one_writes_where_it_read():
    state, new = step_with_gate([100.0, 100.0])
    np.testing.assert_array_equal(new.write_weights, state.read_weights)


def test_gate_zero_writes_each_head_to_a_least_used_row_of_its_own():
    state, new = step_with_gate([-100.0, -100.0])
    np.testing.assert_allclose(new.write_weights, addressing.least_used(state.usage, 2), atol=1e-30)


def test_gate_zero_with_shared_rows_writes_every_head_to_all_of_them():
    state, new = step_with_gate([-100.0, -100.0], shared_rows=True)
    both = tf.reduce_sum(addressing.least_used(state.usage, 2), axis=1)
    for head in range(2):
        np.testing.assert_allclose(new.write_weights[:, head], both, atol=1e-30)


def test_only_the_least_used_row_is_cleared():
    cell = make(heads=2)
    cell.head_kernel.assign(tf.zeros_like(cell.head_kernel))
    cell.head_bias.assign(tf.zeros_like(cell.head_bias))  # the key is zero: nothing is added
    state = random_state(cell)
    _, new = step(cell, tf.constant(random_inputs()[0]), state)
    kept = 1.0 - addressing.least_used(state.usage, 1)[:, 0, :, None]
    np.testing.assert_array_equal(new.memory, state.memory * kept)


def test_the_key_of_a_step_is_written_at_the_next():
    """With nothing of its own to add; row by row, where the heads write."""
    cell = make(heads=2, add_vector="previous_key")
    added = slice(2 * WIDTH, 4 * WIDTH)  # of the head, behind the keys
    kernel, bias = cell.head_kernel.numpy(), cell.head_bias.numpy()
    kernel[:, added], bias[added] = 0.0, 0.0
    cell.head_kernel.assign(kernel)
    cell.head_bias.assign(bias)
    cell.alpha.assign([[-100.0, -100.0]])  # to the least used rows
    inputs, state = random_inputs(), random_state(cell)
    _, first = step(cell, tf.constant(inputs[0]), state)
    _, second = step(cell, tf.constant(inputs[1]), first)
    rows = addressing.least_used(first.usage, 2)
    kept = first.memory * (1.0 - rows[:, 0, :, None])
    written = tf.matmul(rows, first.keys, transpose_a=True)
    np.testing.assert_allclose(second.memory, kept + written, atol=1e-6)


@pytest.mark.parametrize(
    "options, head_width", [({}, 2), ({"add_vector": "separate", "write_gate": "step"}, 6)]
)
def test_shapes_of_weights(options, head_width):
    cell = make(heads=2, **options)
    expected = {
        "kernel": (INPUTS, 4 * UNITS),
        "bias": (4 * UNITS,),
        "recurrent_kernel": (2 * WIDTH + UNITS, 4 * UNITS),
    }
    width = 2 * WIDTH * (2 if options else 1) + (4 if options else 2)
    expected |= {"head_kernel": (UNITS, width), "head_bias": (width,)}
    if not options:
        expected["alpha"] = (1, 2)
    found = {w.name.split("/")[-1].split(":")[0]: tuple(w.shape) for w in cell.trainable_variables}
    assert found == expected


@pytest.mark.parametrize("add_vector", ["key", "separate", "previous_key"])
def test_strength_at_the_start(add_vector):
    """Of a head that sees nothing: keys and gates begin at zero, the strength as it is asked for."""
    options = {**DEFAULTS, **COMBINATIONS[0], "add_vector": add_vector, "write_gate": "step"}
    cell = LRUACell("lstm", UNITS, ROWS, WIDTH, 2, **options)
    cell.build([None, None, INPUTS])
    keys, adds, strength, alpha = cell._heads(tf.zeros([1, UNITS]), cell.read_heads())
    np.testing.assert_allclose(strength, [[3.0, 3.0]], rtol=1e-6)
    for zeros in (keys, adds, alpha):
        np.testing.assert_array_equal(zeros, np.zeros(zeros.shape))

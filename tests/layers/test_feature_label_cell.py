import itertools

import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.layers.feature_label_cell import FeatureLabelCell
from oneshot_tf.ops import addressing
from tests.layers.helpers import (
    BATCH,
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
from tests.numpy_reference import flmn

COMBINATIONS = [
    {
        "key": key,
        "write_gate": gate,
        "key_strength": strong,
        "read_after_write": after,
        "erase_label": erase,
    }
    for key, gate, strong, after, erase in itertools.product(
        ["feature", "own"], ["scalar", "step"], [False, True], [False, True], [False, True]
    )
]
DEFAULTS = {"usage_decay": 0.9, "initial_strength": 3.0, "least_norm": 0.5}


def make(controller="lstm", **options):
    options = {**DEFAULTS, **COMBINATIONS[-1], **options}
    return build(FeatureLabelCell(controller, UNITS, ROWS, WIDTH, **options))


@pytest.mark.parametrize("controller", ["lstm", "mlp"])
@pytest.mark.parametrize(
    "options", COMBINATIONS, ids=lambda o: "-".join(f"{v}" for v in o.values())
)
def test_against_loops(controller, options):
    def loops(weights, inputs, state):
        settings = {**DEFAULTS, **options, "width": WIDTH}
        return flmn.step(controller, weights, settings, inputs, state)

    check_against_loops(make(controller, **options), loops)


def with_gate(value):
    """A cell whose write gate is 0 or 1 up to rounding, whatever it reads."""
    cell = make(write_gate="scalar")
    cell.alpha.assign([[100.0 if value else -100.0]])
    return cell


def test_gate_one_writes_where_it_read():
    cell = with_gate(1)
    state = random_state(cell)
    _, new = step(cell, tf.constant(random_inputs()[0]), state)
    np.testing.assert_array_equal(new.write_weights, state.read_weights)


def test_gate_zero_writes_one_hot_at_the_least_used_row():
    cell = with_gate(0)
    state = random_state(cell)
    _, new = step(cell, tf.constant(random_inputs()[0]), state)
    np.testing.assert_allclose(
        new.write_weights, addressing.least_used(state.usage, 1)[:, 0], atol=1e-30
    )
    # the old content of that row is gone: it holds the new vector alone, within tanh's range
    rows = np.argmin(state.usage, axis=1)
    for b in range(BATCH):
        assert np.abs(new.features[b, rows[b]]).max() <= 1.0
        others = np.arange(ROWS) != rows[b]
        np.testing.assert_array_equal(new.features[b][others], state.features[b][others])


def test_the_label_goes_one_step_later_to_the_row_of_its_feature():
    cell = with_gate(0)
    state = random_state(cell)
    first, second = random_inputs()[:2]
    _, state = step(cell, tf.constant(first), state)
    row, before = np.argmax(state.write_weights, axis=1), state.labels
    _, after = step(cell, tf.constant(second), state)
    changed = np.abs(after.labels - before).max(axis=2) > 1e-6
    np.testing.assert_array_equal(changed, np.eye(ROWS, dtype=bool)[row])


@pytest.mark.parametrize("erase_label", [True, False])
def test_the_label_row_is_erased_only_if_asked(erase_label):
    cell = make(erase_label=erase_label, write_gate="scalar")
    cell.head_kernel.assign(tf.zeros_like(cell.head_kernel))
    cell.head_bias.assign(tf.zeros_like(cell.head_bias))  # nothing is added
    state = random_state(cell)
    _, new = step(cell, tf.constant(random_inputs()[0]), state)
    kept = 1.0 - state.cleared[:, :, None] * float(erase_label)
    np.testing.assert_array_equal(new.labels, state.labels * kept)


def test_shapes_and_strength_at_the_start():
    cell = FeatureLabelCell("lstm", UNITS, ROWS, WIDTH, **DEFAULTS, **COMBINATIONS[-1])
    cell.build([None, None, INPUTS])
    assert {
        w.name.split("/")[-1].split(":")[0]: tuple(w.shape) for w in cell.trainable_variables
    } == {
        "kernel": (INPUTS, 4 * UNITS),
        "bias": (4 * UNITS,),
        "recurrent_kernel": (WIDTH + UNITS, 4 * UNITS),
        "head_kernel": (UNITS, 3 * WIDTH + 2),
        "head_bias": (3 * WIDTH + 2,),
    }
    strength = 1.0 + tf.nn.softplus(cell.head_bias[3 * WIDTH])
    np.testing.assert_allclose(strength, 3.0, rtol=1e-6)


def test_the_code_that_is_written_is_found_again():
    """With one code, what was written last is the nearest row to it, whatever the weights are."""
    cell = make(key="feature", write_gate="scalar", read_after_write=True)
    cell.alpha.assign([[-100.0]])  # it goes to the least used row, alone
    _, new = step(cell, tf.constant(random_inputs()[0]), random_state(cell))
    np.testing.assert_array_equal(
        np.argmax(new.read_weights, axis=1), np.argmax(new.write_weights, axis=1)
    )
    assert cell.head_kernel.shape[1] == 2 * WIDTH + 1  # no head for a key of its own

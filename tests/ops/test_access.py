import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import access
from tests.numpy_reference import access as reference

FUNCTIONS = {
    "read": ["BNM", "BHN"],
    "clear_rows": ["BNM", "BN"],
    "add": ["BNM", "BHN", "BHM"],
    "erase": ["BNM", "BHN", "BHM"],
}


def draw(pattern, sizes, seed=0):
    random = np.random.default_rng([seed, *map(ord, pattern)])
    return random.random([sizes[letter] for letter in pattern]).astype(np.float32)


@pytest.mark.parametrize("name", FUNCTIONS)
@hypothesis.given(st.tuples(*[st.integers(1, 4)] * 4), st.integers(0, 99))
@hypothesis.settings(deadline=None, max_examples=20)
def test_against_loops(name, sizes, seed):
    sizes = dict(zip("BHNM", sizes, strict=True))
    arguments = [draw(pattern, sizes, seed) for pattern in FUNCTIONS[name]]
    found = getattr(access, name)(*map(tf.constant, arguments))
    expected = getattr(reference, name)(*arguments)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_reading_with_one_hot_weights_gives_the_row():
    memory = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    found = access.read(tf.constant(memory), tf.one_hot([[3, 0], [1, 1]], 4))
    np.testing.assert_array_equal(found, [memory[0, [3, 0]], memory[1, [1, 1]]])


def test_clearing_touches_only_the_marked_row():
    memory = np.ones((2, 3, 2), np.float32)
    found = access.clear_rows(tf.constant(memory), tf.one_hot([0, 2], 3))
    np.testing.assert_array_equal(found[:, :, 0], [[0, 1, 1], [1, 1, 0]])


def test_erasing_a_full_row_then_adding_replaces_it():
    memory = np.random.default_rng(0).random((1, 3, 2)).astype(np.float32)
    weights, new = tf.one_hot([[1]], 3), tf.constant([[[5.0, 6.0]]])
    found = access.add(access.erase(tf.constant(memory), weights, tf.ones([1, 1, 2])), weights, new)
    np.testing.assert_array_equal(found[0], [memory[0, 0], [5.0, 6.0], memory[0, 2]])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("wrong", ["rank", "size"])
def test_wrong_shapes_are_named(name, wrong):
    sizes = {"B": 2, "H": 3, "N": 5, "M": 4}
    arguments = [draw(pattern, sizes) for pattern in FUNCTIONS[name]]
    arguments[1] = arguments[1][..., 0] if wrong == "rank" else arguments[1][..., :-1]
    with pytest.raises(ValueError, match=r"`(weights|rows)` must be \[.*Received: shape="):
        getattr(access, name)(*map(tf.constant, arguments))

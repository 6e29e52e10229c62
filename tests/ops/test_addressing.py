import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis.extra import numpy as arrays

from oneshot_tf.ops import addressing
from tests.numpy_reference import addressing as reference

SIZES = {"B": 2, "H": 3, "N": 5, "M": 4, "K": 3}
sizes = st.fixed_dictionaries(
    {"B": st.integers(1, 3), "H": st.integers(1, 3), "N": st.integers(1, 6), "M": st.integers(1, 4)}
)
several = hypothesis.settings(deadline=None, max_examples=15)


def draw(pattern, sizes=SIZES, seed=0, positive=False):
    """Random float32 of the shape that the letters name."""
    random = np.random.default_rng([seed, len(pattern), *map(ord, pattern)])
    shape = [sizes[letter] for letter in pattern]
    numbers = random.random(shape) + 0.01 if positive else random.normal(size=shape)
    return numbers.astype(np.float32)


def rows_of_weights(sizes=SIZES, seed=0):
    weights = draw("BHN", sizes, seed, positive=True)
    return weights / weights.sum(axis=2, keepdims=True)


def call(function, *arguments):
    """Calls an operation with tensors in place of arrays."""
    return function(*(tf.constant(a) if isinstance(a, np.ndarray) else a for a in arguments))


def close(actual, expected, tolerance=1e-5):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@several
@hypothesis.given(sizes, st.integers(0, 99), st.sampled_from([0.0, 0.3, 2.0]))
def test_cosine(sizes, seed, least):
    keys, memory = draw("BHM", sizes, seed), draw("BNM", sizes, seed)
    found = call(lambda k, m: addressing.cosine(k, m, least), keys, memory)
    close(found, reference.cosine(keys, memory, least))


def test_a_row_much_shorter_than_the_least_norm_counts_as_empty():
    keys = tf.constant(draw("BHM"))
    short = 1e-4 * keys  # rows in the very direction of the keys
    np.testing.assert_allclose(
        tf.linalg.diag_part(addressing.cosine(keys, short)), np.ones((2, 3)), rtol=1e-2
    )
    assert np.abs(addressing.cosine(keys, short, least_norm=0.1)).max() < 1e-2
    long = addressing.cosine(keys, 100.0 * keys, least_norm=0.1)
    np.testing.assert_allclose(tf.linalg.diag_part(long), np.ones((2, 3)), rtol=1e-5)


@several
@hypothesis.given(sizes, st.integers(0, 99), st.booleans())
def test_content_weights(sizes, seed, strong):
    keys, memory = draw("BHM", sizes, seed), draw("BNM", sizes, seed)
    strength = 4.0 * draw("BH", sizes, seed, positive=True) if strong else None
    found = call(addressing.content_weights, keys, memory, strength)
    close(found, reference.content_weights(keys, memory, strength))
    close(tf.reduce_sum(found, axis=2), np.ones((sizes["B"], sizes["H"])))


def test_cosine_of_an_all_zero_memory_is_zero():
    found = call(addressing.cosine, draw("BHM"), tf.zeros([2, 5, 4]))
    np.testing.assert_array_equal(found, np.zeros((2, 3, 5)))


def test_content_weights_of_an_all_zero_memory_are_uniform_with_finite_gradients():
    keys, memory = tf.constant(draw("BHM")), tf.zeros([2, 5, 4])
    with tf.GradientTape() as tape:
        tape.watch([keys, memory])
        weights = call(addressing.content_weights, keys, memory)
        loss = tf.reduce_sum(weights[:, :, 0])
    np.testing.assert_allclose(weights, np.full((2, 3, 5), 0.2), rtol=1e-6)
    for gradient in tape.gradient(loss, [keys, memory]):
        assert np.isfinite(gradient).all()


@several
@hypothesis.given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 3), st.integers(1, 6)), elements=st.integers(0, 3)
    ),
    st.data(),
)
def test_least_used_with_many_ties(usage, data):
    num = data.draw(st.integers(1, usage.shape[1]))
    found = addressing.least_used(tf.constant(usage), num)
    np.testing.assert_array_equal(found, reference.least_used(usage, num))


def test_least_used_of_equal_rows_is_the_first():
    found = addressing.least_used(tf.zeros([1, 4]), 2)
    np.testing.assert_array_equal(found, [[[1, 0, 0, 0], [0, 1, 0, 0]]])


def test_least_used_has_no_gradient():
    usage = tf.constant(draw("BN"))
    with tf.GradientTape() as tape:
        tape.watch(usage)
        loss = tf.reduce_sum(addressing.least_used(usage, 2) * usage[:, None])
    marked = reference.least_used(usage.numpy(), 2).sum(axis=1)
    np.testing.assert_array_equal(tape.gradient(loss, usage), marked)


@pytest.mark.parametrize("num", [0, 6])
def test_least_used_refuses_a_number_of_rows_out_of_range(num):
    with pytest.raises(ValueError, match=rf"\[1, 5\]. Received: num={num}"):
        addressing.least_used(tf.zeros([2, 5]), num)


@several
@hypothesis.given(sizes, st.integers(0, 99), st.sampled_from([0.0, 0.95]))
def test_update_usage(sizes, seed, decay):
    usage, read = draw("BN", sizes, seed, positive=True), rows_of_weights(sizes, seed)
    write = rows_of_weights(sizes, seed + 1)[:, :1]
    found = call(addressing.update_usage, usage, read, write, decay)
    close(found, reference.update_usage(usage, read, write, decay))


def test_update_usage_has_no_gradient():
    usage, weights = tf.constant(draw("BN")), tf.constant(rows_of_weights())
    with tf.GradientTape() as tape:
        tape.watch([usage, weights])
        loss = tf.reduce_sum(call(addressing.update_usage, usage, weights, weights, 0.9))
    assert tape.gradient(loss, [usage, weights]) == [None, None]


@pytest.mark.parametrize("batch_of_gate", [1, 2])
def test_lrua_write_weights(batch_of_gate):
    gate = tf.sigmoid(draw("BH"))[:batch_of_gate]
    read, unused = rows_of_weights(), reference.least_used(draw("BN"), 3).astype(np.float32)
    found = call(addressing.lrua_write_weights, gate, read, unused)
    everywhere = np.broadcast_to(gate, [2, 3])
    close(found, reference.mix(everywhere, read, unused))
    close(tf.reduce_sum(found, axis=2), np.ones((2, 3)))


@pytest.mark.parametrize("gate, chosen", [(1.0, 0), (0.0, 1)])
def test_lrua_gate_at_its_ends_chooses_one_of_the_two(gate, chosen):
    read, unused = rows_of_weights(), reference.least_used(draw("BN"), 3).astype(np.float32)
    found = call(addressing.lrua_write_weights, tf.fill([2, 3], gate), read, unused)
    np.testing.assert_array_equal(found, [read, unused][chosen])


@several
@hypothesis.given(sizes, st.integers(0, 99))
def test_interpolate(sizes, seed):
    gate = draw("BH", sizes, seed, positive=True) / 1.01
    content, previous = rows_of_weights(sizes, seed), rows_of_weights(sizes, seed + 1)
    found = call(addressing.interpolate, gate, content, previous)
    close(found, reference.mix(gate, content, previous))


@several
@hypothesis.given(sizes, st.integers(0, 99), st.data())
def test_shift(sizes, seed, data):
    reach = data.draw(st.integers(0, (sizes["N"] - 1) // 2))
    sizes = {**sizes, "K": 2 * reach + 1}
    weights, kernel = rows_of_weights(sizes, seed), draw("BHK", sizes, seed, positive=True)
    kernel /= kernel.sum(axis=2, keepdims=True)
    found = call(addressing.shift, weights, kernel)
    close(found, reference.shift(weights, kernel))
    close(tf.reduce_sum(found, axis=2), np.ones((sizes["B"], sizes["H"])))


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_shift_with_one_offset_moves_all_weight_by_it(offset):
    weights = rows_of_weights()
    kernel = np.tile(np.eye(3, dtype=np.float32)[offset + 1], (2, 3, 1))
    found = call(addressing.shift, weights, kernel)
    np.testing.assert_array_equal(found, np.roll(weights, offset, axis=2))


@pytest.mark.parametrize("width", [2, 7])
def test_shift_refuses_a_kernel_that_is_even_or_too_wide(width):
    with pytest.raises(ValueError, match=f"odd width of at most 5. Received: {width}"):
        call(addressing.shift, tf.ones([2, 3, 5]), tf.ones([2, 3, width]))


@several
@hypothesis.given(sizes, st.integers(0, 99))
def test_sharpen(sizes, seed):
    weights = rows_of_weights(sizes, seed)
    gamma = 1.0 + 3.0 * draw("BH", sizes, seed, positive=True)
    close(call(addressing.sharpen, weights, gamma), reference.sharpen(weights, gamma))


def test_sharpen_by_one_changes_nothing():
    weights = rows_of_weights()
    close(call(addressing.sharpen, weights, tf.ones([2, 3])), weights, tolerance=1e-6)


def test_sharpen_of_one_hot_weights_has_finite_gradients():
    weights = tf.one_hot([[0], [2]], 4)
    gamma = tf.fill([2, 1], 3.0)
    with tf.GradientTape() as tape:
        tape.watch([weights, gamma])
        sharpened = call(addressing.sharpen, weights, gamma)
        loss = tf.reduce_sum(sharpened[:, :, 1])
    close(sharpened, weights)
    for gradient in tape.gradient(loss, [weights, gamma]):
        assert np.isfinite(gradient).all()


GRADIENTS = {
    "cosine": (addressing.cosine, ["BHM", "BNM"]),
    "content": (addressing.content_weights, ["BHM", "BNM", "BH"]),
    "sharpen": (addressing.sharpen, ["BHN", "BH"]),
    "shift": (addressing.shift, ["BHN", "BHK"]),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient(name):
    function, patterns = GRADIENTS[name]
    tensors = [tf.constant(draw(p, positive=True) + 0.5, tf.float64) for p in patterns]
    analytic, numeric = tf.test.compute_gradient(function, tensors)
    for a, n in zip(analytic, numeric, strict=True):
        assert np.abs(n).max() > 1e-4
        np.testing.assert_allclose(a, n, rtol=1e-5, atol=1e-7)


BAD = {
    "cosine": (addressing.cosine, ["BHM", "BNK"], "memory"),
    "content": (addressing.content_weights, ["BHM", "BNM", "HB"], "strength"),
    "least": (lambda usage: addressing.least_used(usage, 1), ["BHN"], "usage"),
    "usage": (lambda *a: addressing.update_usage(*a, 0.9), ["BN", "BHM", "BHN"], "read_weights"),
    "lrua": (addressing.lrua_write_weights, ["BH", "BHN", "BN"], "least_used_rows"),
    "interpolate": (addressing.interpolate, ["BH", "BHN", "BHM"], "previous"),
    "shift": (addressing.shift, ["BHN", "BK"], "kernel"),
    "sharpen": (addressing.sharpen, ["BHN", "BHN"], "gamma"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_shapes_are_named(name):
    function, patterns, blamed = BAD[name]
    with pytest.raises(ValueError, match=rf"`{blamed}` must be \[.*Received: shape="):
        function(*(tf.constant(draw(p)) for p in patterns))

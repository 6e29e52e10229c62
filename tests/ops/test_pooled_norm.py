import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import pooled_norm
from oneshot_tf.ops.pooled_norm import EPSILON

FORMS = {"composed": pooled_norm.composed, "fused": pooled_norm.fused}
FACTOR, OFFSET = [1.5, -0.5, 0.25], [0.1, -0.3, 0.5]  # one falls with its channel


def plainly(features, factor, offset, relu):
    """(pooled, mean, variance) in numpy, a pixel at a time."""
    n, height, width, channels = features.shape
    count = n * height * width
    pooled = np.full((n, height // 2, width // 2, channels), -np.inf)
    means, variances = np.zeros(channels), np.zeros(channels)
    for f in range(channels):
        values = [x for picture in features for row in picture for x in row[:, f]]
        mean = sum(values) / count
        squares = sum((value - mean) ** 2 for value in values)
        means[f], variances[f] = mean, squares / (count - 1)
        for i in range(n):
            for y in range(height // 2 * 2):
                for x in range(width // 2 * 2):
                    normal = (features[i, y, x, f] - mean) / np.sqrt(squares / count + EPSILON)
                    value = normal * factor[f] + offset[f]
                    value = max(value, 0.0) if relu else value
                    pooled[i, y // 2, x // 2, f] = max(pooled[i, y // 2, x // 2, f], value)
    return pooled, means, variances


@pytest.fixture(params=[(4, 6), (5, 7), (3, 2)], ids=str)
def features(request, random):
    """Values of unlike size in each channel; heights and widths that are odd leave a line out."""
    drawn = random.normal(size=(3, *request.param, 3)) * [1.0, 3.0, 0.5] + [0.5, -2.0, 0.0]
    return drawn.astype(np.float32)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_against_loops(features, form, relu):
    found = FORMS[form](tf.constant(features), tf.constant(FACTOR), tf.constant(OFFSET), relu)
    expected = plainly(features.astype(np.float64), FACTOR, OFFSET, relu)
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-5)


def gradients(form, features, factor, offset, relu, weights):
    values = [tf.convert_to_tensor(value) for value in (features, factor, offset)]
    with tf.GradientTape() as tape:
        tape.watch(values)
        pooled, _, _ = FORMS[form](*values, relu)
        loss = tf.reduce_sum(tf.cast(pooled, tf.float32) * weights)
    return tape.gradient(loss, values)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("equal", [False, True], ids=["", "equal values"])
def test_gradients_are_those_of_the_operations_one_by_one(features, random, relu, equal):
    """Where several values of a window are the highest, as in a blank corner, the first has it."""
    values = np.round(features) if equal else features
    weights = random.normal(size=(3, values.shape[1] // 2, values.shape[2] // 2, 3))
    given = (values, FACTOR, OFFSET, relu, tf.constant(weights, tf.float32))
    for found, wanted in zip(
        gradients("fused", *given), gradients("composed", *given), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
        assert np.abs(wanted).max() > 0.1


def test_one_of_four_equal_values_has_the_gradient():
    place = gradients("fused", np.zeros([1, 2, 2, 1], np.float32), [1.0], [1.0], True, 1.0)[0]
    scale = 1.0 / np.sqrt(EPSILON)
    expected = np.array([[0.75, -0.25], [-0.25, -0.25]]) * scale  # 1 at the first, less the mean
    np.testing.assert_allclose(place[0, :, :, 0], expected, rtol=1e-5)


def test_half_precision_keeps_its_type_and_sums_in_full(random):
    features = tf.cast(random.normal(size=(4, 8, 8, 3)), tf.bfloat16)
    given = (tf.constant(FACTOR), tf.constant(OFFSET))
    half = pooled_norm.fused(features, *given)
    full = pooled_norm.fused(tf.cast(features, tf.float32), *given)
    assert [value.dtype for value in half] == [tf.bfloat16, tf.float32, tf.float32]
    np.testing.assert_array_equal(half[0], tf.cast(full[0], tf.bfloat16))
    np.testing.assert_array_equal(half[2], full[2])
    assert gradients("fused", features, *given, True, 1.0)[0].dtype == tf.bfloat16


def test_statistics_of_many_values_keep_their_digits(random):
    """Summed in one row, float32 loses four of them."""
    drawn = random.normal(size=(200, 64, 64, 2)).astype(np.float32) + 10.0
    _, mean, variance = pooled_norm.fused(tf.constant(drawn), tf.ones([2]), tf.zeros([2]))
    exact = drawn.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean((0, 1, 2)), rtol=2e-7)
    np.testing.assert_allclose(variance, exact.var((0, 1, 2)), rtol=2e-5)


@pytest.mark.parametrize("form", FORMS)
def test_shapes_are_checked(form):
    with pytest.raises(ValueError, match="factor"):
        FORMS[form](tf.zeros([1, 4, 4, 3]), tf.ones([2]), tf.zeros([3]))

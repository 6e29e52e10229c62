import numpy as np
import pytest
import tensorflow as tf

from oneshot_tf.ops import meta_lstm, meta_networks
from tests.numpy_reference import meta_learners as plain

UNITS, N = 3, 5


def test_preprocessing_against_numpy():
    values = np.asarray([0.0, 1e-12, -1e-12, 1e-4, -2e-3, 1.0, -30.0, 1e20])
    found = meta_networks.log_and_sign(tf.constant(values))
    np.testing.assert_allclose(found, [plain.log_and_sign(x) for x in values], rtol=1e-9)


def test_fast_weights_of_a_task_against_numpy(random):
    first = meta_lstm.LSTMWeights(
        random.normal(size=(2 + UNITS, 4 * UNITS)), random.normal(size=4 * UNITS)
    )
    weights = meta_networks.RecurrentWeights(first, random.normal(size=(UNITS, 1)), np.ones(1))
    gradients = random.normal(size=(4, N)) * 10.0 ** -np.arange(N)
    found = meta_networks.by_recurrence(weights, tf.constant(gradients))
    np.testing.assert_allclose(found, plain.by_recurrence(*weights, gradients), rtol=1e-9)


def test_fast_weights_of_a_picture_against_numpy(random):
    sizes = [2, UNITS, UNITS, 1]
    weights = meta_networks.PerceptronWeights(
        [random.normal(size=sizes[i : i + 2]) for i in range(3)],
        [random.normal(size=sizes[i + 1]) for i in range(3)],
    )
    gradient = random.normal(size=N) * 10.0 ** -np.arange(N)
    found = meta_networks.by_perceptron(weights, tf.constant(gradient))
    np.testing.assert_allclose(found, plain.by_perceptron(*weights, gradient), rtol=1e-9)


def test_memory_is_read_by_cosines(random):
    memory, keys, queries = (random.normal(size=s) for s in ((4, 6), (4, 3), (2, 3)))
    expected = []
    for q in queries:
        near = [q @ k / np.linalg.norm(q) / np.linalg.norm(k) for k in keys]
        share = np.exp(near) / np.exp(near).sum()
        expected.append(share @ memory)
    found = meta_networks.read(*map(tf.constant, (memory, keys, queries)))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_kernels_of_their_own_are_convolved_with(random):
    """Picture by picture as TensorFlow's convolution does it; likewise rows by their matrices."""
    images, kernels = random.normal(size=(3, 5, 4, 2)), random.normal(size=(3, 3, 3, 2, 6))
    found = meta_networks.convolve(tf.constant(images), tf.constant(kernels))
    for n in range(3):
        alone = meta_networks.convolve(tf.constant(images[n : n + 1]), tf.constant(kernels[n]))
        np.testing.assert_allclose(found[n], alone[0], rtol=1e-10)
    rows, matrices = random.normal(size=(3, 4)), random.normal(size=(3, 4, 2))
    found = meta_networks.multiply(tf.constant(rows), tf.constant(matrices))
    np.testing.assert_allclose(found, [r @ m for r, m in zip(rows, matrices, strict=True)])


@pytest.mark.parametrize("relu", [True, False])
def test_layer_augmentation(random, relu):
    inputs, slow, fast = (random.normal(size=s) for s in ((2, 4), (4, 3), (2, 4, 3)))
    multiply = meta_networks.multiply
    parts = [inputs @ slow, np.stack([r @ m for r, m in zip(inputs, fast, strict=True)])]
    expected = sum(np.maximum(p, 0.0) if relu else p for p in parts)
    tensors = map(tf.constant, (inputs, slow, fast))
    np.testing.assert_allclose(meta_networks.augmented(*tensors, multiply, relu), expected)
    alone = meta_networks.augmented(tf.constant(inputs), tf.constant(slow), None, multiply, relu)
    np.testing.assert_allclose(alone, np.maximum(parts[0], 0.0) if relu else parts[0])

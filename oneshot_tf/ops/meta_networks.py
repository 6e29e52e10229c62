"""Munkhdalai and Yu (2017), *Meta Networks*, [NET]: fast weights that are made of gradients.

Slow weights are learned across tasks; fast ones are made for a task or a picture, by functions of each
gradient's coordinates that all coordinates share. A layer with both adds what each gives after its ReLU
(layer augmentation, [NET] section 3.2). Dimensions: N pictures, n coordinates, S support pictures, Q
queries, D features of a key.
"""

import typing

import tensorflow as tf

from oneshot_tf.ops import meta_lstm, shapes

_TINY = 1e-8


class PerceptronWeights(typing.NamedTuple):
    """m of [NET] Eq. 5: two hidden layers on each coordinate.

    Attributes:
      kernels: [2, H], [H, H] and [H, 1].
      biases: [H], [H] and [1].
    """

    kernels: list
    biases: list


class RecurrentWeights(typing.NamedTuple):
    """d of [NET] Eq. 3: an LSTM over a task's gradients, on each coordinate.

    Attributes:
      first: `meta_lstm.LSTMWeights`, of two inputs.
      kernel: [H, 1], after the last gradient.
      bias: [1].
    """

    first: meta_lstm.LSTMWeights
    kernel: tf.Tensor
    bias: tf.Tensor


def log_and_sign(values, p=7.0):
    """Gradients as two numbers of moderate size: (max(log |x| / p, -1), x e^p within -1 and 1).

    Args:
      values: [n].
      p: what counts as small.

    Returns:
      [n, 2].
    """
    shapes.check(values=(values, "n"))
    size = tf.math.log(tf.abs(values) + _TINY) / p
    sign = tf.clip_by_value(values * tf.exp(tf.constant(p, values.dtype)), -1.0, 1.0)
    return tf.stack([tf.maximum(size, -1.0), sign], axis=1)


def by_perceptron(weights, gradient):
    """Fast weights [n] of one picture, from its gradient [n], [NET] Eq. 5."""
    now = log_and_sign(gradient)
    for kernel, bias in zip(weights.kernels[:-1], weights.biases[:-1], strict=True):
        now = tf.nn.relu(tf.matmul(now, kernel) + bias)
    return (tf.matmul(now, weights.kernels[-1]) + weights.biases[-1])[:, 0]


def by_recurrence(weights, gradients):
    """Fast weights [n] of a task, from its gradients [T, n] in their order, [NET] Eq. 3."""
    shapes.check(gradients=(gradients, "T n"))
    count, units = tf.shape(gradients)[1], weights.kernel.shape[0]
    empty = tf.zeros([count, units], gradients.dtype)

    def more(t, hidden, cell):
        return t + 1, *meta_lstm.lstm(weights.first, log_and_sign(gradients[t]), hidden, cell)

    shape = tf.TensorShape([None, units])
    _, hidden, _ = tf.while_loop(
        lambda t, *_: t < tf.shape(gradients)[0],
        more,
        (tf.constant(0), empty, empty),
        shape_invariants=(tf.TensorShape([]), shape, shape),
        parallel_iterations=1,
    )
    return (tf.matmul(hidden, weights.kernel) + weights.bias)[:, 0]


def read(memory, keys, queries):
    """Fast weights of each query: by attention over those of the support, [NET] Eq. 7 and 8.

    Args:
      memory: [S, n], fast weights of each support picture.
      keys: [S, D].
      queries: [Q, D].

    Returns:
      [Q, n]: means with a softmax of cosines as weights.
    """
    shapes.check(memory=(memory, "S n"), keys=(keys, "S D"), queries=(queries, "Q D"))
    keys, queries = (tf.math.l2_normalize(k, axis=1, epsilon=1e-12) for k in (keys, queries))
    return tf.matmul(tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True)), memory)


def augmented(inputs, slow, fast, product, relu=True):
    """A layer with slow and fast weights: relu(W h) + relu(W* h), [NET] section 3.2.

    Args:
      inputs: what the layer sees.
      slow: its slow weights.
      fast: its fast weights, or None.
      product: `convolve` or `multiply`.
      relu: false in a last layer, which adds the products themselves.
    """
    parts = [product(inputs, weights) for weights in (slow, fast) if weights is not None]
    return tf.add_n([tf.nn.relu(part) for part in parts] if relu else parts)


def convolve(images, kernel):
    """3 x 3 convolution of stride 1.

    Args:
      images: [N, H, W, C].
      kernel: [3, 3, C, F] of all pictures, or [N, 3, 3, C, F], one for each.

    Returns:
      [N, H, W, F].
    """
    if kernel.shape.rank == 4:
        return tf.nn.conv2d(images, kernel, strides=1, padding="SAME")
    height, width, channels = images.shape[1:]
    filters = kernel.shape[-1]
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
    patches = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    patches = tf.reshape(tf.concat(patches, axis=3), [-1, height * width, 9 * channels])
    found = tf.matmul(patches, tf.reshape(kernel, [-1, 9 * channels, filters]))
    return tf.reshape(found, [-1, height, width, filters])


def multiply(inputs, kernel):
    """[N, D] by a matrix [D, E] of all rows, or [N, D, E], one for each: [N, E]."""
    if kernel.shape.rank == 2:
        return tf.matmul(inputs, kernel)
    return tf.matmul(inputs[:, None, :], kernel)[:, 0]

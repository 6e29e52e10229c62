"""What follows the convolution in a block of Conv4: batch norm, ReLU and 2x2 max pooling.

Two forms of one computation ([MN] section 4.1.1). `composed` takes TensorFlow's operations one by
one, and each reads and writes the largest tensors that a step has. `fused` writes none of them forward
and one backward, because batch norm and ReLU never change the order of two values of a channel (where
the factor is negative they turn it round): it pools first, and normalises the quarter that is left.
Its gradient needs the convolution's output, what was pooled and from where, and nothing that lies
between; so a step holds less memory too.
"""

import tensorflow as tf

from oneshot_tf.ops import shapes

EPSILON = 1.001e-5  # the smallest that TensorFlow's fused batch norm takes


def composed(features, factor, offset, relu=True):
    """Batch norm by the batch's statistics, ReLU, pooling: one operation after the other.

    Args:
      features: [n, H, W, F], float32 or bfloat16.
      factor: float32 [F], batch norm's gamma.
      offset: float32 [F], batch norm's beta.
      relu: False leaves the ReLU out.

    Returns:
      (pooled [n, H // 2, W // 2, F], mean [F], variance [F]): the mean of each channel over pictures
      and pixels, and its variance as running statistics keep it, divided by one less than the number
      of values.
    """
    shapes.check(features=(features, "n H W F"), factor=(factor, "F"), offset=(offset, "F"))
    features, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        features, factor, offset, epsilon=EPSILON
    )
    return pool(features, relu), mean, variance


def pool(features, relu=True):
    """ReLU and 2x2 max pooling, in the order that has less to do: neither changes what the other gives.

    Args:
      features: [n, H, W, F].
      relu: False leaves the ReLU out.

    Returns:
      [n, H // 2, W // 2, F].
    """
    pooled = tf.nn.max_pool2d(features, 2, strides=2, padding="VALID")
    return tf.nn.relu(pooled) if relu else pooled


def fused(features, factor, offset, relu=True):
    """The same, compiled by XLA for every shape, which takes its time.

    The statistics have no gradient of their own: they are for running averages.

    Args:
      features: as of `composed`, of a shape that is known.
      factor, offset, relu: as of `composed`.

    Returns:
      As of `composed`.
    """
    shapes.check(features=(features, "n H W F"), factor=(factor, "F"), offset=(offset, "F"))

    @tf.custom_gradient
    def run(features, factor, offset):
        pooled, mean, variance, kept = _forward(features, factor, offset, relu)

        def gradient(pooled_gradient, *_):
            return _backward(features, factor, offset, relu, kept, pooled_gradient)

        return (pooled, mean, variance), gradient

    return run(features, factor, offset)


@tf.function(jit_compile=True, autograph=False)
def _forward(features, factor, offset, relu):
    """(pooled, mean, variance, what `_backward` needs)."""
    count = _count(features)
    exact = tf.cast(features, tf.float32)
    mean = _sum(exact) / count
    variance = _sum((exact - mean) ** 2) / count
    scale = tf.math.rsqrt(variance + EPSILON)
    sign = tf.where(factor < 0.0, -1.0, 1.0)
    highest, place = _highest(features * tf.cast(sign, features.dtype))
    normal = (tf.cast(highest, tf.float32) * sign - mean) * scale  # [n, h, w, F]
    pooled = normal * factor + offset
    pooled = tf.cast(tf.nn.relu(pooled) if relu else pooled, features.dtype)
    unbiased = variance * count / max(count - 1.0, 1.0)
    return pooled, mean, unbiased, (normal, place, mean, scale)


@tf.function(jit_compile=True, autograph=False)
def _backward(features, factor, offset, relu, kept, pooled_gradient):
    """Gradients of features, factor and offset."""
    normal, place, mean, scale = kept
    gradient = tf.cast(pooled_gradient, tf.float32)
    if relu:
        gradient = tf.where(normal * factor + offset > 0.0, gradient, 0.0)
    of_offset, of_factor = _sum(gradient), _sum(gradient * normal)
    every_normal = (tf.cast(features, tf.float32) - mean) * scale
    of_statistics = (of_offset + every_normal * of_factor) / _count(features)
    of_features = (_unpool(gradient, place, features) - of_statistics) * (factor * scale)
    return tf.cast(of_features, features.dtype), of_factor, of_offset


def _count(features):
    """How many values a channel has."""
    return float(features.shape.num_elements() // features.shape[-1])


def _sum(values):
    """Sums over pictures and pixels, [n, h, w, F] -> [F].

    As products with ones: XLA's reductions over leading axes take four times as long on a CPU. First
    over a picture's pixels, then over pictures, because a single long sum loses digits.
    """
    n, pixels = values.shape[0], values.shape[1] * values.shape[2]
    flat = tf.reshape(values, [n, pixels, values.shape[-1]])
    return tf.reduce_sum(tf.einsum("npf,np->nf", flat, tf.ones([n, pixels])), axis=0)


def _highest(features):
    """(the highest of each 2 x 2, which of the four it is): [n, H // 2, W // 2, F]; the first of equals."""
    height, width = features.shape[1] // 2 * 2, features.shape[2] // 2 * 2
    highest = features[:, 0:height:2, 0:width:2]
    place = tf.zeros(highest.shape, tf.uint8)
    for number, (row, column) in enumerate([(0, 1), (1, 0), (1, 1)], start=1):
        corner = features[:, row:height:2, column:width:2]
        place = tf.where(corner > highest, tf.constant(number, tf.uint8), place)
        highest = tf.where(corner > highest, corner, highest)
    return highest, place


def _unpool(values, place, like):
    """Puts values [n, h, w, F] where `_highest` took them from, zeros elsewhere: the shape of `like`."""
    n, height, width, channels = values.shape
    corners = tf.reshape(tf.range(4, dtype=tf.int32), [1, 1, 2, 1, 2, 1])
    here = tf.cast(place, tf.int32)[:, :, None, :, None] == corners
    spread = tf.where(here, values[:, :, None, :, None], 0.0)
    spread = tf.reshape(spread, [n, 2 * height, 2 * width, channels])
    left_out = [[0, like.shape[1] - 2 * height], [0, like.shape[2] - 2 * width]]
    return tf.pad(spread, [[0, 0], *left_out, [0, 0]])

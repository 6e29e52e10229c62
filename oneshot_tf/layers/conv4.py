"""Conv4: the embedding of [MN] section 4.1.1 and of most of what followed.

Four blocks of 3x3 convolution with 64 filters, batch norm, ReLU and 2x2 max pooling: 28 x 28 pixels
become 64 features, 64 x 64 become 4 x 4 x 64, 84 x 84 become 5 x 5 x 64.

The layer holds weights; `embed` is a pure function of them, as of every encoder, so that fine-tuning
on one episode can try other weights and leave nothing behind.
"""

import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.ops import pooled_norm, shapes
from oneshot_tf.ops.pooled_norm import EPSILON

MOMENTUM = 0.98  # of the running statistics
COMPILED = 2**20  # values of a block from which compiling what follows its convolution pays


class Block(typing.NamedTuple):
    """The weights of one block.

    Attributes:
      kernel: [3, 3, C, F].
      offset: [F], batch norm's beta.
      factor: [F], batch norm's gamma.
      bias: [F] of the convolution, or None.
    """

    kernel: tf.Tensor
    offset: tf.Tensor
    factor: tf.Tensor
    bias: tf.Tensor | None


class ConvStack(keras.layers.Layer):
    """A stack of blocks: [n, H, W, C] -> [n, h, w, F].

    Args:
      filters: filters of every convolution.
      blocks: how many; each halves the picture, rounding down.
      last_relu: the last block ends in a ReLU, as in the paper's text; without it features may be
        negative, and a cosine can use the whole sphere.
      bias: convolutions have a bias (batch norm takes it out again).
      precision: "float32" or "mixed_bfloat16"; what `Conv4` returns is float32 in both.
    """

    def __init__(self, filters=64, blocks=4, last_relu=True, bias=False, precision="float32", **kw):
        super().__init__(**kw)
        self.filters, self.blocks, self.last_relu, self.bias = filters, blocks, last_relu, bias
        self.compute = "bfloat16" if precision == "mixed_bfloat16" else "float32"

    def build(self, shape):
        if min(shape[1:3]) >> self.blocks == 0:
            raise ValueError(
                f"`blocks`={self.blocks} halvings need pictures of {2**self.blocks} pixels or "
                f"more. Received: {shape[1]} x {shape[2]}"
            )
        self.sides = [shape[1] >> i for i in range(self.blocks)]
        self.learned, self.running = [], []
        channels = shape[-1]
        for i in range(self.blocks):
            self.learned.append(self._add_block(i, channels))
            self.running.append(
                [
                    self._add_running(f"mean_{i}", "zeros"),
                    self._add_running(f"variance_{i}", "ones"),
                ]
            )
            channels = self.filters
        self.built = True

    def _add_block(self, i, channels):
        width = [self.filters]
        kernel = self.add_weight(f"kernel_{i}", [3, 3, channels, self.filters])
        offset = self.add_weight(f"offset_{i}", width, initializer="zeros")
        factor = self.add_weight(f"factor_{i}", width, initializer="ones")
        bias = self.add_weight(f"bias_{i}", width, initializer="zeros") if self.bias else None
        return Block(kernel, offset, factor, bias)

    def _add_running(self, name, start):
        return self.add_weight(
            name,
            [self.filters],
            initializer=start,
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.MEAN,
        )

    def call(self, images, training=False, speakers=None):
        """images [n, H, W, C] -> [n, h, w, F]; of `Conv4` float32 [n, D].

        Args:
          images: [n, H, W, C].
          training: normalise by the batch's statistics, and keep running ones.
          speakers: bool [B, N] with n = B N: each episode of N pictures is normalised by the
            statistics of those of its pictures that are marked, not by the running ones.
        """
        if not training:
            return self.embed(self.learned, images, speakers=speakers)
        outputs, statistics = self._training_pass(self.learned, images)
        for (mean, variance), (now_mean, now_variance) in zip(
            self.running, statistics, strict=True
        ):
            mean.assign(MOMENTUM * mean + (1.0 - MOMENTUM) * now_mean)
            variance.assign(MOMENTUM * variance + (1.0 - MOMENTUM) * now_variance)
        return outputs

    def embed(self, learned, images, training=False, speakers=None):
        """What the layer gives with other weights than its own; none of its variables changes.

        Args:
          learned: list of `Block`.
          images: float32 [n, H, W, C].
          training: normalise by the batch's statistics; running ones stay.
          speakers: as in `call`.

        Returns:
          As of `call`.
        """
        if training:
            return self._training_pass(learned, images)[0]
        features = tf.cast(images, self.compute)
        for i, block in enumerate(learned):
            features = self.convolve(features, block)
            if speakers is None:
                features, _, _ = tf.compat.v1.nn.fused_batch_norm(
                    features,
                    block.factor,
                    block.offset,
                    *(tf.convert_to_tensor(v) for v in self.running[i]),
                    epsilon=EPSILON,
                    is_training=False,
                )
            else:
                features = normalize_episodes(features, block, speakers)
            features = self._activate(features, i)
        return self.finish(features)

    def finish(self, features):
        """What is returned of the last block's features [n, h, w, F]: these."""
        return features

    def _training_pass(self, learned, images):
        """(features, [(mean, variance) of each block's batch])."""
        features = tf.cast(images, self.compute)
        statistics = []
        for i, block in enumerate(learned):
            features = self.convolve(features, block)
            form = pooled_norm.fused if _worth_compiling(features) else pooled_norm.composed
            features, *found = form(features, block.factor, block.offset, self._has_relu(i))
            statistics.append(found)
        return self.finish(features), statistics

    def convolve(self, features, block):
        """A block's convolution and nothing else: [n, h, w, C] -> [n, h, w, F]."""
        features = tf.cast(features, self.compute)
        kernel = tf.cast(block.kernel, self.compute)
        features = tf.nn.conv2d(features, kernel, strides=1, padding="SAME")
        return features if block.bias is None else features + tf.cast(block.bias, self.compute)

    def _has_relu(self, i):
        return i + 1 < self.blocks or self.last_relu

    def _activate(self, features, i):
        return pooled_norm.pool(features, self._has_relu(i))

    def flops(self):
        """Operations of the convolutions for one picture."""
        return sum(
            2.0 * block.kernel.shape.num_elements() * side**2
            for block, side in zip(self.learned, self.sides, strict=True)
        )


class Conv4(ConvStack):
    """A stack of blocks, flattened: [n, H, W, C] -> float32 [n, D]."""

    def finish(self, features):
        width = features.shape[1] * features.shape[2] * features.shape[3]
        return tf.cast(tf.reshape(features, [-1, width]), tf.float32)


def _worth_compiling(features):
    """Whether what follows a convolution is to be one compiled operation.

    In a graph, where its shape is one and known, in float32 (in bfloat16 the operations one by one
    are faster: docs/speed.md), on a CPU: GPUs were not measured.
    """
    known = features.shape.is_fully_defined() and not tf.executing_eagerly()
    large = known and features.shape.num_elements() >= COMPILED
    exact = features.dtype == tf.float32
    return large and exact and not tf.config.list_physical_devices("GPU")


def normalize_episodes(features, block, speakers):
    """Batch norm with the statistics of each episode's own pictures.

    Args:
      features: [B N, h, w, F].
      block: `Block`; factor and offset are used.
      speakers: bool [B, N], the pictures whose mean and variance count.

    Returns:
      [B N, h, w, F].
    """
    shapes.check(features=(features, "n h w F"), speakers=(speakers, "B N"))
    grouped = tf.concat([tf.shape(speakers), tf.shape(features)[1:]], axis=0)
    grouped = tf.cast(tf.reshape(features, grouped), tf.float32)
    share = tf.cast(speakers, tf.float32)[:, :, None, None, None]
    pixels = tf.cast(features.shape[1] * features.shape[2], tf.float32)
    count = tf.maximum(tf.reduce_sum(share, axis=[1, 2, 3, 4], keepdims=True), 1.0) * pixels
    mean = tf.reduce_sum(grouped * share, axis=[1, 2, 3], keepdims=True) / count
    squares = share * (grouped - mean) ** 2
    variance = tf.reduce_sum(squares, axis=[1, 2, 3], keepdims=True) / count
    normal = (grouped - mean) * tf.math.rsqrt(variance + EPSILON) * block.factor + block.offset
    return tf.cast(tf.reshape(normal, tf.shape(features)), features.dtype)

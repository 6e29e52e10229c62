"""Encoders of single pictures for sequence learners."""

import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.conv4 import Block

# The length of 20 x 20 pixels of a drawing, about. Left as they come, features of many channels
# are several times longer, drown the label beside them, and saturate the controller.
INITIAL_LENGTH = 4.0


class FlatEncoder(keras.layers.Layer):
    """The pixels as they are: [n, H, W, C] -> [n, H W C]."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flatten = keras.layers.Flatten()

    learned = ()  # no weights

    def call(self, images, training=False):
        del training
        return self.flatten(images)

    def embed(self, learned, images, training=False):
        """The same; `learned` is empty."""
        del learned, training
        return self.flatten(images)

    def flops(self):
        """Operations for one picture."""
        return 0.0


class ConvWeights(typing.NamedTuple):
    """The trainable weights of a `ConvEncoder`.

    Attributes:
      blocks: list of `Block`, without a bias.
      length: [], of every embedding.
    """

    blocks: list
    length: tf.Tensor


class ConvEncoder(keras.layers.Layer):
    """A few blocks of 3x3 convolution, batch norm, ReLU and 2x2 max pooling, at a learned length.

    Args:
      filters: filters of every convolution.
      blocks: how many; each halves the picture, rounding up.
      centred: features of mean 0 and variance 1 over the pictures. After a ReLU the features of any
        two pictures have a cosine near 1, which can saturate what reads them for good.
      precision: "float32" or "mixed_bfloat16".
    """

    def __init__(self, filters, blocks, centred=False, precision="float32", **kwargs):
        super().__init__(dtype=precision, **kwargs)
        layers = []
        for block in range(blocks):
            layers += [
                keras.layers.Conv2D(
                    filters,
                    3,
                    padding="same",
                    use_bias=False,
                    dtype=precision,
                    name=f"conv_{block}",
                ),
                keras.layers.BatchNormalization(
                    momentum=0.98, dtype=precision, name=f"norm_{block}"
                ),
                keras.layers.ReLU(dtype=precision),
                keras.layers.MaxPool2D(2, padding="same", dtype=precision),
            ]
        layers.append(keras.layers.Flatten(dtype=precision))
        self.stack = keras.Sequential(layers, name="stack")
        self.centre = None
        if centred:
            self.centre = keras.layers.BatchNormalization(
                momentum=0.98, center=False, scale=False, dtype="float32", name="centre"
            )
        self.length = self.add_weight(
            "length",
            [],
            initializer=keras.initializers.Constant(INITIAL_LENGTH),
            dtype="float32",
            experimental_autocast=False,  # `call` multiplies in float32
        )

    def call(self, images, training=False):
        """images [n, H, W, C] -> float32 [n, D], all of one length.

        Args:
          images: [n, H, W, C].
          training: normalise by the batch's statistics, and move the running ones.
        """
        embedded = tf.cast(self.stack(images, training=training), tf.float32)
        if self.centre is not None:
            embedded = self.centre(embedded, training=training)
        return _at_length(embedded, self.length)

    @property
    def learned(self):
        """The trainable weights, `ConvWeights`."""
        convolutions, norms = self._parts()
        blocks = [
            Block(convolution.kernel, norm.beta, norm.gamma, None)
            for convolution, norm in zip(convolutions, norms, strict=True)
        ]
        return ConvWeights(blocks, self.length)

    def embed(self, learned, images, training=False):
        """What the layer gives with other weights than its own; none of its variables changes.

        Args:
          learned: `ConvWeights`.
          images: [n, H, W, C].
          training: normalise by the batch's statistics; running ones stay.

        Returns:
          As of `call`, to the bit where the weights are its own.
        """
        features = tf.cast(images, self.compute_dtype)
        for block, norm in zip(learned.blocks, self._parts()[1], strict=True):
            kernel = tf.cast(block.kernel, self.compute_dtype)
            features = tf.nn.conv2d(features, kernel, strides=1, padding="SAME")
            statistics = () if training else (norm.moving_mean, norm.moving_variance)
            features, _, _ = tf.compat.v1.nn.fused_batch_norm(
                features,
                tf.cast(block.factor, tf.float32),
                tf.cast(block.offset, tf.float32),
                *(tf.convert_to_tensor(v) for v in statistics),
                epsilon=norm.epsilon,
                is_training=training,
            )
            features = tf.nn.max_pool2d(tf.nn.relu(features), 2, strides=2, padding="SAME")
        width = features.shape[1] * features.shape[2] * features.shape[3]
        features = tf.cast(tf.reshape(features, [-1, width]), tf.float32)
        if self.centre is not None:
            norm = self.centre
            kept = (norm.moving_mean, norm.moving_variance)
            mean, variance = tf.nn.moments(features, [0]) if training else kept
            features = tf.nn.batch_normalization(features, mean, variance, None, None, norm.epsilon)
        return _at_length(features, learned.length)

    def _parts(self):
        """(convolutions, batch norms) of the stack, in order."""
        kinds = (keras.layers.Conv2D, keras.layers.BatchNormalization)
        return [[part for part in self.stack.layers if isinstance(part, kind)] for kind in kinds]

    def flops(self):
        """Operations of the convolutions for one picture."""
        return sum(
            2.0 * tf.reduce_prod(layer.kernel.shape).numpy() * layer.output_shape[1] ** 2
            for layer in self._parts()[0]
        )


def _at_length(features, length):
    """float32 features [n, D], all of one length."""
    return length * tf.math.l2_normalize(features, axis=1, epsilon=1e-12)

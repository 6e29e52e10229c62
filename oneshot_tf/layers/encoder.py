"""Encoders of single pictures for sequence learners."""

import tensorflow as tf
import tf_keras as keras

# The length of 20 x 20 pixels of a drawing, about. Left as they come, features of many channels
# are several times longer, drown the label beside them, and saturate the controller.
INITIAL_LENGTH = 4.0


class FlatEncoder(keras.layers.Layer):
    """The pixels as they are: [n, H, W, C] -> [n, H W C]."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flatten = keras.layers.Flatten()

    def call(self, images, training=False):
        del training
        return self.flatten(images)

    def flops(self):
        """Operations for one picture."""
        return 0.0


class ConvEncoder(keras.layers.Layer):
    """A few blocks of 3x3 convolution, batch norm, ReLU and 2x2 max pooling, at a learned length.

    Args:
      channels: channels of every block.
      blocks: how many; each halves the picture, rounding up.
      precision: "float32" or "mixed_bfloat16".
    """

    def __init__(self, channels, blocks, precision="float32", **kwargs):
        super().__init__(dtype=precision, **kwargs)
        layers = []
        for block in range(blocks):
            layers += [
                keras.layers.Conv2D(
                    channels,
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
        self.length = self.add_weight(
            "length",
            [],
            initializer=keras.initializers.Constant(INITIAL_LENGTH),
            dtype="float32",
            experimental_autocast=False,  # `call` multiplies in float32
        )

    def call(self, images, training=False):
        """images [n, H, W, C] -> float32 [n, D], all of one length."""
        embedded = tf.cast(self.stack(images, training=training), tf.float32)
        return self.length * tf.math.l2_normalize(embedded, axis=1, epsilon=1e-12)

    def flops(self):
        """Operations of the convolutions for one picture."""
        convolutions = [
            layer for layer in self.stack.layers if isinstance(layer, keras.layers.Conv2D)
        ]
        return sum(
            2.0 * tf.reduce_prod(layer.kernel.shape).numpy() * layer.output_shape[1] ** 2
            for layer in convolutions
        )

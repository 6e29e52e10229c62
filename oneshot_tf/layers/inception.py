"""Inception-v3 (Szegedy et al., 2015) as an embedding, [MN] section 4.1.2.

The network of `tf_keras.applications` up to its last average: pictures become 2,048 features.
"""

import contextlib

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers import stateless
from oneshot_tf.layers.backbone import network_flops

SMALLEST = 75  # pixels; 299 is the network's own size


class Inception(keras.layers.Layer):
    """Pictures [n, H, W, C] of 75 pixels or more in [0, 1] -> float32 [n, 2048].

    Args:
      frozen: the weights stay as they are, and so do batch norm's running statistics.
      precision: "float32" or "mixed_bfloat16"; what is returned is float32 in both.
    """

    def __init__(self, frozen=False, precision="float32", **kwargs):
        super().__init__(**kwargs)
        self.frozen, self.precision = frozen, precision

    def build(self, shape):
        with _policy(self.precision):
            self.network = keras.applications.InceptionV3(
                include_top=False, weights=None, input_shape=tuple(shape[1:]), pooling="avg"
            )
        self.network.trainable = not self.frozen
        self.built = True

    def call(self, images, training=False):
        """As of the class; batch norm by the batch's statistics where `training` and not frozen."""
        # it was made for numbers from -1 to 1
        features = self.network(2.0 * images - 1.0, training=training and not self.frozen)
        return tf.cast(features, tf.float32)

    @property
    def learned(self):
        """The trainable weights, a list; empty where frozen."""
        return self.network.trainable_variables

    def embed(self, learned, images, training=False):
        """What the layer gives with other weights than its own; none of its variables changes.

        Args:
          learned: a list of tensors as `learned`.
          images: as of the class.
          training: batch norm takes the batch's statistics unless frozen; running ones stay.
        """
        train = training and not self.frozen
        features = stateless.call(self.network, learned, 2.0 * images - 1.0, train)
        return tf.cast(features, tf.float32)

    def flops(self):
        """Operations of the convolutions for one picture."""
        return network_flops(self.network)


@contextlib.contextmanager
def _policy(name):
    """Keras layers that are made meanwhile compute in this precision."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)

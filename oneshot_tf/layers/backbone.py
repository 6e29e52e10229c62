"""A Keras network of one's own as the embedding of pictures."""

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers import stateless


class Backbone(keras.layers.Layer):
    """Pictures [n, H, W, C] in [0, 1] -> float32 [n, D].

    Maps [n, h, w, F] are flattened, as `Conv4` does; a network that ends in a pooling layer gives
    their mean. Batch norm is Keras' own: its running statistics at test.

    Args:
      network: `tf_keras.Model` of pictures to [n, D] or [n, h, w, F], without dropout.

    Raises:
      ValueError: something else, or a network that draws random numbers: a run could not be resumed
        to the bit.
    """

    def __init__(self, network, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(network, keras.Model):
            raise ValueError(
                "`backbone` must be a tf_keras.Model of pictures [n, H, W, C] to features [n, D]. "
                f"Received: {type(network).__module__}.{type(network).__name__}"
            )
        random = [layer.name for layer in network._flatten_layers() if _draws(layer)]
        if random:
            raise ValueError(
                f"`backbone` must draw no random numbers: every run can be resumed to the bit. Received: "
                f"a layer {random[0]!r}; leave it out"
            )
        self.network = network
        # Python's `if` and `for` in it may be of tensors, which the graphs around it do not convert
        self._run = tf.function(
            lambda images, training: network(images, training=training), reduce_retracing=True
        )

    def build(self, shape):
        try:
            outputs = self.network(tf.zeros([1, *shape[1:]]))
        except ValueError as error:
            raise ValueError(
                f"`backbone` must take pictures of {' x '.join(map(str, shape[1:]))}. Received: "
                f"{str(error).strip().splitlines()[0]}"
            ) from None
        found = getattr(outputs, "shape", None)
        if found is None or found.rank not in (2, 4) or None in found[1:]:
            raise ValueError(
                "`backbone` must give features [n, D] or maps [n, h, w, F]. Received: "
                f"{type(outputs).__name__ if found is None else list(found)}"
            )
        self.built = True

    def call(self, images, training=False):
        """As of the class.

        Args:
          images: [n, H, W, C].
          training: batch norm takes the batch's statistics, and its running ones move.
        """
        return _flat(self._run(images, training))

    @property
    def learned(self):
        """The trainable weights, a list."""
        return self.network.trainable_variables

    def embed(self, learned, images, training=False):
        """What the layer gives with other weights than its own; none of its variables changes.

        Args:
          learned: a list of tensors as `learned`.
          images: [n, H, W, C].
          training: batch norm takes the batch's statistics; running ones stay.
        """
        return _flat(stateless.call(self.network, learned, images, training))

    def flops(self):
        """Operations of convolutions and dense layers for one picture."""
        return network_flops(self.network)


def _draws(layer):
    return getattr(layer, "_random_generator", None) is not None


def _flat(features):
    width = tf.TensorShape(features.shape[1:]).num_elements()
    return tf.cast(tf.reshape(features, [-1, width]), tf.float32)


def network_flops(network):
    """Operations of a network's convolutions and dense layers for one picture, as far as Keras knows."""
    total = 0.0
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense) and layer.built:
            kernels = layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel
            # a layer of a model that is a class of its own does not know its output
            places = getattr(layer, "output_shape", (None, 1))[1:-1]
            total += 2.0 * kernels.shape.num_elements() * tf.TensorShape(places).num_elements()
    return total

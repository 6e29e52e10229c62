"""The networks of Meta Networks: convolutions without batch norm, a function of slow and fast weights."""

import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.ops import meta_networks


class PlainWeights(typing.NamedTuple):
    """The weights of a `PlainNet`, slow or fast.

    Attributes:
      kernels: list of [3, 3, C, F]; fast ones of each picture [N, 3, 3, C, F].
      dense: [D, F], or [N, D, F].
      last: [F, K], or [N, F, K].
    """

    kernels: list
    dense: tf.Tensor
    last: tf.Tensor


class PlainNet(keras.layers.Layer):
    """Pictures [N, H, W, C] -> features [N, F] and logits [N, K].

    Blocks of 3x3 convolution, ReLU and 2x2 max pooling that rounds up (28, 14, 7, 4, 2, 1), then two
    dense layers; nothing has a bias.

    Args:
      way: K.
      filters: F.
      blocks: how many.
      relu: the features end in a ReLU (not those of keys).
      learns_last: whether training moves the last layer.
    """

    def __init__(self, way, filters=64, blocks=5, relu=True, learns_last=True, **kwargs):
        super().__init__(**kwargs)
        self.way, self.filters, self.blocks, self.relu = way, filters, blocks, relu
        self.learns_last = learns_last

    def build(self, shape):
        self.sides = [-(-shape[1] // 2**i) for i in range(self.blocks + 1)]
        kernels, channels = [], shape[-1]
        for i in range(self.blocks):
            # of He et al.: without batch norm, signals have to keep their size by themselves
            size = [3, 3, channels, self.filters]
            kernels.append(self.add_weight(f"kernel_{i}", size, initializer="he_normal"))
            channels = self.filters
        self.kernels = kernels
        self.dense = self.add_weight("dense", [self.sides[-1] ** 2 * self.filters, self.filters])
        size = [self.filters, self.way]
        self.last = self.add_weight("last", size, trainable=self.learns_last)
        self.built = True

    @property
    def own(self):
        """The weights that it holds, as `PlainWeights`."""
        return PlainWeights(list(self.kernels), self.dense, self.last)

    def features(self, slow, images, fast=None):
        """[N, F] of pictures [N, H, W, C].

        Args:
          slow: `PlainWeights`.
          images: [N, H, W, C].
          fast: `PlainWeights`, of all blocks or of the last ones alone; or None.
        """
        now, beside = images, [] if fast is None else fast.kernels
        beside = [None] * (self.blocks - len(beside)) + list(beside)
        for kernel, other in zip(slow.kernels, beside, strict=True):
            now = meta_networks.augmented(now, kernel, other, meta_networks.convolve)
            now = tf.nn.max_pool2d(now, 2, strides=2, padding="SAME")
        now = tf.reshape(now, [-1, self.dense.shape[0]])
        other = None if fast is None else fast.dense
        return meta_networks.augmented(now, slow.dense, other, meta_networks.multiply, self.relu)

    def logits(self, slow, images, fast=None):
        """[N, K] of the features after a ReLU; arguments as of `features`."""
        features = tf.nn.relu(self.features(slow, images, fast))
        other = None if fast is None else fast.last
        return meta_networks.augmented(
            features, slow.last, other, meta_networks.multiply, relu=False
        )

    def flops(self):
        """Operations of the convolutions for one picture."""
        sides = zip(self.kernels, self.sides, strict=False)
        return sum(2.0 * kernel.shape.num_elements() * side**2 for kernel, side in sides)

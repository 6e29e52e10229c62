"""The network of learners that adapt: Conv4 with a linear head, a function of its weights.

[MAML] section 5.2 and the authors' code: on Omniglot convolutions of stride 2 and the mean over what is
left of the picture; on miniImageNet max pooling, and all that is left.
"""

import typing

import tensorflow as tf

from oneshot_tf.layers.conv4 import EPSILON, MOMENTUM, Conv4
from oneshot_tf.ops import pooled_norm


class NetWeights(typing.NamedTuple):
    """The weights of an `AdaptableNet`.

    Attributes:
      blocks: list of `conv4.Block`.
      head: [D, K], a column a class; [D, 1] where all classes have one.
      head_bias: [K] or [1].
    """

    blocks: list
    head: tf.Tensor
    head_bias: tf.Tensor


class AdaptableNet(Conv4):
    """Pictures [n, H, W, C] -> logits [n, K], with any weights in the place of its own.

    Args:
      way: K, the columns of the head; None: one, which is repeated for all classes.
      strides: convolutions of stride 2, instead of max pooling.
      mean: the head sees the mean over positions, as in the papers after strides; else all of them.
      **kwargs: as of `ConvStack`.
    """

    def __init__(self, way, strides=True, mean=True, **kwargs):
        super().__init__(**kwargs)
        self.way, self.strides, self.mean = way, strides, mean

    def build(self, shape):
        super().build(shape)
        if self.strides:
            self.sides = [-(-shape[1] // 2**i) for i in range(self.blocks)]
        self.width = self.filters * (1 if self.mean else self._positions(shape))
        columns = self.way or 1
        self.head = self.add_weight("head", [self.width, columns])
        self.head_bias = self.add_weight("head_bias", [columns], initializer="zeros")

    @property
    def own(self):
        """The weights that it holds, as `NetWeights`."""
        # a bias of the convolution, which batch norm takes out, is nowhere: nothing, not None
        blocks = [block._replace(bias=()) for block in self.learned]
        return NetWeights(blocks, self.head, self.head_bias)

    def _positions(self, shape):
        """How many are left of a picture: halved, strides round up and max pooling rounds down."""
        parts = 2**self.blocks
        sides = [-(-side // parts) if self.strides else side // parts for side in shape[1:3]]
        return sides[0] * sides[1]

    def features(self, blocks, images, speakers=None, statistics=None):
        """What the head sees of pictures.

        Args:
          blocks: list of `conv4.Block`: all, or the last so many.
          images: [n, H, W, C], what goes into the first of them.
          speakers: a scalar: the first so many pictures give the statistics that normalise all of
            them; None: `statistics` do.
          statistics: [(mean [F], variance [F]) of each block]; None: the running ones.

        Returns:
          (float32 [n, D], [(mean [F], variance [F]) of each block]).
        """
        if speakers is None and statistics is None:
            statistics = self.running[self.blocks - len(blocks) :]
        now, used = self.maps(blocks, images, speakers, statistics)
        return self.finish(now), used

    def maps(self, blocks, images, speakers=None, statistics=None):
        """What some blocks make of pictures: arguments as of `features`, any blocks in a row.

        Returns:
          (float32 [n, h, w, F], [(mean [F], variance [F]) of each block]).
        """
        now, used = images, []
        for i, block in enumerate(blocks):
            # with no factor below 0 normalising and ReLU keep the order of values, so pooling comes first
            sign = 1.0 if self.strides else tf.where(block.factor < 0.0, -1.0, 1.0)
            now = self.convolve(now, block._replace(kernel=block.kernel * sign))
            if speakers is None:
                mean, variance = (statistics or self.running)[i]
                mean = mean * sign
            else:
                exact = tf.cast(now[:speakers], tf.float32)
                mean, variance = tf.nn.moments(exact, axes=[0, 1, 2])
            used.append((mean * sign, tf.convert_to_tensor(variance)))
            factor = tf.math.rsqrt(variance + EPSILON) * block.factor * sign
            now = tf.cast(self._pool(now), tf.float32)
            now = tf.nn.relu(now * factor + (block.offset - mean * factor))
        return now, used

    def columns(self, weights, way):
        """(head [D, K], bias [K]) of an episode of `way` classes: one column may stand for all."""
        if self.way is not None:
            return weights.head, weights.head_bias
        return tf.repeat(weights.head, way, axis=1), tf.repeat(weights.head_bias, way)

    def no_statistics(self):
        """Zeros like the statistics that `features` gives."""
        return [(tf.zeros([self.filters]), tf.zeros([self.filters])) for _ in self.running]

    def keep_running(self, statistics):
        """Moves the running statistics towards those of `features`."""
        for running, now in zip(self.running, statistics, strict=True):
            for variable, value in zip(running, now, strict=True):
                variable.assign(MOMENTUM * variable + (1.0 - MOMENTUM) * value)

    def convolve(self, features, block):
        features, kernel = (tf.cast(x, self.compute) for x in (features, block.kernel))
        return tf.nn.conv2d(features, kernel, strides=2 if self.strides else 1, padding="SAME")

    def _pool(self, features):
        return features if self.strides else pooled_norm.pool(features, relu=False)

    def finish(self, features):
        if not self.mean:
            return super().finish(features)
        return tf.cast(tf.reduce_mean(features, axis=[1, 2]), tf.float32)

    def flops(self):
        if not self.strides:
            return super().flops()
        return sum(
            2.0 * block.kernel.shape.num_elements() * (-(-side // 2)) ** 2
            for block, side in zip(self.learned, self.sides, strict=True)
        )


def head_logits(weights, features):
    """float32 [n, K] of features [n, D] and `NetWeights` whose head has K columns."""
    return tf.matmul(features, weights.head) + weights.head_bias

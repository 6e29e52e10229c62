"""The variational auto-encoder of Tseran and Harada (2018, [GM]): content and style.

Dimensions: n pictures, D features of the encoder, Zc and Zs of content and style.
"""

import typing

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.ops import gaussian, shapes


class Posterior(typing.NamedTuple):
    """q(z_c, z_s | x) = q(z_c | x) q(z_s | x).

    Attributes:
      content: `Gaussians` [..., Zc].
      style: `Gaussians` [..., Zs].
    """

    content: gaussian.Gaussians
    style: gaussian.Gaussians


class PosteriorHeads(keras.layers.Layer):
    """Features of a picture to its posterior; means and log variances are linear in them.

    Args:
      features: D.
      content: Zc.
      style: Zs.
    """

    def __init__(self, features, content, style, **kwargs):
        super().__init__(**kwargs)
        self.features, self.sizes = features, [content, content, style, style]
        self.heads = keras.layers.Dense(sum(self.sizes), name="heads")

    def build(self, shape):
        del shape
        self.heads.build([None, self.features])
        self.built = True

    def call(self, features):
        """[..., D] -> `Posterior`."""
        parts = tf.split(self.heads(features), self.sizes, axis=-1)
        return Posterior(
            gaussian.from_log_variance(*parts[:2]), gaussian.from_log_variance(*parts[2:])
        )


class Decoder(keras.layers.Layer):
    """p(x | z_c, z_s): logits of the pixels, each a Bernoulli variable.

    A dense layer makes a small picture of many channels, which is doubled twice: by repetition, and
    by laying out channels as pixels, so that no convolution works on many channels at full size
    (which would cost more than all else of a training step).

    Args:
      latent: Zc + Zs.
      image_shape: (height, width, channels) of the pictures.
      filters: channels on the way; at full size a quarter of them.
    """

    def __init__(self, latent, image_shape, filters=64, **kwargs):
        super().__init__(**kwargs)
        self.latent, self.image_shape, self.filters = latent, tuple(image_shape), filters
        self.side, self.fine = -(-image_shape[0] // 4), -(-filters // 4)
        self.seed = keras.layers.Dense(self.side**2 * filters, activation="relu", name="seed")
        self.half = self._conv(filters, "relu", "half")
        self.to_fine = self._conv(4 * self.fine, "relu", "to_fine")
        self.to_pixels = self._conv(image_shape[2], None, "to_pixels")

    def _conv(self, filters, activation, name):
        return keras.layers.Conv2D(filters, 3, padding="same", activation=activation, name=name)

    def build(self, shape):
        del shape
        self.seed.build([None, self.latent])
        for layer in (self.half, self.to_fine):
            layer.build(tf.TensorShape([None, None, None, self.filters]))
        self.to_pixels.build(tf.TensorShape([None, None, None, self.fine]))
        self.built = True

    def call(self, content, style):
        """z_c [n, Zc] and z_s [n, Zs] -> logits [n, H, W, C]."""
        shapes.check(content=(content, "n Zc"), style=(style, "n Zs"))
        maps = self.seed(tf.concat([content, style], axis=1))
        maps = tf.reshape(maps, [-1, self.side, self.side, self.filters])
        maps = self.half(tf.repeat(tf.repeat(maps, 2, axis=1), 2, axis=2))
        maps = tf.nn.depth_to_space(self.to_fine(maps), 2)
        height, width, _ = self.image_shape
        return self.to_pixels(maps)[:, :height, :width]

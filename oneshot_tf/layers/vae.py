"""The variational auto-encoder of Tseran and Harada (2018, [GM]): content and style.

Dimensions: n pictures, D features of the encoder, Zc and Zs of content and style.
"""

import math
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


class GaussianHead(keras.layers.Layer):
    """Features to a Gaussian whose means and log variances are linear in them.

    Args:
      features: D.
      width: dimensions of the Gaussian.
    """

    def __init__(self, features, width, **kwargs):
        super().__init__(**kwargs)
        self.features = features
        self.linear = keras.layers.Dense(2 * width, name="linear")

    def build(self, shape):
        del shape
        self.linear.build([None, self.features])
        self.built = True

    def call(self, features):
        """[..., D] -> `Gaussians` [..., width]."""
        return gaussian.from_log_variance(*tf.split(self.linear(features), 2, axis=-1))


class DetailEncoder(keras.layers.Layer):
    """A picture's strokes where they are, which an embedding made to tell classes apart forgets.

    Args:
      image_shape: (height, width, channels) of the pictures.
      hidden: units.
    """

    def __init__(self, image_shape, hidden, **kwargs):
        super().__init__(**kwargs)
        self.pixels, self.width = math.prod(image_shape), hidden
        self.hidden = keras.layers.Dense(hidden, activation="relu", name="hidden")

    def build(self, shape):
        del shape
        self.hidden.build([None, self.pixels])
        self.built = True

    def call(self, images):
        """[..., H, W, C] -> [..., hidden]."""
        flat = tf.reshape(images, tf.concat([tf.shape(images)[:-3], [self.pixels]], axis=0))
        return self.hidden(flat)


class Decoder(keras.layers.Layer):
    """p(x | z_c, z_s): logits of the pixels, each a Bernoulli variable.

    One dense layer to a map of a quarter of the picture's side, doubled twice by transposed
    convolutions; what stands over where the side is no multiple of four is cut off.

    Args:
      latent: Zc + Zs.
      image_shape: (height, width, channels) of the pictures.
      filters: maps after the dense layer and after the first convolution.
    """

    def __init__(self, latent, image_shape, filters=(32, 16), **kwargs):
        super().__init__(**kwargs)
        self.latent, self.image_shape, self.filters = latent, tuple(image_shape), filters
        height, width, channels = self.image_shape
        self.small = (-(-height // 4), -(-width // 4), filters[0])
        self.to_map = keras.layers.Dense(math.prod(self.small), activation="relu", name="to_map")
        doubling = {"kernel_size": 4, "strides": 2, "padding": "same"}
        self.double = keras.layers.Conv2DTranspose(
            filters[1], activation="relu", name="double", **doubling
        )
        self.to_pixels = keras.layers.Conv2DTranspose(channels, name="to_pixels", **doubling)

    def build(self, shape):
        del shape
        self.to_map.build([None, self.latent])
        self.double.build([None, None, None, self.filters[0]])
        self.to_pixels.build([None, None, None, self.filters[1]])
        self.built = True

    def call(self, content, style):
        """z_c [n, Zc] and z_s [n, Zs] -> logits [n, H, W, C]."""
        shapes.check(content=(content, "n Zc"), style=(style, "n Zs"))
        found = self.to_map(tf.concat([content, style], axis=1))
        found = self.double(tf.reshape(found, [-1, *self.small]))
        height, width, _ = self.image_shape
        return self.to_pixels(found)[:, :height, :width]

"""MM-Net's contextual learner, and the convolution that it predicts (Cai et al., 2018, section 3.4).

Dimensions: B episodes, M memory slots, N pictures of an episode, D width of a key, F channels.
"""

import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.bi_lstm import BiLSTM
from oneshot_tf.ops import dynamic_conv, shapes

SIDE = 3  # of the predicted filters, in pixels


class ContextualLearner(keras.layers.Layer):
    """W = T_p h, h the sum of the two final states of a bi-LSTM over the used slots, Eq. 7 and 8.

    Args:
      width: D.
      units: hidden units of each direction, D_r.
      outputs: how many numbers are predicted, D_w.
    """

    def __init__(self, width, units, outputs, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.lstm = BiLSTM(width, units, name="bi_lstm")
        # the text has no bias
        self.predictor = keras.layers.Dense(outputs, use_bias=False, name="predictor")
        self.units = units

    def build(self, shape):
        del shape
        self.lstm.build(None)
        self.predictor.build([None, self.units])
        self.built = True

    def call(self, keys, used, training=False):
        """keys [B, M, D], used bool [B, M], the first so many -> [B, outputs]."""
        shapes.check({"D": self.width}, keys=(keys, "B M D"), used=(used, "B M"))
        return self.predictor(self.lstm(keys, used, training=training)[1])


class PredictedConv(keras.layers.Layer):
    """A factorised 3x3 convolution whose depthwise filters are given, norm, ReLU, 2x2 max pooling.

    y = M' * (w *_d (M * x)), M and M' learned 1x1 convolutions.

    Args:
      filters: F, channels between M and M' and of the output.
      added: y will be added to what another convolution gives, and starts at zero.
      norm: what follows the convolution: "running" is batch norm with running statistics, which
        describe no single episode's filters; "picture" normalises each picture by itself.
      last_relu: ends in a ReLU before the pooling.
    """

    def __init__(self, filters, added=False, norm="running", last_relu=True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.last_relu = filters, last_relu
        self.into = keras.layers.Conv2D(filters, 1, use_bias=False, name="into")
        start = "zeros" if added else "glorot_uniform"
        self.out_of = keras.layers.Conv2D(
            filters, 1, use_bias=False, kernel_initializer=start, name="out_of"
        )
        if norm == "running":
            self.norm = keras.layers.BatchNormalization(
                momentum=0.98, epsilon=1.001e-5, name="norm"
            )
        else:
            self.norm = keras.layers.GroupNormalization(1, epsilon=1e-5, name="norm")
        self.by_batch = norm == "running"

    def build(self, shape):
        self.into.build(shape)
        inner = [*shape[:-1], self.filters]
        self.out_of.build(inner)
        self.norm.build(tf.TensorShape(inner))
        self.built = True

    @property
    def num_predicted(self):
        """D_w: how many numbers are predicted for an episode."""
        return SIDE * SIDE * self.filters

    def call(self, features, predicted, beside=None, training=False):
        """Filters each episode's pictures by its own filters.

        Args:
          features: [B, N, h, w, C].
          predicted: [B, D_w].
          beside: [B N, h, w, F] of another convolution, added before the norm; or None.
          training: the norm takes the batch's statistics.

        Returns:
          [B, N, h // 2, w // 2, F].
        """
        shapes.check(
            {"W": self.num_predicted},
            features=(features, "B N h w C"),
            predicted=(predicted, "B W"),
        )
        lead = tf.shape(features)[:2]
        height, width, channels = features.shape[2:]
        flat = tf.reshape(features, [-1, height, width, channels])
        inner = tf.reshape(
            self.into(flat), tf.concat([lead, [height, width, self.filters]], axis=0)
        )
        kernels = tf.reshape(predicted, [-1, SIDE, SIDE, self.filters])
        inner = dynamic_conv.episode_depthwise(inner, kernels)
        out = self.out_of(tf.reshape(inner, [-1, height, width, self.filters]))
        if beside is not None:
            out += tf.cast(beside, out.dtype)
        out = self.norm(out, training=training) if self.by_batch else self.norm(out)
        out = tf.nn.relu(out) if self.last_relu else out
        out = tf.nn.max_pool2d(out, 2, strides=2, padding="VALID")
        return tf.reshape(out, tf.concat([lead, out.shape[1:]], axis=0))

    def flops(self, side, channels):
        """Operations for one picture of `side` x `side` pixels and `channels` channels."""
        products = channels * self.filters + self.filters**2 + SIDE**2 * self.filters
        return 2.0 * products * side**2

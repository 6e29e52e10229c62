"""Convolutions whose filters differ from episode to episode.

The factorised convolution of Bertinetto et al. (2016), *Learning feed-forward one-shot learners*,
Eq. 5, which MM-Net (Cai et al., 2018) predicts: y = M' * (w *_d (M * x)), where only the depthwise
filters w are predicted. Dimensions: B episodes, N pictures of each, F channels.
"""

import tensorflow as tf

from oneshot_tf.ops import shapes


def episode_depthwise(features, filters):
    """Filters every channel of every picture by its own episode's filter.

    The episodes become channels of one depthwise convolution, which avoids a loop over them.

    Args:
      features: [B, N, h, w, F].
      filters: [B, a, b, F].

    Returns:
      [B, N, h, w, F], zeros outside the picture.
    """
    shapes.check(features=(features, "B N h w F"), filters=(filters, "B a b F"))
    size = tf.shape(features)
    channels = size[0] * size[4]
    side_by_side = tf.transpose(features, [1, 2, 3, 0, 4])
    side_by_side = tf.reshape(side_by_side, [size[1], size[2], size[3], channels])
    kernel = tf.transpose(filters, [1, 2, 0, 3])
    kernel = tf.reshape(kernel, [filters.shape[1], filters.shape[2], channels, 1])
    found = tf.nn.depthwise_conv2d(side_by_side, kernel, strides=[1, 1, 1, 1], padding="SAME")
    found = tf.reshape(found, [size[1], size[2], size[3], size[0], size[4]])
    return tf.ensure_shape(tf.transpose(found, [3, 0, 1, 2, 4]), features.shape)

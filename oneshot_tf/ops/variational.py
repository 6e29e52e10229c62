"""What a variational auto-encoder adds to Gaussians: samples, the latent loss, swapped contents."""

import tensorflow as tf

from oneshot_tf.ops import shapes


def kl_to_standard(posterior):
    """KL(q || N(0, I)) of `Gaussians`: [..., D] -> [...]."""
    mean, variance = posterior
    parts = variance + mean**2 - 1.0 - tf.math.log(variance)
    return 0.5 * tf.reduce_sum(parts, axis=-1)


def seeds_of(images):
    """Two int32 that depend on the pictures alone: stateless noise, the same after resuming.

    Args:
      images: float32 of any shape.
    """
    total = tf.reduce_sum(tf.cast(images * 255.0, tf.int32))
    return tf.stack([total, tf.size(images)])


def sample(posterior, seeds):
    """z = mean + sqrt(variance) noise: gradients reach both.

    Args:
      posterior: `Gaussians` [..., D].
      seeds: int32 [2].

    Returns:
      [..., D].
    """
    noise = tf.random.stateless_normal(tf.shape(posterior.means), seeds)
    return posterior.means + tf.sqrt(posterior.variances) * noise


def partners(labels):
    """For every picture, the next one of its class in the episode; the first follows the last.

    Args:
      labels: int32 [B, N].

    Returns:
      int32 [B, N]; a picture that is alone is its own partner.
    """
    shapes.check(labels=(labels, "B N"))
    count = tf.shape(labels)[1]
    places = tf.range(count)
    # 1 for the picture behind, ..., count for the picture itself
    steps = (places[None, :] - places[:, None] - 1) % count + 1
    same = labels[:, :, None] == labels[:, None, :]
    return tf.argmin(tf.where(same, steps, count + 1), axis=2, output_type=tf.int32)

import math

import numpy as np
import tensorflow as tf

from oneshot_tf.ops import variational
from oneshot_tf.ops.gaussian import Gaussians


def draw(seed, *shape):
    random = np.random.default_rng(seed)
    means = random.normal(size=shape).astype(np.float32)
    return Gaussians(tf.constant(means), tf.constant(np.exp(random.normal(size=shape)), tf.float32))


def test_latent_loss_against_loops():
    posterior = draw(0, 2, 3, 4)
    found = variational.kl_to_standard(posterior)
    for index in np.ndindex(2, 3):
        total = 0.0
        for m, s in zip(posterior.means[index], posterior.variances[index], strict=True):
            total += 0.5 * (float(s) + float(m) ** 2 - 1.0 - math.log(float(s)))
        np.testing.assert_allclose(found[index], total, rtol=1e-5)
    assert float(variational.kl_to_standard(Gaussians(tf.zeros([4]), tf.ones([4])))) == 0.0


def test_samples_have_the_posteriors_moments_and_pass_gradients():
    one = draw(1, 3)
    many = Gaussians(*(tf.repeat(part[None], 200_000, axis=0) for part in one))
    found = variational.sample(many, tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(found.mean(axis=0), one.means, atol=0.02)
    np.testing.assert_allclose(found.var(axis=0), one.variances, rtol=0.02)
    with tf.GradientTape() as tape:
        tape.watch(one)
        total = tf.reduce_sum(variational.sample(one, tf.constant([1, 2])) ** 2)
    assert all(np.abs(g).max() > 0 for g in tape.gradient(total, one))


def test_noise_follows_from_the_pictures():
    first = tf.random.stateless_uniform([2, 3, 4, 4, 1], [0, 0])
    second = tf.random.stateless_uniform([2, 3, 4, 4, 1], [0, 1])
    seeds = variational.seeds_of(first).numpy()
    np.testing.assert_array_equal(seeds, variational.seeds_of(tf.identity(first)))
    assert (seeds != variational.seeds_of(second).numpy()).any()


def test_partners_are_the_next_of_the_class():
    labels = tf.constant([[0, 1, 0, 2, 0, 1], [1, 1, -1, 0, -1, 1]])
    found = variational.partners(labels).numpy()
    assert found.tolist() == [[2, 5, 4, 3, 0, 1], [1, 5, 4, 3, 2, 0]]

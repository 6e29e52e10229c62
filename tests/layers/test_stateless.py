"""A Keras network called with other weights than its own."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers import stateless


def make(policy="float32", **options):
    """Convolution, batch norm and a dense layer, with values of their own in every variable."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        network = keras.Sequential(
            [
                keras.layers.Conv2D(3, 3, **options),
                keras.layers.BatchNormalization(),
                keras.layers.Flatten(),
                keras.layers.Dense(5, activation="relu"),
            ]
        )
        network.build([None, 4, 4, 2])
    finally:
        keras.mixed_precision.set_global_policy(before)
    return network


def shake(network, seed):
    random = np.random.default_rng(seed)
    for variable in network.variables:
        variable.assign(random.uniform(0.5, 1.5, variable.shape))


@pytest.fixture
def images(random):
    return tf.constant(random.random((6, 4, 4, 2)), tf.float32)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_other_weights_give_what_the_network_with_these_weights_gives(
    images, policy, training, compiled
):
    ours, theirs = make(policy), make(policy)
    shake(ours, 0)
    shake(theirs, 1)
    for mine, other in zip(
        theirs.non_trainable_variables, ours.non_trainable_variables, strict=True
    ):
        mine.assign(other)
    before = [v.numpy() for v in ours.variables]
    values = [tf.constant(v.numpy()) for v in theirs.trainable_variables]
    # both as a graph or neither: the operations of a graph may round otherwise
    call, own = stateless.call, lambda: theirs(images, training=training)
    call, own = (tf.function(call), tf.function(own)) if compiled else (call, own)
    found = call(ours, values, images, training)
    expected = own().numpy().astype(np.float32)
    # sums in bfloat16 may be rounded otherwise from call to call, by a unit of the largest
    rounding = 0.02 * expected.max() if policy == "mixed_bfloat16" else 0.0
    np.testing.assert_allclose(tf.cast(found, tf.float32), expected, rtol=0.0, atol=rounding)
    assert np.abs(expected - ours(images, training=False)).max() > 0.1 * expected.max()
    for variable, value in zip(ours.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert ours.layers[1].momentum == 0.99


def test_gradients_are_those_of_the_variables(images):
    network = make()
    shake(network, 0)
    values = [tf.constant(v.numpy()) for v in network.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = tf.reduce_sum(stateless.call(network, values, images) ** 2)
    found = tape.gradient(loss, values)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(images) ** 2)
    for ours, theirs in zip(found, tape.gradient(loss, network.trainable_variables), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_its_own_weights_back_after_an_error(images):
    network = make()
    own = list(network.trainable_variables)
    with pytest.raises(ValueError, match="incompatible|expected"):
        stateless.call(network, [tf.zeros_like(v) for v in own], images[..., :1])
    assert all(a is b for a, b in zip(network.trainable_variables, own, strict=True))
    assert network.layers[1].momentum == 0.99


def test_wrong_values_are_named(images):
    network = make()
    values = list(network.trainable_variables)
    with pytest.raises(ValueError, match="must have 6 weights. Received: 5"):
        stateless.call(network, values[:5], images)
    with pytest.raises(ValueError, match="kernel:0` must be .3, 3, 2, 3.. Received: shape=.2,"):
        stateless.call(network, [tf.zeros([2]), *values[1:]], images)


class Hidden(keras.Model):
    """A model whose weight is where no other value can be put."""

    def __init__(self):
        super().__init__()
        self.parts = [tf.Variable(tf.ones([4]), name="hidden")]

    def call(self, images, training=False):
        return tf.reduce_mean(images, axis=[1, 2, 3])[:, None] * self.parts[0]


class Compiled(keras.Model):
    """A model that calls a compiled function, which keeps the weights that it was made with."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)
        self.dense.build([None, 32])
        self.run = tf.function(lambda images: self.dense(tf.reshape(images, [-1, 32])))

    def call(self, images, training=False):
        return self.run(images)


@pytest.mark.parametrize("kind", [Hidden, Compiled])
def test_weights_that_cannot_be_given_are_an_error(images, kind):
    network = kind()
    network(images)
    values = [v + 1.0 for v in network.trainable_variables]
    with pytest.raises(ValueError, match="is not read as a plain attribute of its layer"):
        stateless.call(network, values, images)

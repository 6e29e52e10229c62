import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from oneshot_tf.layers.backbone import Backbone


def network(*layers):
    return keras.Sequential([keras.layers.Conv2D(3, 3, strides=2, padding="same"), *layers])


@pytest.fixture
def images(random):
    return tf.constant(random.random((4, 8, 8, 2)), tf.float32)


def test_maps_are_flattened_and_features_stay(images):
    maps, pooled = network(), network(keras.layers.GlobalAveragePooling2D())
    layer = Backbone(maps)
    np.testing.assert_array_equal(layer(images), tf.reshape(maps(images), [4, 48]))
    np.testing.assert_array_equal(Backbone(pooled)(images), pooled(images))


def test_embed_is_a_function_of_its_weights(images):
    layer = Backbone(network(keras.layers.BatchNormalization(), keras.layers.ReLU()))
    np.testing.assert_array_equal(layer(images), layer.embed(layer.learned, images))
    before = [v.numpy() for v in layer.variables]
    values = [2.0 * v + 0.1 for v in layer.learned]
    for training in (False, True):
        found = layer.embed(values, images, training)
        assert np.abs(found - layer(images)).max() > 0.01
        for variable, value in zip(layer.variables, before, strict=True):
            np.testing.assert_array_equal(variable, value)
    layer(images, training=True)
    assert any(
        np.abs(v - value).max() > 1e-4 for v, value in zip(layer.variables, before, strict=True)
    )


def test_a_functional_model_in_half_precision_gives_float32(images):
    inputs = keras.Input([8, 8, 2])
    outputs = keras.layers.Conv2D(3, 3, dtype="mixed_bfloat16")(inputs)
    found = Backbone(keras.Model(inputs, outputs))(images)
    assert found.dtype == tf.float32 and found.shape == (4, 108)


def test_flops_count_convolutions_and_dense_layers(images):
    layer = Backbone(network(keras.layers.Flatten(), keras.layers.Dense(5)))
    layer(images)
    assert layer.flops() == 2 * (9 * 2 * 3 * 16 + 48 * 5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: "resnet", "must be a tf_keras.Model .* Received: builtins.str"),
        (lambda: network(keras.layers.Dropout(0.5)), "draw no random numbers.* a layer 'dropout"),
        (lambda: network(keras.layers.Reshape([-1, 3])), r"must give features .* \[1, 16, 3\]"),
        (
            lambda: keras.Sequential([keras.layers.Dense(3, input_shape=[7])]),
            "take pictures of 8 x 8",
        ),
    ],
)
def test_refused(images, make, message):
    with pytest.raises(ValueError, match=message):
        Backbone(make())(images)


def test_its_python_may_ask_tensors(images):
    """As that of any Keras model; also inside of graphs that are not converted themselves."""

    class Asking(keras.Model):
        def call(self, images):
            features = tf.reduce_mean(images, axis=[1, 2])
            if tf.reduce_max(features) > 0.0:
                features = 2.0 * features
            return features

    layer = Backbone(Asking())
    expected = 2.0 * tf.reduce_mean(images, axis=[1, 2])
    np.testing.assert_allclose(layer(images), expected, rtol=1e-6)
    in_a_graph = tf.function(layer, autograph=False)
    np.testing.assert_allclose(in_a_graph(images), expected, rtol=1e-6)

"""Keras' networks are read as Keras computes them, and what cannot be read is refused by name."""

import keras
import numpy as np
import pytest
from keras import layers

from ebana.conversion.reading import read


def computed(network, x):
    """By Keras, in the precision of its weights."""
    return keras.ops.convert_to_numpy(network(x.astype(np.float32), training=False))


def functional():
    inputs = keras.Input((6,))
    h = layers.Dense(5)(inputs)
    h = layers.Dropout(0.3)(layers.ReLU()(layers.BatchNormalization()(h)))
    return keras.Model(inputs, layers.Dense(2)(h))


NETWORKS = {
    "sequential": lambda: keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, activation="relu"), layers.Dense(3)]
    ),
    "an image": lambda: keras.Sequential(
        [keras.Input((2, 3)), layers.Flatten(), layers.Dense(4, "relu", use_bias=False), layers.Dense(2)]
    ),
    "nested": lambda: keras.Sequential(
        [
            keras.Input((6,)),
            keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Activation("relu")]),
            layers.Dense(2, activation="linear"),
        ]
    ),
    "functional": functional,
    "normalised": lambda: keras.Sequential(
        [
            keras.Input((6,)),
            layers.BatchNormalization(center=False),
            layers.Dense(4, activation="relu"),
            layers.BatchNormalization(scale=False),
            layers.Dense(2),
        ]
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_chain_computes_what_keras_computes(name):
    keras.utils.set_random_seed(0)
    network = NETWORKS[name]()
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(rng.uniform(0.2, 1.5, weight.shape) * rng.choice([1, 1, -1], weight.shape) ** 2)
        if "kernel" in weight.name or "bias" in weight.name or "mean" in weight.name:
            weight.assign(rng.normal(size=weight.shape))
    x = rng.normal(size=(9, *network.input_shape[1:]))
    np.testing.assert_allclose(
        read(network).outputs(x.reshape(9, -1)), computed(network, x), rtol=2e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    ("layer", "head"),
    [
        (layers.Dense(2, activation="softmax"), "softmax"),
        (layers.Dense(1, activation="sigmoid"), "logistic"),
        (layers.Activation("log_softmax"), "log_softmax"),
        (layers.Softmax(), "softmax"),
    ],
    ids=["softmax", "sigmoid", "log_softmax", "layer"],
)
def test_heads_are_read(layer, head):
    network = keras.Sequential([keras.Input((3,)), layers.Dense(2), layer])
    assert read(network).head == head


class Mine(layers.Dense):
    """A subclass may compute something else."""


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: [layers.Dense(2, activation="tanh", name="a")], r"keras layer 'a' is of activation 'tanh'"),
        (lambda: [layers.Reshape((3, 1)), layers.Conv1D(2, 2, name="c")], r"class .*Reshape"),
        (lambda: [Mine(2, name="m")], r"'m' is of class .*Mine"),
        (lambda: [layers.Dense(2), layers.ReLU(max_value=6, name="r")], r"'r' is ReLU\(max_value=6"),
        (lambda: [layers.Dense(2), layers.LeakyReLU(name="l")], r"'l' is of class .*LeakyReLU"),
        (
            lambda: [layers.Dense(2, activation="softmax", name="s"), layers.Dense(2, name="d")],
            r"'d' is a layer after 's' \(softmax\)",
        ),
        (lambda: [layers.Dropout(0.1)], r"no dense layer"),
    ],
    ids=["tanh", "reshape", "subclass", "relu6", "leaky", "softmax within", "empty"],
)
def test_what_cannot_be_converted_is_refused_by_name(made, message):
    with pytest.raises(ValueError, match=message):
        read(keras.Sequential([keras.Input((3,)), *made()]))


def test_dense_layers_over_several_axes_are_refused():
    network = keras.Sequential([keras.Input((2, 3)), layers.Dense(4, name="d"), layers.Flatten()])
    with pytest.raises(
        ValueError, match=r"'d' is called on inputs of shape \(None, 2, 3\). .*Put Flatten before"
    ):
        read(network)


def test_branches_are_refused():
    inputs = keras.Input((3,))
    a, b = layers.Dense(2, name="a")(inputs), layers.Dense(2, name="b")(inputs)
    with pytest.raises(ValueError, match=r"'b' is off the row"):
        read(keras.Model(inputs, layers.Add()([a, b])))


def test_a_layer_that_is_called_twice_is_refused():
    inputs, twice = keras.Input((3,)), layers.Dense(3)
    with pytest.raises(ValueError, match=r"calls a layer twice"):
        read(keras.Model(inputs, twice(twice(inputs))))


def test_several_inputs_and_outputs_are_refused():
    x, z = keras.Input((3,)), keras.Input((2,))
    with pytest.raises(ValueError, match=r"has 2 inputs"):
        read(keras.Model([x, z], layers.Dense(1)(layers.Concatenate()([x, z]))))
    h = layers.Dense(2)(x)
    with pytest.raises(ValueError, match=r"with one output"):
        read(keras.Model(x, [h, layers.Dense(1)(h)]))


def test_a_network_that_is_not_built_is_refused():
    with pytest.raises(ValueError, match=r"is not built. Let it begin with keras.Input"):
        read(keras.Sequential([layers.Dense(2)]))


def test_a_single_layer_is_refused():
    with pytest.raises(ValueError, match=r"'lone' is of class Dense"):
        read(layers.Dense(2, name="lone"))


class Own(keras.Model):
    """A model of a user's."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        """Not to be read off."""
        return self.dense(x) ** 2


def test_a_model_of_a_class_of_its_own_is_refused():
    network = Own()
    network(np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match=r"class Own"):
        read(network)

"""Keras' networks as chains: ``Sequential``, and functional models whose layers follow one another.

Weights are read in double precision, as they are for inference (see :mod:`ebana.conversion.from_torch` for batch
normalisation). Layers are known by their very class: a subclass may compute something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import layers

from ebana.conversion.chain import Chain, ChainWriter, refusal

SOURCE = "keras"

NOTHING = (layers.Dropout, layers.GaussianNoise, layers.GaussianDropout, layers.ActivityRegularization)
"""What does nothing at inference."""

FUNCTIONS = {"softmax": "softmax", "log_softmax": "log_softmax", "sigmoid": "logistic"}
"""Activations that only the end can have."""


def read(network: Any) -> Chain:
    """The chain of a network.

    Args:
        network: a built ``keras.Sequential``, or a functional ``keras.Model`` of one input and one output.

    Raises:
        ValueError: for a network that is not built, branches, or has a class of its own; and for a layer that
            cannot be converted, named.
    """
    if type(network) not in (keras.Sequential, _functional_class()):
        raise ValueError(
            f"convert: keras {network.name!r} is of class {type(network).__name__}, whose call() cannot be read off. "
            "Expected a keras.Sequential or a functional keras.Model: write it as one."
        )
    if not network.built:
        raise ValueError(
            f"convert: keras network {network.name!r} is not built. "
            "Let it begin with keras.Input, or call it on a sample first."
        )
    writer = ChainWriter(SOURCE)
    flat = len(_shape(network)) == 2
    for layer in _in_a_row(network):
        if type(layer) is layers.Flatten:
            flat = True
            continue
        if not flat and not isinstance(layer, layers.InputLayer):
            raise refusal(
                SOURCE,
                layer.name,
                f"called on inputs of shape {_shape(network)}",
                "Put Flatten before it.",
            )
        _take(writer, layer)
    return writer.finish()


@cache
def _functional_class() -> type:
    """The class that ``keras.Model(inputs, outputs)`` makes, which has no public name."""
    x = keras.Input((1,))
    return type(keras.Model(x, x))


def _shape(network: Any) -> tuple[int | None, ...]:
    shape = network.input_shape
    if isinstance(shape, list | dict):
        raise ValueError(
            f"convert: keras network {network.name!r} has {len(shape)} inputs. Expected one input and one output: "
            "concatenate them outside of it."
        )
    return tuple(shape)


def _in_a_row(network: Any) -> Iterator[Any]:
    """The layers in their order, those of nested sequences too."""
    if isinstance(network, keras.Sequential):
        for layer in network.layers:
            yield from _in_a_row(layer) if isinstance(layer, keras.Sequential) else [layer]
        return
    yield from _functional(network)


def _functional(network: Any) -> Iterator[Any]:
    """The layers of a functional model, held to be one row from its input to its output."""
    at = network.inputs[0]
    for layer in network.layers:
        if isinstance(layer, layers.InputLayer) and layer.output is at:
            continue
        if layer.input is not at:
            raise refusal(
                SOURCE,
                layer.name,
                "off the row: its input is not the result of the layer before it",
                "Convert the parts that are rows.",
            )
        yield layer
        at = layer.output
    if len(network.outputs) != 1 or network.outputs[0] is not at:
        raise ValueError(
            f"convert: keras network {network.name!r} does not end with its last layer, or calls a layer twice. "
            "Expected layers in one row, with one output."
        )


def _take(writer: ChainWriter, layer: Any) -> None:
    kind = type(layer)
    if kind is layers.Dense:
        writer.affine(layer.name, _array(layer.kernel), None if layer.bias is None else _array(layer.bias))
        _function(writer, layer.name, layer.activation)
    elif kind is layers.BatchNormalization:
        _normalisation(writer, layer)
    elif kind is layers.ReLU:
        _relu(writer, layer)
    elif kind is layers.Activation:
        _function(writer, layer.name, layer.activation)
    elif kind is layers.Softmax:
        _softmax(writer, layer)
    elif kind not in (layers.InputLayer, layers.Identity, *NOTHING):
        raise refusal(SOURCE, layer.name, f"of class {kind.__module__}.{kind.__name__}")


def _function(writer: ChainWriter, name: str, function: Any) -> None:
    if function is keras.activations.linear:
        return
    if function is keras.activations.relu:
        writer.relu(name)
        return
    for known, head in FUNCTIONS.items():
        if function is getattr(keras.activations, known):
            writer.head(name, head)
            return
    raise refusal(
        SOURCE,
        name,
        f"of activation {keras.activations.serialize(function)!r}",
        "Train one with 'relu', or 'linear'.",
    )


def _relu(writer: ChainWriter, layer: Any) -> None:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise refusal(
            SOURCE,
            layer.name,
            f"ReLU(max_value={layer.max_value}, negative_slope={layer.negative_slope}, threshold={layer.threshold})",
            "Use ReLU().",
        )
    writer.relu(layer.name)


def _softmax(writer: ChainWriter, layer: Any) -> None:
    if layer.axis not in (1, -1):
        raise refusal(
            SOURCE, layer.name, f"Softmax(axis={layer.axis})", "State axis=-1, that of the outputs."
        )
    writer.head(layer.name, "softmax")


def _normalisation(writer: ChainWriter, layer: Any) -> None:
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    gamma = _array(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = _array(layer.beta) if layer.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + layer.epsilon)
    writer.scale(layer.name, factor, beta - mean * factor)


def _array(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=float)

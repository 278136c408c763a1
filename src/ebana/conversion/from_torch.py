"""PyTorch's networks as chains: ``nn.Sequential`` of dense layers, nested or not, or one ``nn.Linear``.

Weights are read in double precision, as they are for inference: dropout does nothing, and batch normalisation uses
its running mean m and variance s^2,

    h <- gamma (h - m) / sqrt(s^2 + eps) + beta.

Layers are known by their very class: a subclass may compute something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor, nn

from ebana.conversion.chain import OFTEN, Chain, ChainWriter, refusal

SOURCE = "torch"

NOTHING = (nn.Identity, nn.Dropout, nn.AlphaDropout)
"""What does nothing at inference to rows of features."""

HEADS = {nn.Softmax: "softmax", nn.LogSoftmax: "log_softmax", nn.Sigmoid: "logistic"}


def read(network: object) -> Chain:
    """The chain of a network.

    Args:
        network: an ``nn.Sequential`` or an ``nn.Linear``.

    Raises:
        TypeError: for what is no module.
        ValueError: for a layer that cannot be converted, named.

    Example:
        >>> read(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))).sizes
        (4, 3, 2)
    """
    if not isinstance(network, nn.Module):
        raise TypeError(f"convert() got a {type(network).__name__} of torch. Expected an nn.Sequential.")
    writer = ChainWriter(SOURCE)
    for name, layer in _flat("", network):
        _take(writer, name, layer)
    return writer.finish()


def _flat(name: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers of nested sequences in order, by their names."""
    if type(module) is not nn.Sequential:
        yield name or type(module).__name__, module
        return
    for key, child in module.named_children():
        yield from _flat(f"{name}.{key}" if name else key, child)


def _take(writer: ChainWriter, name: str, layer: nn.Module) -> None:
    kind = type(layer)
    if kind is nn.Linear:
        _linear(writer, name, layer)
    elif kind is nn.BatchNorm1d:
        _normalisation(writer, name, layer)
    elif kind is nn.ReLU:
        writer.relu(name)
    elif kind is nn.Flatten:
        _flatten(name, layer)
    elif kind in HEADS:
        _head(writer, name, layer)
    elif kind not in NOTHING:
        raise refusal(SOURCE, name, _described(layer), _advice(layer))


def _linear(writer: ChainWriter, name: str, layer: Any) -> None:
    weight, bias = layer.weight, layer.bias
    if weight.is_complex():
        raise refusal(SOURCE, name, f"a Linear of {weight.dtype} weights", "Give real ones.")
    writer.affine(name, _array(weight).T, None if bias is None else _array(bias))


def _normalisation(writer: ChainWriter, name: str, layer: Any) -> None:
    if layer.running_mean is None:
        raise refusal(
            SOURCE,
            name,
            "a BatchNorm1d without running statistics, whose result depends on the batch",
            "Train it with track_running_stats=True.",
        )
    mean, variance = _array(layer.running_mean), _array(layer.running_var)
    gamma = np.ones_like(mean) if layer.weight is None else _array(layer.weight)
    beta = np.zeros_like(mean) if layer.bias is None else _array(layer.bias)
    factor = gamma / np.sqrt(variance + layer.eps)
    writer.scale(name, factor, beta - mean * factor)


def _flatten(name: str, layer: Any) -> None:
    if (layer.start_dim, layer.end_dim) != (1, -1):
        axes = f"Flatten({layer.start_dim}, {layer.end_dim})"
        raise refusal(SOURCE, name, axes, "Use Flatten(), which keeps the batch alone.")


def _head(writer: ChainWriter, name: str, layer: Any) -> None:
    kind = type(layer)
    if kind is not nn.Sigmoid and layer.dim not in (1, -1):
        raise refusal(SOURCE, name, f"{kind.__name__}(dim={layer.dim})", "State dim=1, the outputs' axis.")
    writer.head(name, HEADS[kind])


def _described(layer: nn.Module) -> str:
    return f"of class {type(layer).__module__}.{type(layer).__qualname__}"


def _advice(layer: nn.Module) -> str:
    if next(layer.children(), None) is not None or type(layer).__module__.split(".")[0] != SOURCE:
        return "What a module of your own computes cannot be read off: write it as an nn.Sequential."
    return OFTEN


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()

"""Where a network is read: nudged outputs, and outputs clamped to given values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebana import activations
from ebana.circuit import CircuitBuilder
from ebana.layers.base import Layer, Signal
from ebana.storage.described import boolean, text


def _flat(layer: Layer, shapes: Any, fold: bool) -> tuple[int, ...]:
    """The one input's shape in one dimension; even where pairs of nodes are read."""
    units = int(np.prod(layer.only(shapes)))
    if fold and units % 2:
        raise ValueError(
            f"output layer {layer.name!r} folds pairs of nodes but is called on {units} of them. "
            "Expected an even number (twice the number of values), or fold=False."
        )
    return (units,)


class CurrentLayer(Layer):
    """The output: potentials are read here, and currents nudge it in the second phase.

    Args:
        name: name of the layer, and of its targets in a data set.
        fold: True (default) reads pairs of nodes, ``v+ - v-``, so that weights can have either sign
            though conductances are positive; False reads single nodes.
        activation: what is predicted of the volts that are read, computed beside the circuit: ``"softmax"``,
            ``"sparsemax"``, an :class:`~ebana.activations.Activation`, or None for the volts themselves. Losses and
            ``model.predict`` are of the predictions, and the nudge is what they lack of the targets.

    Input shape: ``(n,)``, n even where folded. Data of an output have n / 2 columns (folded) or n.
    """

    kind_label = "current"
    stored = Layer.stored | {"fold": boolean, "activation": text}
    is_output = True

    def __init__(
        self, name: str, *, fold: bool = True, activation: object = None, enabled: bool = True
    ) -> None:
        if not enabled:
            raise ValueError(
                f"output layer {name!r} cannot be disabled. Leave it out of the model's outputs."
            )
        super().__init__(name)
        self.fold = bool(fold)
        self.activation = activations.get(activation)

    def output_shape(self, shapes: object) -> tuple[int, ...]:
        """The input's shape, in one dimension."""
        return _flat(self, shapes, self.fold)

    @property
    def values(self) -> int:
        """Number of values that are read."""
        n = self.calls[0].units
        return n // 2 if self.fold else n

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """An output port on the parent's nodes."""
        nodes = inputs[0].ravel()
        build.output(signal.name, nodes, folded=self.fold)
        return nodes

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        described: dict[str, Any] = {"name": self.name, "fold": self.fold}
        if self.activation is not None:
            described["activation"] = self.activation.stored_name(f"output layer {self.name!r}")
        return described


def CurrentNudgingLayer(name: str, fold: bool = False, activation: object = "") -> CurrentLayer:
    """A :class:`CurrentLayer`, as the EBANA framework of 2025 spells it: single nodes unless told to fold.

    Args:
        name, fold, activation: see :class:`CurrentLayer`; ``""`` for no activation.

    Example:
        >>> CurrentNudgingLayer("c1", fold=True, activation="softmax").activation
        Softmax()
    """
    return CurrentLayer(name, fold=fold, activation=activation)


class VoltageLayer(Layer):
    """Clamps the nodes of a layer to data, so that the energy of an input-output pair can be read.

    Args:
        name: name of the layer, and of its data among the inputs.
        fold: True clamps pairs of nodes at ``+y/2`` and ``-y/2``; False (default) each node at its value.
    """

    kind_label = "clamp"
    stored = Layer.stored | {"fold": boolean}
    is_output = True

    def __init__(self, name: str, *, fold: bool = False, enabled: bool = True) -> None:
        super().__init__(name, enabled=enabled)
        self.fold = bool(fold)

    def output_shape(self, shapes: object) -> tuple[int, ...]:
        """The input's shape, in one dimension."""
        return _flat(self, shapes, self.fold)

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """Turn the parent's free nodes into held ones."""
        nodes = inputs[0].ravel()
        group = build.group_of(int(nodes[0]))
        if group.kind != "free" or not np.array_equal(np.sort(nodes), group.indices):
            raise ValueError(
                f"voltage layer {self.name!r} must be called on all nodes of one dense layer. "
                f"Received {nodes.size} nodes of {group.name!r} ({group.kind}, {group.size} nodes)."
            )
        n = nodes.size
        columns = np.arange(n) // 2 if self.fold else np.arange(n)
        scale = np.where(np.arange(n) % 2, -0.5, 0.5) if self.fold else np.ones(n)
        build.clamp(group.name, signal.name, columns, scale)
        return nodes

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        return super().config() | {"fold": self.fold}

"""Layers that only rearrange nodes: they add no element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ebana.circuit import CircuitBuilder
from ebana.layers.base import Layer, Shape, Signal
from ebana.storage.described import index, listed


class ConcatenateLayer(Layer):
    """Joins the nodes of several layers along the last axis; disabled sources are skipped.

    Input shapes: equal but for the last axis. Output shape: that axis added up.
    """

    kind_label = "concatenate"
    rearranges = True
    skips_absent: ClassVar[bool] = True

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """The shapes joined along the last axis."""
        present = [shape for shape in shapes if int(np.prod(shape))]
        if not present:
            raise ValueError(f"layer {self.name!r} joins only disabled layers. Enable one of them.")
        if len({shape[:-1] for shape in present}) > 1:
            raise ValueError(
                f"layer {self.name!r} joins shapes {', '.join(map(str, present))}. "
                "Expected them equal but for the last axis."
            )
        return (*present[0][:-1], sum(shape[-1] for shape in present))

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """The joined nodes."""
        return np.concatenate([nodes for nodes in inputs if nodes.size], axis=-1)


class StackLayer(Layer):
    """Stacks layers of equal shape along a new axis.

    Args:
        name: name of the layer.
        axis: where the new axis goes; -1 (default) puts it last.
    """

    kind_label = "stack"
    stored = Layer.stored | {"axis": index}
    rearranges = True

    def __init__(self, name: str, axis: int = -1, *, enabled: bool = True) -> None:
        super().__init__(name, enabled=enabled)
        self.axis = int(axis)

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """The shape with the new axis."""
        if len(set(shapes)) > 1:
            raise ValueError(
                f"layer {self.name!r} stacks shapes {', '.join(map(str, shapes))}. Expected equal shapes."
            )
        return np.stack([np.zeros(shape) for shape in shapes], axis=self.axis).shape

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """The stacked nodes."""
        return np.stack(inputs, axis=self.axis)

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        return super().config() | {"axis": self.axis}


class ReshapeLayer(Layer):
    """Arranges nodes in another shape of the same size.

    Args:
        name: name of the layer.
        shape: the new shape; one entry may be -1.
    """

    kind_label = "reshape"
    stored = Layer.stored | {"shape": listed(index)}
    rearranges = True

    def __init__(self, name: str, shape: Sequence[int], *, enabled: bool = True) -> None:
        super().__init__(name, enabled=enabled)
        self.target = tuple(int(n) for n in np.atleast_1d(shape))

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """The new shape, -1 resolved."""
        shape = self.only(shapes)
        try:
            return np.zeros(shape).reshape(self.target).shape
        except ValueError:
            raise ValueError(
                f"layer {self.name!r} cannot arrange shape {shape} ({int(np.prod(shape))} nodes) as {self.target}."
            ) from None

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """The same nodes, rearranged."""
        return inputs[0].reshape(signal.shape)

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        return super().config() | {"shape": list(self.target)}

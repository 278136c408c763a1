"""Blocks written in SPICE as a layer: one instance for each node, or for each group of nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ebana.circuit import CircuitBuilder
from ebana.layers.base import Layer, Signal
from ebana.spice.language.subcircuit import Subcircuit
from ebana.storage.described import by_type, listed, number, optional, text

IN, OUT, GROUND = "in", "out", "ground"
"""What a pin can be: a node of the layer's input, a new node, or ground; a number is a bias source's volts."""


class SubcircuitLayer(Layer):
    """Instances of a SPICE subcircuit on the nodes of the layer it is called on; solved by SPICE engines.

    With ``in`` pins alone it is a shunt, as a diode layer is, and hands its input's nodes on; with ``out``
    pins it hands on new nodes. With several ``in`` pins each instance takes as many consecutive nodes.

    Equilibrium propagation trains the conductances around it as long as the block is reciprocal: what it
    draws from each pin must be the slope of an energy, as for any two-terminal device.

    Args:
        block: SPICE text with a ``.subckt``, or any object whose ``str()`` is one (blocks of PySpice and
            InSpice are); it must hold every model and subcircuit that it needs.
        name: name of the layer.
        pins: what each pin is: ``"in"``, ``"out"``, ``"ground"`` or volts; in the order of the
            ``.subckt`` line, or by the pins' names. May be left out for a block with one pin, an ``in``.
        subcircuit: which subcircuit of the text is meant; the last one if left out.

    Input shape: any; the number of nodes a multiple of the number of ``in`` pins.
    Output shape: the input's, or ``(instances * out pins,)``.

    Raises:
        ValueError: for text that is no subcircuit, and for pins that do not fit it.

    Example:
        >>> from ebana import DenseLayer, InputVoltageLayer
        >>> x = InputVoltageLayer(units=2, name="x")
        >>> clip = ".subckt clip a k\\nD1 a k dio\\n.model dio D(IS=1e-9)\\n.ends clip"
        >>> h = SubcircuitLayer(clip, name="act", pins={"a": "in", "k": 0.2})(DenseLayer(3, name="d")(x))
        >>> h.shape
        (3,)
    """

    kind_label = "subcircuit"
    stored = Layer.stored | {
        "block": text,
        "pins": optional(listed(by_type(str=text, int=number, float=number))),
        "subcircuit": optional(text),
    }

    def __init__(
        self,
        block: object,
        name: str,
        pins: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        subcircuit: str | None = None,
        enabled: bool = True,
    ) -> None:
        super().__init__(name, enabled=enabled)
        self.model = Subcircuit.parse(block, subcircuit)
        self.roles = _roles(self, pins)
        self.makes_nodes = OUT in self.roles  # type: ignore[misc]
        self.passes_when_disabled = not self.makes_nodes  # type: ignore[misc]

    def output_shape(self, shapes: Any) -> tuple[int, ...]:
        """The input's shape for a shunt, else ``(instances * out pins,)``."""
        shape = self.only(shapes)
        nodes, each = int(np.prod(shape)), self.roles.count(IN)
        if nodes % each:
            raise ValueError(
                f"subcircuit layer {self.name!r} takes {each} nodes for each instance of {self.model.name!r} and is "
                f"called on {nodes}. Expected a multiple of {each}."
            )
        return (nodes // each * self.roles.count(OUT),) if self.makes_nodes else shape

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """The instances, bias sources of the pins that are held, and nodes of those that are new."""
        nodes = inputs[0]
        groups = nodes.reshape(-1, self.roles.count(IN))
        new = build.nodes(signal.name, signal.units) if self.makes_nodes else np.zeros(0, int)
        outputs = new.reshape(len(groups), -1)
        taken, made = iter(groups.T), iter(outputs.T)
        columns = [
            self._column(build, signal, pin, role, len(groups), taken, made)
            for pin, role in zip(self.model.pins, self.roles, strict=True)
        ]
        build.subcircuits(signal.name, np.stack(columns, axis=1), self.model)
        return new if self.makes_nodes else nodes

    def _column(
        self,
        build: CircuitBuilder,
        signal: Signal,
        pin: str,
        role: Any,
        size: int,
        taken: Iterator[np.ndarray],
        made: Iterator[np.ndarray],
    ) -> np.ndarray:
        if role == IN:
            return next(taken)
        if role == OUT:
            return next(made)
        if role == GROUND:
            return build.ground(size)
        return np.broadcast_to(build.bias(f"{signal.name}_{pin}", [role]), (size,))

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        return super().config() | {
            "block": self.model.text,
            "pins": list(self.roles),
            "subcircuit": self.model.name,
        }


def _roles(layer: SubcircuitLayer, pins: Any) -> tuple[str | float, ...]:
    names = layer.model.pins
    expected = f"{layer.model.name!r} has {len(names)} pins: {', '.join(names)}"
    if pins is None and len(names) == 1:
        pins = (IN,)
    if pins is None:
        raise ValueError(
            f"subcircuit layer {layer.name!r} needs pins=: {expected}. Give each '{IN}', '{OUT}', '{GROUND}' or volts."
        )
    if isinstance(pins, Mapping):
        if {str(key).lower() for key in pins} != {name.lower() for name in names}:
            raise ValueError(
                f"subcircuit layer {layer.name!r} got pins for {', '.join(map(str, pins))}. {expected}."
            )
        by_name = {str(key).lower(): role for key, role in pins.items()}
        pins = [by_name[name.lower()] for name in names]
    if isinstance(pins, str) or len(pins) != len(names):
        raise ValueError(f"subcircuit layer {layer.name!r} got pins={pins!r}. {expected}.")
    roles = tuple(role if isinstance(role, str) else float(role) for role in pins)
    wrong = [r for r in roles if isinstance(r, str) and r not in (IN, OUT, GROUND)]
    if wrong or not np.isfinite([r for r in roles if not isinstance(r, str)]).all() or IN not in roles:
        raise ValueError(
            f"subcircuit layer {layer.name!r} got pins={pins!r}. Expected '{IN}', '{OUT}', '{GROUND}' or volts for "
            f"each pin, and at least one '{IN}'."
        )
    return roles

"""Synapses: cells of a crossbar whose weight is the voltage of a capacitor on the gates of transistors.

A cell touches four nodes: ``p`` and ``n``, the voltage of its row and that voltage inverted; ``z``, its column; and
``w``, which holds the weight. Whoever makes a synapse of their own states its transistors between these nodes (and
``"0"``, ground), see :class:`Synapse`; netlist, drawing and both engines read that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ebana.numbers import positive, real
from ebana.onchip.transistors.law import Size

Node = Literal["p", "n", "z", "w", "0"]


@dataclass(frozen=True)
class Transistor:
    """A transistor of a cell, its bulk tied to its source.

    Args:
        size: channel and drawn size.
        drain, gate, source: names of the cell's nodes.
    """

    size: Size
    drain: Node
    gate: Node
    source: Node


@dataclass(frozen=True)
class Synapse:
    """A cell of a crossbar.

    ``"cmos"`` is the published pair (Metzger): a p-channel transistor from the row's voltage and an n-channel one from
    the inverted one, both with the weight on their gates, so that the sign of the weight chooses who conducts.
    ``"2t1c"`` is the cell of dynamic memories: one n-channel transistor between row and column with the weight on its
    gate, its sign fixed.

    A subclass with ``transistors`` of its own is a synapse of its own.

    Args:
        kind: ``"cmos"`` or ``"2t1c"``.
        width_n, width_p, length: sizes of the transistors, metres.
        capacitance: of the capacitor on the weight's node, farads.
        multiplier: so many cells in parallel, all of their capacitors too.
        leak: conductance from the weight's node to ground, siemens: what a weight is forgotten by.

    Example:
        >>> [t.size.channel for t in Synapse("cmos").transistors]
        ['p', 'n']
    """

    kind: str = "cmos"
    width_n: float = 0.42e-6
    width_p: float = 1.302e-6
    length: float = 0.15e-6
    capacitance: float = 0.1e-12
    multiplier: float = 1.0
    leak: float = 0.0

    kinds: ClassVar[tuple[str, ...]] = ("cmos", "2t1c")

    def __post_init__(self) -> None:
        if self.kind not in self.kinds:
            raise ValueError(f"a synapse has kind={self.kind!r}. Expected one of {', '.join(self.kinds)}.")
        for what, unit in (
            ("width_n", "m"),
            ("width_p", "m"),
            ("length", "m"),
            ("capacitance", "F"),
            ("multiplier", ""),
        ):
            object.__setattr__(self, what, positive("a synapse", what, getattr(self, what), unit))
        leak = real("a synapse", "leak", self.leak, "siemens, from 0", least=0.0)
        object.__setattr__(self, "leak", leak)

    @property
    def transistors(self) -> tuple[Transistor, ...]:
        """Its transistors, one after another."""
        n = Size("n", self.width_n, self.length)
        if self.kind == "2t1c":
            return (Transistor(n, "p", "w", "z"),)
        p = Size("p", self.width_p, self.length)
        return Transistor(p, "z", "w", "p"), Transistor(n, "z", "w", "n")

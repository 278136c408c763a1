"""The structure of twin networks: what a program is compiled for. Numbers are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ebana.onchip.twin.description import Twin
from ebana.onchip.twin.graph import Edges

GROUND = -1
"""Index of ground where a node is left out."""


@dataclass(frozen=True)
class Wiring:
    """Structure of both networks.

    Args:
        edges: pairs of nodes.
        held: nodes that are held in both: inputs, then constants.
        outputs: pairs of nodes, :data:`GROUND` for the second one where there is none.
    """

    edges: Edges
    held: tuple[int, ...]
    outputs: Edges

    @property
    def nodes(self) -> int:
        """Number of nodes of each network."""
        return max(max(pair) for pair in self.edges) + 1

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """First and second node of each edge."""
        pairs = np.array(self.edges)
        return pairs[:, 0], pairs[:, 1]

    @property
    def free(self) -> np.ndarray:
        """Nodes whose voltage follows from Kirchhoff's law in the free network."""
        return np.array([n for n in range(self.nodes) if n not in self.held], int)

    @property
    def clamped(self) -> np.ndarray:
        """The same in the clamped network, whose outputs are held."""
        return np.array([n for n in self.free if n not in {m for pair in self.outputs for m in pair}], int)

    @property
    def incidence(self) -> np.ndarray:
        """1 at the first and -1 at the second node of each edge, ``(nodes, edges)``."""
        first, second = self.ends
        table = np.zeros((self.nodes, len(self.edges)))
        table[first, np.arange(len(self.edges))] = 1.0
        table[second, np.arange(len(self.edges))] = -1.0
        return table

    @property
    def reading(self) -> np.ndarray:
        """What each output is of the nodes' voltages, ``(outputs, nodes)``."""
        table = np.zeros((len(self.outputs), self.nodes))
        for k, (plus, minus) in enumerate(self.outputs):
            table[k, plus] = 1.0
            if minus != GROUND:
                table[k, minus] = -1.0
        return table

    @property
    def pushing(self) -> np.ndarray:
        """How much each node is moved for a volt of an output, ``(outputs, nodes)``: two nodes share it."""
        table = self.reading
        return table / np.abs(table).sum(1, keepdims=True)


def wiring(twin: Twin) -> Wiring:
    """Structure of a description."""
    outputs = tuple((o.plus, GROUND if o.minus is None else o.minus) for o in twin.outputs)
    return Wiring(twin.edges, twin.held, outputs)


class Numbers(NamedTuple):
    """Numbers of a description, each a scalar in a lane.

    Args:
        strength, threshold: of the transistors, A/V^2 and V.
        leak: of each node, siemens.
        rate: of the pumps over the capacitance, 1/(V s).
        headroom: of the pumps, volts.
        low, high: range of the gates, volts.
        discharge: of the gates' leak, 1/s.
        eta: clamping amplitude.
    """

    strength: Any
    threshold: Any
    leak: Any
    rate: Any
    headroom: Any
    low: Any
    high: Any
    discharge: Any
    eta: Any


def numbers(twin: Twin) -> Numbers:
    """Numbers of a description."""
    gate = twin.gate
    return Numbers(
        twin.transistor.strength, twin.transistor.threshold, twin.leak, twin.pump.strength / gate.capacitance,
        twin.pump.headroom, gate.low, gate.high, gate.leak / gate.capacitance, twin.eta,
    )  # fmt: skip

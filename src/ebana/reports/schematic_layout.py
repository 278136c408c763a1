"""Where the parts of a small circuit go on a schematic.

Every node is a horizontal wire, a *track*; every array of elements is a *band* of its own from left to
right, in the order of the circuit. Tracks share heights where they do not overlap (the left-edge rule of
channel routing, Hashimoto and Stevens 1971), nearest to the wires that lead to them. A crossbar is a grid,
an amplifier stands in its wire, everything from a node to ground or to a bias that only devices use hangs
below its wire, and all else is a vertical wire from one track to another. Two wires join where there is a dot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebana.circuit import Circuit
from ebana.circuit.elements import GROUND, Amplifiers, Branches, VoltageSources

SOURCES, OUTPUTS = "sources", "outputs"


@dataclass
class Band:
    """A part of the sheet from left to right.

    Args:
        kind: ``"sources"``, ``"outputs"`` or ``"element"``.
        element: the element array of an ``"element"`` band.
        nodes: the nodes whose sources stand in a ``"sources"`` band.
    """

    kind: str
    element: Any = None
    nodes: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """Bands, heights of the tracks, and the rails.

    Args:
        bands: from left to right.
        slot: height of each node's track, from 0 at the top.
        first: the band in which each track begins.
        rails: source nodes that only devices use: drawn as a name where they are used.
    """

    bands: tuple[Band, ...]
    slot: dict[int, int]
    first: dict[int, int]
    rails: frozenset[int]


def plan(circuit: Circuit) -> Plan:
    """Lay out a circuit."""
    rails = _rails(circuit)
    bands = _bands(circuit)
    first, last = _spans(circuit, bands, rails)
    return Plan(tuple(bands), _slots(circuit, bands, first, last), first, rails)


def _nodes(element: Any) -> list[int]:
    ends = np.concatenate([np.ravel(t) for t in element.terminals()])
    return [int(n) for n in dict.fromkeys(ends.tolist()) if n != GROUND]


def _rails(circuit: Circuit) -> frozenset[int]:
    """Biases that only devices use, each of them from another node."""
    held = {int(n) for n in circuit.sources}
    biases = {int(n) for e in circuit.each(VoltageSources) if e.parameter for n in e.nodes}
    for element in circuit.elements:
        if isinstance(element, Branches) and not element.linear:
            ends = zip(*(nodes.tolist() for nodes in element.ends()), strict=True)
            biases -= {n for a, b in ends if {a, b} <= held | {GROUND} for n in (a, b)}
        elif not element.sources().size:
            biases -= set(_nodes(element))
    read = {int(n) for port in circuit.outputs for n in port.nodes}
    used = {n for e in circuit.each(Branches) if not e.linear for n in _nodes(e)}
    return frozenset((biases & used) - read)


def _bands(circuit: Circuit) -> list[Band]:
    """A band for each element array, after one with the sources that it is the first to use."""
    bands: list[Band] = []
    waiting = [int(n) for n in circuit.sources]
    for element in circuit.elements:
        if element.sources().size:
            continue
        new = [n for n in waiting if n in set(_nodes(element))]
        if new:
            bands.append(Band(SOURCES, nodes=new))
            waiting = [n for n in waiting if n not in new]
        bands.append(Band("element", element))
    if waiting:
        bands.insert(0, Band(SOURCES, nodes=waiting))
    return [*bands, Band(OUTPUTS)] if circuit.outputs else bands


def _spans(
    circuit: Circuit, bands: Sequence[Band], rails: frozenset[int]
) -> tuple[dict[int, int], dict[int, int]]:
    """First and last band of each node's track."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}

    def seen(nodes: Iterable[int], band: int) -> None:
        for node in nodes:
            first.setdefault(node, band)
            if node not in rails or node not in last:
                last[node] = band

    for k, band in enumerate(bands):
        if band.kind == SOURCES:
            seen(band.nodes, k)
        elif band.kind == OUTPUTS:
            seen((int(n) for port in circuit.outputs for n in port.nodes), k)
        else:
            seen(_nodes(band.element), k)
    seen((n for n in range(circuit.size) if n not in first), 0)
    return first, last


class _Heights:
    """Which heights are taken in which bands."""

    def __init__(self) -> None:
        self.taken: set[tuple[int, int]] = set()
        self.slot: dict[int, int] = {}

    def free(self, slot: int, first: int, last: int) -> bool:
        return all((slot, band) not in self.taken for band in range(first, last + 1))

    def put(self, node: int, slot: int, first: int, last: int) -> None:
        self.slot[node] = slot
        self.taken |= {(slot, band) for band in range(first, last + 1)}

    def put_together(
        self, nodes: Sequence[int], near: float, first: dict[int, int], last: dict[int, int]
    ) -> None:
        """Nodes below each other, as near to a height as there is room."""
        reach = len(self.taken) + len(nodes) + 2
        starts = sorted(range(-reach, reach), key=lambda s: (abs(s + (len(nodes) - 1) / 2 - near), -s))
        at = next(s for s in starts if all(self.free(s + k, first[n], last[n]) for k, n in enumerate(nodes)))
        for k, node in enumerate(nodes):
            self.put(node, at + k, first[node], last[node])


def _slots(
    circuit: Circuit, bands: Sequence[Band], first: dict[int, int], last: dict[int, int]
) -> dict[int, int]:
    heights = _Heights()
    for k, band in enumerate(bands):
        new = [n for n in sorted(first) if first[n] == k and n not in heights.slot]
        if band.kind == SOURCES:
            after = bands[k + 1].element if k + 1 < len(bands) else None
            near = [
                heights.slot[n] for n in (_nodes(after) if after is not None else []) if n in heights.slot
            ]
        elif isinstance(band.element, Amplifiers):
            _in_line(heights, band.element, k, last)
            near, new = [], [n for n in new if n not in heights.slot]
        elif isinstance(band.element, Branches) and band.element.outer:
            ends = band.element.ends()
            near = [heights.slot[int(n)] for end in ends for n in end if int(n) in heights.slot]
        else:
            near = [
                heights.slot[n] for n in (_nodes(band.element) if band.element else []) if n in heights.slot
            ]
        if new:
            heights.put_together(new, float(np.mean(near)) if near else 0.0, first, last)
    top = min(heights.slot.values(), default=0)
    return {node: slot - top for node, slot in heights.slot.items()}


def _in_line(heights: _Heights, element: Amplifiers, band: int, last: dict[int, int]) -> None:
    """Outputs go on at the height of their inputs where those end."""
    for h, w in zip(element.inputs.tolist(), element.outputs.tolist(), strict=True):
        slot = heights.slot.get(h)
        if slot is not None and last[h] == band and heights.free(slot, band + 1, last[w]):
            heights.put(w, slot, band, last[w])

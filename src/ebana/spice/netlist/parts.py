"""Arrays of elements in parts that a simulator can hold.

An array whose subcircuit would have more than :data:`MAX_PORTS` ports is written in parts: a crossbar in blocks of
rows and columns, other arrays in runs.
"""

from __future__ import annotations

import numpy as np

from ebana.circuit.element import GROUND, Element, Place
from ebana.circuit.elements import CurrentSources, Output

MAX_PORTS = 1000
"""Ports of the largest subcircuit that is written; ngspice 39 ends the process above 1004."""

WHOLE: Place = (slice(None), slice(None))


def fits(*ends: np.ndarray) -> bool:
    """Whether a subcircuit over these nodes has few enough ports (ground is none)."""
    nodes = np.unique(np.concatenate(ends))
    return int(np.count_nonzero(nodes != GROUND)) <= MAX_PORTS


def parts_of(element: Element) -> list[tuple[Element, Place]]:
    """The parts that an element array is written in, and where the numbers of each are in its table."""
    if element.inline or fits(*element.terminals()):
        return [(element, WHOLE)]
    return [(element.part(place), place) for place in element.places(MAX_PORTS)]


def held(output: Output) -> CurrentSources:
    """The currents into the nodes of an output, as an element."""
    return CurrentSources(output.name, output.nodes, current="")


def unit_runs(output: Output) -> list[slice]:
    """The runs of units that a clamped nudge is written in."""
    if fits(output.nodes):
        return [slice(None)]
    length = max(1, MAX_PORTS // 2)
    return [slice(start, start + length) for start in range(0, output.units, length)]

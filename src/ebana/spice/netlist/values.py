"""The numbers of a deck that differ between samples or training steps, and what ``alter`` calls them.

Every such number belongs to an element that ngspice's ``alter`` can change, so that a simulator loads a circuit once.
:func:`handles` names those numbers and :func:`element_values` gives them, in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ebana.circuit.element import Element
from ebana.spice.netlist.names import Names
from ebana.spice.netlist.parts import parts_of

Values = Mapping[str, Any]


def element_values(element: Element, parameters: Values) -> np.ndarray:
    """The numbers that an element array has in the deck, in the order of :func:`handles`.

    Ohms for conductances; for amplifiers the gains A, then the offsets ``s (1 - A)`` in volts, then
    kappa; volts and amperes for sources. Empty for devices, whose numbers are in their text, and for
    sources that an input drives.
    """
    return element.numbers(parameters).ravel() if element.alterable else np.zeros(0)


def handles(names: Names, element: Element) -> list[str]:
    """What ``alter`` calls each number of :func:`element_values`, e.g. ``"r.xd1.r0_3"``."""
    return part_handles(names, names.subcircuits["element", element.name], element)


def part_handles(names: Names, blocks: list[str], element: Element) -> list[str]:
    """Handles of an element array whose parts have these names, in the order of its numbers."""
    if not element.alterable:
        return []
    parts = [
        (place, part.handles(block.lower(), names.nodes))
        for block, (part, place) in zip(blocks, parts_of(element), strict=True)
    ]
    width = len(element.terminals()[-1])
    table = np.empty((sum(len(own) for _, own in parts) // max(width, 1), width), dtype=object)
    for place, own in parts:
        table[place] = np.array(own, dtype=object).reshape(table[place].shape)
    return table.ravel().tolist()

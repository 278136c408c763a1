"""Which elements close a loop of voltage sources, and which are all that reaches a node that floats.

Nodes are the vertices of two graphs. In that of *held* voltages an edge is a unit that holds one between its ends:
Kirchhoff's voltage law leaves a circuit of edges undetermined, so that the graph has to be a forest. In that of direct
currents every vertex needs a path to a source or to ground (:func:`ebana.circuit.circuit.connected`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.element import Branches, Element

Written = Mapping[str, Sequence[object]]
"""How a person wrote the units of arrays, by the arrays' names; ``str`` of each is a phrase of a message."""


class Edge(NamedTuple):
    """A unit of an array that holds a voltage between two nodes; ground is the last."""

    element: Element
    unit: int
    a: int
    b: int


def source_loop(circuit: Circuit) -> list[Edge]:
    """The edges of a loop of held voltages, first the one that closes it; empty where there is none.

    Nodes that voltage sources hold, and those that amplifiers drive, are joined to ground.

    Example:
        >>> from ebana.circuit import CircuitBuilder
        >>> build = CircuitBuilder()
        >>> x = build.input("x", 1)
        >>> build.resistors("r", x, build.ground(), 1e-3)
        >>> source_loop(build.build())
        []
    """
    if not any(True for element in circuit.elements for _ in element.fixed()):
        return []
    parent = list(range(circuit.size + 1))
    tree: list[Edge] = []
    for edge in (*_to_ground(circuit), *_between(circuit)):
        a, b = _root(parent, edge.a), _root(parent, edge.b)
        if a == b:
            return [edge, *_path(tree, edge.b, edge.a)]
        parent[a] = b
        tree.append(edge)
    return []


def _to_ground(circuit: Circuit) -> Iterator[Edge]:
    for element in circuit.elements:
        for k, node in enumerate(element.sources().tolist()):
            yield Edge(element, k, node, circuit.size)
    for amplifier in circuit.amplifiers:
        for k, node in enumerate(amplifier.outputs.tolist()):
            yield Edge(amplifier, k, node, circuit.size)


def _between(circuit: Circuit) -> Iterator[Edge]:
    for element in circuit.elements:
        for first, second in element.fixed():
            ends = zip(first.tolist(), second.tolist(), strict=True)
            for k, (a, b) in enumerate(ends):
                yield Edge(element, k, a % (circuit.size + 1), b % (circuit.size + 1))


def _root(parent: list[int], node: int) -> int:
    while parent[node] != node:
        parent[node] = node = parent[parent[node]]
    return node


def _path(tree: Sequence[Edge], start: int, stop: int) -> list[Edge]:
    """The edges of a forest from one node to another of the same tree, breadth first."""
    at: dict[int, list[tuple[int, Edge]]] = {}
    for edge in tree:
        at.setdefault(edge.a, []).append((edge.b, edge))
        at.setdefault(edge.b, []).append((edge.a, edge))
    came: dict[int, tuple[int, Edge] | None] = {start: None}
    waiting = deque([start])
    while waiting and stop not in came:
        node = waiting.popleft()
        for other, edge in at.get(node, ()):
            if other not in came:
                came[other] = node, edge
                waiting.append(other)
    found = []
    step = came[stop]
    while step is not None:
        found.append(step[1])
        step = came[step[0]]
    return found[::-1]


def unit(element: Element, k: int, written: Written) -> str:
    """How a message names a unit: as it was written, else by its array and number.

    Example:
        >>> from ebana.circuit.elements import Resistors
        >>> r = Resistors("r", [0, 1], [1, 2], "g")
        >>> unit(r, 1, {}), unit(r, 1, {"r": ["R1 (line 2)", "R2 (line 3)"]})
        ("'r[1]'", 'R2 (line 3)')
    """
    return str(written[element.name][k]) if element.name in written else repr(element.unit_name(k))


def touching(circuit: Circuit, nodes: Sequence[int], written: Written) -> list[str]:
    """The units of written arrays with a terminal at one of the nodes, in the order in which arrays were added."""
    found: dict[str, None] = {}
    for element in circuit.elements:
        if element.name not in written or (isinstance(element, Branches) and element.outer):
            continue
        touched = np.any([np.isin(ends, nodes) for ends in element.terminals()], axis=0)
        found |= dict.fromkeys(unit(element, int(k), written) for k in np.flatnonzero(touched))
    return list(found)


def islands(labels: np.ndarray, floating: Sequence[int]) -> list[list[int]]:
    """Floating nodes by the part of the circuit to which they belong.

    Args:
        labels: of all nodes, from :func:`ebana.circuit.circuit.connected`.
        floating: indices of nodes.

    Example:
        >>> islands(np.array([0, 3, 4, 3]), [1, 2, 3])
        [[1, 3], [2]]
    """
    found: dict[int, list[int]] = {}
    for node in floating:
        found.setdefault(int(labels[node]), []).append(node)
    return list(found.values())

"""What must hold of a circuit before any solver sees it."""

from __future__ import annotations

import numpy as np

from ebana.circuit.circuit import Circuit, connected, terminals
from ebana.circuit.elements import GROUND, Crossbar, CurrentSources, Resistors


def check(circuit: Circuit) -> None:
    """Raise ValueError, with the element or node named, where the circuit cannot have an operating point."""
    _check_indices(circuit)
    _check_shapes(circuit)
    _check_grounded(circuit)


def _check_indices(circuit: Circuit) -> None:
    for element in circuit.elements:
        for nodes in terminals(element):
            if nodes.size and (nodes.min() < GROUND or nodes.max() >= circuit.size):
                raise ValueError(
                    f"element {element.name!r} touches node {nodes.max()} but the circuit has {circuit.size} "
                    "nodes. Expected indices that nodes(), input() or bias() returned."
                )


def _expected_shape(element: Crossbar | Resistors | CurrentSources) -> tuple[str, tuple[int, ...]]:
    if isinstance(element, Crossbar):
        return element.conductance, (len(element.rows), len(element.columns))
    if isinstance(element, Resistors):
        return element.conductance, element.a.shape
    return element.current, element.nodes.shape


def _check_shapes(circuit: Circuit) -> None:
    for element in circuit.each(Crossbar, Resistors, CurrentSources):
        name, shape = _expected_shape(element)
        if circuit.parameters[name].shape != shape:
            raise ValueError(
                f"element {element.name!r} uses parameter {name!r} of shape {circuit.parameters[name].shape}. "
                f"Expected {shape}: sharing values needs equal numbers of nodes in both places."
            )


def _check_grounded(circuit: Circuit) -> None:
    """Every free node needs a path of elements to a source or ground: else its potential is undetermined."""
    label = connected(circuit, np.full(circuit.size + 1, True), amplified=True)
    held = set(label[circuit.sources]) | {label[circuit.size]}
    floating = [int(n) for n in circuit.free if label[n] not in held]
    if floating:
        names = ", ".join(circuit.node_name(n) for n in floating[:8])
        raise ValueError(
            f"nodes float, with no path of elements to a source or to ground: {names}. "
            "Connect them, or leave them out."
        )

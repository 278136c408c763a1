"""What must hold of a circuit before any solver sees it."""

from __future__ import annotations

import numpy as np

from ebana.circuit.circuit import Circuit, connected
from ebana.circuit.elements import GROUND, Amplifiers, Branches, CurrentSources, Subcircuits, VoltageSources
from ebana.spice.language.subcircuit import NeedsSpice


def check(circuit: Circuit) -> None:
    """Raise ValueError, with the element or node named, where the circuit cannot have an operating point."""
    _check_computed(circuit)
    _check_indices(circuit)
    _check_shapes(circuit)
    _check_sources(circuit)
    _check_grounded(circuit)
    _check_blocks(circuit)
    _check_loops(circuit)


def require_solvable(circuit: Circuit, what: str, *, constraints: bool = False) -> None:
    """Raise :class:`NeedsSpice` where a circuit holds elements whose currents do not follow from its potentials.

    Args:
        what: what is not possible with them, the beginning of a sentence.
        constraints: whether elements that hold voltages, and do nothing else, are let pass.
    """
    for element in circuit.elements:
        if element.solvable or (constraints and element.constrains):
            continue
        if element.has_relations:
            raise NeedsSpice(
                f"{what} {element.name!r}, {element.title()}. Solve the circuit with engine='sparse', and train it by "
                "estimator='adjoint' where it carries signals one way."
            )
        unread = (
            f" Its text was not read: {element.unread}"
            if isinstance(element, Subcircuits) and element.unread
            else ""
        )
        raise NeedsSpice(
            f"{what} {element.name!r}, {element.title()}: it has no current law in Python.{unread} "
            "Solve and train the circuit with engine='ngspice', or write the block as a Device."
        )


COMPUTED = (Branches, CurrentSources, VoltageSources, Amplifiers)
"""Kinds whose currents solvers, energies and power reports compute."""


def _check_computed(circuit: Circuit) -> None:
    """An element that is solvable by its own word is left out of no equation."""
    for element in circuit.elements:
        if element.solvable and not (isinstance(element, COMPUTED) or element.blocks_direct_current):
            raise ValueError(
                f"element {element.name!r}, {element.title()}, states solvable = True, but nothing here would compute "
                f"its currents. Expected a subclass of {', '.join(kind.__name__ for kind in COMPUTED)}: derive it from "
                "Branches, which states ends() and a law, or leave solvable False, and SPICE solves it; one "
                "without any direct current states blocks_direct_current = True."
            )


def _check_indices(circuit: Circuit) -> None:
    for element in circuit.elements:
        for nodes in element.terminals():
            if nodes.size and (nodes.min() < GROUND or nodes.max() >= circuit.size):
                raise ValueError(
                    f"element {element.name!r} touches node {nodes.max()} but the circuit has {circuit.size} "
                    "nodes. Expected indices that nodes(), input() or bias() returned."
                )


def _check_shapes(circuit: Circuit) -> None:
    for element in circuit.elements:
        element.check()
        for name, shapes in element.references():
            if name not in circuit.parameters:
                known = ", ".join(circuit.parameters) or "none"
                raise ValueError(
                    f"element {element.name!r} uses parameter {name!r}, which does not exist. Known: {known}."
                )
            shape = circuit.parameters[name].shape
            if shape not in shapes:
                expected = " or ".join(str(fit) for fit in dict.fromkeys(shapes))
                raise ValueError(
                    f"element {element.name!r} uses parameter {name!r} of shape {shape}. "
                    f"Expected {expected}: sharing values needs equal numbers of nodes in both places."
                )


def _check_sources(circuit: Circuit) -> None:
    """Every held node needs one voltage source: two on one node are a loop, and none leaves it undetermined."""
    count = np.zeros(circuit.size, int)
    for element in circuit.elements:
        np.add.at(count, element.sources(), 1)
    held = np.zeros(circuit.size, bool)
    held[circuit.sources] = True
    for wrong, why, what in (
        (held & (count > 1), "a loop of voltage sources", "Remove all but one source of each node"),
        (
            held & (count == 0),
            "held nodes without a voltage source",
            "Drive each with input(), bias(), waveforms() or drive()",
        ),
        (
            ~held & (count > 0),
            "voltage sources on nodes that are not held",
            "Use nodes of input(), bias() or waveforms()",
        ),
    ):
        if wrong.any():
            names = ", ".join(circuit.node_name(int(n)) for n in np.flatnonzero(wrong)[:8])
            raise ValueError(f"the circuit has {why}: {names}. {what}.")


def _check_blocks(circuit: Circuit) -> None:
    """What is trained by the currents at a node needs to know them all."""
    blocks = [element for element in circuit.elements if not (element.solvable or element.has_relations)]
    by = np.full(circuit.size + 1, -1)  # number of the block that draws from each node
    for number, block in enumerate(blocks):
        for nodes in block.terminals():
            by[nodes] = number
    if not blocks:
        return
    for amplifier in reversed(circuit.amplifiers):  # what an output draws, its input draws
        drawn = by[amplifier.outputs]
        by[amplifier.inputs] = np.where(drawn < 0, by[amplifier.inputs], drawn)
    for element in circuit.each(VoltageSources, Amplifiers):
        nodes = element.terminals()[-1]
        trained = [r.name for r in element.references() if circuit.parameters[r.name].trainable]
        shared = np.flatnonzero(by[nodes] >= 0)
        if trained and shared.size:
            node = int(nodes[shared[0]])
            block = blocks[by[node]]
            raise ValueError(
                f"parameter {trained[0]!r} is trained by the current at {circuit.node_name(node)}, which "
                f"{block.name!r}, {block.title()}, shares; what it draws is not known. Set trainable=False, or write "
                "the block as a Device."
            )


def _check_loops(circuit: Circuit) -> None:
    """No voltage source of an element may join two nodes that others hold already."""
    blocks = [(block, pairs) for block in circuit.elements if (pairs := list(block.fixed()))]
    parent = list(range(circuit.size + 1))
    if blocks:
        for nodes in (circuit.sources, *(amplifier.outputs for amplifier in circuit.amplifiers)):
            for node in nodes.tolist():
                parent[node] = circuit.size

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for block, pairs in blocks:
        for a, b in ((int(a), int(b)) for first, second in pairs for a, b in zip(first, second, strict=True)):
            if root(a % len(parent)) == root(b % len(parent)):
                raise ValueError(
                    f"a voltage source inside of {block.name!r}, {block.title()}, closes a loop of voltage sources at "
                    f"{circuit.node_name(a)} and {circuit.node_name(b)}. Put a resistance in series with it, or leave "
                    "the node to it alone."
                )
            parent[root(a % len(parent))] = root(b % len(parent))


def _check_grounded(circuit: Circuit) -> None:
    """Every free node needs a path of elements to a source or ground: else its potential is undetermined.

    Elements join their ends, a block the pins that its text joins.
    """
    label = connected(circuit, np.full(circuit.size + 1, True), amplified=True)
    held = set(label[circuit.sources]) | {label[circuit.size]}
    floating = [int(n) for n in circuit.free if label[n] not in held]
    if floating:
        names = ", ".join(circuit.node_name(n) for n in floating[:8])
        raise ValueError(
            f"nodes float, with no path of elements to a source or to ground: {names}. "
            "Connect them, or leave them out."
        )

"""What must hold of a circuit before any solver sees it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ebana.circuit.circuit import Circuit, connected
from ebana.circuit.culprits import Written, islands, source_loop, touching, unit
from ebana.circuit.elements import GROUND, Amplifiers, Branches, CurrentSources, Subcircuits, VoltageSources
from ebana.circuit.general import Inductors
from ebana.circuit.wires import WiredCells, WireResistors
from ebana.spice.language.subcircuit import NeedsSpice

MOST = 8
"""Names that a message lists."""

INNER = "#"
"""Mark in the label of a node that stands within an element, such as one behind a series resistance."""


def check(circuit: Circuit, written: Written | None = None) -> None:
    """Raise ValueError, with the element or node named, where the circuit cannot have an operating point.

    Args:
        circuit: the circuit.
        written: how a person wrote the units of arrays, for messages: of each array a phrase for each unit.
    """
    written = written or {}
    _check_computed(circuit)
    _check_indices(circuit)
    _check_ends(circuit)
    _check_shapes(circuit)
    _check_sources(circuit)
    _check_inside(circuit)
    _check_grounded(circuit, written)
    _check_blocks(circuit)
    _check_loops(circuit, written)


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


def _check_ends(circuit: Circuit) -> None:
    for element in circuit.each(Branches):
        first, second = map(len, element.ends())
        if first != second and not element.outer:
            raise ValueError(
                f"element {element.name!r} joins {first} first nodes and {second} second ones. Expected equal numbers, "
                f"one of either for each unit; ground({first}) gives {first} terminals at ground."
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
            names = ", ".join(circuit.node_name(int(n)) for n in np.flatnonzero(wrong)[:MOST])
            raise ValueError(f"the circuit has {why}: {names}. {what}.")


def _check_inside(circuit: Circuit) -> None:
    """Nodes within a wired crossbar are its own, and its ports differ: what they hold is computed from those alone."""
    owner = {int(node): cells.name for cells in circuit.each(WiredCells) for node in cells.inside}
    if not owner:
        return
    inside = np.zeros(circuit.size + 1, bool)
    inside[list(owner)] = True
    for item in (*circuit.elements, *circuit.outputs):
        own = (
            item.cells
            if isinstance(item, WireResistors)
            else item.name
            if isinstance(item, WiredCells)
            else None
        )
        nodes = np.concatenate([np.ravel(t) for t in item.terminals()])
        for node in nodes[inside[nodes]].tolist():
            if owner[node] != own:
                raise ValueError(
                    f"{item.name!r} touches {circuit.node_name(node)}, within the wires of crossbar {owner[node]!r}. "
                    "Expected its rows and columns alone; build the wires of resistors() to connect within them."
                )
    movable = np.ones(circuit.size + 1, bool)
    movable[circuit.sources] = movable[circuit.size] = False
    for cells in circuit.each(WiredCells):
        ports = np.concatenate([cells.rows, cells.columns])
        nodes, count = np.unique(circuit.base[ports[movable[circuit.base[ports]]]], return_counts=True)
        if (count > 1).any():
            raise ValueError(
                f"wired crossbar {cells.name!r} has {circuit.node_name(int(nodes[count > 1][0]))} at two of its rows "
                "or columns. Expected each node once; leave one of them out, or give the crossbar ideal wires."
            )


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


def _check_loops(circuit: Circuit, written: Written) -> None:
    """No voltage source of an element may join two nodes that others hold already."""
    loop = source_loop(circuit)
    if not loop:
        return
    closing = loop[0].element
    ends = (GROUND if n == circuit.size else n for n in (loop[0].a, loop[0].b))
    at = " and ".join(dict.fromkeys(map(circuit.node_name, ends)))
    if closing.name not in written:
        raise ValueError(
            f"a voltage source inside of {closing.name!r}, {closing.title()}, closes a loop of voltage sources at "
            f"{at}. Put a resistance in series with it, or leave the node to it alone."
        )
    first, *others = dict.fromkeys(unit(edge.element, edge.unit, written) for edge in loop)
    short = (
        " An inductor is a source of 0 V at DC."
        if any(isinstance(e.element, Inductors) for e in loop)
        else ""
    )
    raise ValueError(
        f"{first} closes a loop of voltage sources{' with ' if others else ''}{_listed(others)}, at {at}.{short} "
        "Put a resistance in series with one of them, or leave one out."
    )


def _listed(names: Sequence[str]) -> str:
    """At most so many names of a message.

    Example:
        >>> _listed(["a", "b", "c"])
        'a, b and c'
    """
    shown = [*names[:MOST], *([f"{len(names) - MOST} more"] if len(names) > MOST else [])]
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def _check_grounded(circuit: Circuit, written: Written) -> None:
    """Every free node needs a path of elements to a source or ground: else its potential is undetermined.

    Elements join their ends, a block the pins that its text joins.
    """
    label = connected(circuit, np.full(circuit.size + 1, True), amplified=True)
    held = set(label[circuit.sources]) | {label[circuit.size]}
    floating = [int(n) for n in circuit.free if label[n] not in held]
    if floating:
        names = ", ".join(circuit.node_name(n) for n in floating[:MOST])
        reached = [_reached(circuit, nodes, written) for nodes in islands(label, floating)[:MOST]]
        told = [sentence for sentence in reached if sentence]
        how = ", for instance by a resistor of 1G to ground" if told else ""
        raise ValueError(
            f"nodes float, with no path of elements to a source or to ground: {names}. "
            f"{' '.join([*told, f'Connect them{how}, or leave them out.'])}"
        )


def _reached(circuit: Circuit, nodes: Sequence[int], written: Written) -> str:
    """A sentence on what was written at nodes that float together; empty where nothing was."""
    at = touching(circuit, nodes, written)
    names = [circuit.node_name(n) for n in nodes]
    own = [name for name in names if INNER not in name] or names
    if not at:
        return ""
    return f"Only {_listed(at)} {'reaches' if len(at) == 1 else 'reach'} {_listed(own)}."

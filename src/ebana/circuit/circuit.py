"""The circuit: nodes, arrays of elements, parameters. Everything else reads this one description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ebana.circuit.element import GROUND, INDEX, Element
from ebana.circuit.elements import Amplifiers, NodeGroup, Output, VoltageSources
from ebana.parameters import Parameter
from ebana.shown import Shown, Table, brief


def connected(circuit: Circuit, among: np.ndarray, *, amplified: bool) -> np.ndarray:
    """Label the nodes that elements join, directly or over others; shape ``(size + 1,)``.

    Args:
        circuit: the circuit.
        among: mask of the nodes that may join, shape ``(size + 1,)``; the last entry stands for ground.
        amplified: whether an amplifier joins its input to its output; a block then joins the pins between
            which direct current flows, else all of its pins.

    Returns:
        A label for each node; nodes outside ``among`` have one of their own.
    """
    ends = [pair for element in circuit.elements for pair in element.joined(among, amplified=amplified)]
    size = circuit.size + 1
    a, b = (np.concatenate(side) for side in zip(*ends, strict=True)) if ends else (np.zeros(0, int),) * 2
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


@dataclass(frozen=True, eq=False)
class Circuit(Shown):
    """An immutable circuit. Build one with :class:`~ebana.circuit.builder.CircuitBuilder`.

    A circuit is a JAX pytree of its devices' numbers (:mod:`ebana.physics.structure`).

    Args:
        groups: the node groups, in the order of the node numbering.
        elements: the arrays of elements.
        parameters: the named values that the elements refer to.
        outputs: the ports that are read and nudged.
        inputs: number of columns of each named input.
    """

    groups: tuple[NodeGroup, ...]
    elements: tuple[Element, ...]
    parameters: Mapping[str, Parameter]
    outputs: tuple[Output, ...]
    inputs: Mapping[str, int]

    def __repr__(self) -> str:
        return (
            f"Circuit({self.size} nodes, {len(self.free)} of them free; {len(self.elements)} arrays of elements; "
            f"outputs {brief(port.name for port in self.outputs)})"
        )

    def _tables(self) -> Iterator[Table]:
        elements = [(e.name, e.kind, e.units, e.layer) for e in self.elements]
        yield Table("Elements", ("name", "kind", "how many", "layer"), elements)
        groups = [(g.name, g.kind, g.size, g.layer) for g in self.groups]
        yield Table("Nodes", ("group", "kind", "nodes", "layer"), groups)

    def explore(self) -> None:
        """Find out once what follows from the structure, for all circuits that share it."""
        for name in _FOUND:
            getattr(self, name)

    def __getstate__(self) -> dict[str, Any]:
        """The circuit itself, without what was found out of it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def size(self) -> int:
        """Number of nodes, ground not counted."""
        return sum(group.size for group in self.groups)

    @cached_property
    def free(self) -> np.ndarray:
        """Indices of the free nodes: the unknowns, in the order of an operating point's columns."""
        return self._of_kind("free")

    @cached_property
    def sources(self) -> np.ndarray:
        """Indices of the nodes that voltage sources hold."""
        return self._of_kind("source")

    @cached_property
    def free_position(self) -> np.ndarray:
        """Column of each node among the free nodes, -1 for the others; shape ``(size,)``."""
        position = np.full(self.size, -1, dtype=INDEX)
        position[self.free] = np.arange(len(self.free))
        return position

    @cached_property
    def free_groups(self) -> tuple[NodeGroup, ...]:
        """The groups of free nodes."""
        return tuple(group for group in self.groups if group.kind == "free")

    @cached_property
    def amplifiers(self) -> tuple[Amplifiers, ...]:
        """Amplifiers, each after those that drive it."""
        level = np.zeros(self.size + 1, int)  # amplifiers on the way to a node; -1 unknown; ground's is last
        for group in self.groups:
            level[group.indices] = -1 if group.kind == "amplified" else 0
        waiting = list(self.each(Amplifiers))
        ordered: list[Amplifiers] = []
        while waiting:
            later = []
            for amplifier in waiting:
                before = level[amplifier.inputs]
                if (before < 0).any():
                    later.append(amplifier)
                else:
                    level[amplifier.outputs] = before.max(initial=0) + 1
                    ordered.append(amplifier)
            if len(later) == len(waiting):
                names = ", ".join(a.name for a in waiting)
                raise ValueError(f"amplifiers {names} drive each other in a loop. Break the loop.")
            waiting = later
        place = {id(amplifier): i for i, amplifier in enumerate(self.each(Amplifiers))}
        return tuple(sorted(ordered, key=lambda a: (level[a.outputs].max(initial=0), place[id(a)])))

    @cached_property
    def base(self) -> np.ndarray:
        """The free or source node that every node follows, over amplifiers; shape ``(size + 1,)``.

        The last entry stands for ground, where the index :data:`GROUND` points.
        """
        base = np.arange(self.size + 1, dtype=INDEX)
        for amplifier in self.amplifiers:
            base[amplifier.outputs] = base[amplifier.inputs]
        return base

    @cached_property
    def base_position(self) -> np.ndarray:
        """Column of every node's base among the free nodes, -1 where it is held; shape ``(size + 1,)``."""
        return np.append(self.free_position, INDEX(GROUND))[self.base]

    @cached_property
    def driven_by(self) -> tuple[np.ndarray, np.ndarray]:
        """For every node (ground last): the number of the voltage sources that hold its base, and its place there.

        The number counts ``each(VoltageSources)``; -1 for nodes whose base no source holds.
        """
        number, place = (np.full(self.size + 1, -1, dtype=INDEX) for _ in range(2))
        for k, element in enumerate(self.each(VoltageSources)):
            number[element.nodes], place[element.nodes] = k, np.arange(len(element.nodes))
        return number[self.base], place[self.base]

    def _of_kind(self, kind: str) -> np.ndarray:
        runs = [group.indices for group in self.groups if group.kind == kind]
        return np.concatenate(runs) if runs else np.zeros(0, dtype=INDEX)

    def each(self, *kinds: type) -> Iterator[Any]:
        """The elements of the given classes, in order."""
        return (element for element in self.elements if isinstance(element, kinds))

    def output(self, name: str) -> Output:
        """The output port of that name."""
        for port in self.outputs:
            if port.name == name:
                return port
        known = ", ".join(port.name for port in self.outputs)
        raise KeyError(f"circuit has no output {name!r}. It has: {known}.")

    def group_of(self, node: int) -> NodeGroup:
        """The group that a node belongs to."""
        for group in self.groups:
            if group.start <= node < group.start + group.size:
                return group
        raise IndexError(f"circuit has no node {node}")

    def node_name(self, node: int) -> str:
        """Readable name of a node, its label, ``group[i]``, or ``ground``."""
        if node == GROUND:
            return "ground"
        group = self.group_of(node)
        return group.node_name(node - group.start)

    @property
    def node_names(self) -> tuple[str, ...]:
        """Readable names of all nodes, in their order."""
        return tuple(group.node_name(k) for group in self.groups for k in range(group.size))

    def node(self, name: str) -> int:
        """Index of the node of that name, its label or ``group[i]``, in either case of letters.

        Raises:
            KeyError: for an unknown name; lists some of those there are.
        """
        wanted = name.strip().lower()
        if wanted in ("0", "gnd", "ground"):
            return GROUND
        if wanted not in self._node_index:
            near = get_close_matches(wanted, self._node_index, 6) or list(self._node_index)[:8]
            raise KeyError(f"circuit has no node {name!r}. It has, among {self.size}: {', '.join(near)}.")
        return self._node_index[wanted]

    @cached_property
    def _node_index(self) -> dict[str, int]:
        return {name.lower(): k for k, name in reversed(list(enumerate(self.node_names)))}

    def at_temperature(self, celsius: float) -> Circuit:
        """The circuit with all its devices at a temperature, whatever each stated.

        Diodes and transistors change as their models say; resistances, which state no coefficients here, and sources
        do not.

        Args:
            celsius: degrees Celsius.

        Raises:
            ValueError: for a temperature that is not above -273.15 degrees or that a device cannot have, and for
                elements that SPICE alone knows.

        Example:
            >>> from ebana import JunctionDiode
            >>> from ebana.circuit import CircuitBuilder
            >>> build = CircuitBuilder()
            >>> x, y = build.input("x", 1), build.nodes("y", 1)
            >>> build.resistors("r", x, y, ohms="1k")
            >>> build.devices("d", y, build.ground(), JunctionDiode.named("1N4148"))
            >>> build.build().at_temperature(85).elements[-1].model.temperature
            85.0
        """
        if not -273.15 < float(celsius) < np.inf:
            raise ValueError(f"at_temperature({celsius!r}). Expected degrees Celsius above -273.15.")
        return replace(self, elements=tuple(e.at_temperature(float(celsius)) for e in self.elements))

    def initial(self) -> dict[str, np.ndarray]:
        """The values to start from, by parameter name."""
        return {name: np.array(p.initial) for name, p in self.parameters.items()}

    @cached_property
    def trainable(self) -> tuple[str, ...]:
        """Names of the trainable parameters."""
        return tuple(name for name, p in self.parameters.items() if p.trainable)


_FOUND = ("size", "free", "sources", "free_position", "free_groups", "amplifiers", "base", "base_position")
_FOUND += ("driven_by", "trainable")

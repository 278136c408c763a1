"""Where the unknowns, branches and controls of a circuit stand in its equations; the same for all its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
from scipy.sparse import csr_array

from ebana.circuit.circuit import Circuit
from ebana.circuit.element import GROUND
from ebana.circuit.relations import Current, Nonlinear, Relation
from ebana.equations.mna.pattern import Entries, Pattern, Slopes, entries_of, matrix, pattern
from ebana.physics.structure import Structure, structure

Signed = tuple[np.ndarray, float]
"""Places, and the sign with which all of them count."""

Controls = tuple[tuple[tuple[int, int], ...], ...]
"""Of each relation, its controls among all, one ``(start, stop)`` each."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Places of everything. A *full* state has all nodes, ground, and the currents of held branches.

    Args:
        circuit: the circuit's structure.
        elements: the element of each relation.
        branches: of each relation, its branches among all, ``(start, stop)``.
        nonlinear: which relations have a law that is not linear.
        controls: of each relation, its controls among all, one ``(start, stop)`` each.
        full: size of a full state.
        unknown: place of each unknown in a full state, ``(n,)``: free nodes, amplified nodes, held branches.
        nodes: number of unknowns that are potentials.
        to_controls: from a full state to all controls.
        to_equations: from currents or mismatches of all branches to the equations: what current relations and held
            currents draw from nodes, and minus ``f`` of held branches.
        to_held: from a full state to what held branches state beside ``f``, and the currents that they draw.
        held: mask of the branches that hold a voltage.
        jacobian: where its entries stand.
        currents: of each element with held branches, the places of their currents in a full state.
    """

    circuit: Circuit
    elements: tuple[int, ...]
    branches: tuple[tuple[int, int], ...]
    nonlinear: np.ndarray
    controls: Controls
    full: int
    unknown: np.ndarray
    nodes: int
    to_controls: csr_array
    to_equations: csr_array
    to_held: csr_array
    held: np.ndarray
    jacobian: Pattern
    currents: Mapping[str, np.ndarray]

    @property
    def equations(self) -> Entries:
        """``to_equations`` as rows, columns and values."""
        return entries_of(self.to_equations)

    @property
    def held_terms(self) -> Entries:
        """``to_held`` as rows, columns and values."""
        return entries_of(self.to_held)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.unknown)

    @property
    def control_count(self) -> int:
        """Number of controls."""
        return len(self.to_controls.indptr) - 1


def layout(circuit: Circuit) -> Layout:
    """The layout of a circuit's equations, found once for all circuits of one structure.

    Raises:
        NeedsSpice: for an element whose currents nobody here knows.
    """
    return _layout(structure(circuit))


@lru_cache(maxsize=64)
def _layout(of: Structure) -> Layout:
    return _Builder(of.circuit).build()


class _Builder:
    """Collects entries relation by relation.

    Args:
        circuit: the circuit.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        pairs = [(k, r) for k, element in enumerate(circuit.elements) for r in element.relations()]
        self.elements = tuple(k for k, _ in pairs)
        self.relations: tuple[Relation, ...] = tuple(r for _, r in pairs)
        self.branches = _spans(len(r.plus) for r in self.relations)
        self.count = self.branches[-1][1] if self.branches else 0
        self.held_places = self._number_held()
        self.currents = self._currents_of_elements()
        known = np.zeros(circuit.size, bool)
        known[circuit.sources] = True
        amplified = np.flatnonzero(~known & (circuit.free_position < 0))
        self.full = circuit.size + 1 + sum(map(len, self.held_places))
        held = np.arange(circuit.size + 1, self.full)
        self.unknown = np.concatenate([circuit.free, amplified, held]).astype(np.int64)
        self.nodes = len(circuit.free) + len(amplified)
        self.place = np.full(self.full, -1)
        self.place[self.unknown] = np.arange(len(self.unknown))

    def _number_held(self) -> list[np.ndarray]:
        """Of each relation, the places in a full state of the currents of its branches; none where it holds nothing."""
        sizes = [len(r.plus) if r.holds else 0 for r in self.relations]
        return [self.circuit.size + 1 + np.arange(start, stop) for start, stop in _spans(sizes)]

    def _currents_of_elements(self) -> dict[str, np.ndarray]:
        """Place in a full state of the currents of each element's held branches."""
        found: dict[str, list[np.ndarray]] = {}
        for k, relation, places in zip(self.elements, self.relations, self.held_places, strict=True):
            if relation.holds:
                found.setdefault(self.circuit.elements[k].name, []).append(places)
        return {name: np.concatenate(places).astype(np.int64) for name, places in found.items()}

    def _full(self, nodes: np.ndarray) -> np.ndarray:
        """Places of nodes in a full state."""
        return np.where(nodes == GROUND, self.circuit.size, nodes).astype(np.int64)

    def _ends(self, relation: Relation) -> tuple[Signed, Signed]:
        """Places of the ends of its branches in a full state, and the signs of the currents at those."""
        return (self._full(relation.plus), 1.0), (self._full(relation.minus), -1.0)

    def _ends_of(self, control: object) -> list[Signed]:
        """What a control adds up: places in a full state, and signs."""
        if isinstance(control, Current):
            return [(self.currents[control.element][control.units], 1.0)]
        return [(self._full(control.plus), 1.0), (self._full(control.minus), -1.0)]  # type: ignore[attr-defined]

    def _outputs(self, relation: Relation, own: np.ndarray) -> list[Signed]:
        """Rows in which what a relation's law gives stands, and signs: its own ones, or those of its ends."""
        if relation.holds:
            return [(self.place[own], -1.0)]
        return [(self.place[nodes], sign) for nodes, sign in self._ends(relation)]

    def _branch_entries(self) -> Iterator[Entries]:
        """From branches to equations."""
        for relation, span, own in zip(self.relations, self.branches, self.held_places, strict=True):
            for rows, sign in self._outputs(relation, own):
                yield rows, np.arange(*span), np.full(len(rows), sign)

    def _held_entries(self) -> Iterator[Entries]:
        """From a full state to equations: the currents of held branches at their nodes, and their voltages."""
        for relation, own in zip(self.relations, self.held_places, strict=True):
            if relation.holds:
                for nodes, sign in self._ends(relation):
                    signs = np.full(len(own), sign)
                    yield self.place[nodes], own, signs
                    yield self.place[own], nodes, signs

    def _controls(self) -> Controls:
        """Of each relation, its controls among all, one span each."""
        spans = iter(_spans(len(r.plus) for r in self.relations for _ in r.controls))
        return tuple(tuple(next(spans) for _ in relation.controls) for relation in self.relations)

    def _control_entries(self, controls: Controls) -> Iterator[Entries]:
        """From a full state to controls."""
        for relation, spans in zip(self.relations, controls, strict=True):
            for control, span in zip(relation.controls, spans, strict=True):
                for places, sign in self._ends_of(control):
                    yield np.arange(*span), places, np.full(len(places), sign)

    def _slope_entries(self, controls: Controls) -> Iterator[Slopes]:
        """Of the Jacobian: rows, columns, signs, and the control whose slope counts."""
        for relation, spans, own in zip(self.relations, controls, self.held_places, strict=True):
            for control, span in zip(relation.controls, spans, strict=True):
                for places, sign in self._ends_of(control):
                    for rows, out in self._outputs(relation, own):
                        yield rows, self.place[places], np.full(len(rows), sign * out), np.arange(*span)

    def _holds(self) -> np.ndarray:
        """Mask of the branches that hold a voltage."""
        sizes = np.array([len(r.plus) for r in self.relations], int)
        return np.repeat(np.array([r.holds for r in self.relations], bool), sizes)

    def build(self) -> Layout:
        """The layout."""
        controls = self._controls()
        count = sum(stop - start for spans in controls for start, stop in spans)
        n, held = len(self.unknown), list(self._held_entries())
        fixed = [(rows, self.place[places], signs) for rows, places, signs in held]
        slopes = list(self._slope_entries(controls))
        return Layout(
            self.circuit,
            self.elements,
            self.branches,
            np.array([isinstance(r.law, Nonlinear) for r in self.relations], bool),
            controls,
            self.full,
            self.unknown,
            self.nodes,
            matrix(self._control_entries(controls), (count, self.full)),
            matrix(self._branch_entries(), (n, self.count)),
            matrix(held, (n, self.full)),
            self._holds(),
            pattern(n, self.nodes, slopes, fixed, count, reciprocal=self._reciprocal()),
            self.currents,
        )

    def _reciprocal(self) -> bool:
        """Whether every branch is a current that its own voltage alone controls, or a constant one."""
        return all(relation.own for relation in self.relations)


def _spans(sizes: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Where parts of these sizes lie, one after the other."""
    return tuple(pairwise(accumulate(sizes, initial=0)))

"""Where the unknowns, branches and controls of a circuit stand in its equations; the same for all its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ebana.circuit.circuit import Circuit
from ebana.circuit.element import GROUND
from ebana.circuit.relations import Current, Nonlinear, Relation
from ebana.physics.structure import Structure, structure

Entries = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows, columns and values of a sparse matrix."""


def _entries(matrix: csr_array) -> Entries:
    found = matrix.tocoo()
    return found.row, found.col, found.data


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
    controls: tuple[tuple[tuple[int, int], ...], ...]
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
        return _entries(self.to_equations)

    @property
    def held_terms(self) -> Entries:
        """``to_held`` as rows, columns and values."""
        return _entries(self.to_held)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.unknown)

    @property
    def control_count(self) -> int:
        """Number of controls."""
        return len(self.to_controls.indptr) - 1


@dataclass(frozen=True, eq=False)
class Pattern:
    """The Jacobian as a sparse matrix, column by column, and how its entries follow from the slopes.

    Args:
        rows, pointers: of the entries, as :class:`scipy.sparse.csc_array` has them.
        fixed: entries that no slope changes.
        by_slope: from the slopes of all controls to the entries.
        diagonal: place of each node's diagonal entry.
        columns: of the entries.
        reciprocal: whether no held branch and no control of another branch is in it.
    """

    rows: np.ndarray
    pointers: np.ndarray
    fixed: np.ndarray
    by_slope: csr_array
    diagonal: np.ndarray
    columns: np.ndarray
    reciprocal: bool

    def widened(
        self, n: int, added: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]
    ) -> tuple[Pattern, np.ndarray, np.ndarray]:
        """The pattern with further entries (rows, columns, values ``(entries, B)``).

        Returns:
            The wider pattern, the places of the former entries in it, and values of all, zero for those.
        """
        rows = np.concatenate([self.rows, *(a[0] for a in added)])
        columns = np.concatenate([self.columns, *(a[1] for a in added)])
        keys, entry = np.unique(columns.astype(np.int64) * n + rows, return_inverse=True)
        more = np.zeros((len(keys), added[0][2].shape[1]))
        np.add.at(more, entry[len(self.rows) :], np.concatenate([a[2] for a in added]))
        wider = replace(
            self,
            rows=(keys % n).astype(np.int32),
            columns=(keys // n).astype(np.int32),
            pointers=np.searchsorted(keys, np.arange(n + 1) * n).astype(np.int32),
            reciprocal=False,
        )
        return wider, entry[: len(self.rows)], more


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
    """Collects entries relation by relation."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        pairs = [(k, r) for k, element in enumerate(circuit.elements) for r in element.relations()]
        self.elements = tuple(k for k, _ in pairs)
        self.relations: tuple[Relation, ...] = tuple(r for _, r in pairs)
        sizes = [len(r.plus) for r in self.relations]
        stops = np.cumsum([0, *sizes])
        self.branches = tuple(zip(stops[:-1].tolist(), stops[1:].tolist(), strict=True))
        self.count = int(stops[-1])
        self.currents = self._number_held()
        known = np.zeros(circuit.size, bool)
        known[circuit.sources] = True
        amplified = np.flatnonzero(~known & (circuit.free_position < 0))
        held = circuit.size + 1 + np.arange(self.held_count)
        self.unknown = np.concatenate([circuit.free, amplified, held]).astype(np.int64)
        self.nodes = len(circuit.free) + len(amplified)
        self.full = circuit.size + 1 + self.held_count
        self.place = np.full(self.full, -1)
        self.place[self.unknown] = np.arange(len(self.unknown))

    def _number_held(self) -> dict[str, np.ndarray]:
        """Place in a full state of the currents of each element's held branches."""
        found: dict[str, list[int]] = {}
        place = self.circuit.size + 1
        for k, relation in zip(self.elements, self.relations, strict=True):
            if relation.holds:
                n = len(relation.plus)
                found.setdefault(self.circuit.elements[k].name, []).extend(range(place, place + n))
                place += n
        self.held_count = place - self.circuit.size - 1
        return {name: np.array(places, np.int64) for name, places in found.items()}

    def _full(self, nodes: np.ndarray) -> np.ndarray:
        """Places of nodes in a full state."""
        return np.where(nodes == GROUND, self.circuit.size, nodes).astype(np.int64)

    def _ends_of(self, control: object) -> list[tuple[np.ndarray, float]]:
        """What a control adds up: places in a full state, and signs."""
        if isinstance(control, Current):
            return [(self.currents[control.element][control.units], 1.0)]
        return [(self._full(control.plus), 1.0), (self._full(control.minus), -1.0)]  # type: ignore[attr-defined]

    def build(self) -> Layout:
        """The layout."""
        controls, spans = [], []  # entries (control, place, sign)
        jacobian: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []  # row, column, sign, slope
        equations, held_rows = [], []
        holds = np.zeros(self.count, bool)
        at = 0
        next_held = self.circuit.size + 1
        for relation, (start, stop) in zip(self.relations, self.branches, strict=True):
            branch = np.arange(start, stop)
            ends = [(self._full(relation.plus), 1.0), (self._full(relation.minus), -1.0)]
            if relation.holds:
                holds[branch] = True
                own = next_held + np.arange(stop - start)
                next_held += stop - start
                outputs = [(self.place[own], -1.0)]
                for nodes, sign in ends:
                    held_rows.append(
                        (self.place[nodes], own, np.full(len(own), sign))
                    )  # its current, at the nodes
                    held_rows.append((self.place[own], nodes, np.full(len(own), sign)))  # its voltage
            else:
                outputs = [(self.place[nodes], sign) for nodes, sign in ends]
            for rows, sign in outputs:
                equations.append((rows, branch, np.full(len(branch), sign)))
            span = []
            for control in relation.controls:
                number = np.arange(at, at + len(branch))
                span.append((at, at + len(branch)))
                at += len(branch)
                for places, sign in self._ends_of(control):
                    controls.append((number, places, np.full(len(branch), sign)))
                    for rows, out in outputs:
                        jacobian.append((rows, self.place[places], np.full(len(branch), sign * out), number))
            spans.append(tuple(span))
        n = len(self.unknown)
        fixed = [(rows, self.place[places], signs, None) for rows, places, signs in held_rows]
        return Layout(
            self.circuit,
            self.elements,
            self.branches,
            np.array([isinstance(r.law, Nonlinear) for r in self.relations], bool),
            tuple(spans),
            self.full,
            self.unknown,
            self.nodes,
            _matrix(controls, (at, self.full)),
            _matrix(equations, (n, self.count)),
            _matrix(held_rows, (n, self.full)),
            holds,
            _pattern(n, self.nodes, jacobian, fixed, at, reciprocal=self._reciprocal()),
            self.currents,
        )

    def _reciprocal(self) -> bool:
        """Whether every branch is a current that its own voltage alone controls, or a constant one."""
        return all(relation.own for relation in self.relations)


def _matrix(
    entries: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], shape: tuple[int, int]
) -> csr_array:
    """A sparse matrix of entries (rows, columns, values); those in row or column -1 are left out."""
    parts = list(entries)
    if not parts:
        return csr_array(shape)
    rows, columns, values = (np.concatenate([part[i] for part in parts]) for i in range(3))
    kept = (rows >= 0) & (columns >= 0)
    return csr_array((values[kept], (rows[kept], columns[kept])), shape=shape)


def _pattern(
    n: int, nodes: int, by_slope: list[Any], fixed: list[Any], controls: int, *, reciprocal: bool
) -> Pattern:
    empty = (np.zeros(0, np.int64),) * 4
    parts = [
        *((r, c, s, k) for r, c, s, k in by_slope),
        *((r, c, s, np.full(len(r), -1)) for r, c, s, _ in fixed),
        (np.arange(nodes), np.arange(nodes), np.zeros(nodes), np.full(nodes, -1)),
        empty,
    ]
    rows, columns, signs, slopes = (np.concatenate([part[i] for part in parts]) for i in range(4))
    kept = (rows >= 0) & (columns >= 0)
    rows, columns, signs, slopes = rows[kept], columns[kept], signs[kept], slopes[kept].astype(np.int64)
    keys, entry = np.unique(columns.astype(np.int64) * n + rows, return_inverse=True)
    constant = np.bincount(entry[slopes < 0], signs[slopes < 0], len(keys))
    varying = slopes >= 0
    matrix = csr_array((signs[varying], (entry[varying], slopes[varying])), shape=(len(keys), controls))
    diagonal = np.searchsorted(keys, np.arange(nodes) * n + np.arange(nodes))
    return Pattern(
        (keys % n).astype(np.int32),
        np.searchsorted(keys, np.arange(n + 1) * n).astype(np.int32),
        constant,
        matrix,
        diagonal,
        (keys // n).astype(np.int32),
        reciprocal,
    )

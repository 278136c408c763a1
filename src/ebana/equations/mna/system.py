"""The equations of a batch with their numbers in place: residual, Jacobian, and the sizes of what rounds in them.

Everything is summed as differences of potentials, so that a branch of 1 S between two nodes that 1e-9 S tie to the rest
keeps its tiny current. Shapes: ``n`` unknowns, ``N`` places of a full state, ``B`` samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.relations import Linear, Nonlinear, Relation
from ebana.equations.mna.factors import Factors, factorise
from ebana.equations.mna.laws import Family, families
from ebana.equations.mna.layout import Layout, layout
from ebana.equations.mna.pulls import Pull
from ebana.physics import kirchhoff
from ebana.physics.nudge import Nudge

PIN = 1e6
"""Siemens that hold a node where a start asks for it."""


@dataclass(frozen=True)
class System:
    """A batch of equations.

    Args:
        layout: places of everything.
        relations: of each element, in the layout's order.
        known: full states with the potentials that sources hold, and zeros, ``(N, B)``.
        constants: ``f`` of the linear branches at zero controls, ``(branches, B)``.
        slopes: slopes of the linear branches, zeros elsewhere, ``(controls, B or 1)``.
        families: the other laws.
        injected: currents into the unknown nodes, ``(n, B)``.
        pulls: nudges that follow the state.
        share: of the independent sources, by which they are scaled.
        leak: siemens from each node to a source of ``anchor`` volts, beside the circuit.
        anchor: ``(nodes, B)``, or 0 for ground.
        pinned: unknowns that are held at volts by :data:`PIN` siemens, to start from there.
    """

    layout: Layout
    relations: tuple[Relation, ...]
    known: np.ndarray
    constants: np.ndarray
    slopes: np.ndarray
    families: tuple[Family, ...]
    injected: np.ndarray
    pulls: tuple[Pull, ...] = ()
    share: float = 1.0
    leak: float = 0.0
    anchor: np.ndarray | float = 0.0
    pinned: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def batch(self) -> int:
        """Number of samples."""
        return self.known.shape[1]

    def samples(self, rows: np.ndarray) -> System:
        """The equations of some samples."""
        if len(rows) == self.batch:
            return self
        return replace(
            self,
            known=self.known[:, rows],
            constants=self.constants[:, rows],
            slopes=self.slopes[:, rows] if self.slopes.shape[1] > 1 else self.slopes,
            injected=self.injected[:, rows],
            pulls=tuple(pull.samples(rows) for pull in self.pulls),
        )

    @staticmethod
    def joined(systems: Sequence[System]) -> System:
        """The equations of several batches of one circuit, whose linear branches and sources may differ."""
        first = systems[0]
        if len(systems) == 1:
            return first
        columns = {
            name: np.concatenate([vars(system)[name] for system in systems], axis=1)
            for name in ("known", "constants", "injected")
        }
        slopes = [np.broadcast_to(s.slopes, (len(s.slopes), s.batch)) for s in systems]
        return replace(first, **columns, slopes=np.concatenate(slopes, axis=1))

    def full(self, x: np.ndarray) -> np.ndarray:
        """Full states of unknowns ``(n, B)``."""
        p = self.share * self.known
        p[self.layout.unknown] = x
        return p

    def controls(self, p: np.ndarray) -> np.ndarray:
        """All controls at full states, ``(controls, B)``."""
        return self.layout.to_controls @ p

    def bent(self, u: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """Controls ``(B, k)`` of each nonlinear relation."""
        spans = (s for s, bent in zip(self.layout.controls, self.layout.nonlinear, strict=True) if bent)
        return [tuple(u[start:stop].T for start, stop in span) for span in spans]

    def answers(self, controls: list[tuple[np.ndarray, ...]]) -> list[Any]:
        """``f`` and slopes of each nonlinear relation."""
        found: list[Any] = [None] * len(controls)
        for family in self.families:
            given = [controls[k] for k in family.members]
            for k, one in zip(family.members, family.evaluate(given), strict=True):
                found[k] = one
        return found

    def linearised(
        self, x: np.ndarray, at: list[tuple[np.ndarray, ...]] | None = None, *, lapses: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Residual ``(n, B)`` and slopes of all controls ``(controls, B)``.

        Args:
            x: unknowns.
            at: controls at which nonlinear laws are evaluated, and along whose tangents they are followed to ``x``;
                those of ``x`` where left out.
            lapses: whether branches that have no value where they are evaluated are left open, or shorted.
        """
        p = self.full(x)
        u = self.controls(p)
        f, slopes = self._branches(u, at, lapses=lapses)
        total = self.layout.to_equations @ f + self.layout.to_held @ p - self.share * self.injected
        if self.leak:
            total[: self.layout.nodes] += self.leak * (x[: self.layout.nodes] - self.anchor)
        if self.pinned is not None:
            rows, volts = self.pinned
            total[rows] += PIN * (x[rows] - volts[:, None])
        for pull in self.pulls:
            pull.add_currents(total, p)
        return total, slopes

    def _branches(
        self, u: np.ndarray, at: list[tuple[np.ndarray, ...]] | None = None, *, lapses: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """``f`` of all branches, ``(branches, B)``, and slopes of all controls."""
        f = self.share * self.constants
        slopes = np.array(np.broadcast_to(self.slopes, u.shape))
        layout = self.layout
        number = 0
        given = self.bent(u)
        answers = self.answers(given if at is None else at) if layout.nonlinear.any() else []
        for span, (start, stop), bent in zip(layout.controls, layout.branches, layout.nonlinear, strict=True):
            if not bent:
                for a, b in span:
                    f[start:stop] += slopes[a:b] * u[a:b]
                continue
            value, by = without_lapses(*answers[number]) if lapses else answers[number]
            f[start:stop] += value.T
            for c, ((a, b), slope) in enumerate(zip(span, by, strict=True)):
                slopes[a:b] = slope.T
                if at is not None:
                    f[start:stop] += (slope * (given[number][c] - at[number][c])).T
            number += 1
        return f, slopes

    def currents(self, x: np.ndarray) -> np.ndarray:
        """Currents through all branches at a state, ``(branches, B)``."""
        p = self.full(x)
        f, _ = self._branches(self.controls(p))
        f[self.layout.held] = p[self.layout.circuit.size + 1 :]
        return f

    def factors(self, x: np.ndarray, slopes: np.ndarray) -> Factors:
        """The Jacobians at states, factorised, by the slopes of :meth:`linearised`."""
        pattern = self.layout.jacobian
        data = pattern.by_slope @ slopes + pattern.fixed[:, None]
        if self.leak:
            data[pattern.diagonal] += self.leak
        if self.pinned is not None:
            data[pattern.diagonal[self.pinned[0]]] += PIN
        if not self.pulls:
            return factorise(pattern, self.layout.size, data)
        p = self.full(x)
        added = [pull.entries(p) for pull in self.pulls]
        wider, own, values = pattern.widened(self.layout.size, added)
        values[own] += data
        return factorise(wider, self.layout.size, values)

    def sizes(self, x: np.ndarray) -> np.ndarray:
        """Sum of the sizes of all terms of each equation at a state, ``(n, B)``: what rounding is a share of."""
        p = self.full(x)
        u = self.controls(p)
        f, slopes = self._branches(u)
        layout = self.layout
        blur = abs(layout.to_controls) @ np.abs(p)
        each = np.abs(f)
        for span, (start, stop) in zip(layout.controls, layout.branches, strict=True):
            for a, b in span:
                exact = np.isclose(blur[a:b], np.abs(u[a:b]), rtol=1e-15, atol=0.0)  # a difference with zero
                nearby = (
                    np.abs(u[a:b]) <= blur[a:b] / 3.0
                )  # of potentials within a factor of two: no rounding
                each[start:stop] += np.abs(slopes[a:b]) * np.where(exact | nearby, 0.0, np.abs(u[a:b]))
        return abs(layout.to_equations) @ each + abs(layout.to_held) @ np.abs(p) + np.abs(self.injected)


def without_lapses(value: np.ndarray, slopes: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Values and slopes, 0 where one of them is not finite: ``1 / v`` and ``ln(v)`` have none at v = 0.

    Example:
        >>> without_lapses(np.array([1.0, np.inf]), [np.array([2.0, 3.0])])
        (array([1., 0.]), [array([2., 0.])])
    """
    good = np.isfinite(value)
    for slope in slopes:
        good = good & np.isfinite(slope)
    return np.where(good, value, 0.0), [np.where(good, slope, 0.0) for slope in slopes]


def assemble(
    circuit: Circuit, parameters: Mapping[str, Any], inputs: Mapping[str, Any], batch: int, nudge: Nudge
) -> System:
    """The equations of a batch under a nudge.

    Args:
        circuit: the circuit.
        parameters: values by name, SI units.
        inputs: ``{name: (B, columns)}``, volts.
        batch: number of samples.
        nudge: what is added at the outputs.
    """
    places = layout(circuit)
    values = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
    given = {name: np.asarray(value, np.float64) for name, value in inputs.items()}
    relations = tuple(r for element in circuit.elements for r in element.relations())
    known = np.zeros((places.full, batch))
    for element, volts in kirchhoff.source_potentials(circuit, values, given):
        known[element.nodes] = np.broadcast_to(np.asarray(volts), (batch, len(element.nodes))).T
    constants, slopes, laws = _linear(places, relations, values, given, batch)
    injected = np.zeros((places.full, batch))
    for name, current in nudge.currents.items():
        np.add.at(injected, circuit.output(name).nodes, np.asarray(current, np.float64).T)
    pulls = tuple(
        Pull.of(places, circuit.output(name), strength, nudge.targets[name], nudge.loss, batch)
        for name, strength in nudge.strength.items()
    )
    return System(
        places, relations, known, constants, slopes, tuple(families(laws)), injected[places.unknown], pulls
    )


def _linear(
    places: Layout,
    relations: tuple[Relation, ...],
    values: Mapping[str, Any],
    inputs: Mapping[str, Any],
    batch: int,
) -> tuple[np.ndarray, np.ndarray, list[tuple[Any, dict[str, Any], int]]]:
    """Constants and slopes of linear branches, and the laws of the others."""
    constants = np.zeros((len(places.held), batch))
    slopes = np.zeros((places.control_count, 1))
    laws = []
    for relation, span, (start, stop) in zip(relations, places.controls, places.branches, strict=True):
        law = relation.law
        if isinstance(law, Nonlinear):
            laws.append((law.model, law.own(values), stop - start))
            continue
        assert isinstance(law, Linear)
        constants[start:stop] = np.broadcast_to(law.constant(values, inputs), (batch, stop - start)).T
        for (a, b), slope in zip(span, law.slopes(values), strict=True):
            slopes[a:b, 0] = slope
    return constants, slopes, laws

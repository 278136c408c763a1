"""A circuit of any elements on the sparse engine, as something that learning can relax and measure.

The unknowns ``x`` are node potentials and currents of held branches (:mod:`ebana.equations.mna`). Of reciprocal
circuits (resistors, devices with two terminals, independent sources, bidirectional amplifiers) equilibrium propagation
takes the gradient. Controlled sources, transistors and behavioural sources carry signals one way: there is no energy
whose minimum the circuit settles in, and the adjoint alone is right::

    dL/dtheta = -lambda^T dF/dtheta,      (dF/dx)^T lambda = dC/dx
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, LossLike, Values
from ebana.circuit import Circuit
from ebana.circuit.dynamic import VoltageControlledCurrents
from ebana.circuit.element import GROUND, Element
from ebana.circuit.elements import Amplifiers, Branches, CurrentSources, VoltageSources
from ebana.circuit.general import FloatingSources, Inductors
from ebana.circuit.relations import Current, Nonlinear, Relation
from ebana.engines.base import OperatingPoint, Result, checked
from ebana.engines.sparse import SparseEngine
from ebana.equations.mna.factors import Factors
from ebana.equations.mna.laws import answer
from ebana.equations.mna.layout import Layout, layout
from ebana.learning.system import Footprint
from ebana.learning.systems.circuit import REFERENCE_TOLERANCE, CircuitSystem, Settled
from ebana.physics import kirchhoff
from ebana.physics.energy import Phase
from ebana.physics.nudge import Nudge

RECIPROCAL = (Branches, CurrentSources, VoltageSources, Amplifiers, FloatingSources, Inductors)
"""Kinds of elements that leave a circuit with an energy; sources controlled by held nodes do too."""


class NotReciprocal(ValueError):
    """A rule that compares states of least energy was asked of a circuit that has no energy."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Solved(Settled):
    """A relaxed batch with all its unknowns.

    Args:
        x: node potentials and currents of held branches, ``(B, n)``.
    """

    x: Array


@partial(jax.tree_util.register_dataclass, data_fields=["circuit"], meta_fields=["engine"])
@dataclass(frozen=True)
class GeneralSystem(CircuitSystem):
    """The :class:`~ebana.learning.system.EnergySystem` of any circuit on a :class:`~ebana.engines.SparseEngine`."""

    engine: SparseEngine

    def reference(self) -> GeneralSystem:
        """The same circuit to a tight tolerance."""
        return GeneralSystem(self.circuit, replace(self.engine, tolerance=REFERENCE_TOLERANCE))

    def footprint(self, samples: int, *, clamped: bool, loss: LossLike) -> Footprint:
        """Memory of a batch: its Jacobians, and factors that are some ten times as large."""
        places = layout(self.circuit)
        return Footprint(float(samples) * (12.0 * len(places.jacobian.rows) + 8.0 * places.full))

    def check_beta(
        self, values: Values, beta: float, loss: LossLike, *, clamped: bool, reverses: bool
    ) -> None:
        """See :meth:`CircuitSystem.check_beta`; refuses circuits without an energy."""
        require_reciprocal(self.circuit)
        super().check_beta(values, beta, loss, clamped=clamped, reverses=reverses)

    def default_beta(self, values: Values) -> float:
        """See :meth:`CircuitSystem.default_beta`."""
        require_reciprocal(self.circuit)
        return super().default_beta(values)

    def relax(self, values: Values, inputs: Values, nudge: Nudge | None, start: Settled | None) -> Solved:
        """Settle a batch under a nudge and measure all nodes."""
        nudge = nudge or Nudge.none()
        begin = None if start is None else np.asarray(self.unknowns(start))
        point, unknowns = self.engine.unknowns(self.circuit, values, inputs, nudge, begin)
        point = checked(point)
        return Solved(point, self._measured(values, inputs, unknowns.x, nudge), jnp.asarray(unknowns.x))

    def _measured(self, values: Values, inputs: Values, x: np.ndarray, nudge: Nudge) -> Phase:
        """Potentials of all nodes, and the current that the circuit draws from each that is held."""
        p = jnp.asarray(np.where(np.isfinite(x), x, 0.0))
        full = _full(self.circuit, dict(values), dict(inputs), p)
        injected = nudge.injected(self.circuit, full[:, : self.circuit.size + 1])
        net = _drawn(self.circuit, dict(values), dict(inputs), full) - injected
        return Phase(full[:, : self.circuit.size + 1], net, {}, dict(inputs))

    # -- unknowns -----------------------------------------------------------------------------------------

    @property
    def unknown_count(self) -> int:
        """Number of unknowns."""
        return layout(self.circuit).size

    def unknowns(self, state: Settled) -> Array:
        """Node potentials and currents of held branches, ``(B, n)``."""
        return state.x if isinstance(state, Solved) else state.v

    def restored(self, values: Values, inputs: Values, v: Array, found: Array) -> Solved:
        """The free state with the given unknowns; their error is not known any more."""
        found, x = np.asarray(found), np.asarray(v)
        code = np.where(found, int(Result.CONVERGED), int(Result.ENGINE_FAILED))
        free = x[:, : len(self.circuit.free)]
        point = OperatingPoint(free, code, np.full(found.shape, np.nan), np.zeros(found.shape, int))
        return Solved(point, self._measured(values, inputs, x, Nudge.none()), jnp.asarray(x))

    def read(self, values: Values, inputs: Values, v: Array) -> dict[str, Array]:
        """Output values as a function of the unknowns (differentiable)."""
        full = _full(self.circuit, dict(values), dict(inputs), v)
        return {port.name: kirchhoff.read(self.circuit, port.name, full) for port in self.circuit.outputs}

    def everything(self, values: Values, inputs: Values, v: Array) -> Array:
        """Potentials of all nodes, sources included, ``(B, nodes)``, volts."""
        return _full(self.circuit, dict(values), dict(inputs), v)[:, : self.circuit.size]

    def residual(self, values: Values, inputs: Values, v: Array) -> Array:
        """The equations at unknowns ``(B, n)`` (differentiable)."""
        return _residual(self.circuit, dict(values), dict(inputs), v)

    def solve_transposed(self, values: Values, inputs: Values, v: Array, rhs: Array) -> Array:
        """``(dF/dx)^-T rhs`` for each sample, ``(B, n)``, by what was factorised at the state where that is known."""
        factors = self.factors_at(values, inputs, v)
        return jnp.asarray(factors.solve(np.asarray(rhs, np.float64).T, transposed=True).T)

    def factors_at(self, values: Values, inputs: Values, v: Array) -> Factors:
        """The Jacobians at unknowns ``(B, n)``, factorised; those of the last state are at hand."""
        return self.engine.factors(self.circuit, values, inputs, np.asarray(v))

    # -- nudges -------------------------------------------------------------------------------------------

    def current_nudge(self, slopes: Values) -> Nudge:
        """See :meth:`CircuitSystem.current_nudge`."""
        require_reciprocal(self.circuit)
        return super().current_nudge(slopes)

    def clamped_nudge(self, strength: Values, targets: Values, loss: LossLike) -> Nudge:
        """See :meth:`CircuitSystem.clamped_nudge`."""
        require_reciprocal(self.circuit)
        return super().clamped_nudge(strength, targets, loss)

    def contrast(self, values: Values, plus: Settled, minus: Settled, weight: Array) -> dict[str, Array]:
        """See :meth:`CircuitSystem.contrast`, with what floating sources deliver."""
        total = dict(super().contrast(values, plus, minus, weight))
        change = self._of_drivers(values, plus, minus, weight)
        for element in self.circuit.each(VoltageSources):
            if element.parameter in total:
                each = (change[:, element.nodes] * element.scale).sum(0)
                total[element.parameter] = jnp.asarray(total[element.parameter]).at[element.columns].add(each)
        return total

    def input_contrast(
        self, values: Values, plus: Settled, minus: Settled, weight: Array
    ) -> dict[str, Array]:
        """See :meth:`CircuitSystem.input_contrast`, with what floating sources deliver."""
        total = dict(super().input_contrast(values, plus, minus, weight))
        change = self._of_drivers(values, plus, minus, weight)
        for element in self.circuit.each(VoltageSources):
            if element.input is not None:
                each = change[:, element.nodes] * element.scale
                total[element.input] = jnp.asarray(total[element.input]).at[:, element.columns].add(each)
        return total

    def _of_drivers(self, values: Values, plus: Settled, minus: Settled, weight: Array) -> Array:
        """Weighted differences of ``dE/du`` of nodes that drive sources elsewhere, ``(B, N + 1)``.

        Of a floating source the current that it delivers, of a current source the voltage over it.
        """
        change = jnp.zeros_like(plus.phase.p)
        places = layout(self.circuit)
        for element in self.circuit.elements:
            if isinstance(element, FloatingSources):
                at = places.currents[element.name]
                own = np.searchsorted(places.unknown[places.nodes :], at) + places.nodes
                delivered = -(self.unknowns(plus)[:, own] - self.unknowns(minus)[:, own])
            elif isinstance(element, VoltageControlledCurrents):
                over = [s.phase.p[:, element.plus] - s.phase.p[:, element.minus] for s in (plus, minus)]
                delivered = element.gains(values) * (over[0] - over[1])
            else:
                continue
            for nodes, sign in _drivers(element):
                change = change.at[:, nodes].add(sign * weight[:, None] * jnp.asarray(delivered))
        return change


def _drivers(element: Element) -> list[tuple[np.ndarray, float]]:
    if isinstance(element, FloatingSources):
        return [(element.drivers, 1.0)]
    assert isinstance(element, VoltageControlledCurrents)
    return [(element.control_plus, 1.0), (element.control_minus, -1.0)]


def require_reciprocal(circuit: Circuit) -> None:
    """Raise :class:`NotReciprocal`, with the element named, for a circuit without an energy."""
    known = np.zeros(circuit.size + 1, bool)
    known[circuit.sources] = True
    known[circuit.size] = True
    for element in circuit.elements:
        if isinstance(element, RECIPROCAL) or element.blocks_direct_current:
            continue
        if (
            isinstance(element, VoltageControlledCurrents)
            and known[np.concatenate([element.control_plus, element.control_minus])].all()
        ):
            continue  # an independent source: its control is held
        if element.has_relations and all(relation.own for relation in element.relations()):
            continue  # currents of their own voltage: a law of two terminals
        raise NotReciprocal(
            f"equilibrium propagation was asked of a circuit with {element.name!r}, {element.describe()}: it carries "
            "signals one way, so that there is no energy whose minimum the circuit settles in, and what its states "
            "differ by under a nudge is no gradient. Use estimator='adjoint', which is exact here."
        )


# -- the equations in JAX -----------------------------------------------------------------------------------


@jax.jit
def _full(circuit: Circuit, values: Values, inputs: Values, x: Array) -> Array:
    """Full states: all nodes, ground, currents of held branches, ``(B, N + 1 + held)``."""
    places = layout(circuit)
    full = jnp.zeros((x.shape[0], places.full), x.dtype)
    for element, volts in kirchhoff.source_potentials(circuit, values, inputs):
        full = full.at[:, element.nodes].set(jnp.broadcast_to(volts, (x.shape[0], len(element.nodes))))
    return full.at[:, places.unknown].set(x)


def _controls(places: Layout, relation: Relation, full: Array) -> tuple[Array, ...]:
    found = []
    for control in relation.controls:
        if isinstance(control, Current):
            found.append(full[:, places.currents[control.element][control.units]])
        else:
            found.append(full[:, _at(places, control.plus)] - full[:, _at(places, control.minus)])
    return tuple(found)


def _at(places: Layout, nodes: np.ndarray) -> np.ndarray:
    return np.where(nodes == GROUND, places.circuit.size, nodes)


def _branches(circuit: Circuit, values: Values, inputs: Values, full: Array) -> list[tuple[Relation, Array]]:
    """``f`` of each relation, ``(B, k)``."""
    places = layout(circuit)
    found = []
    for element in circuit.elements:
        for relation in element.relations():
            controls = _controls(places, relation, full)
            if isinstance(relation.law, Nonlinear):
                f, _ = answer(relation.law.model.law, controls, relation.law.own(values))
            else:
                f = relation.law.value(controls, values, inputs)
            found.append((relation, jnp.broadcast_to(f, (full.shape[0], len(relation.plus)))))
    return found


@jax.jit
def _residual(circuit: Circuit, values: Values, inputs: Values, x: Array) -> Array:
    places = layout(circuit)
    full = _full(circuit, values, inputs, x)
    f = jnp.concatenate([f for _, f in _branches(circuit, values, inputs, full)], axis=1)
    rows, branches, signs = places.equations
    total = jnp.zeros_like(x).at[:, rows].add(signs * f[:, branches])
    rows, columns, signs = places.held_terms
    return total.at[:, rows].add(signs * full[:, columns])


@jax.jit
def _drawn(circuit: Circuit, values: Values, inputs: Values, full: Array) -> Array:
    """Current that all branches draw from each node and ground, ``(B, N + 1)``."""
    places = layout(circuit)
    total = jnp.zeros((full.shape[0], circuit.size + 1), full.dtype)
    next_held = circuit.size + 1
    for relation, f in _branches(circuit, values, inputs, full):
        if relation.holds:
            f = full[:, next_held : next_held + len(relation.plus)]
            next_held += len(relation.plus)
        total = total.at[:, _at(places, relation.plus)].add(f).at[:, _at(places, relation.minus)].add(-f)
    return total


__all__ = ["GeneralSystem", "NotReciprocal", "require_reciprocal"]

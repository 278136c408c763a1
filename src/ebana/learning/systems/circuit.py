"""A circuit on an engine, as something with an energy that learning can relax and measure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, LossLike, Values
from ebana.circuit import Circuit
from ebana.circuit.checks import require_solvable
from ebana.circuit.elements import Branches
from ebana.circuit.transform import clamp_input, clamp_outputs
from ebana.engines import NativeEngine, SweepEngine
from ebana.engines.base import Engine, OperatingPoint, Result, batch_size, checked
from ebana.engines.native import sweep
from ebana.equations.assemble import assemble
from ebana.equations.plan import plan
from ebana.fingerprints import of_declaration
from ebana.learning.system import Footprint, LearningWarning, Traits
from ebana.learning.systems.footprint import footprint
from ebana.parameters import Parameter
from ebana.physics import energy, kirchhoff, local
from ebana.physics.nudge import Nudge
from ebana.physics.stages import always_one_energy, stages
from ebana.physics.stiffness import output_stiffness

WIDE = 10_000
"""Nodes of the largest circuit whose samples are solved in minibatches of one size."""

ROUNDING = 8.0
"""Roundings of the largest potential by which a held output may pass an ideal diode's bound."""

REFERENCE_TOLERANCE = 1e-11
"""Largest estimated error of a reference's operating points, volts."""

DEFAULT_BETA_SHARE = 0.002
"""The default nudging strength, as a share of the least conductance that holds an output."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Settled:
    """A relaxed batch: the operating point, and the potentials and currents of all nodes."""

    point: OperatingPoint
    phase: energy.Phase

    @property
    def v(self) -> Array:
        """Potentials of the free nodes, ``(B, F)``."""
        return self.point.v


@partial(jax.tree_util.register_dataclass, data_fields=["circuit"], meta_fields=["engine"])
@dataclass(frozen=True)
class CircuitSystem:
    """The :class:`~ebana.learning.system.EnergySystem` of a circuit on an engine."""

    circuit: Circuit
    engine: Engine

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The circuit's parameters; within a compiled program their slots, without bounds and initial values."""
        return self.circuit.parameters

    @property
    def input_columns(self) -> Mapping[str, int]:
        """Columns of each input by name."""
        return self.circuit.inputs

    @property
    def output_units(self) -> dict[str, int]:
        """Values of each output by name."""
        return {port.name: port.units for port in self.circuit.outputs}

    @property
    def traits(self) -> Traits:
        """What the engine states, and what it may state (see :class:`~ebana.engines.base.Engine`)."""
        return Traits(
            self.engine.name,
            traceable=self.engine.traceable,
            dtype=getattr(self.engine, "dtype", "float64"),
            phases_together=getattr(self.engine, "phases_together", True),
            optimise_compilation=getattr(self.engine, "optimise_compilation", False),
            wide=self.circuit.size > WIDE,
            unit="S",
        )

    def footprint(self, samples: int, *, clamped: bool, loss: LossLike) -> Footprint:
        """Memory of a batch, by the engine's plan of the circuit."""
        return footprint(self.circuit, self.engine, samples, clamped=clamped, loss=loss)

    def reference(self) -> CircuitSystem:
        """The same circuit on the built-in engine, to a tight tolerance: what a check of gradients holds to."""
        return CircuitSystem(self.circuit, NativeEngine(tolerance=REFERENCE_TOLERANCE))

    def identity(self) -> dict[str, Any]:
        """The devices, which are no parameters."""
        devices = {
            e.name: of_declaration(e.law) if is_dataclass(e.law) else type(e.law).__name__
            for e in self.circuit.each(Branches)
            if not e.linear
        }
        rules = {name: p.rule.digest for name, p in self.circuit.parameters.items() if p.rule is not None}
        return {"devices": devices, **({"rules": rules} if rules else {})}

    def default_beta(self, values: Values) -> float:
        """A five-hundredth of the least conductance that holds an output, siemens."""
        return DEFAULT_BETA_SHARE * min(output_stiffness(self.circuit, values).values())

    def check_beta(
        self, values: Values, beta: float, loss: LossLike, *, clamped: bool, reverses: bool
    ) -> None:
        """Refuse a clamped nudge of strength ``-beta`` that would leave an output without a minimum."""
        bounds = output_stiffness(self.circuit, values)
        self._check_nudge(bounds, beta)
        if not (clamped and reverses and loss.smoothness):
            return
        name = min(bounds, key=lambda n: bounds[n])
        bound = bounds[name] / loss.smoothness
        if beta >= bound:
            raise ValueError(
                f"beta={beta:g} S is too strong for a clamped nudge of strength -beta: output {name!r} is held "
                f"by only {bound:.3g} S, and the nudged circuit would have no minimum. Choose beta below that."
            )

    def _check_nudge(self, bounds: Mapping[str, float], beta: float) -> None:
        """Refuse a nudge that rounding swallows, warn of one that the engine's tolerance does."""
        name = max(bounds, key=lambda n: bounds[n])
        moved = beta / bounds[name]
        told = (
            f"beta={beta:g} moves output {name!r}, which {bounds[name]:.3g} S hold, by about {moved:.1g} V for an "
            "error of one volt"
        )
        advice = f"Choose one nearer to {DEFAULT_BETA_SHARE * min(bounds.values()):.3g}, the default of this model."
        self._check_move(moved, told, advice)

    def _check_move(self, moved: float, told: str, advice: str) -> None:
        """Refuse a move of so many volts that rounding swallows, warn of one that the engine's tolerance does."""
        least = float(np.finfo(getattr(self.engine, "dtype", "float64")).eps)
        if moved < least:
            raise ValueError(f"{told}: less than the rounding of the potentials, {least:.1g} V. {advice}")
        tolerance = getattr(self.engine, "volts", least)
        if moved < tolerance:
            warnings.warn(
                f"{told}, and the engine finds operating points to {tolerance:.1g} V: gradients are mostly what it "
                f"leaves. {advice}",
                LearningWarning,
                stacklevel=6,
            )

    def check_clamps(self, displacement: float | None = None) -> None:
        """Refuse outputs whose nodes no sources can hold, and displacements as in :meth:`check_beta`."""
        clamp_outputs(self.circuit)
        if displacement is not None:
            told = f"beta={displacement:g} moves outputs by {displacement:.1g} V for an error of one volt"
            self._check_move(displacement, told, "Choose one between 0.1 and 1.")

    def gradient_scale(self, values: Values) -> dict[str, Array]:
        """Factor ``2 c_out / c_l`` for each conductance: the published update in terms of the gradient.

        Equation (4) of the EBANA paper moves a conductance by ``-(lr / beta) (dv_b^2 - dv_0^2)``: without
        the 1/2 of the energy and without the stages' factors. Other parameters keep the gradient.
        """
        routes: dict[str, Any] = {}
        plan = stages(self.circuit)
        linear = [element for element in self.circuit.each(Branches) if element.linear]
        for element in linear:
            route = plan.routes[plan.of(*element.terminals())]
            if routes.setdefault(element.conductance, route) != route:
                raise ValueError(
                    f"the published rule knows one stage for each layer, but {element.conductance!r} is shared by "
                    "stages behind different amplifiers. Use rule='gradient'."
                )
        c = energy.element_factors(self.circuit, values)
        c_out = jnp.min(jnp.stack(list(self.factors(values).values())))
        return {
            element.conductance: 2.0 * c_out / c[element.name]
            for element in linear
            if element.conductance in self.circuit.trainable
            and self.circuit.parameters[element.conductance].rule is None
        }

    def relax(self, values: Values, inputs: Values, nudge: Nudge | None, start: Settled | None) -> Settled:
        """Settle a batch under a nudge and measure all nodes."""
        nudge = nudge or Nudge.none()
        point = self.engine.solve(self.circuit, values, inputs, nudge, None if start is None else start.v)
        point = checked(point)
        return Settled(point, _measure(self.circuit, dict(values), dict(inputs), point.v, nudge))

    def clamp(self, values: Values, inputs: Values, outputs: Values, start: Settled | None) -> Settled:
        """Settle a batch with sources at the nodes of its outputs, folded pairs at ``+y/2`` and ``-y/2``.

        The currents of those sources stand where a nudge's would. A sample whose outputs are held beyond an ideal
        diode's bound has no state, and counts as not found.
        """
        nodes = {n: self._nodes_of(n, jnp.asarray(value)) for n, value in outputs.items()}
        return self._held(values, inputs, nodes, start)

    def displace(self, values: Values, inputs: Values, shifts: Values, state: Settled) -> Settled:
        """As :meth:`clamp`, at the potentials of a state and a shift: of a folded pair, half of it at each node."""
        nodes = {
            name: state.phase.p[:, self.circuit.output(name).nodes] + self._nodes_of(name, shift)
            for name, shift in shifts.items()
        }
        return self._held(values, inputs, nodes, state)

    def _nodes_of(self, name: str, value: Array) -> Array:
        """Values of an output as potentials of its nodes."""
        return kirchhoff.unfold(True, 0.5 * value) if self.circuit.output(name).folded else value

    def _held(self, values: Values, inputs: Values, nodes: Values, start: Settled | None) -> Settled:
        """Settle with the nodes of the outputs held, ``{name: (B, nodes)}``, volts, and measure all nodes."""
        held = clamp_outputs(self.circuit)
        data = {**inputs, **{clamp_input(name): value for name, value in nodes.items()}}
        kept = np.searchsorted(self.circuit.free, held.free)
        at = None if start is None else start.v[:, kept]
        point = checked(self.engine.solve(held, values, data, Nudge.none(), at))
        v, phase, possible = _measure_held(self.circuit, dict(values), dict(inputs), data, point.v)
        code = jnp.where(possible | ~point.converged, point.code, int(Result.NO_MINIMUM))
        return Settled(replace(point, v=v, code=code.astype(jnp.int32)), phase)

    @property
    def unknown_count(self) -> int:
        """Number of free nodes."""
        return len(self.circuit.free)

    def restored(self, values: Values, inputs: Values, v: Array, found: Array) -> Settled:
        """The free state with the given potentials of free nodes; their error is not known any more."""
        found = np.asarray(found)
        code = np.where(found, int(Result.CONVERGED), int(Result.ENGINE_FAILED))
        point = OperatingPoint(v, code, np.full(found.shape, np.nan, v.dtype), np.zeros(found.shape, int))
        return Settled(point, _measure(self.circuit, dict(values), dict(inputs), point.v, Nudge.none()))

    def solution(self, state: Settled) -> OperatingPoint:
        """The operating point."""
        return state.point

    def unknowns(self, state: Settled) -> Array:
        """Potentials of the free nodes, ``(B, F)``, volts."""
        return state.v

    def outputs(self, state: Settled) -> dict[str, Array]:
        """Output values, ``{name: (B, units)}``, volts."""
        return _outputs(self.circuit, state.phase.p)

    def read(self, values: Values, inputs: Values, v: Array) -> dict[str, Array]:
        """Output values as a function of the free potentials (differentiable)."""
        p = kirchhoff.potentials(self.circuit, values, inputs, v)
        return {port.name: kirchhoff.read(self.circuit, port.name, p) for port in self.circuit.outputs}

    def everything(self, values: Values, inputs: Values, v: Array) -> Array:
        """Potentials of all nodes, sources included, ``(B, nodes)``, volts."""
        return kirchhoff.potentials(self.circuit, values, inputs, v)[:, :-1]

    def factors(self, values: Values) -> dict[str, Array]:
        """Factor of each output's stage."""
        return {
            port.name: energy.output_factor(self.circuit, values, port.name) for port in self.circuit.outputs
        }

    def current_nudge(self, slopes: Values) -> Nudge:
        """Hold minus the given slopes (amperes) at the outputs."""
        return Nudge(
            {
                name: kirchhoff.unfold(self.circuit.output(name).folded, -slope)
                for name, slope in slopes.items()
            },
            {},
            {},
            None,
        )

    def clamped_nudge(self, strength: Values, targets: Values, loss: LossLike) -> Nudge:
        """Let the circuit minimise its energy plus ``strength * loss``."""
        return Nudge({}, dict(strength), dict(targets), loss)

    def contrast(self, values: Values, plus: Settled, minus: Settled, weight: Array) -> dict[str, Array]:
        """Differences of the energy's partial derivatives (see :func:`ebana.physics.energy.contrast`)."""
        return _contrast(self.circuit, dict(values), plus.phase, minus.phase, weight)

    def local_gradients(
        self, free: Settled, nudged: Sequence[tuple[float, Settled]], weight: Array
    ) -> dict[str, Array]:
        """What layers with a learning rule of their own learn (see :func:`ebana.physics.local.local_gradients`)."""
        if all(parameter.rule is None for parameter in self.circuit.parameters.values()):
            return {}
        signs = tuple(sign for sign, _ in nudged)
        return _local(self.circuit, signs, free.phase.p, tuple(state.phase.p for _, state in nudged), weight)

    def converged(self, state: Settled) -> Array:
        """Mask of the samples whose operating point was found."""
        return state.point.converged

    def input_contrast(
        self, values: Values, plus: Settled, minus: Settled, weight: Array
    ) -> dict[str, Array]:
        """Differences of ``dE/dx``, watts for each volt (see :func:`ebana.physics.energy.input_contrast`)."""
        return _input_contrast(self.circuit, dict(values), plus.phase, minus.phase, weight)

    # -- what the exact adjoint needs ------------------------------------------------------------------

    def residual(self, values: Values, inputs: Values, v: Array) -> Array:
        """Equations of the free state, ``(B, F)``: Kirchhoff's current law (amperes) at each free node.

        At nodes that a conducting ideal diode holds, the equation is its voltage drop, which is zero.
        """
        circuit = self.circuit
        require_solvable(circuit, "there are no equations of a circuit with")
        p = kirchhoff.potentials(circuit, values, inputs, v)
        law = kirchhoff.net_currents(circuit, values, p, jnp.zeros_like(p))[:, circuit.free]
        for element in circuit.each(Branches):
            if not element.law.ideal:
                continue
            drop = element.drop(p) - element.law.threshold
            holds = jax.lax.stop_gradient(drop) >= -kirchhoff.HELD
            at = np.maximum(*(circuit.base_position[nodes] for nodes in element.ends()))
            law = jnp.asarray(law).at[:, at].set(jnp.where(holds, drop, law[:, at]))
        return law

    def solve_transposed(self, values: Values, inputs: Values, v: Array, rhs: Array) -> Array:
        """``(dF/dv)^-T rhs`` for each sample, ``(B, F)``, by the elimination that makes Newton corrections.

        In the factors ``w`` of the stages the Jacobian is the Hessian of the energy, which is symmetric: ``J = H / w``,
        so that ``J^-T rhs = w J^-1 (rhs / w)``. Not so where stages may have several factors, and where ideal diodes
        hold nodes, whose equations are others: there the Jacobian is set up.
        """
        system = assemble(self.circuit, values, inputs, Nudge.none(), v.shape[0])
        if system.lower is not None or not always_one_energy(self.circuit):
            return self._solve_dense(values, inputs, v, rhs)
        slopes = system.slopes(v.T, 0.0)

        def solve(side: Array) -> Array:
            return -(
                system.weight * system.correction(v.T, side.T / system.weight, slopes, often=False).step
            ).T

        found = solve(rhs)
        if len(system.plan.kept) > system.direct_limit:  # conjugate gradients leave more than rounding
            _, pull = jax.vjp(lambda v: self.residual(values, inputs, v), v)
            found = found + solve(rhs - pull(found)[0])
        return found

    def _solve_dense(self, values: Values, inputs: Values, v: Array, rhs: Array) -> Array:
        """:meth:`solve_transposed` with the Jacobian by automatic differentiation."""

        def one(v: Array, row: Values) -> Array:
            return self.residual(values, {k: x[None] for k, x in row.items()}, v[None])[0]

        jacobian = jax.vmap(jax.jacfwd(one))(v, dict(inputs))
        return jnp.linalg.solve(jnp.swapaxes(jacobian, 1, 2), rhs[..., None])[..., 0]

    # -- what backpropagation through the relaxation needs ---------------------------------------------

    def check_sweeps(self) -> None:
        """Refuse engines outside JAX, and circuits that are not layered."""
        if not isinstance(self.engine, NativeEngine | SweepEngine):
            raise ValueError(
                f"engine {self.engine.name!r} has no sweeps to differentiate. Train on NativeEngine() or "
                "SweepEngine(n), or by a rule that compares states, such as estimator='centered'."
            )
        if not plan(self.circuit).layered:
            raise ValueError(
                "backpropagation through sweeps got a circuit that is not layered (some element joins two nodes of one "
                "layer, as wires with a resistance do, or two free nodes directly). Use estimator='adjoint', or a "
                "rule that compares states."
            )

    def sweeping(self, values: Values, inputs: Values, nudge: Nudge | None) -> Callable[[Array], Array]:
        """One block Gauss-Seidel sweep, inputs first, as a function of the free potentials."""
        return sweep.sweeping(
            assemble(self.circuit, values, inputs, nudge or Nudge.none(), batch_size(inputs))
        )

    # -- what hardware linearisation needs ----------------------------------------------------------------

    def check_linear(self) -> None:
        """Refuse circuits with other devices than ideal diodes."""
        require_solvable(self.circuit, "hardware linearisation cannot open and close")
        bent = [e for e in self.circuit.each(Branches) if not (e.linear or e.law.ideal)]
        if bent:
            raise ValueError(
                f"hardware linearisation got {bent[0].name!r}, {bent[0].describe()}. It opens and closes ideal diodes; "
                "circuits of other devices are linear nowhere. Use DiodeLayer(kind='ideal'), or estimator='adjoint'."
            )
        plan(self.circuit)

    def linear_states(
        self, values: Values, inputs: Values, state: Settled, nudge: Nudge
    ) -> tuple[Settled, Settled]:
        """States of the linear circuit whose conducting diodes are closed and whose others are open."""
        points, phases = _linear(self.circuit, dict(values), dict(inputs), state.phase, nudge)
        return Settled(points[0], phases[0]), Settled(points[1], phases[1])


# Compiled, so that engines outside JAX do not pay for hundreds of single operations.


@jax.jit
def _measure(circuit: Circuit, values: Values, inputs: Values, v: Array, nudge: Nudge) -> energy.Phase:
    v = jnp.where(jnp.isfinite(v), v, 0.0)  # lost samples weigh nothing and must not give NaN
    p = kirchhoff.potentials(circuit, values, inputs, v)
    return energy.measure(circuit, values, inputs, p, nudge.injected(circuit, p))


@jax.jit
def _measure_held(
    circuit: Circuit, values: Values, inputs: Values, data: Values, v: Array
) -> tuple[Array, energy.Phase, Array]:
    """Potentials of the free nodes, all measurements, and which samples keep the bounds of ideal diodes."""
    held = clamp_outputs(circuit)
    finite = jnp.where(jnp.isfinite(v), v, 0.0)
    p = kirchhoff.potentials(held, values, data, finite)
    p = jnp.where(jnp.isfinite(p), p, 0.0)  # targets may be NaN
    possible = jnp.stack([jnp.isfinite(value).all(1) for value in data.values()]).all(0)
    for element in circuit.each(Branches):
        if element.law.ideal:  # those between held nodes, of which the engine knows nothing
            fixed = np.logical_and(*(held.base_position[nodes] < 0 for nodes in element.ends()))
            over = element.drop(p) - element.law.threshold
            beyond = over > kirchhoff.HELD + ROUNDING * jnp.finfo(p.dtype).eps * jnp.abs(p).max()
            possible = possible & ~(beyond & fixed).any(1)
    whole = jnp.where(jnp.isfinite(v).all(1)[:, None], p[:, circuit.free], jnp.nan)
    return whole, energy.measure_held(circuit, values, inputs, p), possible


@jax.jit
def _linear(
    circuit: Circuit, values: Values, inputs: Values, free: energy.Phase, nudge: Nudge
) -> tuple[list[OperatingPoint], list[energy.Phase]]:
    """Operating points and phases under a nudge and under minus it, in the linear circuit at a free phase."""
    v, batch = free.p[:, circuit.free], free.p.shape[0]
    system = assemble(circuit, values, inputs, Nudge.none(), batch)
    conducting = {name: current > 0 for name, current in free.ideal.items()}
    injected = nudge.injected(circuit, free.p)
    kappa = {a.name: a.kappa(values) for a in circuit.amplifiers}
    pushed = kirchhoff.through_amplifiers(circuit, kappa, injected)[:, circuit.free]
    slopes = system.slopes(v.T, 0.0)
    found = system.correction(v.T, -pushed.T, slopes, locked=_held_nodes(circuit, conducting, batch).T)
    sure = found.sure & (found.pivot > 0)
    points, phases = [], []
    for sign in (1.0, -1.0):
        moved = v + sign * found.step.T
        p = kirchhoff.potentials(circuit, values, inputs, moved)
        code = jnp.where(sure & jnp.isfinite(moved).all(1), int(Result.CONVERGED), int(Result.NO_MINIMUM))
        zeros = jnp.zeros(batch, v.dtype)
        points.append(
            OperatingPoint(moved, code.astype(jnp.int32), zeros + found.left, zeros.astype(jnp.int32))
        )
        phases.append(energy.measure(circuit, values, inputs, p, sign * injected, conducting))
    return points, phases


def _held_nodes(circuit: Circuit, conducting: Mapping[str, Array], batch: int) -> Array:
    """Free nodes that conducting diodes hold, ``(B, F)``."""
    held = jnp.zeros((batch, len(circuit.free)), bool)
    for element in circuit.each(Branches):
        if element.law.ideal:
            at = np.maximum(*(circuit.base_position[nodes] for nodes in element.ends()))
            free = np.flatnonzero(at >= 0)
            held = held.at[:, at[free]].max(conducting[element.name][:, free])
    return held


@jax.jit
def _outputs(circuit: Circuit, p: Array) -> dict[str, Array]:
    return {port.name: kirchhoff.read(circuit, port.name, p) for port in circuit.outputs}


@jax.jit
def _contrast(circuit: Circuit, values: Values, plus: Any, minus: Any, weight: Array) -> dict[str, Array]:
    return energy.contrast(circuit, values, plus, minus, weight)


@partial(jax.jit, static_argnums=1)
def _local(
    circuit: Circuit, signs: tuple[float, ...], free: Array, nudged: tuple[Array, ...], weight: Array
) -> dict[str, Array]:
    return local.local_gradients(circuit, free, list(zip(signs, nudged, strict=True)), weight)


@jax.jit
def _input_contrast(
    circuit: Circuit, values: Values, plus: Any, minus: Any, weight: Array
) -> dict[str, Array]:
    return energy.input_contrast(circuit, values, plus, minus, weight)

"""One circuit on the built-in solver and on a simulator, free and nudged, both at their tightest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit import BehavioralDiode, Circuit, Devices, IdealDiode
from ebana.circuit.strengths import output_stiffness
from ebana.engines import NativeEngine
from ebana.engines.base import Nudge, OperatingPoint, batch_size
from ebana.engines.certificate import estimate_error
from ebana.engines.compiling import compiled
from ebana.engines.programs import job
from ebana.engines.system import CircuitSystem
from ebana.spice import session

Values = Mapping[str, np.ndarray]

PIECEWISE_LIMIT, SMOOTH_LIMIT = 1e-9, 1e-7
"""Largest difference of a node, volts: with linear and behavioural elements; with junctions and transistors."""

TOLERANCE = 1e-12
"""What the built-in solver is asked for, volts: its tightest."""

CERTAIN = 0.1
"""Share of the limit that the built-in solver's certified error may take for a comparison to count."""

SHARE = 0.05
"""Currents of the nudged phases, as the output's stiffness times so many volts."""


@dataclass(frozen=True, eq=False)
class Case:
    """A circuit with the numbers to compare it at."""

    name: str
    circuit: Circuit
    values: Values
    inputs: Values

    @property
    def limit(self) -> float:
        """The bar that the circuit's devices are held to, volts."""
        piecewise = (BehavioralDiode, IdealDiode)
        smooth = any(not isinstance(d.model, piecewise) for d in self.circuit.each(Devices))
        return SMOOTH_LIMIT if smooth else PIECEWISE_LIMIT


@dataclass(frozen=True)
class Difference:
    """What came of a case on one simulator.

    Args:
        circuit, engine: names.
        volts: largest difference of any node in any sample and phase; None where it was not compared.
        limit: what it is held to, volts.
        reason: why it was not compared.
    """

    circuit: str
    engine: str
    volts: float | None
    limit: float
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether it was compared and is within the limit."""
        return self.volts is not None and self.volts <= self.limit


def nudges(case: Case) -> dict[str, Nudge]:
    """The phases: free, and currents into the outputs either way; one shape, so that one program serves all."""
    batch = batch_size(case.inputs)
    stiffness = output_stiffness(case.circuit, case.values)
    rng = np.random.default_rng(0)
    pattern = {p.name: rng.uniform(-1, 1, (batch, len(p.nodes))) for p in case.circuit.outputs}
    return {
        phase: Nudge({n: sign * SHARE * stiffness[n] * c for n, c in pattern.items()}, {}, {}, None)
        for phase, sign in (("free", 0.0), ("plus", 1.0), ("minus", -1.0))
    }


def differences(case: Case, engines: tuple[str, ...]) -> list[Difference]:
    """The case on each of the simulators."""
    found = {phase: (nudge, _native(case, nudge)) for phase, nudge in nudges(case).items()}
    uncertain = {phase: float(np.max(point.error)) for phase, (_, point) in found.items()}
    phase = max(uncertain, key=lambda name: uncertain[name])
    if not uncertain[phase] <= CERTAIN * case.limit:
        why = f"the built-in solver certifies no less than {uncertain[phase]:.1e} V ({phase})"
        return [Difference(case.name, engine, None, case.limit, why) for engine in engines]
    return [_difference(case, engine, found) for engine in engines]


def _difference(case: Case, engine: str, found: dict) -> Difference:
    worst = 0.0
    for phase, (nudge, ours) in found.items():
        work = job(case.circuit, case.values, case.inputs, nudge, batch_size(case.inputs), {})
        outcome = session.solve(engine, work)
        if outcome.messages:
            why = f"{engine} gave no operating point ({phase}): {next(iter(outcome.messages.values()))[:200]}"
            return Difference(case.name, engine, None, case.limit, why)
        gap = float(np.abs(outcome.v - ours.v).max(initial=0.0))
        if gap > case.limit:
            own = float(estimate_error(case.circuit, *_traced(case), jnp.asarray(outcome.v), nudge).max())
            if own >= 0.5 * gap:
                why = (
                    f"{engine}'s own estimated error is {own:.1e} V and the difference {gap:.1e} V ({phase}): "
                    "its tolerances, or rounding between very different conductances"
                )
                return Difference(case.name, engine, None, case.limit, why)
        worst = max(worst, gap)
    return Difference(case.name, engine, worst, case.limit)


def _traced(case: Case) -> tuple[dict, dict]:
    return dict(case.values), dict(case.inputs)


def _native(case: Case, nudge: Nudge) -> OperatingPoint:
    system = CircuitSystem(case.circuit, NativeEngine(tolerance=TOLERANCE))
    with jax.enable_x64(True):
        arguments = jax.tree.map(jnp.asarray, (*_traced(case), nudge))
        return jax.tree.map(np.asarray, _solve(system, *arguments))


def _solve_all(system: CircuitSystem, values, inputs, nudge: Nudge) -> OperatingPoint:
    return system.engine.solve(system.circuit, values, inputs, nudge)


_solve = compiled(_solve_all, 0, optimize=False)

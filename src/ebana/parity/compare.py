"""One circuit on the built-in solver and on a simulator, free and nudged, both at their tightest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit import Circuit
from ebana.circuit.elements import Branches
from ebana.compilation import arithmetic, compiled
from ebana.devices import BehavioralDiode, IdealDiode
from ebana.engines import NativeEngine
from ebana.engines.base import OperatingPoint, batch_size
from ebana.engines.deck_program import job
from ebana.learning.systems.circuit import CircuitSystem
from ebana.parity.rounding import rounding
from ebana.physics.nudge import Nudge
from ebana.physics.stiffness import output_stiffness
from ebana.spice.netlist.deck import RELTOL, VNTOL, gmin_of
from ebana.spice.simulators import session
from ebana.spice.simulators.errors import SpiceError
from ebana.spice.simulators.program import Outcome

Values = Mapping[str, np.ndarray]

PIECEWISE_LIMIT, SMOOTH_LIMIT = 1e-9, 1e-7
"""Largest difference of a node, volts: with linear and behavioural elements; with junctions and transistors."""

TOLERANCE = 1e-12
"""What the built-in solver is asked for, volts: its tightest."""

CERTAIN = 0.1
"""Share of the limit that the built-in solver's certified error may take for a comparison to count."""

TIGHT = ".options reltol=1e-9 abstol=1e-15 vntol=1e-12"
"""What simulators are asked for first; where they cannot, the tolerances that decks have serve."""

MOST = 100.0
"""Differences above so many times the limit are failures, whatever rounding may explain."""

SMALL_RON = 1e-9
"""Resistance of ideal diodes in the decks that are compared, ohms."""

PUSH = 0.1
"""How far the nudged phases move the circuit at most, volts."""


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
        smooth = any(not isinstance(d.law, piecewise) for d in self.circuit.each(Branches) if not d.linear)
        return SMOOTH_LIMIT if smooth else PIECEWISE_LIMIT


@dataclass(frozen=True)
class Difference:
    """What came of a case on one simulator.

    Args:
        circuit, engine: names.
        volts: largest difference of any node in any sample and phase; None where it was not compared.
        limit: what it is held to, volts.
        reason: why it was not compared.
        loosened: whether the simulator needed its usual tolerances instead of its tightest.
    """

    circuit: str
    engine: str
    volts: float | None
    limit: float
    reason: str = ""
    loosened: bool = False

    @property
    def passed(self) -> bool:
        """Whether it was compared and is within the limit."""
        return self.volts is not None and self.volts <= self.limit


def _with_small_drops(circuit: Circuit) -> Circuit:
    """The circuit with ideal diodes of less resistance in SPICE: the built-in solver has none at all.

    Less than decks have, which are made so that the currents of such diodes are precise as well.
    """
    ideal = [e for e in circuit.each(Branches) if isinstance(e.law, IdealDiode) and e.law.ron > SMALL_RON]
    small = {e.name: replace(e, model=replace(e.law, ron=SMALL_RON)) for e in ideal}
    return (
        replace(circuit, elements=tuple(small.get(e.name, e) for e in circuit.elements)) if small else circuit
    )


def phases(case: Case) -> dict[str, tuple[Nudge, OperatingPoint]]:
    """The nudge of each phase and the built-in solver's point: free, and currents into the outputs either way.

    The currents are such that they move no node further than :data:`PUSH`: a node of 1 S that only 1e-9 S
    tie to the rest would else be pushed to millions of volts.
    """
    batch = batch_size(case.inputs)
    stiffness = output_stiffness(case.circuit, case.values)
    rng = np.random.default_rng(0)
    pattern = {p.name: rng.uniform(-1, 1, (batch, len(p.nodes))) for p in case.circuit.outputs}
    scale = {name: PUSH * stiffness[name] for name in pattern}

    def solved(sign: float) -> tuple[Nudge, OperatingPoint]:
        nudge = Nudge({name: sign * scale[name] * c for name, c in pattern.items()}, {}, {}, None)
        return nudge, _native(case, nudge)

    found = {"free": solved(0.0)}
    for sign, phase in ((1.0, "plus"), (-1.0, "minus")):
        found[phase] = solved(sign)
        moved = float(np.abs(found[phase][1].v - found["free"][1].v).max(initial=0.0))
        if moved > PUSH:
            found[phase] = solved(sign * PUSH / moved)
    return found


def differences(case: Case, engines: tuple[str, ...]) -> list[Difference]:
    """The case on each of the simulators."""
    case = replace(case, circuit=_with_small_drops(case.circuit))
    found = phases(case)
    uncertain = {phase: float(np.max(point.error)) for phase, (_, point) in found.items()}
    phase = max(uncertain, key=lambda name: uncertain[name])
    if not uncertain[phase] <= CERTAIN * case.limit:
        why = f"the built-in solver certifies no less than {uncertain[phase]:.1e} V ({phase})"
        return [Difference(case.name, engine, None, case.limit, why) for engine in engines]
    return [_difference(case, engine, found) for engine in engines]


def _difference(case: Case, engine: str, found: Mapping[str, tuple[Nudge, OperatingPoint]]) -> Difference:
    worst, loosened = 0.0, False
    for phase, (nudge, ours) in found.items():
        try:
            outcome, tight = _solved(case, engine, nudge)
        except SpiceError as error:
            return Difference(case.name, engine, None, case.limit, str(error)[:300])
        if outcome.messages:
            why = f"{engine} gave no operating point ({phase}): {next(iter(outcome.messages.values()))[:200]}"
            return Difference(case.name, engine, None, case.limit, why)
        loosened |= not tight
        gap = float(np.abs(outcome.v - ours.v).max(initial=0.0))
        why = "" if gap <= case.limit else _excuse(case, engine, nudge, ours, gap, tight)
        if why:
            return Difference(case.name, engine, None, case.limit, f"{why} ({phase})")
        worst = max(worst, gap)
    return Difference(case.name, engine, worst, case.limit, loosened=loosened)


def _excuse(case: Case, engine: str, nudge: Nudge, ours: OperatingPoint, gap: float, tight: bool) -> str:
    """Why a difference above the limit says nothing of the models, or an empty string.

    Only what a simulator cannot do counts: rounding, and its stated tolerance where it does not converge to
    less; never how far its point is from our law.
    """
    if gap > MOST * case.limit:
        return ""
    rounded = float(rounding(case.circuit, case.values, case.inputs, np.asarray(ours.v), nudge).max())
    if gap <= rounded:
        return f"differs by {gap:.1e} V, and sums of such different conductances round to {rounded:.1e} V"
    stated = RELTOL * float(np.abs(ours.v).max(initial=0.0)) + VNTOL
    if not tight and gap <= stated:
        return f"differs by {gap:.1e} V; {engine} only converges to its usual tolerance, {stated:.1e} V"
    return ""


def _solved(case: Case, engine: str, nudge: Nudge) -> tuple[Outcome, bool]:
    """The simulator's operating points at its tightest, or else with the tolerances that decks have."""
    work = job(case.circuit, case.values, case.inputs, nudge, batch_size(case.inputs), {})
    gmin = f" gmin={gmin_of(case.circuit)!r}"
    assert work.program is not None
    lines = (TIGHT + gmin if line.startswith(".options") else line for line in work.program.lines)
    program = replace(work.program, lines=tuple(lines))
    outcome = session.solve(engine, replace(work, program=program, digest=program.digest))
    return (session.solve(engine, work), False) if outcome.messages else (outcome, True)


def _traced(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    return dict(case.values), dict(case.inputs)


def _native(case: Case, nudge: Nudge) -> OperatingPoint:
    system = CircuitSystem(case.circuit, NativeEngine(tolerance=TOLERANCE))
    with arithmetic():
        arguments = jax.tree.map(jnp.asarray, (*_traced(case), nudge))
        return jax.tree.map(np.asarray, _solve(system, *arguments))


def _solve_all(system: CircuitSystem, values: Values, inputs: Values, nudge: Nudge) -> OperatingPoint:
    return system.engine.solve(system.circuit, values, inputs, nudge)


_solve = compiled(_solve_all, optimize=False)

"""A whole training as one simulation in ngspice, with cards of level 1, from the first point to the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ebana.onchip.transient import Samples
from ebana.onchip.twin.circuit import Timing, circuit
from ebana.onchip.twin.description import Twin
from ebana.onchip.twin.stimulus import Stimulus
from ebana.spice.language.statements import Transient
from ebana.spice.netlist.transient import transient_deck
from ebana.spice.simulators.transient import run_transient

RELTOL = 1e-6
"""Relative tolerance of the simulator: a point charges gates by millivolts only."""

LONGEST = 200
"""Steps for the time that a point is learned, at least."""


@dataclass(frozen=True, eq=False)
class Course:
    """What a simulation told, a row for each point.

    Args:
        free, clamped: volts of both networks' nodes before the point is learned, ``(points, nodes)``.
        gates: volts after it is learned, ``(points, edges)``.
    """

    free: np.ndarray
    clamped: np.ndarray
    gates: np.ndarray


def deck(twin: Twin, gates: np.ndarray, stimulus: Stimulus, reltol: float = RELTOL) -> str:
    """The deck of a whole training of one seed.

    Args:
        twin: the networks.
        gates: volts that the gates start from, ``(edges,)``.
        stimulus: of one seed.
        reltol: relative tolerance of the simulator.
    """
    built = circuit(twin, stimulus)
    clock, stop = twin.clock, Timing(twin, stimulus.points).stop
    saved = tuple(name for names in _names(twin) for name in names)
    analysis = Transient(
        stop, clock.edge, clock.hold / LONGEST, saved, method="gear", reltol=reltol, trtol=1.0
    )
    group = next(one.indices for one in built.groups if one.name == "gate")
    start = {int(node): float(volts) for node, volts in zip(group, gates, strict=True)}
    title = f"twin networks that train themselves: {len(twin.edges)} edges, {stimulus.points} points"
    return transient_deck(built, None, analysis, title=title, start=start)


def simulate(twin: Twin, gates: np.ndarray, stimulus: Stimulus, reltol: float = RELTOL) -> Course:
    """Simulate a whole training of one seed; see :func:`deck`.

    Raises:
        EngineNotInstalled: where ngspice is missing.
        TransientFailed: when the simulator stops half way.
    """
    time = Timing(twin, stimulus.points)
    when = (time.settled, time.settled, time.learned)
    samples = [Samples(names, times) for names, times in zip(_names(twin), when, strict=True)]

    def take(names: list[str], rows: np.ndarray) -> None:
        for one in samples:
            one.take(names, rows)

    run = run_transient(deck(twin, gates, stimulus, reltol), on_rows=take)
    if run.stopped_by is not None:
        raise run.stopped_by
    return Course(*(one.values for one in samples))


def _names(twin: Twin) -> tuple[list[str], list[str], list[str]]:
    """Vectors of both networks' nodes and of the gates."""
    counts = {"f": twin.nodes, "c": twin.nodes, "gate": len(twin.edges)}
    free, clamped, gates = ([f"v({name}_{k})" for k in range(count)] for name, count in counts.items())
    return free, clamped, gates

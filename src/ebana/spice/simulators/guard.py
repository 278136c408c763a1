"""Text that others wrote is tried in a process of its own before a simulator of this process reads it.

A simulator in this process is shared by all models: what ends it ends them all. A trial loads the whole deck in a
disposable copy of a worker and solves one sample; its verdict is kept by the text. Where the simulator of this process
ends all the same, it starts afresh in a worker, and later jobs run there, to the same bits.
"""

from __future__ import annotations

import os

import numpy as np

from ebana.spice.simulators.errors import SimulatorDied, SpiceError
from ebana.spice.simulators.pool import TRIAL, WorkerPool
from ebana.spice.simulators.program import Job, Outcome, ParametricDeck
from ebana.spice.simulators.session import Tick, session

IN_PROCESS = ("ngspice", "neospice")
"""Simulators that share this process."""

_tried: set[tuple[str, frozenset[str]]] = set()
"""Simulators and texts that went well together."""

_trials: dict[tuple[str, float], WorkerPool] = {}
"""Workers that make the trials, by simulator and patience."""

_refuges: dict[str, WorkerPool] = {}
"""Workers in which simulators go on that ended in this process."""


def run(simulator: str, job: Job, tick: Tick | None = None) -> Outcome:
    """Operating points of a job, by the simulator of this process or, after its death, by one in a worker.

    Raises:
        SpiceError: when the simulator refuses the program, or ends at it; names what others wrote in it.
    """
    if simulator not in IN_PROCESS or os.name != "posix":
        return session(simulator).run(job, tick)
    if simulator not in _refuges:
        try_out(simulator, job)
        try:
            return session(simulator).run(job, tick)
        except SimulatorDied:
            if job.program is None:
                raise
            _refuges[simulator] = WorkerPool(simulator, 1, job.timeout)
    try:
        return _refuges[simulator].run(job)
    except SpiceError as error:
        raise _named(error, job.program) from None


def try_out(simulator: str, job: Job) -> None:
    """Solve the first sample in a disposable process where the program holds text that was not tried yet.

    Raises:
        SpiceError: when the simulator refuses the program, or ends at it; names what others wrote in it.
    """
    program = job.program
    usable = np.flatnonzero(job.usable())
    if simulator not in IN_PROCESS or program is None or not program.foreign or not usable.size:
        return
    key = (simulator, frozenset(program.foreign.values()))
    if key in _tried:
        return
    first = int(usable[0])
    trial = _trials.get(place := (simulator, job.timeout))
    if trial is None:
        trial = _trials[place] = WorkerPool(simulator, 1, job.timeout, TRIAL)
    replaced = trial.replaced
    try:
        outcome = trial.run(job.rows(first, first + 1))
    except SpiceError as error:
        raise _named(error, program) from None
    if outcome.messages and trial.replaced > replaced:
        raise _named(
            SimulatorDied(f"{simulator} does not survive this circuit: {outcome.messages[0]}"), program
        )
    _tried.add(key)


def _named(error: SpiceError, program: ParametricDeck | None) -> SpiceError:
    """The same error with the owners of the text that the simulator was given."""
    owners = ", ".join(program.foreign) if program is not None else ""
    if not owners:
        return error
    return type(error)(f"{error} (in a circuit with {owners}; other circuits are not affected)")

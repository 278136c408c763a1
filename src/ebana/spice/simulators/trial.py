"""Text that is not ours is tried in a process of its own before it comes near the simulator of this one.

A simulator's library is one for the whole process. Some texts end it, in words (an undefined parameter) or by a
signal (memory overwritten), and every later circuit with it. So the first operating point of a program with foreign
text is computed by a worker, which may die; only what it survives is loaded here. Where the library of this process
was ended all the same, its work is done by that worker from then on.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

from ebana.spice.simulators import session
from ebana.spice.simulators.errors import SpiceError, WorkerLost
from ebana.spice.simulators.pool import WorkerPool
from ebana.spice.simulators.program import Job, Outcome

_workers: dict[str, WorkerPool] = {}
"""One worker for each simulator that tried something; it is kept for the next trial."""

_survived: set[tuple[str, str]] = set()
"""Simulators, and digests of the programs that they survived."""

_told: set[str] = set()


def solve(simulator: str, job: Job, foreign: Sequence[str] = ()) -> Outcome:
    """Run a job in this process, or in a worker where this process has no simulator any more.

    Args:
        simulator: name of the simulator.
        job: what is wanted, with its program.
        foreign: names of the elements whose text is not ours; their program is tried first.

    Raises:
        SpiceError: when the simulator refuses the program or ends with it; names the elements.
    """
    with session.LOCK:
        if foreign and os.name == "posix" and (simulator, job.digest) not in _survived:
            _try(simulator, job, foreign)
            _survived.add((simulator, job.digest))
        if lost := session.lost(simulator):
            _tell(simulator, lost)
            return _worker(simulator, job).run(job)
        return session.solve(simulator, job)


def _try(simulator: str, job: Job, foreign: Sequence[str]) -> None:
    """The first sample, in a worker."""
    whose = f"the SPICE text of {', '.join(map(repr, foreign))}"
    worker = _worker(simulator, job)
    replaced = worker.replaced
    try:
        worker.run(job.rows(0, min(job.samples, 1)))
    except SpiceError as error:
        raise type(error)(f"{error} ({whose})") from None
    if worker.replaced > replaced:
        raise WorkerLost(
            f"{simulator} ends with {whose}: a process of its own that tried it died or hung. Look for what the "
            "simulator cannot read in it, a part at a time, with the simulator's own program."
        )


def _worker(simulator: str, job: Job) -> WorkerPool:
    if simulator not in _workers:
        _workers[simulator] = WorkerPool(simulator, 1, job.timeout)
    return _workers[simulator]


def _tell(simulator: str, lost: str) -> None:
    if simulator not in _told:
        _told.add(simulator)
        warnings.warn(
            f"{simulator} of this process is lost ({lost}). Simulations go on in a worker process.",
            RuntimeWarning,
            stacklevel=2,
        )

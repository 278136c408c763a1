"""A session with a simulator: one program loaded, its values altered from sample to sample."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from ebana.interruption import check
from ebana.spice.simulators.errors import EngineNotInstalled
from ebana.spice.simulators.program import Job, Outcome, ParametricDeck, Settings

LOCK = threading.RLock()
"""Held by whoever talks to a simulator of this process."""

Tick = Callable[[], Any]
"""Called after each sample, to show that there is progress."""


class Session(ABC):
    """Base of the simulators. One that is new to us states four small methods."""

    def __init__(self) -> None:
        self._program: ParametricDeck | None = None
        self._settings: Settings | None = None

    @abstractmethod
    def load(self, program: ParametricDeck) -> None:
        """Load a program in place of the one before; raises SpiceError where it is refused."""

    @abstractmethod
    def alter(self, changes: Iterable[tuple[str, float]]) -> None:
        """Give elements of the loaded program new values, by their handles."""

    @abstractmethod
    def operating_point(self) -> tuple[list[float] | None, int, str]:
        """Potentials that the program reads, or None; Newton iterations; what the simulator said if it failed."""

    def unload(self) -> None:
        """Forget the loaded program."""
        self._program = self._settings = None

    def has(self, digest: str) -> bool:
        """Whether the program of that digest is loaded."""
        return self._program is not None and self._program.digest == digest

    def _of(self, job: Job) -> ParametricDeck:
        """The job's program, sent with it or here already."""
        program = job.program or self._program
        if program is None or program.digest != job.digest:
            raise RuntimeError("a job came without its program, and the session has another")
        return program

    def run(self, job: Job, tick: Tick | None = None) -> Outcome:
        """Operating points of all samples of a job, one after another."""
        program = self._of(job)
        outcome = Outcome.empty(job.samples, len(program.reads))
        usable = job.usable()
        if not usable.any():
            return outcome
        if not self.has(job.digest):
            self.unload()
            self.load(program)
            self._program, self._settings = program, Settings(program)
        assert self._settings is not None
        try:
            self.alter(self._settings.changes(job.fixed))
            rows = self._settings.sample_by_sample(job.varying, job.samples)
            for sample, changes in enumerate(rows):
                if usable[sample]:
                    self.one(changes, outcome, sample)
                check()
                if tick is not None:
                    tick()
        except BaseException:
            self.unload()  # some values may be old and some new
            raise
        return outcome

    def one(self, changes: list[tuple[str, float]], outcome: Outcome, sample: int) -> None:
        """Alter what differs from the sample before, and solve."""
        self.alter(changes)
        found, iterations, said = self.operating_point()
        outcome.iterations[sample] = iterations
        if found is None:
            outcome.messages[sample] = said
        else:
            outcome.v[sample] = np.asarray(found)


def _module(simulator: str) -> Any:
    """The module of a simulator: its ``available()``, ``require()`` and session class."""
    if simulator not in _MODULES:
        raise ValueError(f"simulator={simulator!r} is unknown. Expected one of {', '.join(SIMULATORS)}.")
    return import_module(f"ebana.spice.simulators.{_MODULES[simulator]}")


_MODULES = {"ngspice": "ngspice", "neospice": "neospice", "ngspice-batch": "ngspice_batch"}

SIMULATORS = tuple(_MODULES)
"""Names of the simulators that there are sessions with."""


def require(simulator: str) -> None:
    """Check that a simulator can be used here.

    Raises:
        EngineNotInstalled: when it is not here, or too old; says how to install it.
        ValueError: for an unknown name.
    """
    _module(simulator).require()


def available(simulator: str) -> tuple[bool, str]:
    """Whether a simulator can be used here, and its version and place or how to install it."""
    try:
        return True, _module(simulator).require()
    except EngineNotInstalled as missing:
        return False, str(missing)


@cache
def session(simulator: str) -> Session:
    """This process's session with a simulator, opened at the first call; raises as :func:`require`."""
    return _module(simulator).open_session()


def solve(simulator: str, job: Job, tick: Tick | None = None) -> Outcome:
    """Run a job for this process (:mod:`ebana.spice.simulators.guard`); what executors are sent."""
    from ebana.spice.simulators import guard  # it starts workers, which need this module

    with LOCK:
        return guard.run(simulator, job, tick)


def solve_here(simulator: str, job: Job, tick: Tick | None = None) -> Outcome:
    """Run a job in this process whatever comes of it: in a worker, which is replaced where it dies."""
    with LOCK:
        return session(simulator).run(job, tick)

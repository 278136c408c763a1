"""The parity suite: the example networks and many random circuits, on the built-in solver and in SPICE."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ebana.circuit import Circuit
from ebana.engines.base import NotConverged
from ebana.interruption import check, deferred
from ebana.parity.compare import Case, Difference, differences
from ebana.parity.gallery import gallery
from ebana.parity.random_circuits import random_circuit, random_inputs, random_values
from ebana.spice.simulators import session
from ebana.storage.parts import Parts

DRAWS = 2
"""Random values that each random arrangement of elements is compared at, each a circuit of its own."""

COMPARED = ("ngspice", "neospice")
"""Simulators that the built-in solver is held against, where they are installed."""

MOST_EXCLUDED = 0.05
"""Largest share of the comparisons that may be excluded (and listed) in a suite that passes."""


@dataclass(frozen=True)
class Parity:
    """What came of a run.

    Args:
        differences: one for each circuit and simulator.
        engines: the simulators, with their versions.
        seed: of the random circuits.
    """

    differences: tuple[Difference, ...]
    engines: dict[str, str]
    seed: int

    @property
    def compared(self) -> tuple[Difference, ...]:
        """Those with a number."""
        return tuple(d for d in self.differences if d.volts is not None)

    @property
    def excluded(self) -> tuple[Difference, ...]:
        """Those without, each with its reason."""
        return tuple(d for d in self.differences if d.volts is None)

    @property
    def circuits(self) -> int:
        """Number of circuits that were compared on at least one simulator."""
        return len({d.circuit for d in self.compared})

    @property
    def worst(self) -> Difference | None:
        """The largest difference."""
        return max(self.compared, key=lambda d: d.volts or 0.0, default=None)

    @property
    def failures(self) -> tuple[Difference, ...]:
        """Those above their limit."""
        return tuple(d for d in self.compared if not d.passed)

    @property
    def passed(self) -> bool:
        """Whether something was compared, all of it within its limit, and little was excluded."""
        few = len(self.excluded) <= MOST_EXCLUDED * len(self.differences)
        return bool(self.compared) and not self.failures and few

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values."""
        worst = self.worst
        return {
            "circuits": self.circuits,
            "worst_volts": None if worst is None else worst.volts,
            "worst_circuit": None if worst is None else f"{worst.circuit} ({worst.engine})",
            "excluded": [
                {"circuit": d.circuit, "engine": d.engine, "reason": d.reason} for d in self.excluded
            ],
            "engines": dict(self.engines),
            "passed": self.passed,
            "failures": [
                {"circuit": d.circuit, "engine": d.engine, "volts": d.volts, "limit": d.limit}
                for d in self.failures
            ],
            "loosened": [f"{d.circuit} ({d.engine})" for d in self.compared if d.loosened],
            "worst_by_limit": {f"{k:g}": v for k, v in self.worst_by_limit().items()},
            "seed": self.seed,
        }

    def worst_by_limit(self) -> dict[float, float]:
        """Largest difference of the circuits held to each limit, volts."""
        result: dict[float, float] = {}
        for d in self.compared:
            result[d.limit] = max(result.get(d.limit, 0.0), d.volts or 0.0)
        return result


def random_cases(count: int, seed: int) -> Iterator[Case]:
    """So many random circuits."""
    for arrangement in range(-(-count // DRAWS)):
        circuit = random_circuit(seed * 100_000 + arrangement)
        yield from _draws(circuit, seed, arrangement, min(DRAWS, count - DRAWS * arrangement))


def _draws(circuit: Circuit, seed: int, arrangement: int, count: int) -> Iterator[Case]:
    """A circuit with so many draws of its numbers."""
    for draw in range(count):
        rng = np.random.default_rng([seed, arrangement, draw])
        values, inputs = random_values(circuit, rng), random_inputs(circuit, rng)
        yield Case(f"random {seed}.{arrangement}.{draw}", circuit, values, inputs)


def run(
    circuits: int = 200,
    seed: int = 0,
    engines: Sequence[str] | None = None,
    progress: Callable[[int, int, Case], Any] | None = None,
    parts: Parts | None = None,
) -> Parity:
    """Compare the example circuits and so many random ones.

    Args:
        circuits: number of random circuits.
        seed: of the random circuits.
        engines: simulators to compare with; those of :data:`COMPARED` that are installed if left out.
        progress: called before each circuit with its number, how many there are, and the case.
        parts: where the circuits that are done are kept, to go on from; nowhere if left out.

    Raises:
        EngineNotInstalled: when a simulator that was asked for, or every one, is missing.
    """
    from ebana import __version__

    chosen, parts = _engines(engines), parts or Parts()
    parts.open({"name": "parity", "version": __version__, "seed": seed, "engines": chosen})
    examples = list(gallery())
    found: list[Difference] = []
    total = len(examples) + circuits
    for number, case in enumerate((*examples, *random_cases(circuits, seed))):
        if progress is not None:
            progress(number, total, case)
        with deferred():  # an exception of a signal has no good place amid a compilation
            found += parts.of(
                f"{number}-{case.name}", Compared, partial(_compared, case, tuple(chosen))
            ).differences
        check()
    return Parity(tuple(found), chosen, seed)


@dataclass(frozen=True)
class Compared:
    """What came of a case: a difference for each simulator."""

    differences: tuple[Difference, ...]


def _compared(case: Case, engines: tuple[str, ...]) -> Compared:
    try:
        return Compared(tuple(differences(case, engines)))
    except NotConverged as error:
        return Compared(
            tuple(Difference(case.name, engine, None, case.limit, str(error)) for engine in engines)
        )


def _engines(names: Sequence[str] | None) -> dict[str, str]:
    """The simulators with what they call themselves."""
    if names is None:
        here = {name: session.available(name) for name in COMPARED}
        names = [name for name, (found, _) in here.items() if found]
        if not names:
            session.require(COMPARED[0])  # raises with how to install it
    for name in names:
        session.require(name)
    return {name: session.available(name)[1] for name in names}

"""A phase of a deep Hopfield network that goes on from its own states, its sweeps doubled until nothing moves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ebana.learning.systems.deep_hopfield import DeepHopfieldSystem
from ebana.learning.systems.deep_states import DeepState

MOST = 16
"""How often the sweeps that are given are tried at most; at least eight of them count as given."""

STILL = 0.02
"""States are at rest where two doublings of the sweeps in a row move them by this share of what is near."""


def most_sweeps(given: int) -> int:
    """Sweeps that are tried at most."""
    most = max(given, 1)
    while most < MOST * max(given, 8):
        most *= 2
    return most


@dataclass(frozen=True)
class Course:
    """States of a phase whose number of sweeps is doubled again and again.

    Args:
        given: sweeps of the first one.
        visited: states after ``given``, ``2 given``, ``4 given`` ... sweeps, ``(B, n)``.
        origin: states that distances are measured by, as shares of the way from there to the last; None for no shares.
        state: the last one, as the system has it.
    """

    given: int
    visited: list[np.ndarray]
    origin: np.ndarray | None
    state: DeepState

    @property
    def finite(self) -> bool:
        """Whether states stay finite."""
        return bool(np.isfinite(self.visited[-1]).all())

    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """Root mean square of a difference."""
        unit = 1.0 if self.origin is None else _rms(self.visited[-1] - self.origin)
        return _rms(a - b) / (unit or 1.0)

    def errors(self) -> list[float]:
        """Distance of each from the last one; NaN where that is not finite."""
        return [self.distance(state, self.visited[-1]) if self.finite else math.nan for state in self.visited]

    def at_rest(self, near: float) -> bool:
        """Whether nothing moves any more, or never will."""
        if not self.finite:
            return True
        last = self.visited[-3:]
        moved = [self.distance(a, b) for a, b in pairwise(last)]
        return len(moved) == 2 and max(moved) <= STILL * near

    def needed(self, near: float) -> int | None:
        """Sweeps after which states are near the last, which none but earlier ones tell of."""
        for k, error in enumerate(self.errors()[:-1]):
            if error <= near:
                return self.given * 2**k
        return None


def follow(
    relax: Callable[[int, Any], DeepState],
    state: Any,
    given: int,
    system: DeepHopfieldSystem,
    near: float,
    origin: np.ndarray | None = None,
) -> Course:
    """A phase that goes on from the states that it has come to, until they are at rest, lost, or the most is tried."""
    given, most = max(given, 1), most_sweeps(given)
    done = given
    state = relax(given, state)
    course = Course(given, [np.asarray(system.unknowns(state))], origin, state)
    while done < most and not course.at_rest(near):
        state = relax(done, state)
        done *= 2
        course = replace(course, visited=[*course.visited, np.asarray(system.unknowns(state))], state=state)
    return course


def _rms(a: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(a, dtype=np.float64))))

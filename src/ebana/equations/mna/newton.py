"""Newton's method on the equations of a batch, and the detours to where it converges.

Each iteration follows the laws along their tangents at controls that their limiters keep within reach
(:mod:`ebana.devices.limits`). Where it does not converge, an operating point is reached from one that is easy to find:
by a leak from every node to ground that is taken away in steps, by sources that are turned up in steps (Nagel 1975;
ngspice's ``gmin`` and source stepping), or by the course of the circuit with a capacitor at every node. A found state
is polished without limiters until its corrections are rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ebana.circuit.relations import Nonlinear
from ebana.devices.limits import Limiter
from ebana.equations.mna.factors import Factors, bound, stacked
from ebana.equations.mna.system import System
from ebana.interruption import check

ITERATIONS = 100
"""Newton iterations before a detour is taken; ngspice's ITL1."""

ABSOLUTE, RELATIVE = 1e-6, 1e-3
"""Corrections, in volts and as a share of the potential, below which polishing takes over; ngspice's.

The share is one of a volt at most: junctions tell millivolts apart at 100 V too.
"""

ROUNDED = 1e-9
"""Share of a large potential below which corrections count as small."""

POLISHING = 12
"""Most Newton iterations without limiters: each doubles the digits, until rounding stops them."""

LEAK, DECADES = 1e-2, 11.0
"""Siemens from every node to ground at first, and over how many decades they fall."""

STEPS = 24
"""Most times that the step of a detour is shortened."""

INSTANTS, INNER = 400, 20
"""Most steps in time, and Newton iterations of each."""

BESIDE = 1.0
"""Volts from where a law has no value to where it is followed along its tangent instead."""

Found = tuple[np.ndarray, np.ndarray, np.ndarray]
"""States ``(n, B)``, which of them were found, and iterations of each."""


@dataclass(frozen=True)
class State:
    """States of a batch.

    Args:
        x: unknowns, ``(n, B)``.
        found: mask of those found, ``(B,)``.
        error: estimated error of the potentials, volts, ``(B,)``.
        iterations: of each, ``(B,)``.
        factors: of the Jacobians there.
        singular: mask of the samples whose equations were singular, ``(B,)``.
    """

    x: np.ndarray
    found: np.ndarray
    error: np.ndarray
    iterations: np.ndarray
    factors: Factors
    singular: np.ndarray


def solve(system: System, start: np.ndarray | None = None, *, iterations: int = ITERATIONS) -> State:
    """Operating points of a batch, from a start ``(n, B)`` or from nothing."""
    return _polished(system, *_reached(system, start, iterations))


def followed(
    system: System,
    start: np.ndarray | None = None,
    *,
    iterations: int = ITERATIONS,
    progress: Callable[[int], Any] | None = None,
) -> State:
    """Operating points of a batch in its order, each from the one before: a sweep stays on its branch.

    Args:
        start: of the first, ``(n, 1)``, or None.
        progress: called before each with its number.
    """
    x, before = np.zeros((system.layout.size, system.batch)), start
    found, count = np.zeros(system.batch, bool), np.zeros(system.batch, int)
    for k in range(system.batch):
        if progress is not None:
            progress(k)
        one, at = system.samples(np.array([k])), slice(k, k + 1)
        x[:, at], found[at], count[at] = _reached(one, before, iterations)
        if not found[k] and before is not None:  # a start from elsewhere may be worse than none
            x[:, at], found[at], more = _reached(one, None, iterations)
            count[at] += more
        before = x[:, at] if found[k] else None
    return _polished(system, x, found, count)


def _reached(system: System, start: np.ndarray | None, iterations: int) -> Found:
    """States to some digits: by Newton's method, and by the detours where it does not converge."""
    x = np.zeros((system.layout.size, system.batch)) if start is None else np.array(start)
    x, found, count = _newton(system, x, cold=start is None, iterations=iterations)
    for detour in map(_one_by_one, (_by_leaks, _by_sources, _by_time)):
        lost = np.flatnonzero(~found)
        if not lost.size:
            break
        tried, ok, steps = detour(system.samples(lost), iterations)
        x[:, lost] = np.where(ok, tried, x[:, lost])
        found[lost] = ok
        count[lost] += steps
    return x, found, count


def _newton(
    system: System, x: np.ndarray, *, cold: bool, iterations: int = ITERATIONS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States, which of them were found, and iterations of each."""
    x = x.copy()
    batch = system.batch
    found, count = np.zeros(batch, bool), np.zeros(batch, int)
    limiters = _limiters(system)
    at: list[tuple[np.ndarray, ...]] | None = None
    active = np.arange(batch)
    for iteration in range(iterations):
        check()
        part = system.samples(active)
        here = x[:, active]
        controls = part.bent(part.controls(part.full(here)))
        at, moved = _limited(limiters, controls, at, cold=cold and iteration == 0)
        with np.errstate(invalid="ignore"):
            residual, slopes = part.linearised(here, at)
        lapsed = ~(np.isfinite(residual).all(0) & np.isfinite(slopes).all(0))
        if lapsed.any():  # the nodes that 1 / v and ln(v) read are at 0 V before the first step
            residual, slopes = part.linearised(here, _beside(part, at), lapses=True)
            moved = moved | lapsed
        step = -part.factors(here, slopes).solve(residual)
        count[active] += 1
        ok = np.isfinite(step).all(0)
        new = here + np.where(ok, step, 0.0)
        x[:, active] = new
        nodes = slice(0, system.layout.nodes)
        size = np.maximum(np.abs(new[nodes]), np.abs(here[nodes]))
        reach = ABSOLUTE + np.maximum(RELATIVE * np.minimum(size, 1.0), ROUNDED * size)
        settled = ok & (np.abs(step[nodes]) <= reach).all(0) & ~moved
        found[active] = settled
        going = ok & ~settled
        if not going.any():
            break
        active, at = active[going], [tuple(u[going] for u in one) for one in at]
    return x, found, count


def _limiters(system: System) -> list[Limiter | None]:
    return [r.law.model.limiter() for r in system.relations if isinstance(r.law, Nonlinear)]


def _limited(
    limiters: list[Limiter | None],
    controls: list[tuple[np.ndarray, ...]],
    before: list[tuple[np.ndarray, ...]] | None,
    *,
    cold: bool,
) -> tuple[list[tuple[np.ndarray, ...]], np.ndarray]:
    """Where laws are evaluated, and a mask of the samples in which that is not where their controls are."""
    at, moved = [], np.zeros(controls[0][0].shape[0] if controls else 1, bool)
    for k, (limiter, given) in enumerate(zip(limiters, controls, strict=True)):
        if limiter is None:
            one = given
        elif cold:
            one = limiter.start(given)
        else:
            one = given if before is None else limiter.limited(given, before[k])
        for a, b in zip(one, given, strict=True):
            moved = moved | (np.abs(a - b) > ABSOLUTE + RELATIVE * np.abs(b)).any(1)
        at.append(one)
    return at, moved


def _beside(system: System, at: list[tuple[np.ndarray, ...]]) -> list[tuple[np.ndarray, ...]]:
    """Where laws are evaluated: a volt beside the controls at which they have no value."""
    found = []
    for given, (value, by) in zip(at, system.answers(at), strict=True):
        lapsed = ~np.isfinite(value)
        for slope in by:
            lapsed = lapsed | ~np.isfinite(slope)
        found.append(tuple(np.where(lapsed, one + BESIDE, one) for one in given))
    return found


def _one_by_one(detour: Callable[[System, int], Found]) -> Callable[[System, int], Found]:
    """A detour for each sample by itself, whose steps have their own lengths."""

    def each(system: System, iterations: int) -> Found:
        columns = [detour(system.samples(np.array([k])), iterations) for k in range(system.batch)]
        x, ok, count = zip(*columns, strict=True)
        return np.concatenate(x, axis=1), np.concatenate(ok), np.concatenate(count)

    return each


def _followed(at: Callable[[float], System], iterations: int, first: float) -> Found:
    """A state at 1 over states from 0 on, in steps that grow where they succeed and shrink where they do not."""
    x, found, count = _newton(at(0.0), np.zeros((at(0.0).layout.size, 1)), cold=True, iterations=iterations)
    done, step, halved = 0.0, first, 0
    while found[0] and done < 1.0 and halved <= STEPS:
        target = min(1.0, done + step)
        tried, ok, steps = _newton(at(target), x, cold=False, iterations=iterations)
        count = count + steps
        if ok[0]:
            x, done, step = tried, target, 1.5 * step
        else:
            step, halved = 0.4 * step, halved + 1
    return x, found & (done >= 1.0), count


def _by_leaks(system: System, iterations: int) -> Found:
    """By a leak from every node to ground, decade by decade."""

    def at(share: float) -> System:
        leak = 0.0 if share >= 1.0 else LEAK * 10.0 ** (-DECADES * share)
        return replace(system, leak=leak)

    return _followed(at, iterations, 1.0 / DECADES)


def _by_sources(system: System, iterations: int) -> Found:
    """By sources that are turned up."""
    return _followed(lambda share: replace(system, share=share), iterations, 0.125)


def _by_time(system: System, iterations: int) -> Found:
    """By the course of a circuit with a capacitor at every node, in backward Euler steps that grow."""
    x, count, found = np.zeros((system.layout.size, 1)), np.zeros(1, int), np.zeros(1, bool)
    leak, cold = 1.0, True
    nodes = slice(0, system.layout.nodes)
    for _ in range(INSTANTS):
        step = replace(system, leak=leak, anchor=x[nodes])
        tried, ok, steps = _newton(step, x, cold=cold, iterations=INNER)
        count = count + steps
        if not ok[0]:
            leak *= 8.0
            if leak > 1e9:
                break
            continue
        moved = float(np.abs(tried[nodes] - x[nodes]).max(initial=0.0))
        x, cold, leak = tried, False, leak * (0.2 if steps[0] < 6 else 0.5)
        if leak < 1e-9 or moved < 1e-9:
            last, found, steps = _newton(system, x, cold=False, iterations=iterations)
            count = count + steps
            if found[0]:
                return last, found, count
            leak = max(leak, 1e-12)
        if leak < 1e-15:
            break
    return x, found, count


def polished(system: System, x: np.ndarray) -> State:
    """States with all digits, from such that are near, ``(n, B)``."""
    return _polished(system, x.copy(), np.ones(system.batch, bool), np.zeros(system.batch, int))


def from_pins(system: System, at: np.ndarray, volts: np.ndarray, iterations: int = ITERATIONS) -> np.ndarray:
    """Where Newton's method comes to while some unknowns are held, ``(n, B)``: a start near what a deck asks for."""
    x = np.zeros((system.layout.size, system.batch))
    x[at] = volts[:, None]
    return _newton(replace(system, pinned=(at, volts)), x, cold=True, iterations=iterations)[0]


def _polished(system: System, x: np.ndarray, found: np.ndarray, count: np.ndarray) -> State:
    """States with all digits, and how far off they may be: the last correction, and rounding."""
    batch, nodes = system.batch, system.layout.nodes
    error, singular = np.full(batch, np.inf), np.zeros(batch, bool)
    size = np.full(batch, np.inf)
    parts: list[Factors | None] = [None] * batch
    active = np.arange(batch)
    for _ in range(POLISHING):
        part = system.samples(active)
        with np.errstate(invalid="ignore"):  # of samples that were not found
            residual, slopes = part.linearised(x[:, active])
            factors = part.factors(x[:, active], slopes)
            step = -factors.solve(residual)
        length = np.abs(step[:nodes]).max(0, initial=0.0)
        better = np.isfinite(step).all(0) & (length < 0.5 * size[active])
        singular[active] = factors.singular
        for i, k in enumerate(active):
            if parts[k] is None or better[i]:
                parts[k] = factors.one(i)
        size[active] = np.where(better, length, size[active])
        rows = active[better & found[active]]
        x[:, rows] += step[:, better & found[active]]
        count[rows] += 1
        active = rows
        if not active.size:
            break
    factors = stacked([part for part in parts if part is not None])
    with np.errstate(invalid="ignore"):
        rounding = bound(factors, _roundings(system, x), nodes)
    rounding += float(np.finfo(np.float64).eps) * np.abs(x[:nodes]).max(0, initial=0.0)
    error = np.where(found & ~singular, size + rounding, np.inf)
    return State(x, found & ~singular, error, count, factors, singular)


def _roundings(system: System, x: np.ndarray) -> np.ndarray:
    """Bound on the roundings of the equations at a state, ``(n, B)``."""
    with np.errstate(all="ignore"):
        return 4.0 * float(np.finfo(np.float64).eps) * system.sizes(x)

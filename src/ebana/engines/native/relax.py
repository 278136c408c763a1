"""Relax a batch to its operating points: sweeps, Newton's method, and a certificate always.

An iteration sweeps once where the circuit is layered, then computes the Newton correction with the
least conductances nearby. Where the correction is below the tolerance, the sample takes it, is done,
and keeps that value whatever its companions still need. Else the state moves along the correction.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebana._types import Array
from ebana.engines.base import Result
from ebana.engines.native.sweep import Sweeper, sweeper
from ebana.equations.system import Spread, System

SLACK = 0.5
"""A step is good when the slope at its end is at most this share of the slope at its start."""

SEARCH_STEPS = 40
"""Lengthenings and halvings that a line search may take."""


class State(NamedTuple):
    """The loop's state; shapes ``(F, B)`` and ``(B,)``."""

    v: Array
    code: Array
    error: Array
    spread: Array
    iterations: Array
    rounds: Array


RUNNING = -1

BLURRED = 0.5
"""Largest share of the tolerance that roundings may take; the rest is for what a Newton step leaves."""

ROUGH = 1e-3
"""Step in volts with which a sweep leaves the roots of smooth devices to Newton's method on all nodes."""

UNGUARDED = 8
"""Iterations of a layered circuit that go without a line search."""


def relax(
    system: System,
    v: Array | None,
    batch: int,
    *,
    tolerance: float,
    radius: float,
    max_iterations: int,
    sweeps: bool = True,
    newton: bool = True,
) -> tuple[Array, Array, Array, Array]:
    """Find the operating points.

    Args:
        v: start, ``(F, B)``, volts, or None.
        batch: number of samples.
        tolerance: largest estimated error of a converged sample, volts.
        radius: how far around a state the least conductances are sought for its error estimate, volts.
        max_iterations: iterations before a sample counts as stalled.
        sweeps: whether a sweep precedes each Newton correction (layered circuits only).
        newton: False to move by sweeps alone and use Newton's correction as the certificate only.

    Returns:
        ``v`` (F, B), result codes, error estimates in volts and iterations, each ``(B,)``.
    """
    rough = ROUGH if newton else 0.0
    sweeping = sweeper(system, rough=rough) if sweeps and system.plan.swept else None
    spread = system.passive_spread()
    if v is None:
        v = jnp.zeros((len(system.plan.circuit.free), batch), system.rhs.dtype)
        v = v if sweeping is None else sweeping.begin(v)
    state = State(
        system.clip(v),
        jnp.full(batch, RUNNING, jnp.int32),
        jnp.full(batch, jnp.inf, v.dtype),
        jnp.zeros(batch, v.dtype),
        jnp.zeros(batch, jnp.int32),
        jnp.zeros((), jnp.int32),
    )

    def unfinished(state: State) -> Array:
        return (state.rounds < max_iterations) & jnp.any(state.code == RUNNING)

    def body(state: State) -> State:
        return _iterate(system, sweeping, state, (tolerance, radius), newton, spread)

    state = jax.lax.while_loop(unfinished, body, state)
    code = jnp.where(state.code == RUNNING, jnp.int32(Result.STALLED), state.code)
    converged = code == Result.CONVERGED
    wide = jnp.where(converged, state.spread, 0.0)
    blur = jnp.where(converged, system.rounding(state.v, wide, BLURRED * tolerance, radius), 0.0)
    error = (state.error + blur) * system.caution
    grain = jnp.finfo(v.dtype).eps * system.reach(state.v)
    stepped = state.error > grain  # else there may be no number to step to
    clear = (error <= tolerance) | (stepped & (blur <= BLURRED * tolerance))
    code = jnp.where(converged & ~clear, jnp.int32(Result.STALLED), code)
    error = jnp.where(
        converged & clear, jnp.minimum(error, tolerance), error
    )  # the step was taken: half of it remains
    return state.v, code, error, state.iterations


def _iterate(
    system: System,
    sweeps: Sweeper | None,
    state: State,
    volts: tuple[float, float],
    newton: bool,
    spread: Spread | None,
) -> State:
    tolerance, radius = volts
    running = state.code == RUNNING
    # One state for all that follows: computed again in another fusion it could round to another one, and across
    # a siemens the residual of that one is volts off behind a nanosiemens.
    v = state.v if sweeps is None else jax.lax.optimization_barrier(sweeps.sweep(state.v))
    f, slopes = system.linearised(v, radius)
    step, pivot, sure, wide, left = system.correction(v, f, slopes, spread)
    target = system.clip(v + step)
    error = jnp.abs(step).max(0, initial=0.0) + left  # no free nodes: nothing to find
    near = running & (error <= tolerance) & sure

    def softens(_: None) -> Array:
        return system.softens(slopes, target)

    done = near & ~jax.lax.cond(near.any(), softens, lambda _: jnp.zeros_like(near), None)
    code = jnp.where(done, jnp.where(pivot > 0, int(Result.CONVERGED), int(Result.NO_MINIMUM)), RUNNING)
    code = jnp.where(jnp.isfinite(error), code, int(Result.NOT_FINITE)).astype(jnp.int32)
    error = jnp.where(sure, error, jnp.inf)
    code = jnp.where(running, code, state.code)
    going = code == RUNNING

    moved = _move(system, v, target, f, going, state.rounds, sweeps is None) if newton else v
    return State(
        jnp.where(going, moved, jnp.where(done, target, state.v)),
        code,
        jnp.where(running, error, state.error),
        jnp.where(running, wide, state.spread),
        state.iterations + running.astype(jnp.int32),
        state.rounds + 1,
    )


def _move(
    system: System, v: Array, target: Array, f: Array, going: Array, count: Array, guarded: bool
) -> Array:
    """Go to the target, or along the way to it as far as the energy falls.

    The line search is left out for the first iterations of a layered circuit, where the next sweep
    repairs a step that is too long.
    """

    def search(_: None) -> Array:
        return _search(system, v, target - v, f, going)

    if guarded:
        return search(None)
    return jax.lax.cond(count >= UNGUARDED, search, lambda _: target, None)


def _search(system: System, v: Array, step: Array, f: Array, going: Array) -> Array:
    """Point along ``step`` where the energy's slope is a fraction of that at the start.

    The energy is convex, so its slope along a line rises: the step is lengthened while the slope at its
    end is still steep downhill, and halved into the bracket once it is uphill. A direction that does
    not go downhill at all is not taken.
    """
    start = (system.weight * f * step).sum(0)
    if (
        system.lower is not None
    ):  # a Newton step that bounds cut short need not go downhill; each node's own does
        uphill = start >= 0
        step = jnp.where(uphill, system.clip(v - f / system.own_conductances(v)) - v, step)
        start = jnp.where(uphill, (system.weight * f * step).sum(0), start)
    goal = SLACK * jnp.abs(start)
    searching = going & (start < 0)

    def unfinished(carry: tuple[Array, ...]) -> Array:
        return (carry[-1] < SEARCH_STEPS) & jnp.any(carry[-2])

    def body(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high, length, open_, count = carry
        slope = system.slope(v + length * step, step)
        open_ = open_ & ~(jnp.abs(slope) <= goal)
        low = jnp.where(open_ & (slope < 0), length, low)
        high = jnp.where(open_ & ~(slope < 0), length, high)
        trial = jnp.where(jnp.isfinite(high), 0.5 * (low + high), 4.0 * length)
        return low, high, jnp.where(open_, trial, length), open_, count + 1

    zero = jnp.zeros_like(start)
    carry = (zero, zero + jnp.inf, zero + 1.0, searching, jnp.zeros((), jnp.int32))
    low, _, length, open_, _ = jax.lax.while_loop(unfinished, body, carry)
    length = jnp.where(open_, low, length)
    return system.clip(v + jnp.where(searching, length, 0.0) * step)

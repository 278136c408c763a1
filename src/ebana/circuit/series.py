"""A junction behind a resistance: the junction voltage ``v`` with ``v + RS i(v) = dv``."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp

from ebana.circuit.devices import Array
from ebana.circuit.junction_law import Junction
from ebana.circuit.walls import Shockley

_NEWTON_STEPS = 12
"""Enough for double precision: the start is within W(dv / N Vt) < 6 thermal voltages of the root."""

_BRACKETED_STEPS = 80
"""Bound on the bracketed steps; six to twelve are usual, and bisection alone needs sixty."""

Law = Shockley | Junction


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def junction_voltage(law: Law, rs: float, dv: Array) -> Array:
    """The voltage across the junction when ``dv`` volts are across it and ``rs`` ohms in series.

    Example:
        >>> law = Shockley(1e-9, 0.03, 0.0)
        >>> v = junction_voltage(law, 100.0, jnp.asarray(1.0))
        >>> round(float(v + 100.0 * law.current(v)), 6)
        1.0
    """
    return _descend(law, rs, dv) if isinstance(law, Shockley) else _bracketed(law, rs, dv)


@junction_voltage.defjvp
def _junction_voltage_jvp(law: Law, rs: float, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    v = junction_voltage(law, rs, primals[0])
    return v, tangents[0] / (1.0 + rs * law.conductance(v))


def _descend(law: Shockley, rs: float, dv: Array) -> Array:
    """The left side is increasing and convex: Newton steps from above the root descend without overshooting.

    Above the root are ``dv`` and ``N Vt ln(1 + dv / (IS RS))`` for ``dv >= 0``, else 0 and
    ``dv + RS (IS + GMIN |dv|)``.
    """
    i_s, vt = law.i_s, law.vt
    forward = jnp.minimum(dv, vt * jnp.log1p(jnp.maximum(dv, 0.0) / (i_s * rs)))
    reverse = jnp.minimum(0.0, dv + rs * (i_s - law.gmin * dv))
    v = jnp.where(dv >= 0, forward, reverse)

    def step(_: int, v: Array) -> Array:
        excess = v + rs * law.current(v) - dv
        return v - excess / (1.0 + rs * law.conductance(v))

    return jax.lax.fori_loop(0, _NEWTON_STEPS, step, v)


def _before_knee(i: Array, ik: float) -> Array:
    """The current that a knee cuts to ``i``: the larger root of ``c - i sqrt(c / ik) - i``."""
    return (0.5 * (i / math.sqrt(ik) + jnp.sqrt(i * i / ik + 4.0 * i))) ** 2 if ik else i


def _bracket(law: Junction, rs: float, dv: Array) -> tuple[Array, Array]:
    """Bounds of the junction voltage: zero, ``dv``, and where one part alone would carry ``dv / RS``."""
    i = jnp.abs(dv) / rs
    forward, reverse = _before_knee(i, law.ikf), _before_knee(i, law.ikr)
    wall = law.bottom
    # beyond the span the tangent carries less than the exponential would
    high = jnp.minimum(dv, wall.vt * jnp.log1p(forward / wall.i_s))
    high = jnp.where(high < law.span[1], high, dv)
    low = dv
    if math.isfinite(wall.bv):
        low = jnp.maximum(low, -wall.bv - wall.vbv * jnp.log(jnp.maximum(reverse / wall.i_s, 1.0)))
    low = jnp.where(low > law.span[0], low, dv)
    return jnp.where(dv >= 0, 0.0, low), jnp.where(dv >= 0, high, 0.0)


def _bracketed(law: Junction, rs: float, dv: Array) -> Array:
    """Newton steps inside a bracket that shrinks; a step that leaves it, or gains too little, is a bisection."""

    def excess(v: Array) -> Array:
        return v + rs * law.current(v) - dv

    def go_on(state: tuple) -> Array:
        k, _, _, _, moved = state
        return (k < _BRACKETED_STEPS) & (moved > 0).any()

    def step(state: tuple) -> tuple:
        k, v, low, high, moved = state
        f = excess(v)
        low, high = jnp.where(f <= 0, v, low), jnp.where(f >= 0, v, high)
        stiffness = 1.0 + rs * law.conductance(v)
        newton = v - f / stiffness
        # Newton gains one thermal voltage a step on an exponential: far away bisection is faster
        slow = (jnp.abs(newton - v) > 0.5 * moved) & (k > 3)
        middle = 0.5 * (low + high)
        nearer = jnp.where(slow | (newton < low) | (newton > high), middle, newton)
        nearer = jnp.where((f == 0) | (moved == 0), v, nearer)
        change = jnp.abs(nearer - v)
        rounding = jnp.finfo(v.dtype).eps * (jnp.abs(nearer) + jnp.abs(dv) / stiffness)
        settled = change <= 4 * rounding
        return k + 1, nearer, low, high, jnp.where(settled, 0.0, change)

    low, high = _bracket(law, rs, dv)
    start = jnp.where(dv >= 0, high, low)
    state = (0, start, low, high, jnp.full_like(start, jnp.inf))
    return jax.lax.while_loop(go_on, step, state)[1]

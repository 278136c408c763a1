"""A junction behind a resistance: the junction voltage ``v`` with ``v + RS i(v) = dv``, and the law of the two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ebana.compilation import arithmetic
from ebana.devices.device import Array, Device, Values, floating
from ebana.devices.forms import law
from ebana.devices.junction.components import Shockley
from ebana.devices.junction.law import Junction, along, by_numbers

_NEWTON_STEPS = 12
"""Enough for double precision: the start is within W(dv / N Vt) < 6 thermal voltages of the root."""

_BRACKETED_STEPS = 80
"""Bound on the bracketed steps; six to twelve are usual, and bisection alone needs sixty."""

Law = Shockley | Junction


@law()
@dataclass(frozen=True)
class SeriesJunction(Device):
    """A junction with a resistance in series, at one temperature.

    Args:
        junction: the junction.
        rs: the resistance in ohms, None for none.
        vt: emission voltage in volts.
        corners: voltages over the whole at which its conductance may jump or be least, on both sides of each; none
            for a junction whose conductance rises everywhere.
    """

    junction: Law
    rs: float | None
    vt: float
    corners: tuple[float, ...] = ()

    @staticmethod
    def of(junction: Law, rs: float, vt: float) -> SeriesJunction:
        """The law with its corners; ``rs`` may be zero."""
        if isinstance(junction, Shockley):
            return SeriesJunction(junction, rs or None, vt)
        with jax.ensure_compile_time_eval(), arithmetic():
            v = jnp.asarray(junction.corners)
            at = (v + rs * junction.current(v)).tolist()
        both = [math.nextafter(v, to) for v in at for to in (-math.inf, math.inf)]
        return SeriesJunction(junction, rs or None, vt, tuple(sorted(both)))

    def junction_voltage(self, dv: Array) -> Array:
        """Voltage over the junction alone."""
        return dv if self.rs is None else junction_voltage(self.junction, self.rs, dv)

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Co-content in watts: that of the junction and ``RS i^2 / 2``."""
        v = self.junction_voltage(floating(dv))
        content = self.junction.cocontent(v)
        return content if self.rs is None else content + 0.5 * self.rs * self.junction.current(v) ** 2

    def current(self, dv: Array, p: Values) -> Array:
        """Current in amperes."""
        return self.junction.current(self.junction_voltage(floating(dv)))

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance in siemens: ``g / (1 + RS g)``."""
        g = self.junction.conductance(self.junction_voltage(floating(dv)))
        return g if self.rs is None else g / (1.0 + self.rs * g)

    def characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """Current and incremental conductance at one junction voltage."""
        v = self.junction_voltage(floating(dv))
        i, g = self.junction.current(v), self.junction.conductance(v)
        return i, g if self.rs is None else g / (1.0 + self.rs * g)

    def least_conductance(self, dv: Array, p: Values, radius: float) -> Array:
        """Least incremental conductance within ``radius`` volts of ``dv``, for error estimates.

        That of a plain junction rises with ``dv`` and is least at the low end; that of others may be least at a
        corner nearby, or in between, where it exceeds the least of the neighbours but for a share of
        ``(radius / N Vt)^2``.
        """
        dv = floating(dv)
        if not radius or isinstance(self.junction, Shockley):
            return self.conductance(dv - radius, p)
        low, high = dv - radius, dv + radius
        near = jnp.stack([dv, low, high, *(jnp.clip(corner, low, high) for corner in self.corners)])
        return self.conductance(near, p).min(0) * jnp.maximum(0.0, 1.0 - (radius / self.vt) ** 2)


@jax.custom_jvp
def junction_voltage(law: Law, rs: Array | float, dv: Array) -> Array:
    """The voltage across the junction when ``dv`` volts are across it and ``rs`` ohms in series.

    Example:
        >>> law = Shockley.of(1e-9, 0.03, 0.0)
        >>> v = junction_voltage(law, 100.0, jnp.asarray(1.0))
        >>> round(float(v + 100.0 * law.current(v)), 6)
        1.0
    """
    return _descend(law, rs, dv) if isinstance(law, Shockley) else _bracketed(law, rs, dv)


def _junction_voltage_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    """``(1 + RS g) dv_j = d(dv) - i dRS - RS di`` with ``di`` by a change of the law's numbers."""
    (law, rs, dv), (change, d_rs, d_dv) = primals, tangents
    v = junction_voltage(law, rs, dv)
    moved = along(d_dv, jnp.ones_like(v)) - along(d_rs, law.current(v))
    moved = moved - rs * by_numbers(lambda law, v: law.current(v), law, change, v)
    return v, moved / (1.0 + rs * law.conductance(v))


junction_voltage.defjvp(_junction_voltage_jvp, symbolic_zeros=True)


def _descend(law: Shockley, rs: Array | float, dv: Array) -> Array:
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


def _before_knee(i: Array, ik: Array | float | None) -> Array:
    """The current that a knee cuts to ``i``: the larger root of ``c - i sqrt(c / ik) - i``."""
    if ik is None:
        return i
    return (0.5 * (i / jnp.sqrt(ik) + jnp.sqrt(i * i / ik + 4.0 * i))) ** 2


def _bracket(law: Junction, rs: Array | float, dv: Array) -> tuple[Array, Array]:
    """Bounds of the junction voltage: zero, ``dv``, and where one part alone would carry ``dv / RS``."""
    i = jnp.abs(dv) / rs
    forward, reverse = _before_knee(i, law.ikf), _before_knee(i, law.ikr)
    wall = law.bottom
    # beyond the span the tangent carries less than the exponential would
    high = jnp.minimum(dv, wall.vt * jnp.log1p(forward / wall.i_s))
    high = jnp.where(high < law.span[1], high, dv)
    low = dv
    if (broken := wall.breakdown) is not None:
        low = jnp.maximum(low, -broken.bv - broken.vt * jnp.log(jnp.maximum(reverse / wall.i_s, 1.0)))
    low = jnp.where(low > law.span[0], low, dv)
    return jnp.where(dv >= 0, 0.0, low), jnp.where(dv >= 0, high, 0.0)


def _bracketed(law: Junction, rs: Array | float, dv: Array) -> Array:
    """Newton steps inside a bracket that shrinks; a step that leaves it, or gains too little, is a bisection."""

    def excess(v: Array) -> Array:
        return v + rs * law.current(v) - dv

    def go_on(state: tuple[Any, ...]) -> Array:
        k, _, _, _, moved = state
        return (k < _BRACKETED_STEPS) & (moved > 0).any()

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
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

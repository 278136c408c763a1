"""A single wall behind a resistance, without iteration: one exponential and a handful of divisions.

With ``r = RS IS`` and ``c = 1 + RS GMIN`` the equation ``v + RS i(v) = dv`` is, region by region::

    c v + r (exp(v / vt) - 1) = dv            forwards,       u = v / vt
    c v - r (1 + (3 vt / (e v))^3) = dv       blocked
    c v - r exp(-(BV + v) / vbv) = dv         in breakdown,   u = -(BV + v) / vbv

The first and the last are ``u + q e^u = y`` with ``q = r / (c vt)`` or ``r / (c vbv)``, whose solution is known:
``ln(q e^u)`` is the logarithm of the Wright omega function at ``y + ln q``. A guess of it that is right to two
hundredths (:func:`~ebana.devices.junction.omega.log_omega`) is corrected by one step of Householder's third order
and one of Newton's, which both use the one exponential at the guess. The blocked equation takes two steps of Newton's
method, which descend to its root. What is then not settled is marked, and left to a search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax.numpy as jnp

from ebana._types import Array, Number
from ebana.devices.exponential import rise, small_rise
from ebana.devices.junction.components import Wall
from ebana.devices.junction.omega import log_omega

_NEAR = 0.02
"""Solutions of ``u + q (e^u - 1) = x`` below this are ``x / (1 + q)`` to some ten-thousandths."""

_FAR = 0.05
"""A guess that is further from the solution leaves more than rounding."""


@dataclass(frozen=True)
class Exponential:
    """What ``u + q (e^u - 1) = x`` needs of q: its logarithm, and ``1 / (1 + q)``.

    Args:
        vt, per_volt: volts for each unit of u, and ``1 / vt``.
        per_dv: x for each volt over the whole, ``1 / (c vt)``.
    """

    q: Number
    log_q: Number
    damped: Number
    vt: Number
    per_volt: Number
    per_dv: Number

    @staticmethod
    def of(i_s: Number, vt: Number, per_volt: Number, rs: Number, c: Number) -> Exponential:
        """Of a saturation current (A), an emission voltage (V) and a resistance (ohms)."""
        per_dv = per_volt / c
        log_q = jnp.log(rs) + jnp.log(i_s * per_dv)  # q itself may be too small for a float
        q = rs * (i_s * per_dv)
        return Exponential(q, log_q, 1.0 / (1.0 + q), vt, per_volt, per_dv)


@dataclass(frozen=True)
class Elimination:
    """A single wall and a resistance. Made by :meth:`of`.

    Args:
        wall: the wall, without tunnelling.
        gmin: conductance across it, siemens.
        span: junction voltages beyond which the law goes on along its tangents.
        c, per_c, r: of the equations above, and ``1 / c``.
        at_corner, at_breakdown: voltages over the whole where the regions meet.
        forward, broken: the exponentials; None where it has no breakdown.
    """

    wall: Wall
    gmin: Number
    span: tuple[Number, Number]
    c: Number
    per_c: Number
    r: Number
    at_corner: Number
    at_breakdown: Number | None
    forward: Exponential
    broken: Exponential | None

    @staticmethod
    def of(wall: Wall, gmin: Number, span: tuple[Number, Number], rs: Number) -> Elimination:
        """With the numbers that follow."""
        c, r, breakdown = 1.0 + rs * gmin, rs * wall.i_s, wall.breakdown
        at_breakdown = broken = None
        if breakdown is not None:
            at_breakdown = c * breakdown.below - r * breakdown.exponential(breakdown.below)
            broken = Exponential.of(wall.i_s, breakdown.vt, breakdown.per_volt, rs, c)
        at_corner = c * wall.corner + r * math.expm1(-3.0)
        forward = Exponential.of(wall.i_s, wall.vt, wall.per_volt, rs, c)
        return Elimination(wall, gmin, span, c, 1.0 / c, r, at_corner, at_breakdown, forward, broken)

    def solve(self, dv: Array) -> tuple[Array, Array, Array, Array]:
        """Junction voltage (V), current (A), conductance of the junction (S), and whether they are settled."""
        wall, part, broken = self.wall, self.forward, self.wall.breakdown
        close = 4.0 * math.sqrt(float(jnp.finfo(dv.dtype).eps))
        x, breaks, floor = jnp.maximum(dv, self.at_corner) * part.per_dv, None, -jnp.inf
        if broken is not None and self.broken is not None and self.at_breakdown is not None:
            breaks, floor, other = dv < self.at_breakdown, broken.below, self.broken
            backwards = -(dv + self.c * broken.bv) * other.per_dv - other.q
            x = jnp.where(breaks, backwards, x)
            part = Exponential(
                *(
                    jnp.where(breaks, a, b)
                    for a, b in zip(vars(other).values(), vars(part).values(), strict=True)
                )
            )
        u, up, sure = _exponential(x, part, close)
        v, shape, slope = u * part.vt, up, (up + 1.0) * part.per_volt
        blocked = dv < self.at_corner
        if broken is not None and breaks is not None:
            v, shape = jnp.where(breaks, -broken.bv - v, v), jnp.where(breaks, -1.0 - up, up)
            blocked = blocked & ~breaks
        tail_v, tail, steep, tail_sure = self._tail(dv, floor, close)
        v = jnp.where(blocked, tail_v, v)
        shape, slope = jnp.where(blocked, -1.0 - tail, shape), jnp.where(blocked, steep, slope)
        settled = jnp.where(blocked, tail_sure, sure) & (v > self.span[0]) & (v < self.span[1])
        return v, wall.i_s * shape + self.gmin * v, wall.i_s * slope + self.gmin, settled

    def _tail(self, dv: Array, floor: Number, close: float) -> tuple[Array, Array, Array, Array]:
        """The blocked junction's voltage, ``t = (3 vt / (e v))^3``, ``3 t / v``, and whether they are settled."""
        c, r, k, corner = self.c, self.r, (3.0 / math.e) * self.wall.vt, self.wall.corner

        def descend(v: Array) -> tuple[Array, Array, Array, Array]:
            inverse = 1.0 / v
            tail = (k * inverse) ** 3
            steep = 3.0 * tail * inverse
            return (dv - c * v + r * (1.0 + tail)) / (c + r * steep), tail, steep, inverse

        first = jnp.clip((dv + r) * self.per_c, floor, corner)
        v = jnp.clip(first + descend(first)[0], floor, corner)
        last, tail, steep, inverse = descend(v)
        moved = last * inverse
        return v + last, tail * (1.0 - 3.0 * moved), steep * (1.0 - 4.0 * moved), jnp.abs(moved) < close


def _exponential(x: Array, part: Exponential, close: float) -> tuple[Array, Array, Array]:
    """Solution of ``u + q (e^u - 1) = x``, ``e^u - 1`` there, and whether they are right to rounding."""
    q, near = part.q, x * part.damped
    u = jnp.where(jnp.abs(near) < _NEAR, near, log_omega(x + q + part.log_q) - part.log_q)
    up = rise(u)
    w, off = q * (up + 1.0), u + q * up - x
    d = 1.0 + w
    step = off * (0.5 * w * off - d * d) / (d * d * d - w * off * (d - off * (1.0 / 6.0)))
    u, up = u + step, up + (up + 1.0) * small_rise(step)
    last = (x - u - q * up) / (1.0 + q * (up + 1.0))
    return u + last, up + (up + 1.0) * last, (jnp.abs(step) < _FAR) & (jnp.abs(last) < close)

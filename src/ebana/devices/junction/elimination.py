"""A single wall behind a resistance, without iteration: one exponential and a handful of divisions.

With ``r = RS IS`` and ``c = 1 + RS GMIN`` the equation ``v + RS i(v) = dv`` is, region by region::

    c v + r (exp(v / vt) - 1) = dv            forwards,       u = v / vt
    c v - r (1 + (3 vt / (e v))^3) = dv       blocked
    c v - r exp(-(BV + v) / vbv) = dv         in breakdown,   u = -(BV + v) / vbv

The first and the last are ``u + q e^u = y`` with ``q = r / (c vt)`` or ``r / (c vbv)``, whose solution is known:
``ln(q e^u)`` is the logarithm of the Wright omega function at ``y + ln q``. A guess of it that is right to two
hundredths (:func:`~ebana.devices.junction.omega.log_omega`) is corrected by one step of Householder's third order
and one of Newton's, which both use the one exponential at the guess. The blocked equation takes steps of Newton's
method, which descend to its root: two, and more only where ``r`` is many times ``vt``. Beyond the voltages at which
the law goes on along its tangents, the equation is linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebana._types import Array, Number
from ebana.devices.exponential import rise, small_rise
from ebana.devices.junction.components import Wall
from ebana.devices.junction.omega import log_omega

_NEAR = 0.02
"""Solutions of ``u + q (e^u - 1) = x`` below this are ``x / (1 + q)`` to some ten-thousandths."""

_STEPS = 200
"""Most steps on the blocked tail; one multiplies a voltage far from the root by 3/4 at least."""


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


Solved = tuple[Array, Array, Array]
"""Junction voltage (V), current (A) and conductance of the junction (S)."""


@dataclass(frozen=True)
class End:
    """Where the law goes on along a tangent.

    Args:
        dv: voltage over the whole.
        share, amperes: junction volts and amperes for each volt beyond.
    """

    dv: Number
    share: Number
    amperes: Number

    @staticmethod
    def of(v: Number, i: Number, g: Number, rs: Number) -> End:
        """At a junction voltage, where current and conductance are these."""
        share = 1.0 / (1.0 + rs * g)
        return End(v + rs * i, share, g * share)


@dataclass(frozen=True)
class Elimination:
    """A single wall and a resistance. Made by :meth:`of`.

    Args:
        wall: the wall, without tunnelling.
        gmin: conductance across it, siemens.
        c, per_c, r: of the equations above, and ``1 / c``.
        at_corner, at_breakdown: voltages over the whole where the regions meet.
        forward, broken: the exponentials; None where it has no breakdown.
        top, bottom: the ends of the exponentials.
    """

    wall: Wall
    gmin: Number
    c: Number
    per_c: Number
    r: Number
    at_corner: Number
    at_breakdown: Number | None
    forward: Exponential
    broken: Exponential | None
    top: End
    bottom: End | None

    @staticmethod
    def of(wall: Wall, gmin: Number, span: tuple[Number, Number], rs: Number) -> Elimination:
        """With the numbers that follow; ``span`` holds the junction voltages beyond which the law is linear."""
        c, r, breakdown = 1.0 + rs * gmin, rs * wall.i_s, wall.breakdown
        at_breakdown = broken = bottom = None
        if breakdown is not None:
            at_breakdown = c * breakdown.below - r * breakdown.exponential(breakdown.below)
            broken = Exponential.of(wall.i_s, breakdown.vt, breakdown.per_volt, rs, c)
            i = -wall.i_s * breakdown.exponential(span[0])
            bottom = End.of(span[0], i + gmin * span[0], gmin - i * breakdown.per_volt, rs)
        at_corner = c * wall.corner + r * math.expm1(-3.0)
        forward = Exponential.of(wall.i_s, wall.vt, wall.per_volt, rs, c)
        i = wall.i_s * jnp.exp(span[1] * wall.per_volt)
        top = End.of(span[1], i - wall.i_s + gmin * span[1], gmin + i * wall.per_volt, rs)
        return Elimination(wall, gmin, c, 1.0 / c, r, at_corner, at_breakdown, forward, broken, top, bottom)

    def solve(self, dv: Array) -> Solved:
        """Junction voltage (V), current (A) and conductance of the junction (S) at a voltage over the whole."""
        inside = jnp.minimum(dv, self.top.dv)
        if self.bottom is not None:
            inside = jnp.maximum(inside, self.bottom.dv)
        at = self._regions(inside)
        u, up = _exponential(at.x, at.part)
        first = at.tail.first

        def rest(_: None) -> Solved:
            v, i, g = self._law(at, u, up, at.tail.settled(first, at.blocked).end)
            over, share, amperes = dv - inside, self.top.share, self.top.amperes
            if self.bottom is not None:
                share = jnp.where(over > 0, share, self.bottom.share)
                amperes = jnp.where(over > 0, amperes, self.bottom.amperes)
            return v + over * share, i + over * amperes, g

        found, odd = self._law(at, u, up, first.end), (at.blocked & at.tail.far(first)) | (inside != dv)
        return jax.lax.cond(odd.any(), rest, lambda _: found, None)

    def rough(self, dv: Array) -> Solved:
        """The same without a loop and without ends: what one step on the blocked tail gives, settled or not."""
        at = self._regions(dv)
        return self._law(at, *_exponential(at.x, at.part), at.tail.first.end)

    def _regions(self, dv: Array) -> Regions:
        part, broken = self.forward, self.wall.breakdown
        x, blocked = jnp.maximum(dv, self.at_corner) * part.per_dv, dv < self.at_corner
        breaks, floor = None, -jnp.inf
        if broken is not None and self.broken is not None and self.at_breakdown is not None:
            breaks, floor, other = dv < self.at_breakdown, broken.below, self.broken
            x = jnp.where(breaks, -(dv + self.c * broken.bv) * other.per_dv - other.q, x)
            pairs = zip(vars(other).values(), vars(part).values(), strict=True)
            part, blocked = Exponential(*(jnp.where(breaks, a, b) for a, b in pairs)), blocked & ~breaks
        k = (3.0 / math.e) * self.wall.vt
        return Regions(
            x, part, blocked, breaks, Tail(dv, self.c, self.per_c, self.r, k, (floor, self.wall.corner))
        )

    def _law(self, at: Regions, u: Array, up: Array, tail_v: Array) -> Solved:
        """Of the solution of the exponential equation, and that of the blocked one."""
        wall, broken = self.wall, self.wall.breakdown
        v, shape, slope = u * at.part.vt, up, (up + 1.0) * at.part.per_volt
        if broken is not None and at.breaks is not None:
            v, shape = jnp.where(at.breaks, -broken.bv - v, v), jnp.where(at.breaks, -1.0 - up, up)
        inverse = 1.0 / tail_v  # a quotient, which XLA computes once for all that use it
        tail = at.tail.share(inverse)
        v = jnp.where(at.blocked, tail_v, v)
        i = wall.i_s * jnp.where(at.blocked, -1.0 - tail, shape) + self.gmin * v
        g = wall.i_s * jnp.where(at.blocked, 3.0 * tail * inverse, slope) + self.gmin
        return v, i, g


@dataclass(frozen=True)
class Tail:
    """The blocked junction's equation, ``c v - r (1 + (k / v)^3) = dv`` with v within ``limits``."""

    dv: Array
    c: Number
    per_c: Number
    r: Number
    k: Number
    limits: tuple[Number, Number]

    @property
    def first(self) -> Descent:
        """From the solution without what flows beyond IS."""
        return self._at(jnp.clip((self.dv + self.r) * self.per_c, *self.limits))

    def far(self, at: Descent) -> Array:
        """Where Chebyshev's step, of third order, leaves more than rounding."""
        return ~(jnp.abs(at.moved) < 0.5 * float(jnp.finfo(self.dv.dtype).eps) ** (1 / 3))

    def settled(self, first: Descent, asked: Array) -> Descent:
        """After as many steps as it takes where it is asked for."""
        return jax.lax.while_loop(
            lambda state: (state[0] < _STEPS) & (asked & self.far(state[1])).any(),
            lambda state: (state[0] + 1, self._at(jnp.clip(state[1].newton, *self.limits))),
            (jnp.zeros((), jnp.int32), first),
        )[1]

    def share(self, inverse: Array) -> Array:
        """What flows beyond IS by ``1 / v``, as a share of IS: ``(k / v)^3``."""
        return (self.k * inverse) ** 3

    def _at(self, v: Array) -> Descent:
        inverse = 1.0 / v
        tail = self.share(inverse)
        bend = 3.0 * self.r * tail * inverse
        softness = 1.0 / (self.c + bend)
        step = (self.dv - self.c * v + self.r * (1.0 + tail)) * softness
        moved = step * inverse
        return Descent(v + step, v + step * (1.0 + 2.0 * bend * softness * moved), moved)


class Descent(NamedTuple):
    """Where Newton's step on the blocked tail ends, where Chebyshev's, and the share of ``v`` that it moves."""

    newton: Array
    end: Array
    moved: Array


class Regions(NamedTuple):
    """What is solved where.

    Args:
        x, part: of ``u + q (e^u - 1) = x``, forwards and in breakdown.
        blocked, breaks: masks of the other regions; ``breaks`` is None where there is no breakdown.
        tail: the equation of the blocked region.
    """

    x: Array
    part: Exponential
    blocked: Array
    breaks: Array | None
    tail: Tail


def _exponential(x: Array, part: Exponential) -> tuple[Array, Array]:
    """Solution of ``u + q (e^u - 1) = x``, and ``e^u - 1`` there."""
    q, near = part.q, x * part.damped
    u = jnp.where(jnp.abs(near) < _NEAR, near, log_omega(x + q + part.log_q) - part.log_q)
    up = rise(u)
    w, off = q * (up + 1.0), u + q * up - x
    d = 1.0 + w
    step = off * (0.5 * w * off - d * d) / (d * d * d - w * off * (d - off * (1.0 / 6.0)))
    u, up = u + step, up + (up + 1.0) * small_rise(step)
    last = (x - u - q * up) / (1.0 + q * (up + 1.0))
    return u + last, up + (up + 1.0) * last

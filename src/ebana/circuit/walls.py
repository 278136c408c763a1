"""The plain junction of IS and N, and the walls (bottom, sidewall) that a whole junction is made of.

The equations are those of ngspice 39; :mod:`ebana.circuit.junction` and :mod:`ebana.circuit.junction_law` state them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp

from ebana.circuit.devices import Array

CURRENT_LIMIT = 1e6
"""Junction current in amperes above which the law is extended by its tangent."""


@dataclass(frozen=True)
class Shockley:
    """A junction of saturation current ``i_s`` (A), emission voltage ``vt`` (V) and ``gmin`` (S) alone.

    Example:
        >>> round(float(Shockley(1e-12, 0.025, 0.0).current(jnp.asarray(0.5))), 6)
        0.000485
    """

    i_s: float
    vt: float
    gmin: float

    @cached_property
    def cap(self) -> float:
        """Junction voltage at which the current is :data:`CURRENT_LIMIT`."""
        return self.vt * math.log1p(CURRENT_LIMIT / self.i_s)

    def _regions(self, v: Array) -> tuple[Array, Array, Array]:
        """Which region ``v`` is in, and ``v`` moved into each, so that neither formula overflows."""
        corner = -3.0 * self.vt
        forward = v >= corner
        up = jnp.where(forward, jnp.where(v < self.cap, v, self.cap), corner)
        return forward, up, jnp.where(forward, corner, v)

    def cocontent(self, v: Array) -> Array:
        """Integral of the current, watts."""
        i_s, vt = self.i_s, self.vt
        forward, up, down = self._regions(v)
        over = jnp.maximum(v - self.cap, 0.0)
        rise = jnp.expm1(up / vt)
        above = i_s * (vt * rise - up) + over * (i_s * rise + 0.5 * over * (i_s / vt) * (rise + 1.0))
        below = i_s * (_at_corner(vt) + _tail_content(vt, down))
        return jnp.where(forward, above, below) + 0.5 * self.gmin * v * v

    def current(self, v: Array) -> Array:
        """Current, amperes."""
        i_s, vt = self.i_s, self.vt
        forward, up, down = self._regions(v)
        rise = jnp.expm1(up / vt)
        above = i_s * rise + jnp.maximum(v - self.cap, 0.0) * (i_s / vt) * (rise + 1.0)
        below = -i_s * (1.0 + (3.0 * vt / (math.e * down)) ** 3)
        return jnp.where(forward, above, below) + self.gmin * v

    def conductance(self, v: Array) -> Array:
        """Incremental conductance, siemens."""
        i_s, vt = self.i_s, self.vt
        forward, up, down = self._regions(v)
        below = 3.0 * i_s * (3.0 * vt / (math.e * down)) ** 3 / down
        return jnp.where(forward, (i_s / vt) * jnp.exp(up / vt), below) + self.gmin


def _at_corner(vt: float) -> float:
    """Co-content of a unit saturation current at ``-3 vt``, volts."""
    return vt * math.expm1(-3.0) + 3.0 * vt


def _tail_content(vt: float, v: Array) -> Array:
    """Integral of ``-(1 + (3 vt / (e v))^3)`` from ``-3 vt`` to ``v`` below."""
    c3, corner = (3.0 * vt / math.e) ** 3, -3.0 * vt
    return -(v - corner) + 0.5 * c3 * (1.0 / (v * v) - 1.0 / corner**2)


@dataclass(frozen=True)
class Wall:
    """The bottom or the sidewall of a junction, without recombination and knees.

    Args:
        i_s, vt: saturation current (A) and emission voltage (V).
        bv, vbv: where breakdown sets in (V, infinite for never) and its emission voltage (V).
        tunnel, vtun: tunnelling saturation current (A) and its emission voltage (V).
    """

    i_s: float
    vt: float
    bv: float = math.inf
    vbv: float = 1.0
    tunnel: float = 0.0
    vtun: float = 1.0

    @property
    def corner(self) -> float:
        """Where forward and reverse formulas meet, volts."""
        return -3.0 * self.vt

    @cached_property
    def broken_below(self) -> float:
        """Voltage below which the breakdown's exponential exceeds the tail; minus infinity for none."""
        v = -self.bv
        for _ in range(4):  # each step gains the tail's size, a millionth
            v = -self.bv - self.vbv * math.log1p((3.0 * self.vt / (math.e * v)) ** 3)
        return v

    def highest(self, limit: float) -> float:
        """Voltage at which the forward current is ``limit`` amperes."""
        return self.vt * math.log1p(limit / self.i_s) if self.i_s else math.inf

    def lowest(self, limit: float) -> float:
        """Voltage at which the reverse current is ``limit`` amperes or more; minus infinity for none."""
        broken = -self.bv - self.vbv * math.log(max(limit / self.i_s, 1.0)) if self.i_s else -math.inf
        tunnelled = -self.vtun * math.log1p(limit / self.tunnel) if self.tunnel else -math.inf
        return max(broken, tunnelled)

    def _split(self, v: Array) -> tuple[Array, Array, Array]:
        """``v`` moved into the forward, the reverse and the breakdown region."""
        forward, reverse = jnp.maximum(v, self.corner), jnp.minimum(v, self.corner)
        return forward, jnp.maximum(reverse, self.broken_below), jnp.minimum(v, self.broken_below)

    def _broken(self, below: Array) -> Array:
        """``exp(-(BV + v) / vbv)`` for ``v`` in the breakdown region."""
        return jnp.exp(-(below + self.bv) / self.vbv)

    def current(self, v: Array) -> Array:
        """Current, amperes."""
        forward, reverse, below = self._split(v)
        shape = jnp.where(
            v >= self.corner,
            jnp.expm1(forward / self.vt),
            -1.0 - (3.0 * self.vt / (math.e * reverse)) ** 3,
        )
        if math.isfinite(self.bv):
            shape = jnp.where(v < self.broken_below, -self._broken(below), shape)
        i = self.i_s * shape
        return i - self.tunnel * jnp.expm1(-v / self.vtun) if self.tunnel else i

    def conductance(self, v: Array) -> Array:
        """Incremental conductance, siemens."""
        forward, reverse, below = self._split(v)
        slope = jnp.where(
            v >= self.corner,
            jnp.exp(forward / self.vt) / self.vt,
            3.0 * (3.0 * self.vt / (math.e * reverse)) ** 3 / reverse,
        )
        if math.isfinite(self.bv):
            slope = jnp.where(v < self.broken_below, self._broken(below) / self.vbv, slope)
        g = self.i_s * slope
        return g + self.tunnel / self.vtun * jnp.exp(-v / self.vtun) if self.tunnel else g

    def cocontent(self, v: Array) -> Array:
        """Integral of the current, watts."""
        forward, reverse, below = self._split(v)
        content = jnp.where(
            v >= self.corner,
            self.vt * jnp.expm1(forward / self.vt) - forward,
            _at_corner(self.vt) + _tail_content(self.vt, reverse),
        )
        if math.isfinite(self.bv):
            start = math.exp(-(self.broken_below + self.bv) / self.vbv)
            content = content + self.vbv * (self._broken(below) - start)
        phi = self.i_s * content
        if self.tunnel:
            phi = phi + self.tunnel * (self.vtun * jnp.expm1(-v / self.vtun) + v)
        return phi

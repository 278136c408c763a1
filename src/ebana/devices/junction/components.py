"""The plain junction of IS and N, and the walls (bottom, sidewall) that a whole junction is made of.

The equations are those of ngspice 39; :mod:`ebana.devices.junction.diode` and
:mod:`ebana.devices.junction.law` state them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax.numpy as jnp

from ebana._types import Number
from ebana.devices.device import Array
from ebana.devices.forms import law

CURRENT_LIMIT = 1e6
"""Junction current in amperes above which the law is extended by its tangent."""


@law()
@dataclass(frozen=True)
class Shockley:
    """A junction of saturation current ``i_s`` (A), emission voltage ``vt`` (V) and ``gmin`` (S) alone.

    ``cap``: junction voltage at which the current is :data:`CURRENT_LIMIT`.

    Example:
        >>> round(float(Shockley.of(1e-12, 0.025, 0.0).current(jnp.asarray(0.5))), 6)
        0.000485
    """

    i_s: float
    vt: float
    gmin: float
    cap: float

    @staticmethod
    def of(i_s: float, vt: float, gmin: float) -> Shockley:
        """The junction with its limit."""
        return Shockley(i_s, vt, gmin, vt * math.log1p(CURRENT_LIMIT / i_s))

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
        rise = jnp.expm1(up * (1.0 / vt))
        above = i_s * (vt * rise - up) + over * (i_s * rise + 0.5 * over * (i_s / vt) * (rise + 1.0))
        below = i_s * (_at_corner(vt) + _tail_content(vt, down))
        return jnp.where(forward, above, below) + 0.5 * self.gmin * v * v

    def current(self, v: Array) -> Array:
        """Current, amperes."""
        i_s, vt = self.i_s, self.vt
        forward, up, down = self._regions(v)
        rise = jnp.expm1(up * (1.0 / vt))
        above = i_s * rise + jnp.maximum(v - self.cap, 0.0) * (i_s / vt) * (rise + 1.0)
        below = -i_s * (1.0 + (3.0 * vt / (math.e * down)) ** 3)
        return jnp.where(forward, above, below) + self.gmin * v

    def conductance(self, v: Array) -> Array:
        """Incremental conductance, siemens."""
        i_s, vt = self.i_s, self.vt
        forward, up, down = self._regions(v)
        below = 3.0 * i_s * (3.0 * vt / (math.e * down)) ** 3 / down
        return jnp.where(forward, (i_s / vt) * jnp.exp(up * (1.0 / vt)), below) + self.gmin


def _at_corner(vt: float) -> float:
    """Co-content of a unit saturation current at ``-3 vt``, volts."""
    return vt * math.expm1(-3.0) + 3.0 * vt


def _tail_content(vt: float, v: Array) -> Array:
    """Integral of ``-(1 + (3 vt / (e v))^3)`` from ``-3 vt`` to ``v`` below."""
    c3, corner = (3.0 * vt / math.e) ** 3, -3.0 * vt
    return -(v - corner) + 0.5 * c3 * (1.0 / (v * v) - 1.0 / corner**2)


@law()
@dataclass(frozen=True)
class Breakdown:
    """Where reverse breakdown sets in.

    Args:
        bv, vt: volts at which the exponential starts, and its emission voltage.
        below: junction voltage below which the exponential exceeds the blocked tail.
    """

    bv: float
    vt: float
    below: float

    def exponential(self, v: Number) -> Array:
        """``exp(-(BV + v) / vt)``."""
        return jnp.exp(-(v + self.bv) * (1.0 / self.vt))


@law()
@dataclass(frozen=True)
class Tunnelling:
    """A tunnelling current: saturation current (A) and emission voltage (V)."""

    i_s: float
    vt: float

    def exponential(self, v: Number) -> Array:
        """``exp(-v / vt) - 1``."""
        return jnp.expm1(-v * (1.0 / self.vt))


@law()
@dataclass(frozen=True)
class Wall:
    """The bottom or the sidewall of a junction, without recombination and knees. Made by :meth:`of`.

    Args:
        i_s, vt: saturation current (A) and emission voltage (V).
        breakdown, tunnelling: None where it has none.
    """

    i_s: float
    vt: float
    breakdown: Breakdown | None = None
    tunnelling: Tunnelling | None = None

    @staticmethod
    def of(
        i_s: float,
        vt: float,
        bv: float | None = None,
        vbv: float = 1.0,
        tunnel: float = 0.0,
        vtun: float = 1.0,
    ) -> Wall:
        """The wall with the voltage where its breakdown takes over; ``bv`` None and ``tunnel`` 0 for none."""
        breakdown = None
        if bv is not None:
            below = -bv
            for _ in range(4):  # each step gains the tail's size, a millionth
                below = -bv - vbv * math.log1p((3.0 * vt / (math.e * below)) ** 3)
            breakdown = Breakdown(bv, vbv, below)
        return Wall(i_s, vt, breakdown, Tunnelling(tunnel, vtun) if tunnel else None)

    @property
    def corner(self) -> float:
        """Where forward and reverse formulas meet, volts."""
        return -3.0 * self.vt

    def highest(self, limit: float) -> float:
        """Voltage at which the forward current is ``limit`` amperes."""
        return self.vt * math.log1p(limit / self.i_s) if self.i_s else math.inf

    def lowest(self, limit: float) -> float:
        """Voltage at which the reverse current is ``limit`` amperes or more; minus infinity for none."""
        broken = tunnelled = -math.inf
        if self.i_s and self.breakdown is not None:
            broken = -self.breakdown.bv - self.breakdown.vt * math.log(max(limit / self.i_s, 1.0))
        if self.tunnelling is not None:
            tunnelled = -self.tunnelling.vt * math.log1p(limit / self.tunnelling.i_s)
        return max(broken, tunnelled)

    def _split(self, v: Array) -> tuple[Array, Array]:
        """``v`` moved into the forward and the reverse region."""
        forward, reverse = jnp.maximum(v, self.corner), jnp.minimum(v, self.corner)
        return forward, reverse if self.breakdown is None else jnp.maximum(reverse, self.breakdown.below)

    def current(self, v: Array) -> Array:
        """Current, amperes."""
        forward, reverse = self._split(v)
        shape = jnp.where(
            v >= self.corner,
            jnp.expm1(forward * (1.0 / self.vt)),
            -1.0 - (3.0 * self.vt / (math.e * reverse)) ** 3,
        )
        if (broken := self.breakdown) is not None:
            shape = jnp.where(v < broken.below, -broken.exponential(jnp.minimum(v, broken.below)), shape)
        i, tunnel = self.i_s * shape, self.tunnelling
        return i if tunnel is None else i - tunnel.i_s * tunnel.exponential(v)

    def conductance(self, v: Array) -> Array:
        """Incremental conductance, siemens."""
        forward, reverse = self._split(v)
        slope = jnp.where(
            v >= self.corner,
            jnp.exp(forward * (1.0 / self.vt)) * (1.0 / self.vt),
            3.0 * (3.0 * self.vt / (math.e * reverse)) ** 3 / reverse,
        )
        if (broken := self.breakdown) is not None:
            steep = broken.exponential(jnp.minimum(v, broken.below)) * (1.0 / broken.vt)
            slope = jnp.where(v < broken.below, steep, slope)
        g, tunnel = self.i_s * slope, self.tunnelling
        return g if tunnel is None else g + tunnel.i_s / tunnel.vt * jnp.exp(-v * (1.0 / tunnel.vt))

    def cocontent(self, v: Array) -> Array:
        """Integral of the current, watts."""
        forward, reverse = self._split(v)
        content = jnp.where(
            v >= self.corner,
            self.vt * jnp.expm1(forward * (1.0 / self.vt)) - forward,
            _at_corner(self.vt) + _tail_content(self.vt, reverse),
        )
        if (broken := self.breakdown) is not None:
            beyond = broken.exponential(jnp.minimum(v, broken.below)) - broken.exponential(broken.below)
            content = content + broken.vt * beyond
        phi, tunnel = self.i_s * content, self.tunnelling
        return phi if tunnel is None else phi + tunnel.i_s * (tunnel.vt * tunnel.exponential(v) + v)

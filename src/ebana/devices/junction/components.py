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
from ebana.devices.exponential import rise
from ebana.devices.forms import law

CURRENT_LIMIT = 1e6
"""Junction current in amperes above which the law is extended by its tangent."""


@law()
@dataclass(frozen=True)
class Shockley:
    """A junction of saturation current ``i_s`` (A), emission voltage ``vt`` (V) and ``gmin`` (S) alone.

    ``cap``: junction voltage at which the current is at its limit; ``per_volt``: ``1 / vt``, which is no
    division for each diode and iteration here.

    Example:
        >>> round(float(Shockley.of(1e-12, 0.025, 0.0).current(jnp.asarray(0.5))), 6)
        0.000485
    """

    i_s: float
    vt: float
    gmin: float
    cap: float
    per_volt: float

    @staticmethod
    def of(i_s: float, vt: float, gmin: float, limit: float = CURRENT_LIMIT) -> Shockley:
        """The junction with its limit, amperes."""
        return Shockley(i_s, vt, gmin, vt * math.log1p(limit / i_s), 1.0 / vt)

    def _regions(self, v: Array) -> tuple[Array, Array, Array]:
        """Which region ``v`` is in, and ``v`` moved into each, so that neither formula overflows."""
        corner = -3.0 * self.vt
        forward = v >= corner  # not by maxima, whose derivative is one half where both are equal
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
        return self.characteristic(v)[0]

    def conductance(self, v: Array) -> Array:
        """Incremental conductance, siemens."""
        return self.characteristic(v)[1]

    def characteristic(self, v: Array) -> tuple[Array, Array]:
        """Current and incremental conductance, of one exponential."""
        i_s, vt = self.i_s, self.vt
        forward, up, down = self._regions(v)
        up_to = rise(up * self.per_volt)
        steep = i_s * self.per_volt * (up_to + 1.0)
        above = i_s * up_to + jnp.maximum(v - self.cap, 0.0) * steep
        tail = (3.0 * vt / (math.e * down)) ** 3
        i, g = (
            jnp.where(forward, above, -i_s * (1.0 + tail)),
            jnp.where(forward, steep, 3.0 * i_s * tail / down),
        )
        return i + self.gmin * v, g + self.gmin

    @property
    def single(self) -> Wall:
        """The wall that alone conducts, beside GMIN."""
        return Wall(self.i_s, self.vt, self.per_volt)

    @property
    def span(self) -> tuple[float, float]:
        """Junction voltages beyond which the law goes on along its tangents."""
        return -math.inf, self.cap

    @property
    def scale(self) -> float:
        """Volts over which the current changes by a factor of e."""
        return self.vt

    def bracket(self, rs: Array | float, dv: Array) -> tuple[Array, Array]:
        """Bounds of the junction voltage behind ``rs`` ohms."""
        reached = self.vt * jnp.log1p(jnp.maximum(dv, 0.0) / (self.i_s * rs))
        high = jnp.minimum(dv, jnp.where(reached < self.cap, reached, dv))  # beyond, the tangent carries less
        return jnp.where(dv < 0, dv, 0.0), jnp.where(dv < 0, 0.0, high)

    def least(self, v: Array, g: Array, radius: float) -> Array:
        """A bound on the conductance within ``radius`` volts of ``v``, where it is ``g``, siemens."""
        return (g - self.gmin) * _fall(self.per_volt, radius) + self.gmin

    def voltage_near(self, i: Array) -> Array:
        """Junction voltage at which the current is ``i`` amperes, GMIN left out; minus infinity for none."""
        forward = self.vt * jnp.log1p(jnp.maximum(i, 0.0) / self.i_s)
        return jnp.where(i < 0, -jnp.inf, forward)


def _fall(per_volt: Number, radius: float) -> Array:
    """Least share of a junction's conductance that is left over so many volts: ``exp(-4 radius / (3 vt))``, or less.

    Its logarithm rises by ``1 / vt`` a volt on exponentials and by at most ``4 / (3 vt)`` on the blocked tail.
    """
    return jnp.maximum(1.0 - (4.0 / 3.0) * radius * per_volt, 0.0)


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
        per_volt: ``1 / vt``.
    """

    bv: float
    vt: float
    below: float
    per_volt: float

    def exponent(self, v: Number) -> Number:
        """``-(BV + v) / vt``."""
        return -(v + self.bv) * self.per_volt

    def exponential(self, v: Number) -> Array:
        """``exp(-(BV + v) / vt)``."""
        return jnp.exp(self.exponent(v))


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
        per_volt: ``1 / vt``.
        breakdown, tunnelling: None where it has none.
    """

    i_s: float
    vt: float
    per_volt: float
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
                below = -bv - vbv * math.log1p(abs(3.0 * vt / (math.e * below)) ** 3)
            breakdown = Breakdown(bv, vbv, below, 1.0 / vbv)
        return Wall(i_s, vt, 1.0 / vt, breakdown, Tunnelling(tunnel, vtun) if tunnel else None)

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
        return self.characteristic(v)[0]

    def conductance(self, v: Array) -> Array:
        """Incremental conductance, siemens."""
        return self.characteristic(v)[1]

    def characteristic(self, v: Array) -> tuple[Array, Array]:
        """Current and incremental conductance: one exponential forwards or in breakdown, and that of tunnelling."""
        forward, reverse = self._split(v)
        conducts, broken = v >= self.corner, self.breakdown
        exponent, per_volt, breaks = forward * self.per_volt, self.per_volt, None
        if broken is not None:
            breaks = v < broken.below
            exponent = jnp.where(breaks, broken.exponent(jnp.minimum(v, broken.below)), exponent)
            per_volt = jnp.where(breaks, broken.per_volt, per_volt)
        up = rise(exponent)
        steep = (up + 1.0) * per_volt
        inverse = 1.0 / reverse
        tail = ((3.0 * self.vt / math.e) * inverse) ** 3
        shape = jnp.where(conducts, up, -1.0 - tail)
        slope = jnp.where(conducts, steep, 3.0 * tail * inverse)
        if breaks is not None:
            shape, slope = jnp.where(breaks, -1.0 - up, shape), jnp.where(breaks, steep, slope)
        i, g = self.i_s * shape, self.i_s * slope
        if (tunnel := self.tunnelling) is None:
            return i, g
        through = tunnel.exponential(v)
        return i - tunnel.i_s * through, g + tunnel.i_s / tunnel.vt * (through + 1.0)

    def least(self, v: Array, g: Array, radius: float) -> Array:
        """A bound on the conductance within ``radius`` volts of ``v``, where it is ``g``, tunnelling left out."""
        if (broken := self.breakdown) is None:
            return g * _fall(self.per_volt, radius)
        steady = g * _fall(jnp.maximum(self.per_volt, broken.per_volt), radius)
        valley = 3.0 * self.i_s * (3.0 * self.vt / (math.e * broken.below)) ** 3 / broken.below
        return jnp.where(jnp.abs(v - broken.below) <= radius, jnp.minimum(steady, valley), steady)

    def voltage_near(self, i: Array) -> Array:
        """Junction voltage at which the current is ``i`` amperes, tunnelling left out; minus infinity for none."""
        forward = self.vt * jnp.log1p(jnp.maximum(i, 0.0) / self.i_s)
        if (broken := self.breakdown) is None:
            return jnp.where(i < 0, -jnp.inf, forward)
        reverse = -broken.bv - broken.vt * jnp.log(jnp.maximum(-i / self.i_s, 1.0))
        return jnp.where(i < 0, reverse, forward)

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

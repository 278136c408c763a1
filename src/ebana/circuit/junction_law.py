"""The whole junction of ngspice 39's level 1 diode at one temperature: co-content, current and conductance.

What it adds to :class:`~ebana.circuit.walls.Shockley`, a junction of ``IS`` and ``N`` alone::

    i(v) = K[bottom(v) + side(v) + rec(v)] + GMIN v
    wall(v) = IS (exp(v / w) - 1)                              for v >= -3 w                     (w = N Vt)
            = -IS (1 + (3 w / (e v))^3)                        for -BV' <= v < -3 w
            = -IS exp(-(BV' + v) / (NBV Vt))                   for v < -BV'
              + JTUN (1 - exp(-v / (NTUN Vt)))                 everywhere
    rec(v)  = ISR (exp(v / (NR Vt)) - 1) ((1 - v / VJ)^2 + 0.005)^(M / 2)    for v >= -3 w, else 0
    K[c]    = c / (1 + sqrt(|c| / IK))                         IK = IKF for v >= -3 w and c > 0, IKR for v < -3 w

(w at the knees and at the recombination is that of the bottom; the sidewall has its own where NS is given.)

ngspice's own law jumps at two places. At ``-BV'`` the tail ``(3 w / (e v))^3`` ends, a millionth of IS or less:
here the larger of both currents is taken, which is the same but in a fraction of a microvolt. At ``-3 w``
recombination sets in and IKR ends, and the current steps *back*, which no co-content allows: here the current of
the blocked side is held from ``-3 w`` on until the forward law exceeds it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit.devices import Array
from ebana.circuit.walls import CURRENT_LIMIT, Wall

KNEE_LIMIT = 1e12
"""The same for the current that a knee (IKF, IKR) then cuts to about its square root."""

_GRADING_FLOOR = 0.005
"""What keeps ngspice's ``(1 - v / VJ)^2`` from zero."""

_PANELS = 32
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def _knee(c: Array, ik: float) -> tuple[Array, Array]:
    """``c / (1 + sqrt(c / ik))`` for currents of one sign, and its slope."""
    s = jnp.sqrt(jnp.abs(c) / ik)
    return c / (1.0 + s), (1.0 + 0.5 * s) / (1.0 + s) ** 2


@dataclass(frozen=True)
class Junction:
    """A junction with all that the level 1 model adds to :class:`Shockley`.

    Args:
        bottom, side: the walls.
        gmin: conductance across the junction, siemens.
        ikf, ikr: knee currents in amperes, 0 for none.
        isr, vr: recombination current (A, 0 for none) and its emission voltage (V).
        vj, m: junction potential (V) and grading coefficient of the recombination.
    """

    bottom: Wall
    side: Wall
    gmin: float
    ikf: float = 0.0
    ikr: float = 0.0
    isr: float = 0.0
    vr: float = 1.0
    vj: float = 1.0
    m: float = 0.5

    @cached_property
    def walls(self) -> tuple[Wall, ...]:
        """The walls that carry a current."""
        return (self.bottom, self.side) if self.side.i_s or self.side.tunnel else (self.bottom,)

    # -- where the law is extended, and where it has corners ---------------------------------------------

    @cached_property
    def span(self) -> tuple[float, float]:
        """Junction voltages beyond which the law goes on along its tangents."""
        reverse, forward = (KNEE_LIMIT if ik else CURRENT_LIMIT for ik in (self.ikr, self.ikf))
        tops = [wall.highest(forward) for wall in self.walls]
        if self.isr:
            tops.append(self.vr * math.log1p(forward / self.isr))
        return max(wall.lowest(reverse) for wall in self.walls), min(tops)

    @cached_property
    def steps(self) -> bool:
        """Whether ngspice's law steps back at ``-3 N Vt``."""
        return self.isr > 0 or self.ikr > 0

    @cached_property
    def floor(self) -> tuple[float, float]:
        """Current of the bottom that is held from ``-3 N Vt`` on (A), and the voltage up to which (V)."""
        low, high = self.bottom.corner, 0.0
        if not self.steps:
            return math.nan, low
        with jax.ensure_compile_time_eval(), jax.enable_x64(True):
            held = float(self._reverse(jnp.asarray(low))[0])
            for _ in range(5):  # each round narrows the bracket 4096 times
                grid = jnp.linspace(low, high, 4097)
                k = int(jnp.clip(jnp.searchsorted(self._forward(grid)[0], held), 1, 4096))
                low, high = float(grid[k - 1]), float(grid[k])
        return held, high

    @cached_property
    def step(self) -> float:
        """By how many amperes ngspice's current steps back at ``-3 N Vt``."""
        if not self.steps:
            return 0.0
        with jax.ensure_compile_time_eval(), jax.enable_x64(True):
            return self.floor[0] - float(self._forward(jnp.asarray(self.bottom.corner))[0])

    @cached_property
    def corners(self) -> tuple[float, ...]:
        """Junction voltages where the conductance jumps or is least."""
        at = [self.floor[1], 0.0, *(wall.corner for wall in self.walls)]
        at += [wall.broken_below for wall in self.walls if math.isfinite(wall.bv)]
        return tuple(sorted(set(at)))

    # -- current and conductance without GMIN, on each side of -3 N Vt --------------------------------------

    def _uncut(self, v: Array) -> tuple[Array, Array]:
        """The walls together, before any knee."""
        c, g = self.bottom.current(v), self.bottom.conductance(v)
        for wall in self.walls[1:]:
            c, g = c + wall.current(v), g + wall.conductance(v)
        return c, g

    def _forward(self, v: Array) -> tuple[Array, Array]:
        c, g = self._uncut(v)
        if self.isr:
            u = 1.0 - v / self.vj
            t = u * u + _GRADING_FLOOR
            rise, factor = self.isr * jnp.expm1(v / self.vr), t ** (0.5 * self.m)
            c = c + rise * factor
            g = g + factor * ((rise + self.isr) / self.vr - rise * (self.m / self.vj) * u / t)
        if self.ikf:
            i, slope = _knee(jnp.maximum(c, 0.0), self.ikf)
            c, g = jnp.where(c > 0, i, c), jnp.where(c > 0, slope * g, g)
        return c, g

    def _reverse(self, v: Array) -> tuple[Array, Array]:
        c, g = self._uncut(jnp.minimum(v, math.nextafter(self.bottom.corner, -1.0)))
        if self.ikr:
            c, slope = _knee(c, self.ikr)
            g = slope * g
        return c, g

    def _inside(self, v: Array) -> tuple[Array, Array]:
        """Current and conductance without GMIN, within :attr:`span`."""
        if not (self.steps or self.ikf):
            return self._uncut(v)
        above, below = self._forward(jnp.maximum(v, self.bottom.corner)), self._reverse(v)
        if self.steps:
            held, free = self.floor
            above = jnp.where(v < free, held, above[0]), jnp.where(v < free, 0.0, above[1])
        forward = v >= self.bottom.corner
        return jnp.where(forward, above[0], below[0]), jnp.where(forward, above[1], below[1])

    # -- the co-content: in closed form where no knee and no recombination takes part -----------------------

    def _uncut_content(self, v: Array) -> Array:
        content = self.bottom.cocontent(v)
        for wall in self.walls[1:]:
            content = content + wall.cocontent(v)
        return content

    def _content(self, v: Array) -> Array:
        if not (self.steps or self.ikf):
            return self._uncut_content(v)
        corner, free = self.bottom.corner, self.floor[1]
        content = self._pieces(lambda x: self._forward(x)[0], 0.0, free, v)
        content = content + self._pieces(lambda x: self._forward(x)[0], 0.0, math.inf, v)
        if self.steps:
            content = content + self.floor[0] * (jnp.clip(v, corner, free) - free)
        if not self.ikr:
            blocked = self._uncut_content(jnp.minimum(v, corner))
            return content + blocked - self._uncut_content(jnp.full_like(v, corner))
        return content + self._pieces(lambda x: self._reverse(x)[0], corner, -math.inf, v)

    def _pieces(self, f: Callable[[Array], Array], start: float, end: float, v: Array) -> Array:
        """Integral of ``f`` from ``start`` towards ``end``, as far as ``v`` is on that way, corner by corner."""
        low, high = min(start, end), max(start, end)
        edges = sorted({start, end, *(c for c in self.corners if low < c < high)}, reverse=end < start)
        total = jnp.zeros_like(v)
        for a, b in itertools.pairwise(edges):
            to = jnp.clip(v, min(a, b), max(a, b))
            if high <= self.bottom.corner:  # in ln(-v), where the tail 1 / v^3 is as smooth as the rest
                total = total + _integral(lambda t: -jnp.exp(t) * f(-jnp.exp(t)), math.log(-a), jnp.log(-to))
            else:
                total = total + _integral(f, a, to)
        return total

    # -- the whole ----------------------------------------------------------------------------------------

    def current(self, v: Array) -> Array:
        """Current, amperes; its derivative is :meth:`conductance`."""
        return _current(self, v)

    def conductance(self, v: Array) -> Array:
        """Incremental conductance, siemens."""
        return self._inside(jnp.clip(v, *self.span))[1] + self.gmin

    def cocontent(self, v: Array) -> Array:
        """Integral of the current, watts; its derivative is :meth:`current`."""
        return _cocontent(self, v)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _current(law: Junction, v: Array) -> Array:
    inside = jnp.clip(v, *law.span)
    i, g = law._inside(inside)
    return i + g * (v - inside) + law.gmin * v


@_current.defjvp
def _current_jvp(law: Junction, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    return _current(law, primals[0]), tangents[0] * law.conductance(primals[0])


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _cocontent(law: Junction, v: Array) -> Array:
    inside = jnp.clip(v, *law.span)
    i, g = law._inside(inside)
    over = v - inside
    content = law._content(inside)
    return content + over * (i + 0.5 * g * over) + 0.5 * law.gmin * v * v


@_cocontent.defjvp
def _cocontent_jvp(law: Junction, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    return _cocontent(law, primals[0]), tangents[0] * _current(law, primals[0])


def _integral(f: Callable[[Array], Array], low: float, high: Array) -> Array:
    """Integral of a smooth ``f`` from ``low`` to each ``high``: Gauss-Legendre, 16 points on each of 32 panels.

    Made for integrands that grow by up to e^80 over the interval, as a junction's current does.
    """
    width = (high - low) / _PANELS

    def panel(k: int, total: Array) -> Array:
        start = low + k * width
        for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
            total = total + 0.5 * weight * width * f(start + 0.5 * (1.0 + node) * width)
        return total

    return jax.lax.fori_loop(0, _PANELS, panel, jnp.zeros_like(high))

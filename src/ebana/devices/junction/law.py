"""The whole junction of ngspice 39's level 1 diode at one temperature: co-content, current and conductance.

What it adds to :class:`~ebana.devices.junction.components.Shockley`, a junction of ``IS`` and ``N`` alone::

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
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from ebana.compilation import arithmetic
from ebana.devices.device import Array
from ebana.devices.exponential import rise
from ebana.devices.forms import law
from ebana.devices.junction.components import CURRENT_LIMIT, Wall

KNEE_LIMIT = 1e12
"""The same for the current that a knee (IKF, IKR) then cuts to about its square root."""

_GRADING_FLOOR = 0.005
"""What keeps ngspice's ``(1 - v / VJ)^2`` from zero."""

_PANELS = 32
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def _knee(c: Array, ik: Array | float) -> tuple[Array, Array]:
    """``c / (1 + sqrt(c / ik))`` for currents of one sign, and its slope."""
    s = jnp.sqrt(jnp.abs(c) / ik)
    return c / (1.0 + s), (1.0 + 0.5 * s) / (1.0 + s) ** 2


@law()
@dataclass(frozen=True)
class Recombination:
    """Recombination current (A), its emission voltage (V), the junction's potential (V) and grading coefficient."""

    isr: float
    vr: float
    vj: float
    m: float

    def add(self, c: Array, g: Array, v: Array) -> tuple[Array, Array]:
        """Current and conductance with those of the recombination."""
        u = 1.0 - v / self.vj
        t = u * u + _GRADING_FLOOR
        back, factor = self.isr * rise(v / self.vr), t ** (0.5 * self.m)
        slope = factor * ((back + self.isr) / self.vr - back * (self.m / self.vj) * u / t)
        return c + back * factor, g + slope


@law()
@dataclass(frozen=True)
class Junction:
    """A junction with all that the level 1 model adds to :class:`~ebana.devices.junction.components.Shockley`.

    Made by :meth:`of`.

    Args:
        bottom, side: the walls; no side where it carries no current.
        gmin: conductance across the junction, siemens.
        ikf, ikr: knee currents in amperes, None for none.
        recombination: None for none.
        span: junction voltages beyond which the law goes on along its tangents.
        blocked: the last voltage below ``-3 N Vt`` of the bottom.
        floor: current that is held from ``-3 N Vt`` on (A), and the voltage up to which (V); None where ngspice's
            law does not step back there.
        corners: junction voltages where the conductance jumps or is least, ascending.
        held, rising, falling: edges between which the integrals of the co-content are smooth.
    """

    bottom: Wall
    side: Wall | None
    gmin: float
    ikf: float | None
    ikr: float | None
    recombination: Recombination | None
    span: tuple[float, float] = (-math.inf, math.inf)
    blocked: float = 0.0
    floor: tuple[float, float] | None = None
    corners: tuple[float, ...] = ()
    held: tuple[float, ...] = ()
    rising: tuple[float, ...] = ()
    falling: tuple[float, ...] = ()

    @staticmethod
    def of(
        bottom: Wall,
        side: Wall,
        gmin: float,
        ikf: float = 0.0,
        ikr: float = 0.0,
        isr: float = 0.0,
        vr: float = 1.0,
        vj: float = 1.0,
        m: float = 0.5,
        limit: float = CURRENT_LIMIT,
    ) -> Junction:
        """The junction with the numbers that follow from its walls, knees and recombination; 0 for none of these."""
        carries = bool(side.i_s) or side.tunnelling is not None
        recombination = Recombination(isr, vr, vj, m) if isr else None
        law = Junction(bottom, side if carries else None, gmin, ikf or None, ikr or None, recombination)
        law = replace(law, blocked=math.nextafter(bottom.corner, -1.0))
        law = replace(law, span=_span(law, limit), floor=_floor(law) if law.steps else None)
        free = law.free
        at = [free, 0.0, *(wall.corner for wall in law.walls)]
        at += [wall.breakdown.below for wall in law.walls if wall.breakdown is not None]
        return replace(
            law,
            corners=tuple(sorted(at)),
            held=_edges(at, 0.0, free),
            rising=_edges(at, 0.0, math.inf),
            falling=_edges(at, bottom.corner, -math.inf),
        )

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The walls that carry a current."""
        return (self.bottom,) if self.side is None else (self.bottom, self.side)

    @property
    def steps(self) -> bool:
        """Whether ngspice's law steps back at ``-3 N Vt``."""
        return self.recombination is not None or self.ikr is not None

    @property
    def free(self) -> float:
        """Junction voltage from which the forward law holds, volts."""
        return self.bottom.corner if self.floor is None else self.floor[1]

    @property
    def step(self) -> float:
        """By how many amperes ngspice's current steps back at ``-3 N Vt``."""
        if self.floor is None:
            return 0.0
        with jax.ensure_compile_time_eval(), arithmetic():
            return self.floor[0] - float(self._forward(jnp.asarray(self.bottom.corner))[0])

    # -- current and conductance without GMIN, on each side of -3 N Vt --------------------------------------

    def _uncut(self, v: Array) -> tuple[Array, Array]:
        """The walls together, before any knee."""
        c, g = self.bottom.characteristic(v)
        for wall in self.walls[1:]:
            more = wall.characteristic(v)
            c, g = c + more[0], g + more[1]
        return c, g

    def _forward(self, v: Array) -> tuple[Array, Array]:
        return self._cut(self._uncut(v), v)

    def _cut(self, uncut: tuple[Array, Array], v: Array) -> tuple[Array, Array]:
        """What recombination and the forward knee make of the walls' current and conductance."""
        c, g = uncut
        if self.recombination is not None:
            c, g = self.recombination.add(c, g, v)
        if self.ikf is not None:
            i, slope = _knee(jnp.maximum(c, 0.0), self.ikf)
            c, g = jnp.where(c > 0, i, c), jnp.where(c > 0, slope * g, g)
        return c, g

    def _reverse(self, v: Array) -> tuple[Array, Array]:
        return self._blocked(self._uncut(jnp.minimum(v, self.blocked)))

    def _blocked(self, uncut: tuple[Array, Array]) -> tuple[Array, Array]:
        """What the reverse knee makes of the walls' current and conductance."""
        c, g = uncut
        if self.ikr is not None:
            c, slope = _knee(c, self.ikr)
            g = slope * g
        return c, g

    def _inside(self, v: Array) -> tuple[Array, Array]:
        """Current and conductance without GMIN, within :attr:`span`."""
        if not self.steps and self.ikf is None:
            return self._uncut(v)
        uncut = self._uncut(v)
        above, below = self._cut(uncut, jnp.maximum(v, self.bottom.corner)), self._blocked(uncut)
        if self.floor is not None:
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
        if not self.steps and self.ikf is None:
            return self._uncut_content(v)
        corner = self.bottom.corner
        content = self._pieces(self._forward, self.held, v)
        content = content + self._pieces(self._forward, self.rising, v)
        if self.floor is not None:
            content = content + self.floor[0] * (jnp.clip(v, corner, self.free) - self.free)
        if self.ikr is None:
            blocked = self._uncut_content(jnp.minimum(v, corner))
            return content + blocked - self._uncut_content(jnp.full_like(v, corner))
        return content + self._pieces(self._reverse, self.falling, v, tail=True)

    def _pieces(
        self,
        f: Callable[[Array], tuple[Array, Array]],
        edges: tuple[float, ...],
        v: Array,
        *,
        tail: bool = False,
    ) -> Array:
        """Integral of a current from the first edge towards the last, as far as ``v`` is on that way, edge by edge.

        ``tail``: in ``ln(-v)``, where the tail ``1 / v^3`` is as smooth as the rest.
        """
        total = jnp.zeros_like(v)
        for a, b in itertools.pairwise(edges):
            to = jnp.clip(v, jnp.minimum(a, b), jnp.maximum(a, b))
            if tail:
                start = jnp.log(-jnp.asarray(a, v.dtype))
                total = total + _integral(lambda t: -jnp.exp(t) * f(-jnp.exp(t))[0], start, jnp.log(-to))
            else:
                total = total + _integral(lambda x: f(x)[0], a, to)
        return total

    # -- the whole ----------------------------------------------------------------------------------------

    def current(self, v: Array) -> Array:
        """Current, amperes; its derivative is :meth:`conductance`."""
        return _current(self, v)

    def conductance(self, v: Array) -> Array:
        """Incremental conductance, siemens."""
        return self._inside(jnp.clip(v, *self.span))[1] + self.gmin

    def characteristic(self, v: Array) -> tuple[Array, Array]:
        """Current, whose derivative is the conductance, and the incremental conductance."""
        if self.steps or self.ikf is not None:  # the roots of knees have no derivative at 0 A of their own
            return self.current(v), self.conductance(v)
        inside = jnp.clip(v, *self.span)
        i, g = self._inside(inside)
        return i + g * (v - inside) + self.gmin * v, g + self.gmin

    def cocontent(self, v: Array) -> Array:
        """Integral of the current, watts; its derivative is :meth:`current`."""
        return _cocontent(self, v)

    # -- bounds and starts of searches ----------------------------------------------------------------------

    @property
    def single(self) -> Wall | None:
        """The bottom, where it alone conducts, without knees, recombination and tunnelling."""
        plain = self.side is None and not self.steps and self.ikf is None and self.bottom.tunnelling is None
        return self.bottom if plain else None

    @property
    def scale(self) -> Array | float:
        """Volts over which the current changes by a factor of e where it changes fastest, but for tunnelling."""
        scale = self.bottom.vt
        for wall in self.walls:
            scale = jnp.minimum(scale, wall.vt)
            scale = scale if wall.breakdown is None else jnp.minimum(scale, wall.breakdown.vt)
        return scale

    def least(self, v: Array, g: Array, radius: float) -> Array:
        """A bound on the conductance within ``radius`` volts of ``v``, where it is ``g``, siemens.

        That of a single wall has one valley, where its breakdown sets in. That of others is least at an end, or at a
        corner nearby, or in between, where it exceeds the least of these but for a share of ``(radius / N Vt)^2``.
        """
        if self.single is not None:
            return self.single.least(v, g - self.gmin, radius) + self.gmin
        low, high = v - radius, v + radius
        least = jnp.minimum(g, self.conductance(jnp.stack([low, high])).min(0))
        corners = jnp.stack([jnp.broadcast_to(corner, v.shape) for corner in self.corners])

        def beside(_: None) -> Array:
            sides = jnp.stack(
                [jnp.nextafter(corners, jnp.asarray(to, v.dtype)) for to in (-jnp.inf, jnp.inf)]
            )
            return jnp.minimum(least, self.conductance(jnp.clip(sides, low, high)).min((0, 1)))

        near = (jnp.abs(corners - v) <= radius).any()
        least = jax.lax.cond(near, beside, lambda _: least, None)
        return least * jnp.maximum(0.0, 1.0 - (radius / self.bottom.vt) ** 2)

    def bracket(self, rs: Array | float, dv: Array) -> tuple[Array, Array]:
        """Bounds of the junction voltage behind ``rs`` ohms: zero, ``dv``, and where one part carries ``dv / RS``."""
        i = jnp.abs(dv) / rs
        forward, reverse = _before_knee(i, self.ikf), _before_knee(i, self.ikr)
        wall = self.bottom
        # beyond the span the tangent carries less than the exponential would
        high = jnp.minimum(dv, wall.vt * jnp.log1p(forward / wall.i_s))
        high = jnp.where(high < self.span[1], high, dv)
        low = dv
        if (broken := wall.breakdown) is not None:
            low = jnp.maximum(low, -broken.bv - broken.vt * jnp.log(jnp.maximum(reverse / wall.i_s, 1.0)))
        low = jnp.where(low > self.span[0], low, dv)
        return jnp.where(dv >= 0, 0.0, low), jnp.where(dv >= 0, high, 0.0)

    def voltage_near(self, i: Array) -> Array:
        """About the junction voltage at which the current is ``i`` amperes; minus infinity where none is."""
        knees = jnp.where(
            i < 0, -_before_knee(-jnp.minimum(i, 0.0), self.ikr), _before_knee(jnp.maximum(i, 0.0), self.ikf)
        )
        return self.bottom.voltage_near(knees)


@jax.custom_jvp
def _current(law: Junction, v: Array) -> Array:
    inside = jnp.clip(v, *law.span)
    i, g = law._inside(inside)
    return i + g * (v - inside) + law.gmin * v


def _current_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    (law, v), (change, dv) = primals, tangents
    return _current(law, v), by_numbers(_current.fun, law, change, v) + along(dv, law.conductance(v))


_current.defjvp(_current_jvp, symbolic_zeros=True)


@jax.custom_jvp
def _cocontent(law: Junction, v: Array) -> Array:
    inside = jnp.clip(v, *law.span)
    i, g = law._inside(inside)
    over = v - inside
    content = law._content(inside)
    return content + over * (i + 0.5 * g * over) + 0.5 * law.gmin * v * v


def _cocontent_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    (law, v), (change, dv) = primals, tangents
    return _cocontent(law, v), by_numbers(_cocontent.fun, law, change, v) + along(dv, _current(law, v))


_cocontent.defjvp(_cocontent_jvp, symbolic_zeros=True)


def along(tangent: Array | SymbolicZero, slope: Array) -> Array:
    """A tangent times a slope; zero without work where there is no tangent."""
    return jnp.zeros_like(slope) if isinstance(tangent, SymbolicZero) else tangent * slope


def by_numbers(f: Callable[..., Array], law: object, change: object, v: Array) -> Array | float:
    """What a change of a law's numbers adds to ``f(law, v)``; zero without work where none changes."""
    leaves = jax.tree.leaves(change, is_leaf=lambda x: isinstance(x, SymbolicZero))
    if all(isinstance(leaf, SymbolicZero) for leaf in leaves):
        return 0.0
    change = jax.tree.map(
        lambda x, like: jnp.zeros_like(like) if isinstance(x, SymbolicZero) else x,
        change,
        law,
        is_leaf=lambda x: isinstance(x, SymbolicZero),
    )
    return jax.jvp(lambda law: f(law, v), (law,), (change,))[1]


def _before_knee(i: Array, ik: Array | float | None) -> Array:
    """The current that a knee cuts to ``i``: the larger root of ``c - i sqrt(c / ik) - i``."""
    if ik is None:
        return i
    return (0.5 * (i / jnp.sqrt(ik) + jnp.sqrt(i * i / ik + 4.0 * i))) ** 2


def _span(law: Junction, limit: float) -> tuple[float, float]:
    """Where the current reaches its limits."""
    knee = max(KNEE_LIMIT, limit)
    reverse = limit if law.ikr is None else knee
    forward = limit if law.ikf is None else knee
    tops = [wall.highest(forward) for wall in law.walls]
    if law.recombination is not None:
        tops.append(law.recombination.vr * math.log1p(forward / law.recombination.isr))
    return max(wall.lowest(reverse) for wall in law.walls), min(tops)


def _floor(law: Junction) -> tuple[float, float]:
    """The bottom's current at ``-3 N Vt``, and where the forward law exceeds it."""
    low, high = law.bottom.corner, 0.0
    with jax.ensure_compile_time_eval(), arithmetic():
        held = float(law._reverse(jnp.asarray(low))[0])
        for _ in range(5):  # each round narrows the bracket 4096 times
            grid = jnp.linspace(low, high, 4097)
            k = int(jnp.clip(jnp.searchsorted(law._forward(grid)[0], held), 1, 4096))
            low, high = float(grid[k - 1]), float(grid[k])
    return held, high


def _edges(corners: list[float], start: float, end: float) -> tuple[float, ...]:
    """The corners from ``start`` towards ``end``, these two included."""
    low, high = min(start, end), max(start, end)
    return tuple(sorted([start, end, *(c for c in corners if low < c < high)], reverse=end < start))


def _integral(f: Callable[[Array], Array], low: Array | float, high: Array) -> Array:
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

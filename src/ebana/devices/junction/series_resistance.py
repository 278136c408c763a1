"""A junction behind a resistance: the junction voltage ``v`` with ``v + RS i(v) = dv``, and the law of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Number
from ebana.devices.device import Array, Device, Values, floating
from ebana.devices.forms import changed, law
from ebana.devices.junction.components import Shockley
from ebana.devices.junction.elimination import Elimination
from ebana.devices.junction.law import Junction, along, by_numbers
from ebana.devices.mismatch import Parallel
from ebana.devices.noise import LEAST, Noise, shot, thermal

_STEPS = 80
"""Bound on the steps; six to twelve are usual, and bisection alone needs sixty."""

Law = Shockley | Junction


@law()
@dataclass(frozen=True)
class SeriesJunction(Device):
    """A junction with a resistance in series, at one temperature.

    Args:
        junction: the junction.
        rs: the resistance in ohms, None for none.
        vt: emission voltage in volts.
    """

    junction: Law
    rs: float | None
    vt: float

    @staticmethod
    def of(junction: Law, rs: float, vt: float) -> SeriesJunction:
        """The law; ``rs`` may be zero."""
        return SeriesJunction(junction, rs or None, vt)

    def mismatched(self, threshold: Number, strength: Number) -> Parallel:
        """See :meth:`Device.mismatched`: a higher threshold is less current at the same voltage.

        Gmin stays what it is: the deck's, at each diode.
        """
        count = strength * jnp.exp(-threshold / self.vt)
        junction = changed(self.junction, gmin=self.junction.gmin / count)
        return Parallel(changed(self, junction=junction), count)

    def junction_voltage(self, dv: Array) -> Array:
        """Voltage over the junction alone."""
        return dv if self.rs is None else behind(self.junction, self.rs, dv)[0]

    def _solved(self, dv: Array) -> tuple[Array, Array, Array]:
        """Voltage over the junction, its current and its conductance."""
        dv = floating(dv)
        if self.rs is None:
            return dv, *self.junction.characteristic(dv)
        return behind(self.junction, self.rs, dv)

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Co-content in watts: that of the junction and ``RS i^2 / 2``."""
        v, i, _ = self._solved(dv)
        content = self.junction.cocontent(v)
        return content if self.rs is None else content + 0.5 * self.rs * i**2

    def current(self, dv: Array, p: Values) -> Array:
        """Current in amperes."""
        return self._solved(dv)[1]

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance in siemens: ``g / (1 + RS g)``."""
        return self._behind(self._solved(dv)[2])

    def characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """Current and incremental conductance."""
        _, i, g = self._solved(dv)
        return i, self._behind(g)

    def rough_characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """As :meth:`characteristic` with no loop: what the elimination gives, settled or not."""
        dv = floating(dv)
        law, wall = self.junction, self.junction.single
        if self.rs is None or wall is None:
            return self.characteristic(dv, p)
        _, i, g = Elimination.of(wall, law.gmin, law.span, self.rs).rough(dv)
        return i, self._behind(g)

    def least_conductance(self, dv: Array, p: Values, radius: float) -> Array:
        """A bound on the incremental conductance within ``radius`` volts of ``dv``, for error estimates."""
        return self.cautious_characteristic(dv, p, radius)[1]

    def cautious_characteristic(self, dv: Array, p: Values, radius: float) -> tuple[Array, Array]:
        """Current, and that bound.

        The junction's voltage follows ``dv`` by at most one volt a volt, so that its neighbours count.
        """
        v, i, g = self._solved(dv)
        return i, self._behind(self.junction.least(v, g, radius) if radius else g)

    def _behind(self, g: Array) -> Array:
        """Conductance of the whole where that of the junction is ``g``."""
        return g if self.rs is None else g / (1.0 + self.rs * g)

    def voltage_near(self, i: Array, p: Values) -> Array:
        """About the voltage at which the current is ``i`` amperes; minus infinity where none is."""
        v = self.junction.voltage_near(i)
        return v if self.rs is None else v + self.rs * i


@law()
@dataclass(frozen=True)
class NoisyJunction(SeriesJunction):
    """The same with its noise.

    Args:
        kf, af: flicker noise ``kf |i|^af / f`` of the junction's current, A^2/Hz.
    """

    kf: float = 0.0
    af: float = 1.0

    def noise(self, dv: Array, p: Values, kelvin: Number) -> Noise:
        """Shot and flicker noise of the junction and thermal noise of the resistance, at the outer terminals."""
        _, i, g = self._solved(dv)
        size = jnp.maximum(jnp.abs(i), LEAST)
        white, flicker = shot(i), self.kf * size**self.af
        if self.rs is None:
            return Noise(white, flicker)
        share = 1.0 / (1.0 + self.rs * g) ** 2
        return Noise(share * (white + thermal(self.rs * g * g, kelvin)), share * flicker)


@jax.custom_jvp
def behind(law: Law, rs: Number, dv: Array) -> tuple[Array, Array, Array]:
    """Voltage over a junction with ``dv`` volts over it and ``rs`` ohms in series, its current and conductance.

    Example:
        >>> law = Shockley.of(1e-9, 0.03, 0.0)
        >>> v, i, _ = behind(law, 100.0, jnp.asarray(1.0))
        >>> round(float(v + 100.0 * i), 6)
        1.0
    """

    if law.single is None:
        return _searched(law, rs, dv)
    return Elimination.of(law.single, law.gmin, law.span, rs).solve(dv)


def _behind_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """``(1 + RS g) dv_j = d(dv) - i dRS - RS di`` with ``di`` by a change of the law's numbers."""
    (law, rs, dv), (change, d_rs, d_dv) = primals, tangents
    v, i, g = behind(law, rs, dv)
    moved = along(d_dv, jnp.ones_like(v)) - along(d_rs, i)
    by_law = by_numbers(lambda law, v: law.current(v), law, change, v)
    moved = (moved - rs * by_law) / (1.0 + rs * g)
    bend = jax.jvp(law.conductance, (v,), (moved,))[1]
    bend = bend + by_numbers(lambda law, v: law.conductance(v), law, change, v)
    return (v, i, g), (moved, g * moved + by_law, bend)


behind.defjvp(_behind_jvp, symbolic_zeros=True)


def _searched(law: Law, rs: Number, dv: Array) -> tuple[Array, Array, Array]:
    """As :func:`behind`, by Newton steps inside a bracket that shrinks.

    A step that leaves the bracket, or gains too little, is a bisection. The law is evaluated in one place, where a last
    round finds it at the root: a program holds it once.
    """

    def unfinished(state: tuple[Any, ...]) -> Array:
        return (state[0] < _STEPS) & state[-1]

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        k, v, _, _, low, high, moved, _ = state
        i, g = law.characteristic(v)
        excess, stiffness = v + rs * i - dv, 1.0 + rs * g
        low, high = jnp.where(excess <= 0, v, low), jnp.where(excess >= 0, v, high)
        newton = v - excess / stiffness
        # Newton gains one thermal voltage a step on an exponential: far away bisection is faster
        slow = (jnp.abs(newton - v) > 0.5 * moved) & (k > 3)
        nearer = jnp.where(slow | (newton < low) | (newton > high), 0.5 * (low + high), newton)
        nearer = jnp.where((excess == 0) | (moved == 0), v, nearer)
        change = jnp.abs(nearer - v)
        rounding = jnp.finfo(v.dtype).eps * (jnp.abs(nearer) + jnp.abs(dv) / stiffness)
        near = settling * jnp.minimum(law.scale, jnp.abs(nearer))
        settled = (change <= near) & (nearer == newton) | (change <= 4 * rounding)
        return k + 1, nearer, i, g, low, high, jnp.where(settled, 0.0, change), (change > 0).any()

    low, high = law.bracket(rs, dv)
    start = jnp.where(dv >= 0, high, low)
    settling = 4.0 * float(jnp.finfo(start.dtype).eps) ** 0.5  # after such a step a dozen roundings are left
    nothing = jnp.zeros_like(start)
    state = (0, start, nothing, nothing, low, high, jnp.full_like(start, jnp.inf), jnp.asarray(True))
    _, v, i, g, *_ = jax.lax.while_loop(unfinished, step, state)
    return v, i, g

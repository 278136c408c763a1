"""A junction behind a resistance: the junction voltage ``v`` with ``v + RS i(v) = dv``, and the law of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ebana.devices.device import Array, Device, Values, floating
from ebana.devices.forms import law
from ebana.devices.junction.components import Shockley
from ebana.devices.junction.law import Junction, along, by_numbers

_STEPS = 80
"""Bound on the steps; one or two are usual for a plain junction, six to twelve behind knees, and bisection alone needs
sixty."""

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
        return self._behind(self.junction.conductance(self.junction_voltage(floating(dv))))

    def characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """Current and incremental conductance at one junction voltage."""
        i, g = self.junction.characteristic(self.junction_voltage(floating(dv)))
        return i, self._behind(g)

    def least_conductance(self, dv: Array, p: Values, radius: float) -> Array:
        """A bound on the incremental conductance within ``radius`` volts of ``dv``, for error estimates."""
        return self.cautious_characteristic(dv, p, radius)[1]

    def cautious_characteristic(self, dv: Array, p: Values, radius: float) -> tuple[Array, Array]:
        """Current, and that bound.

        The junction's voltage follows ``dv`` by at most one volt a volt, so that its neighbours count.
        """
        v = self.junction_voltage(floating(dv))
        i, g = self.junction.characteristic(v)
        return i, self._behind(self.junction.least(v, g, radius) if radius else g)

    def _behind(self, g: Array) -> Array:
        """Conductance of the whole where that of the junction is ``g``."""
        return g if self.rs is None else g / (1.0 + self.rs * g)

    def voltage_near(self, i: Array, p: Values) -> Array:
        """About the voltage at which the current is ``i`` amperes; minus infinity where none is."""
        v = self.junction.voltage_near(i)
        return v if self.rs is None else v + self.rs * i


@jax.custom_jvp
def junction_voltage(law: Law, rs: Array | float, dv: Array) -> Array:
    """The voltage across the junction when ``dv`` volts are across it and ``rs`` ohms in series.

    Example:
        >>> law = Shockley.of(1e-9, 0.03, 0.0)
        >>> v = junction_voltage(law, 100.0, jnp.asarray(1.0))
        >>> round(float(v + 100.0 * law.current(v)), 6)
        1.0
    """
    return _solve(law, rs, dv)


def _junction_voltage_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    """``(1 + RS g) dv_j = d(dv) - i dRS - RS di`` with ``di`` by a change of the law's numbers."""
    (law, rs, dv), (change, d_rs, d_dv) = primals, tangents
    v = junction_voltage(law, rs, dv)
    moved = along(d_dv, jnp.ones_like(v)) - along(d_rs, law.current(v))
    moved = moved - rs * by_numbers(lambda law, v: law.current(v), law, change, v)
    return v, moved / (1.0 + rs * law.conductance(v))


junction_voltage.defjvp(_junction_voltage_jvp, symbolic_zeros=True)


def _solve(law: Law, rs: Array | float, dv: Array) -> Array:
    """Newton steps inside a bracket that shrinks; one that leaves it, or gains too little, is a bisection.

    A plain junction starts so near the root that one step, after which the error is below rounding, does.
    """

    def unfinished(state: tuple[Any, ...]) -> Array:
        k, _, _, _, moved = state
        return (k < _STEPS) & (moved > 0).any()

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        k, v, low, high, moved = state
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
        settled = (change <= settling * law.scale) & (nearer == newton) | (change <= 4 * rounding)
        return k + 1, nearer, low, high, jnp.where(settled, 0.0, change)

    start, low, high = law.start(rs, dv)
    settling = 4.0 * float(jnp.finfo(start.dtype).eps) ** 0.5  # after such a step a dozen roundings are left
    state = (0, start, low, high, jnp.full_like(start, jnp.inf))
    return jax.lax.while_loop(unfinished, step, state)[1]

"""The junction diode, by ngspice's equations (its DIO device, level 1, at DC).

With ``Vt = k T / q``, the junction voltage ``v`` and the saturation current ``IS(T)``::

    i(v) = IS (exp(v / (N Vt)) - 1)              + GMIN v      for v >= -3 N Vt
    i(v) = -IS (1 + (3 N Vt / (e v))^3)          + GMIN v      below
    IS(T) = IS exp((T/TNOM - 1) EG / (N Vt) + (XTI/N) ln(T/TNOM))

and ``dv = v + RS i(v)``. Current and conductance are continuous at ``-3 N Vt``. Beyond
:data:`CURRENT_LIMIT` the current goes on along its tangent, so that no iterate overflows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp

from ebana.circuit import cards
from ebana.circuit.devices import BOLTZMANN, CHARGE, Array, Device, Values

ZERO_CELSIUS = 273.15
"""0 degrees Celsius in kelvin, as ngspice has it."""

CURRENT_LIMIT = 1e6
"""Junction current in amperes above which the law is extended by its tangent."""

_SMALLEST_IS = 1e-28
"""ngspice raises smaller saturation currents to this value (its EPSMIN)."""

_NEWTON_STEPS = 12
"""Enough for double precision: the start is within W(dv / N Vt) < 6 thermal voltages of the root."""


@dataclass(frozen=True)
class JunctionDiode(Device):
    """A junction diode from the first terminal (anode) to the second (cathode).

    Args:
        is_: saturation current IS at ``tnom``, amperes.
        n: emission coefficient N.
        rs: series resistance RS, ohms.
        temperature: the diode's temperature in degrees Celsius (SPICE's TEMP).
        gmin: conductance across the junction in siemens; a deck has one for all its diodes.
        xti: temperature exponent of IS.
        eg: activation energy in eV.
        tnom: temperature in degrees Celsius at which ``is_`` was measured.
        name: name of the ``.model`` card.

    Example:
        >>> d = JunctionDiode.from_card(".model D1N4148 D(IS=2.52n N=1.752 RS=0.568)")
        >>> d.is_, d.n, d.rs
        (2.52e-09, 1.752, 0.568)
    """

    own: ClassVar[tuple[str, ...] | None] = ()

    is_: float = 1e-14
    n: float = 1.0
    rs: float = 0.0
    temperature: float = 27.0
    gmin: float = 1e-12
    xti: float = 3.0
    eg: float = 1.11
    tnom: float = 27.0
    name: str = field(default="diode", compare=False)

    def __post_init__(self) -> None:
        for what, value, ok, expected in (
            ("IS", self.is_, self.is_ >= _SMALLEST_IS, f"at least {_SMALLEST_IS:g} A"),
            ("N", self.n, self.n > 0, "a positive number"),
            ("RS", self.rs, self.rs >= 0, "zero or more ohms"),
            ("gmin", self.gmin, self.gmin >= 0, "zero or more siemens"),
            (
                "temperature",
                self.temperature,
                self.temperature > -ZERO_CELSIUS,
                "degrees Celsius above -273.15",
            ),
            ("TNOM", self.tnom, self.tnom > -ZERO_CELSIUS, "degrees Celsius above -273.15"),
        ):
            if not (ok and math.isfinite(value)):
                raise ValueError(f"junction diode {self.name!r} has {what}={value!r}. Expected {expected}.")

    # -- constants at the diode's temperature ----------------------------------------------------------

    @cached_property
    def thermal_voltage(self) -> float:
        """``N Vt`` at the diode's temperature, volts."""
        return self.n * (BOLTZMANN / CHARGE) * (self.temperature + ZERO_CELSIUS)

    @cached_property
    def saturation_current(self) -> float:
        """``IS(T)``, amperes."""
        ratio = (self.temperature + ZERO_CELSIUS) / (self.tnom + ZERO_CELSIUS)
        exponent = (ratio - 1.0) * self.eg / self.thermal_voltage + self.xti / self.n * math.log(ratio)
        return self.is_ * math.exp(exponent)

    @cached_property
    def _cap(self) -> float:
        """Junction voltage at which the current is :data:`CURRENT_LIMIT`."""
        return self.thermal_voltage * math.log1p(CURRENT_LIMIT / self.saturation_current)

    # -- the bare junction -------------------------------------------------------------------------------

    def _regions(self, v: Array) -> tuple[Array, Array, Array]:
        """Which region ``v`` is in, and ``v`` moved into each, so that neither formula overflows."""
        corner = -3.0 * self.thermal_voltage
        forward = v >= corner
        up = jnp.where(forward, jnp.where(v < self._cap, v, self._cap), corner)
        return forward, up, jnp.where(forward, corner, v)

    def _junction_cocontent(self, v: Array) -> Array:
        i_s, vt = self.saturation_current, self.thermal_voltage
        forward, up, down = self._regions(v)
        over = jnp.maximum(v - self._cap, 0.0)
        rise = jnp.expm1(up / vt)
        above = i_s * (vt * rise - up) + over * (i_s * rise + 0.5 * over * (i_s / vt) * (rise + 1.0))
        c3 = (3.0 * vt / math.e) ** 3
        corner = -3.0 * vt
        at_corner = vt * math.expm1(-3.0) - corner
        below = i_s * (at_corner - (down - corner) + 0.5 * c3 * (1.0 / (down * down) - 1.0 / corner**2))
        return jnp.where(forward, above, below) + 0.5 * self.gmin * v * v

    def _junction_current(self, v: Array) -> Array:
        i_s, vt = self.saturation_current, self.thermal_voltage
        forward, up, down = self._regions(v)
        rise = jnp.expm1(up / vt)
        above = i_s * rise + jnp.maximum(v - self._cap, 0.0) * (i_s / vt) * (rise + 1.0)
        below = -i_s * (1.0 + (3.0 * vt / (math.e * down)) ** 3)
        return jnp.where(forward, above, below) + self.gmin * v

    def _junction_conductance(self, v: Array) -> Array:
        i_s, vt = self.saturation_current, self.thermal_voltage
        forward, up, down = self._regions(v)
        below = 3.0 * i_s * (3.0 * vt / (math.e * down)) ** 3 / down
        return jnp.where(forward, (i_s / vt) * jnp.exp(up / vt), below) + self.gmin

    # -- with the series resistance ------------------------------------------------------------------------

    def _junction_voltage(self, dv: Array) -> Array:
        return dv if self.rs == 0 else _solve_series(self, dv)

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Co-content in watts: that of the junction and ``RS i^2 / 2``."""
        v = self._junction_voltage(jnp.asarray(dv))
        content = self._junction_cocontent(v)
        return content if self.rs == 0 else content + 0.5 * self.rs * self._junction_current(v) ** 2

    def current(self, dv: Array, p: Values) -> Array:
        """Current in amperes."""
        return self._junction_current(self._junction_voltage(jnp.asarray(dv)))

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance in siemens: ``g / (1 + RS g)``."""
        g = self._junction_conductance(self._junction_voltage(jnp.asarray(dv)))
        return g if self.rs == 0 else g / (1.0 + self.rs * g)

    # -- SPICE -----------------------------------------------------------------------------------------------

    def spice(self, name: str, a: str, b: str, p: Values) -> str:
        """Element line; it states the temperature, whatever the deck's own is."""
        return f"D{name} {a} {b} {self._card_name} temp={float(self.temperature)!r}"

    def spice_model(self) -> str:
        """The ``.model`` card, every number in full precision."""
        numbers = {
            "IS": self.is_,
            "N": self.n,
            "RS": self.rs,
            "XTI": self.xti,
            "EG": self.eg,
            "TNOM": self.tnom,
        }
        text = " ".join(f"{key}={float(value)!r}" for key, value in numbers.items())
        return f".model {self._card_name} D({text})"

    @property
    def _card_name(self) -> str:
        return cards.plain_name(self.name)

    @classmethod
    def from_card(cls, text: str, *, temperature: float = 27.0, gmin: float = 1e-12) -> JunctionDiode:
        """Read a ``.model NAME D(...)`` card.

        Args:
            text: the card, over one or more lines; comments are allowed.
            temperature: the diode's temperature, degrees Celsius.
            gmin: conductance across the junction, siemens.

        Raises:
            ValueError: for text that is not one diode card, and for unknown parameters.

        Warns:
            UserWarning: for parameters that change the operating point and are not modelled.
        """
        found = cards.model_cards(text)
        if len(found) != 1:
            raise ValueError(
                f"expected one .model card but the text has {len(found)}: {cards.shorten(text)!r}. "
                "Give the text of one card, or use JunctionDiode.from_file(path, model_name)."
            )
        return cls._from(found[0], temperature, gmin)

    @classmethod
    def from_file(
        cls, path: str | Path, model_name: str, *, temperature: float = 27.0, gmin: float = 1e-12
    ) -> JunctionDiode:
        """Read the card of that name from a file of SPICE models; see :meth:`from_card`."""
        found = cards.model_cards(Path(path).read_text(encoding="utf-8", errors="replace"))
        for card in found:
            if card.name.lower() == model_name.lower():
                return cls._from(card, temperature, gmin)
        known = ", ".join(card.name for card in found) or "no .model cards"
        raise ValueError(f"{path} has no model {model_name!r}. It has: {known}.")

    @classmethod
    def _from(cls, card: cards.ModelCard, temperature: float, gmin: float) -> JunctionDiode:
        values = cards.diode_parameters(card, temperature)
        return cls(**values, temperature=temperature, gmin=gmin, name=card.name)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _solve_series(diode: JunctionDiode, dv: Array) -> Array:
    """The junction voltage ``v`` with ``v + RS i(v) = dv``.

    The left side is increasing and convex, so Newton steps from above the root descend to it without
    overshooting. Above the root are ``dv`` and ``N Vt ln(1 + dv / (IS RS))`` for ``dv >= 0``, else 0
    and ``dv + RS (IS + GMIN |dv|)``.
    """
    i_s, vt, rs = diode.saturation_current, diode.thermal_voltage, diode.rs
    forward = jnp.minimum(dv, vt * jnp.log1p(jnp.maximum(dv, 0.0) / (i_s * rs)))
    reverse = jnp.minimum(0.0, dv + rs * (i_s - diode.gmin * dv))
    v = jnp.where(dv >= 0, forward, reverse)

    def step(_: int, v: Array) -> Array:
        excess = v + rs * diode._junction_current(v) - dv
        return v - excess / (1.0 + rs * diode._junction_conductance(v))

    return jax.lax.fori_loop(0, _NEWTON_STEPS, step, v)


@_solve_series.defjvp
def _solve_series_jvp(diode: JunctionDiode, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    v = _solve_series(diode, primals[0])
    return v, tangents[0] / (1.0 + diode.rs * diode._junction_conductance(v))

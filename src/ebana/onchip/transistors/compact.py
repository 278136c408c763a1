"""A compact law of MOS transistors with few numbers, for circuits without any cards.

The current follows the interpolation of Enz, Krummenacher and Vittoz (1995), with ``U = kT/q`` and all voltages against
the source (and bulk), for a p channel with all signs reversed:

    v_p = (vgs - vt + sigma vds) / n,    f = ln(1 + e^(v_p / 2U)),    r = ln(1 + e^((v_p - vds) / 2U))
    I   = I_s (f^2 - r^2) (1 + lambda |vds|) / (1 + theta f + delta |f - r|) - the current of the drain's junction

with drain-induced lowering of the threshold (``sigma``), shortening of the channel (``lambda``), and loss of mobility
by the fields across and along the channel (``theta``, ``delta``). The charge on the gate is that of the channel by the
same ``f`` and ``r`` (Ward and Dutton's integral), of overlaps, and of accumulation:

    Q = C [2/3 (a^2 + a b + b^2) / (a + b) - 1/2] + C_s vgs + C_d (vgs - vds) - C_a W ln(1 + e^((v_a - vgs) / W)),
    a = sqrt(1/4 + f^2),    b = sqrt(1/4 + r^2)

Both are smooth functions of the voltages, so that charge is conserved and Newton's method converges. The numbers that
come with the package were fitted to the cards of the SkyWater process (:mod:`ebana.onchip.transistors.fitting`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from importlib import resources

import jax
import jax.numpy as jnp
import numpy as np

from ebana.devices.silicon import BOLTZMANN, CHARGE, ZERO_CELSIUS
from ebana.onchip.transistors.cards import CORNERS, Corner
from ebana.onchip.transistors.law import Point, Size

NUMBERS = (
    "threshold", "slope", "strength", "lowering", "normal", "lateral", "shortening",
    "junction", "built_in", "softness", "channel", "source", "drain", "accumulation", "flat",
    "by_kelvin", "mobility",
)  # fmt: skip
"""Names of a transistor's numbers, as in :class:`CompactLaw`; the last two are of temperature."""

REFERENCE = 27.0
"""Temperature at which the numbers hold as they are, degrees Celsius."""

SMALL = 0.02
"""Volts over which absolute values are rounded."""

WIDTH = 0.1
"""Volts over which accumulation sets in."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=[*NUMBERS[:-2], "thermal", "sign"],
    meta_fields=[],
)
@dataclass(frozen=True)
class CompactLaw:
    """The law of transistors by formula; each field has a number for each kind, ``(kinds, 1)``.

    Args:
        threshold: ``vt``, volts.
        slope: ``n``.
        strength: ``I_s``, amperes.
        lowering: ``sigma``.
        normal, lateral: ``theta`` and ``delta``.
        shortening: ``lambda``, 1/V.
        junction, built_in, softness: the drain's junction conducts this many siemens beyond so many volts, and sets in
            over so many volts.
        channel, source, drain, accumulation: ``C`` (coulombs), ``C_s``, ``C_d``, ``C_a`` (farads).
        flat: ``v_a``, volts.
        thermal: ``kT/q``, volts.
        sign: 1 for an n channel, -1 for a p channel.
    """

    threshold: jax.Array
    slope: jax.Array
    strength: jax.Array
    lowering: jax.Array
    normal: jax.Array
    lateral: jax.Array
    shortening: jax.Array
    junction: jax.Array
    built_in: jax.Array
    softness: jax.Array
    channel: jax.Array
    source: jax.Array
    drain: jax.Array
    accumulation: jax.Array
    flat: jax.Array
    thermal: jax.Array
    sign: jax.Array

    def __call__(self, which: np.ndarray, vgs: jax.Array, vds: jax.Array) -> Point:
        """See :class:`ebana.onchip.transistors.law.Law`."""
        here = jax.tree.map(lambda numbers: jnp.asarray(numbers)[jnp.ravel(which)], self)
        return here.at(vgs, vds)

    def at(self, vgs: jax.Array, vds: jax.Array) -> Point:
        """The law of transistors that have a number each.

        The derivatives are written out: derived by JAX they evaluate each exponential several times.
        """
        vgs, vds = self.sign * vgs, self.sign * vds
        twice = 2.0 * self.thermal
        over = (vgs - self.threshold + self.lowering * vds) / (self.slope * twice)
        (f, df), (r, dr) = _softplus(over), _softplus(over - vds / twice)
        by_gate = 1.0 / (self.slope * twice)
        f_g, f_d = df * by_gate, df * (self.lowering * by_gate)
        r_g, r_d = dr * by_gate, dr * (self.lowering * by_gate - 1.0 / twice)
        current = self._channel_current(vds, (f, f_g, f_d), (r, r_g, r_d))
        charge = self._charge(vgs, vds, (f, f_g, f_d), (r, r_g, r_d))
        junction, conducting = _softplus((-vds - self.built_in) / self.softness)
        at_rest, _ = _softplus(-self.built_in / self.softness)  # no current without a voltage
        return Point(
            self.sign * (current[0] - self.junction * self.softness * (junction - at_rest)),
            current[1],
            current[2] + self.junction * conducting,
            self.sign * charge[0],
            charge[1],
            charge[2],
        )

    def _channel_current(self, vds: jax.Array, at_source: Triple, at_drain: Triple) -> Triple:
        """Current of the channel and its two derivatives."""
        (f, f_g, f_d), (r, r_g, r_d) = at_source, at_drain
        along, steep = _absolute(f - r)
        reach, reaching = _absolute(vds)
        longer = 1.0 + self.shortening * reach
        share = self.strength / (1.0 + self.normal * f + self.lateral * along)
        difference = (f * f - r * r) * share

        def slope(f_v: jax.Array, r_v: jax.Array) -> jax.Array:
            lost = self.normal * f_v + self.lateral * steep * (f_v - r_v)
            return (2.0 * (f * f_v - r * r_v) - difference / self.strength * lost) * share

        current_d = longer * slope(f_d, r_d) + difference * self.shortening * reaching
        return longer * difference, longer * slope(f_g, r_g), current_d

    def _charge(self, vgs: jax.Array, vds: jax.Array, at_source: Triple, at_drain: Triple) -> Triple:
        """Charge on the gate and its two derivatives."""
        (f, f_g, f_d), (r, r_g, r_d) = at_source, at_drain
        a, b = jnp.sqrt(0.25 + f * f), jnp.sqrt(0.25 + r * r)
        inverse = 1.0 / (a + b)
        product = a * b * inverse
        by_a, by_b = (f * (1.0 - (b * inverse) ** 2) / a, r * (1.0 - (a * inverse) ** 2) / b)
        share = self.channel / 1.5  # (a^2 + a b + b^2) / (a + b) = a + b - a b / (a + b)
        hole, holes = _softplus((self.flat - vgs) / WIDTH)
        charge = share * (a + b - product) - 0.5 * self.channel + self.source * vgs + self.drain * (vgs - vds)
        charge -= self.accumulation * WIDTH * hole
        charge_g = share * (by_a * f_g + by_b * r_g) + self.source + self.drain + self.accumulation * holes
        return charge, charge_g, share * (by_a * f_d + by_b * r_d) - self.drain


Triple = tuple[jax.Array, jax.Array, jax.Array]
"""A value and its derivatives by vgs and vds."""


def _softplus(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """``ln(1 + e^x)`` and its derivative, by one exponential."""
    small = jnp.exp(-jnp.abs(x))
    share = 1.0 / (1.0 + small)
    return jnp.maximum(x, 0.0) + jnp.log1p(small), jnp.where(x > 0.0, share, small * share)


def _absolute(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """``|x|``, rounded at nothing, and its derivative."""
    root = jnp.sqrt(x * x + SMALL * SMALL)
    return root - SMALL, x / root


def compact_law(sizes: Sequence[Size], corner: Corner = "tt", celsius: float = REFERENCE) -> CompactLaw:
    """The law with the numbers that come with the package, for transistors of some sizes.

    Currents go with width over length, charges with width (overlaps) or area (channel).

    Args:
        sizes: of the transistors, in the order of the law's kinds.
        corner: ``"tt"``, ``"ff"``, ``"ss"``, ``"sf"`` or ``"fs"``.
        celsius: temperature, degrees.

    Example:
        >>> compact_law([Size("n", 0.42e-6, 0.15e-6)]).sign.ravel().tolist()
        [1.0]
    """
    if corner not in CORNERS:
        raise ValueError(f"corner={corner!r}. Expected one of {', '.join(CORNERS)}.")
    return law_of([scaled(shipped()[corner][size.channel], size) for size in sizes], sizes, celsius)


@cache
def shipped() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Numbers by corner and channel; ``width`` and ``length`` are those of the transistor they were fitted to."""
    text = resources.files("ebana.onchip.transistors").joinpath("sky130.json").read_text(encoding="utf-8")
    return json.loads(text)["corners"]


def scaled(numbers: Mapping[str, float], size: Size) -> dict[str, float]:
    """Numbers of a transistor of another size."""
    wider, longer = size.width / numbers["width"], size.length / numbers["length"]
    factors = {"strength": wider / longer, "channel": wider * longer, "accumulation": wider * longer}
    factors |= dict.fromkeys(("junction", "source", "drain"), wider)
    return {name: numbers[name] * factors.get(name, 1.0) for name in NUMBERS}


JUNCTION = 0.25e-9
"""Capacitance of a drain's junction by width, farads a metre, which the law leaves out: it holds no charge of gates."""


def drain_capacitance(size: Size, corner: Corner = "tt") -> float:
    """Capacitance of a drain with the channel off, farads: overlap and junction."""
    return scaled(shipped()[corner][size.channel], size)["drain"] + JUNCTION * size.width


def law_of(
    numbers: Sequence[Mapping[str, float]], sizes: Sequence[Size], celsius: float = REFERENCE
) -> CompactLaw:
    """The law of transistors with given numbers at a temperature."""
    kelvin, reference = celsius + ZERO_CELSIUS, REFERENCE + ZERO_CELSIUS
    table = {name: np.array([[one[name]] for one in numbers]) for name in NUMBERS}
    by_kelvin, mobility = table.pop("by_kelvin"), table.pop("mobility")
    table["threshold"] = table["threshold"] - by_kelvin * (kelvin - reference)
    table["strength"] = table["strength"] * (kelvin / reference) ** (2.0 - mobility)
    sign = np.array([[1.0 if size.channel == "n" else -1.0] for size in sizes])
    thermal = np.full_like(sign, BOLTZMANN * kelvin / CHARGE)
    known = {item.name for item in fields(CompactLaw)}
    return CompactLaw(**{k: v for k, v in table.items() if k in known}, thermal=thermal, sign=sign)  # type: ignore[arg-type]

"""Devices of one array that differ: each with a threshold of its own and as strong as so many of the drawn one.

Device ``k`` carries ``s_k i(dv)`` with its threshold moved by ``d_k`` volts. What a threshold is, a device says itself:
of a behavioural diode the corner, of a transistor VTO, of a junction the voltage at which it carries a given current
(its saturation current is that of the drawn one by ``exp(-d_k / (N Vt))``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ebana._types import Number
from ebana.devices.device import Array, Device, Values
from ebana.devices.forms import law
from ebana.devices.limits import Limiter
from ebana.devices.noise import Noise
from ebana.spice.language.statements import Statement


@law()
@dataclass(frozen=True)
class Parallel(Device):
    """The law of so many equal devices in parallel, a number or one for each unit: ``i = count * base.current(dv)``.

    Example:
        >>> from ebana import BehavioralDiode
        >>> round(float(Parallel(BehavioralDiode(vth=0.3), 1.5).current(0.5, {})), 6)
        0.3
    """

    base: Any
    count: Number

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Co-content in watts."""
        return self.count * self.base.cocontent(dv, p)

    def current(self, dv: Array, p: Values) -> Array:
        """Current in amperes."""
        return self.count * self.base.current(dv, p)

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance in siemens."""
        return self.count * self.base.conductance(dv, p)

    def characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """Both of them."""
        i, g = self.base.characteristic(dv, p)
        return self.count * i, self.count * g

    def rough_characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """See :meth:`Device.rough_characteristic`."""
        i, g = self.base.rough_characteristic(dv, p)
        return self.count * i, self.count * g

    def least_conductance(self, dv: Array, p: Values, radius: float) -> Array:
        """A bound on the incremental conductance within ``radius`` volts of ``dv``, for error estimates."""
        return self.count * self.base.least_conductance(dv, p, radius)

    def cautious_characteristic(self, dv: Array, p: Values, radius: float) -> tuple[Array, Array]:
        """Current, and that bound."""
        i, g = self.base.cautious_characteristic(dv, p, radius)
        return self.count * i, self.count * g

    def voltage_near(self, i: Array, p: Values) -> Array:
        """About the voltage at which the current is ``i`` amperes."""
        return self.base.voltage_near(i / self.count, p)

    def noise(self, dv: Array, p: Values, kelvin: Number) -> Noise:
        """Noise of independent devices, whose powers add up."""
        one = self.base.noise(dv, p, kelvin)
        return Noise(self.count * one.white, self.count * one.flicker)

    def mismatched(self, threshold: Number, strength: Number) -> Device:
        """See :meth:`Device.mismatched`."""
        inner = self.base.mismatched(threshold, strength)
        if isinstance(inner, Parallel):
            return Parallel(inner.base, self.count * inner.count)
        return Parallel(inner, self.count)


@dataclass(frozen=True, eq=False)
class Mismatched(Device):
    """An array of devices that were drawn alike, each with its own threshold and strength.

    Args:
        drawn: the device as it was drawn.
        threshold: by what each threshold is higher, ``(units,)``, volts.
        strength: factor of each current, ``(units,)``.

    Example:
        >>> from ebana import JunctionDiode
        >>> pair = Mismatched(JunctionDiode(is_=1e-12), np.array([0.0, 0.01]), np.array([1.0, 2.0]))
        >>> pair.pick(1, 2).multiplier.__round__(4)  # 2 exp(-10 mV / 25.9 mV)
        1.3587
    """

    drawn: Any
    threshold: np.ndarray
    strength: np.ndarray

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """The drawn device's."""
        return self.drawn.symbol

    @property
    def own(self) -> tuple[str, ...] | None:  # type: ignore[override]
        """The drawn device's."""
        return self.drawn.own

    @property
    def gmin(self) -> float:
        """The drawn device's, siemens."""
        return self.drawn.gmin

    @property
    def law(self) -> Device:
        """The law of the drawn device, with the numbers of each."""
        return self.drawn.law.mismatched(self.threshold, self.strength)

    @property
    def noise_law(self) -> Device:
        """The drawn device's, with the numbers of each."""
        return self.drawn.noise_law.mismatched(self.threshold, self.strength)

    @property
    def states_noise(self) -> bool:
        """Whether the drawn device does."""
        return self.drawn.states_noise

    def pick(self, at: Any, units: int) -> Any:
        """One device with its own numbers; of several places an array."""
        threshold, strength = self.threshold[at], self.strength[at]
        if np.ndim(threshold):
            return replace(self, drawn=self.drawn.pick(at, units), threshold=threshold, strength=strength)
        drawn = self.drawn.pick(at, units)
        return drawn.mismatched(float(threshold), float(strength))

    def mismatched(self, threshold: Number, strength: Number) -> Device:
        """See :meth:`Device.mismatched`."""
        return replace(self, threshold=self.threshold + threshold, strength=self.strength * strength)

    def at_temperature(self, celsius: float) -> Mismatched:
        """The same devices at a temperature, degrees Celsius."""
        return replace(self, drawn=self.drawn.at_temperature(celsius))

    def limiter(self) -> Limiter | None:
        """The drawn device's."""
        return self.drawn.limiter()

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Co-content in watts."""
        return self.law.cocontent(dv, p)

    def current(self, dv: Array, p: Values) -> Array:
        """Current in amperes."""
        return self.law.current(dv, p)

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance in siemens."""
        return self.law.conductance(dv, p)

    def statements(self, name: str, a: str, b: str, p: Mapping[str, float]) -> tuple[Statement, ...]:
        """Refused: each device has its own; see :meth:`pick`."""
        raise TypeError(f"{self.caption()} have no single SPICE form. Pick one of them.")

    def caption(self) -> str:
        """See :meth:`Device.caption`."""
        return f"{self.drawn.caption()}, each different"

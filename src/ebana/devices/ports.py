"""Devices with several controls: transistors, behavioural sources."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp

from ebana._types import Array, Number, Values
from ebana.devices.limits import Limiter
from ebana.devices.noise import SILENT, Noise


class PortDevice:
    """A branch whose current or voltage several controls set; subclass it as a frozen data class.

    A subclass states :meth:`value`; slopes follow by automatic differentiation. Numbers that a program takes as
    arguments are those of its :attr:`law`, as for a :class:`~ebana.devices.Device`.
    """

    ideal: ClassVar[bool] = False
    own: ClassVar[tuple[str, ...] | None] = ()

    @property
    def law(self) -> Any:
        """What computes with its numbers."""
        return self

    def at_temperature(self, celsius: float) -> Self:
        """The same: behavioural sources are stated at one temperature."""
        return self

    def value(self, controls: tuple[Array, ...], p: Values) -> Array:
        """``f`` at controls ``(B, k)`` each: amperes, or volts of a branch that holds a voltage."""
        raise NotImplementedError(f"{type(self).__name__} states no value()")

    def answer(self, controls: tuple[Array, ...], p: Values) -> tuple[Array, tuple[Array, ...]]:
        """``f`` and its slope by each control."""
        zeros = [jnp.zeros_like(u) for u in controls]
        slopes, value = [], None
        for k, u in enumerate(controls):
            tangents = tuple(jnp.ones_like(u) if j == k else zero for j, zero in enumerate(zeros))
            value, slope = jax.jvp(lambda *us: self.value(us, p), controls, tangents)
            slopes.append(slope)
        return self.value(controls, p) if value is None else value, tuple(slopes)

    def limiter(self) -> Limiter | None:
        """What keeps its controls within reach of a Newton iteration, or None where any step is safe."""
        return None

    def noise(self, controls: tuple[Array, ...], p: Values, kelvin: Number) -> Noise:
        """Noise of its current at controls ``(B, k)`` each, see :meth:`ebana.devices.Device.noise`."""
        return SILENT

    @property
    def states_noise(self) -> bool:
        """Whether its noise is known: that of a device which states none counts as zero."""
        return type(self.noise_law).noise is not PortDevice.noise

    @property
    def noise_law(self) -> Any:
        """What computes :meth:`noise` with its numbers."""
        return self.law

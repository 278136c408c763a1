"""Devices whose step depends on where they are: constant, linear, soft bounds, exponential, power.

With ``d`` the step and ``z`` the position between the bounds, one pulse changes ``w`` by

    ConstantStep       +- d
    LinearStep         + d (1 - s w / upper)                 - d (1 - s w / lower)
    SoftBounds         + d (1 - w / upper)                   - d (1 - w / lower)
    ExponentialStep    + d max(0, 1 - A exp(k z))            - d max(0, 1 - A exp(-k z))
    PowerStep          + d ((upper - w) / (upper - lower))^k    and mirrored

The exponential step is the fit of Gong et al., Nature Communications 9 (2018) 2102; the power step that of Fusi and
Abbott, Nature Neuroscience 10 (2007) 485; soft bounds are its linear case, with each device's own bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array
from ebana.learning.programming.device import Cells, PulsedDevice


@dataclass(frozen=True, kw_only=True)
class ConstantStep(PulsedDevice):
    """Every pulse changes the conductance by as much, up to hard bounds.

    A noisy train that meets a bound on its way is cut there once, at its end.

    Example:
        >>> device = ConstantStep(states=100)
        >>> [round(float(device.pulsed(0.9, n)), 6) for n in (1, -3, 50)]
        [0.92, 0.84, 1.0]
    """

    adds_up = True

    def rise(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.rise`."""
        return jnp.broadcast_to(self.step * cells.up, jnp.shape(w))

    def fall(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.fall`."""
        return jnp.broadcast_to(self.step * cells.down, jnp.shape(w))

    def after(self, w: Array, n: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.after`."""
        return self.within(w + n * self.step * jnp.where(n > 0, cells.up, cells.down), w, cells)


@dataclass(frozen=True, kw_only=True)
class LinearStep(PulsedDevice):
    """The step shrinks linearly towards the bound that a pulse drives to; bounds are hard.

    Args:
        slope_up, slope_down: share of the step at ``w = 0`` that is lost at the (nominal) bound: 0 for a constant
            step, 1 for one that vanishes there.

    Example:
        >>> device = LinearStep(states=100, slope_up=0.5, slope_down=0.5)
        >>> [round(float(device.pulsed(w, 1)), 6) for w in (0.0, 0.8)]
        [0.02, 0.812]
    """

    slope_up: float = 0.0
    slope_down: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("slope_up", "slope_down"):
            self._check(name, "a share from 0 to 1", least=0.0, most=1.0)

    def rise(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.rise`."""
        return self.step * cells.up * jnp.maximum(1 - self.slope_up * w / self.upper, 0)

    def fall(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.fall`."""
        return self.step * cells.down * jnp.maximum(1 - self.slope_down * w / self.lower, 0)

    def after(self, w: Array, n: Array, cells: Cells) -> Array:
        """A geometric series: the step shrinks by the same factor with each pulse."""
        up = n > 0
        step = jnp.where(up, self.step * cells.up, -self.step * cells.down)
        slope = jnp.where(up, self.slope_up / self.upper, self.slope_down / self.lower)
        return self.within(w + _geometric(step, slope, w, jnp.abs(n), self.bits), w, cells)


@dataclass(frozen=True, kw_only=True)
class SoftBounds(PulsedDevice):
    """The step shrinks linearly and vanishes at each device's own bounds.

    Pulses up and down in turn lead to the symmetry point, where both change the device by as much.

    Example:
        >>> device = SoftBounds(states=100)
        >>> [round(float(device.pulsed(w, 1)), 6) for w in (0.0, 0.5, 1.0)]
        [0.02, 0.51, 1.0]
    """

    def rise(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.rise`."""
        return self.step * cells.up * jnp.maximum(1 - w / cells.upper, 0)

    def fall(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.fall`."""
        return self.step * cells.down * jnp.maximum(1 - w / cells.lower, 0)

    def after(self, w: Array, n: Array, cells: Cells) -> Array:
        """A geometric series: what is left to the bound shrinks by the same factor with each pulse."""
        up = n > 0
        step = jnp.where(up, self.step * cells.up, -self.step * cells.down)
        slope = jnp.where(up, 1 / jnp.asarray(cells.upper), 1 / jnp.asarray(cells.lower))
        return self.within(w + _geometric(step, slope, w, jnp.abs(n), self.bits), w, cells)


def _geometric(step: Array, slope: Array, w: Array, n: Array, bits: int) -> Array:
    """Sum of ``n`` changes of ``step (1 - slope w)``; none for one that would go the other way.

    With ``x = step slope`` it is ``s(n) = (1 - (1 - x)^n) / x`` first changes, found bit by bit of ``n``:
    ``s(2 n) = s(n) (2 - x s(n))`` and ``s(n + 1) = 1 + (1 - x) s(n)``, without differences of what is nearly equal.
    """
    x = jnp.asarray(step * slope)
    loss = jnp.minimum(x, 1.0)  # a step that reaches beyond the bound ends there
    count = n.astype(jnp.int32)
    # bits after the first one: none for single pulses
    further = bits - 1 if bits else 31 - jax.lax.clz(count.max(initial=1))

    def bit(k: Any, s: Array) -> Array:
        s = s * (2 - loss * s)
        odd = (count >> (further - 1 - k)) & 1
        return jnp.where(odd == 1, 1 + (1 - loss) * s, s).astype(w.dtype)

    changes = (count >> further).astype(w.dtype)
    if bits:  # one pass over the array
        for k in range(further):
            changes = bit(k, changes)
    else:
        changes = jax.lax.fori_loop(0, further, bit, changes)
    return changes / jnp.maximum(x, 1.0) * (step * jnp.maximum(1 - slope * w, 0))


@dataclass(frozen=True, kw_only=True)
class ExponentialStep(PulsedDevice):
    """The step falls off exponentially, with numbers of its own for each direction, as fitted to ReRAM.

    Args:
        amplitude_up, amplitude_down: ``A``; a negative one makes steps that grow with the exponential.
        exponent_up, exponent_down: ``k``.
        slope, offset: ``z = slope (2 w / (upper - lower)) + offset``, the position that the fit is made in.

    Example:
        >>> device = ExponentialStep(states=100, amplitude_up=0.1, exponent_up=2.0)
        >>> round(float(device.pulsed(0.0, 1)), 6)  # 0.02 (1 - 0.1 e^(2 0.5))
        0.014563
    """

    amplitude_up: float = 0.0
    amplitude_down: float = 0.0
    exponent_up: float = 1.0
    exponent_down: float = 1.0
    slope: float = 0.5
    offset: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("amplitude_up", "amplitude_down"):
            self._check(name, "a finite number")
        for name in ("exponent_up", "exponent_down", "slope", "offset"):
            self._check(name, "a finite number")
        if not self.nominal_pulse > 0:
            raise ValueError(
                f"{type(self).__name__} has no step at w = 0: 1 - A exp(k z) is not above zero in either direction "
                f"(amplitudes {self.amplitude_up:g} and {self.amplitude_down:g}, exponents {self.exponent_up:g} and "
                f"{self.exponent_down:g}). Give smaller amplitudes or exponents."
            )

    def rise(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.rise`."""
        return self.change(w, jnp.asarray(True), cells)

    def fall(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.fall`."""
        return -self.change(w, jnp.asarray(False), cells)

    def change(self, w: Array, up: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.change`."""
        amplitude = jnp.where(up, self.amplitude_up, self.amplitude_down)
        exponent = jnp.where(up, self.exponent_up, -self.exponent_down)
        share = 1 - amplitude * jnp.exp(exponent * self._position(w, cells))
        return self.step * jnp.where(up, cells.up, -cells.down) * jnp.maximum(share, 0)

    def _position(self, w: Array, cells: Cells) -> Any:
        return self.slope * 2 * w / (cells.upper - cells.lower) + self.offset


@dataclass(frozen=True, kw_only=True)
class PowerStep(PulsedDevice):
    """The step is a power of what is left to the bound; ``d`` is that at the opposite bound.

    Args:
        exponent_up, exponent_down: ``k``, above zero.

    Example:
        >>> device = PowerStep(states=100, exponent_up=2.0)
        >>> [round(float(device.pulsed(w, 1)), 6) for w in (-1.0, 0.0)]
        [-0.98, 0.005]
    """

    exponent_up: float = 1.0
    exponent_down: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("exponent_up", "exponent_down"):
            self._check(name, "an exponent above zero", above=0.0)

    def rise(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.rise`."""
        return self.change(w, jnp.asarray(True), cells)

    def fall(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.fall`."""
        return -self.change(w, jnp.asarray(False), cells)

    def change(self, w: Array, up: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.change`."""
        left = jnp.where(up, cells.upper - w, w - cells.lower) / (cells.upper - cells.lower)
        power = jnp.clip(left, 0, 1) ** jnp.where(up, self.exponent_up, self.exponent_down)
        return self.step * jnp.where(up, cells.up, -cells.down) * power

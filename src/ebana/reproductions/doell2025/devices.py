"""Six models of devices, each for a range of conductance of so many decades.

Where a device is within its range is its coordinate. Three kinds of steps depend on the coordinate alone. Memristors
are made for the range, ``R_off / R_on`` being the ratio of its ends, and their law follows: of a linear law of the
resistance the conductance is the reciprocal, the steeper the wider the range.

No device has noise or spread: range and nonlinearity alone are compared. Each has about a hundred pulses of the size at
mid-range from end to end; the width of a memristor's pulses is chosen so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ebana.learning.programming import Memristor, PulsedDevice

STATES = 100
"""Pulses of the size at mid-range from end to end."""

MARGIN = 1e-4
"""Of the memristor with a window, which never leaves its ends: what it leaves out at either."""

ROUNDS = 6
"""The change of a pulse is nearly proportional to its width: each round leaves a small share of what is amiss."""


def constant_step(decades: float) -> PulsedDevice:
    """Every pulse changes the conductance by as much."""
    from ebana.learning.programming import ConstantStep

    return ConstantStep(states=STATES)


def soft_bounds(decades: float) -> PulsedDevice:
    """Steps vanish linearly towards the bound they lead to."""
    from ebana.learning.programming import SoftBounds

    return SoftBounds(states=STATES)


def exponential_step(decades: float) -> PulsedDevice:
    """Steps fall off exponentially towards the bound they lead to."""
    from ebana.learning.programming import ExponentialStep

    return ExponentialStep(
        states=STATES, amplitude_up=0.05, amplitude_down=0.05, exponent_up=3.0, exponent_down=3.0, offset=0.0, slope=1.0
    )  # fmt: skip


def linear_drift(decades: float) -> PulsedDevice:
    """The memristor of HP Labs with the window of Joglekar and Wolf."""
    from ebana.learning.programming import LinearDriftMemristor

    ratio = 10**decades
    # (R_off (1 - margin) + R_on margin) / (R_off margin + R_on (1 - margin)) is the ratio
    resistances = (ratio * (1 - MARGIN) - MARGIN) / (1 - MARGIN - ratio * MARGIN)
    device = LinearDriftMemristor(r_on=100.0, r_off=100.0 * resistances, margin=MARGIN, window=1)
    return with_states(device)


def vteam(decades: float) -> PulsedDevice:
    """VTEAM with the published speeds and thresholds, the resistance linear in the state."""
    return _vteam(decades, "linear")


def vteam_exponential(decades: float) -> PulsedDevice:
    """VTEAM with the published speeds and thresholds, the resistance exponential in the state."""
    return _vteam(decades, "exponential")


def _vteam(decades: float, law: str) -> PulsedDevice:
    from ebana.learning.programming import Vteam, get

    published = get("vteam")
    assert isinstance(published, Vteam)
    device = replace(published, r_off=published.r_on * 10**decades, margin=0.0, resistance_law=law)
    return with_states(device)


MODELS: dict[str, Callable[[float], PulsedDevice]] = {
    "constant step": constant_step,
    "soft bounds": soft_bounds,
    "exponential step": exponential_step,
    "linear drift": linear_drift,
    "VTEAM": vteam,
    "VTEAM, exponential": vteam_exponential,
}
"""By name; each takes the decades of the range."""


def with_states(device: Memristor, states: int = STATES) -> Memristor:
    """The memristor with pulses of such a width that its range has room for so many of them.

    Args:
        device: the memristor.
        states: pulses of the size at mid-range from end to end.

    Example:
        >>> from ebana.learning.programming import LinearDriftMemristor
        >>> round(with_states(LinearDriftMemristor(width=1e-3), 50).states, 3)
        50.0
    """
    for _ in range(ROUNDS):
        device = replace(device, width=device.width * device.states / states)
    return device

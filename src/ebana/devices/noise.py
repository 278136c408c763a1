"""The noise that a device adds to its current, as ngspice 39 has it: one-sided densities in A^2/Hz.

    S(f) = white + flicker / f

    conductance g           4 k T g
    junction with i, RS     (2 q |i| + KF |i|^AF / f + 4 k T RS g^2) / (1 + RS g)^2        g = di/dv of the junction
    channel with i, gm      8/3 k T gm + KF |i|^AF / (W (L - 2 LD) COX^2 f)

Each is a current beside the device, between its terminals: what is made behind a series resistance is divided by what
it sees there. Constants are ngspice's (:mod:`ebana.devices.silicon`). Shot noise follows the current as SPICE has it;
at 0 V it vanishes, where thermodynamics leaves a junction ``4 k T g`` (Gupta 1982).
"""

from __future__ import annotations

from typing import NamedTuple

from ebana._types import Number
from ebana.devices.silicon import BOLTZMANN, CHARGE


class Noise(NamedTuple):
    """Densities of a current: ``white`` in A^2/Hz, ``flicker`` at 1 Hz, from where it falls as 1/f."""

    white: Number
    flicker: Number


SILENT = Noise(0.0, 0.0)
"""That of a device that states none."""

LEAST = 1e-38
"""Amperes at least in a power of the current; ngspice's N_MINLOG."""


def thermal(conductance: Number, kelvin: Number) -> Number:
    """``4 k T g``, A^2/Hz.

    Example:
        >>> f"{thermal(1e-3, 300.15):.4g}"
        '1.658e-23'
    """
    return 4.0 * BOLTZMANN * kelvin * conductance


def shot(amperes: Number) -> Number:
    """``2 q |i|``, A^2/Hz.

    Example:
        >>> f"{shot(-1e-3):.4g}"
        '3.204e-22'
    """
    return 2.0 * CHARGE * abs(amperes)

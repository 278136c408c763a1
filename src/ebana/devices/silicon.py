"""Constants of nature as ngspice has them, and what temperature does to silicon."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

BOLTZMANN = 1.38064852e-23
"""Boltzmann's constant as ngspice has it, J/K (the 2019 value moves a node by 0.1 uV)."""

CHARGE = 1.6021766208e-19
"""Elementary charge as ngspice has it, C."""

ZERO_CELSIUS = 273.15
"""0 degrees Celsius in kelvin, as ngspice has it."""

REFERENCE = 300.15
"""The temperature in kelvin to which ngspice refers junction potentials."""


@contextmanager
def within_floats(who: str) -> Iterator[None]:
    """Around a device's first arithmetic: numbers beyond float64 are the user's, and said as ValueError."""
    try:
        yield
    except ArithmeticError as error:
        raise ValueError(
            f"{who} has numbers beyond float64 ({error}). Expected parameters and temperatures of real devices."
        ) from error


def band_gap(kelvin: float) -> float:
    """Band gap of silicon, eV (Varshni's formula with ngspice's numbers)."""
    return 1.16 - 7.02e-4 * kelvin**2 / (kelvin + 1108.0)


def potential_shift(kelvin: float) -> float:
    """What ngspice adds to a junction potential that is scaled by ``T / 300.15 K``, volts."""
    thermal = BOLTZMANN / CHARGE * kelvin
    energy = 1.1150877 / (2 * BOLTZMANN * REFERENCE) - band_gap(kelvin) / (2 * BOLTZMANN * kelvin)
    return -2 * thermal * (1.5 * math.log(kelvin / REFERENCE) + CHARGE * energy)

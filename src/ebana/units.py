"""Numbers with their units, as a person writes them: four significant digits and an SI prefix."""

from __future__ import annotations

import math

PREFIXES = ("a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T")
_FIRST = -18


def si(value: float, unit: str, digits: int = 4) -> str:
    """A number with an SI prefix from atto to tera; beyond those in powers of ten.

    Args:
        value: the number, in the unit without prefix.
        unit: symbol of the unit, such as ``"W"``.
        digits: significant digits.

    Example:
        >>> si(1.23456e-6, "W"), si(0.0, "V"), si(-47e3, "Ω"), si(9.9996e-7, "S")
        ('1.235 µW', '0 V', '-47 kΩ', '1 µS')
    """
    value = float(value)
    if value == 0 or not math.isfinite(value):
        return f"{value + 0.0:g} {unit}"
    rounded = float(f"{value:.{digits - 1}e}")  # so that 999.96 n becomes 1 µ
    place = (math.floor(math.log10(abs(rounded)) + 1e-12) - _FIRST) // 3
    if not 0 <= place < len(PREFIXES):
        return f"{value:.{digits}g} {unit}"
    return f"{rounded / 10.0 ** (_FIRST + 3 * place):.{digits}g} {PREFIXES[place]}{unit}"

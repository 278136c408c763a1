"""Numbers with their units, as a person writes and reads them.

:func:`si` writes four significant digits and an SI prefix. :func:`quantity` reads what stands in a schematic: SPICE's
suffixes (:mod:`ebana.spice.language.numbers`), and a suffix in the place of the decimal point (IEC 60062)::

    4.7k  4k7  4.7kOhm  4.7 kΩ  = 4700        4R7  4.7Ω  = 4.7        1Meg  1e6  = 1e6        100m  0R1  = 0.1

A capital ``M`` alone is 1e-3 in SPICE and 1e6 in a data sheet, so it is refused.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ebana.spice.language.numbers import number

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


def conductance_unit(unit: str, who: str) -> str:
    """``"S"`` or ``"Ω"`` of a unit in which conductances are shown, however it is written.

    Raises:
        ValueError: for another unit.

    Example:
        >>> conductance_unit("ohm", "draw"), conductance_unit("siemens", "draw")
        ('Ω', 'S')
    """
    known = {"s": "S", "siemens": "S", "ohm": "Ω", "ohms": "Ω", "ω": "Ω"}
    if not isinstance(unit, str) or unit.lower() not in known:
        raise ValueError(f"{who}(unit={unit!r}). Expected 'S' or 'ohm'.")
    return known[unit.lower()]


def conductance(siemens: float, unit: str, digits: int = 4) -> str:
    """A conductance in siemens, or as the resistance that it is.

    Args:
        siemens: the conductance.
        unit: ``"S"`` or ``"Ω"``.
        digits: significant digits.

    Example:
        >>> conductance(1e-3, "S"), conductance(1 / 4700, "Ω")
        ('1 mS', '4.7 kΩ')
    """
    return si(1.0 / siemens if unit == "Ω" else siemens, unit, digits)


_UNITS = {
    "Ω": ("Ω", "Ω", "ohms", "ohm"),
    "S": ("siemens", "S"),
    "V": ("volts", "volt", "V"),
    "F": ("farad", "F"),
}
"""Ways to write a unit, in Unicode's ohm and omega, and in words."""

_IN_PLACE = re.compile(r"([+-]?\d*)(meg|[rkumµnpgt])(\d+)", re.IGNORECASE)
"""A suffix in the place of the decimal point."""

_AMBIGUOUS = re.compile(r"([+-]?[\d.]+(?:e[+-]?\d+)?) ?M(?![eE][gG]|[iI][lL])(\d*)")


def quantity(value: object, unit: str, what: str = "quantity") -> float:
    """A number, or its text as it stands in a schematic, as a float.

    Args:
        value: a number, or text such as ``"4.7k"``, ``"4k7"``, ``"1Meg"``, ``"10 kΩ"``.
        unit: symbol of the unit, which the text may end in.
        what: what is read, for the message.

    Raises:
        ValueError: for text that is no number, and for a capital ``M`` alone.

    Example:
        >>> quantity("4k7", "Ω"), quantity("4.7 kOhm", "Ω"), quantity("1Meg", "Ω"), quantity(330, "Ω")
        (4700.0, 4700.0, 1000000.0, 330.0)
    """
    if not isinstance(value, str):
        return float(value)  # type: ignore[arg-type]
    text = _without_unit(value.strip(), unit)
    if found := _AMBIGUOUS.fullmatch(text):
        digits = found[1] + (f".{found[2]}" if found[2] else "")
        raise ValueError(
            f"{what} {value!r}: a capital M is 1e-3 in SPICE and 1e6 in data sheets. "
            f"Write '{digits}Meg' for 1e6, or '{digits}m' for 1e-3."
        )
    try:
        return _number(text)
    except ValueError:
        raise ValueError(
            f"{what} {value!r} is no number. Expected a number in {unit}, or text such as '4.7k', '4k7', '100' or "
            "'1Meg'."
        ) from None


def quantities(values: object, unit: str, what: str = "quantity") -> np.ndarray:
    """Numbers or texts, or nested sequences of them, as an array of float64.

    Example:
        >>> quantities(["1k", 2200, "4k7"], "Ω").tolist()
        [1000.0, 2200.0, 4700.0]
    """
    array = np.asarray(values)
    if array.dtype.kind in "fiu":
        return array.astype(np.float64)
    items: Any = np.asarray(values, dtype=object)
    return np.array([quantity(item, unit, what) for item in items.ravel()], np.float64).reshape(items.shape)


def _without_unit(text: str, unit: str) -> str:
    for written in _UNITS.get(unit, (unit,)):
        if text.lower().endswith(written.lower()) and (len(written) > 1 or text.endswith(written)):
            return text[: -len(written)].strip()
    return text


def _number(text: str) -> float:
    """Digits and a suffix, blanks between them allowed."""
    if found := _IN_PLACE.fullmatch(text):
        suffix = "" if found[2].lower() == "r" else found[2]
        return number(f"{found[1] or 0}.{found[3]}{suffix}")
    return number(re.sub(r"^([+-]?[\d.]+) +([a-zA-Zµ]+)$", r"\1\2", re.sub(r"[rR]$", "", text)))

"""Numbers of SPICE text: ``2.52n``, ``1meg``, ``10mil``, ``4pF``.

The rules are ngspice 39's. A number may be followed by a scale, and the scale by letters of a unit, which say
nothing::

    T 1e12   G 1e9   MEG 1e6   K 1e3   MIL 25.4e-6   M 1e-3   U, µ 1e-6   N 1e-9   P 1e-12   F 1e-15

in either case of letters; other letters are units alone. Two letters are read differently by other simulators, and
are named in a warning wherever they are taken:

====  ==========================================================  =========================
A     ampere in ngspice before 42, LTspice and PSpice: read so     atto from ngspice 42 on
X     a unit in ngspice and LTspice: read so                       1e6 in Xyce and HSPICE
====  ==========================================================  =========================

Numbers that are written into decks carry no letters, so that every version reads the same; but resistances, which
people read, are written as ``4.7k`` and ``1Meg`` where those are the same float (:func:`short`).
"""

from __future__ import annotations

import re
from decimal import Decimal

_POWERS = {"t": 12, "g": 9, "k": 3, "m": -3, "u": -6, "µ": -6, "n": -9, "p": -12, "f": -15}
_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)([a-zA-Zµμ]*)")
_GREEK_MU = "μ"
"""U+03BC, which ngspice takes for a unit; the micro sign is U+00B5."""

_ELSEWHERE = {"a": "atto in ngspice from 42 on", "x": "1e6 in Xyce and HSPICE"}
"""First letters after a number that are units here, and what they are elsewhere."""

SUFFIXES = "".join(_ELSEWHERE)
"""Letters that simulators read differently."""


def number(text: str) -> float:
    """A SPICE number: ``"2.52n"``, ``"1meg"``, ``"10mil"``, ``"4pF"``; letters after the suffix are units.

    Raises:
        ValueError: for anything else.

    Example:
        >>> number("1meg"), number("2.5kOhm")
        (1000000.0, 2500.0)
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a number. Expected digits, with a suffix such as n, u, k or meg.")
    letters = match[2].lower()
    if letters.startswith(_GREEK_MU):
        raise ValueError(
            f"{text!r} has the Greek letter mu (U+03BC), which simulators pass over as a unit. "
            "Expected the suffix u, or the micro sign (U+00B5), for 1e-6."
        )
    if letters.startswith("mil"):
        return float(match[1]) * 25.4e-6
    power = 6 if letters.startswith("meg") else _POWERS.get(letters[:1], 0)
    mantissa, _, exponent = match[1].lower().partition("e")
    # shifting the exponent in the text keeps 2.52n at 2.52e-9, which 2.52 * 1e-9 is not
    return float(f"{mantissa}e{int(exponent or 0) + power}")


def is_number(text: str) -> bool:
    """Whether a word has the form of a number."""
    return _NUMBER.fullmatch(text) is not None


def elsewhere(text: str) -> str | None:
    """What another simulator makes of the suffix of a number, where that is something else; else None.

    Example:
        >>> elsewhere("2.52e-9A"), elsewhere("2.52nA")
        ('atto in ngspice from 42 on', None)
    """
    match = _NUMBER.fullmatch(text.strip())
    return None if match is None else _ELSEWHERE.get(match[2][:1].lower())


_SHORT = (("Meg", 6), ("k", 3), ("", 0))
_DIGITS = 7
"""Digits up to which a value counts as short."""


def short(value: float) -> str:
    """A number of SPICE text as a person writes it where that is short and the same float, else in full.

    Example:
        >>> short(4700.0), short(100.0), short(2.2e6), short(0.5), short(333333.3333333333)
        ('4.7k', '100', '2.2Meg', '0.5', '333333.3333333333')
    """
    value = float(value)
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e9:
        return repr(value)
    exact = Decimal(repr(value))
    if len(exact.normalize().as_tuple().digits) > _DIGITS:
        return repr(value)
    suffix, power = next((s, p) for s, p in _SHORT if abs(value) >= 10.0**p or not p)
    mantissa = exact.scaleb(-power).normalize()
    text = f"{mantissa:f}{suffix}"
    return text if number(text) == value else repr(value)

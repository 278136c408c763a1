"""What a layer of any framework needs of a system: values to start from, names, bounds in a precision.

Frameworks separate levels of names by dots and reserve some names. A parameter ``"d1/conductance"`` is
``"d1.conductance"`` there; a dot or a percent sign within a level is written as in web addresses, ``%2E`` and ``%25``,
so that :func:`undotted` brings every name back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import numpy as np

from ebana.learning.system import EnergySystem
from ebana.network import Network
from ebana.numbers import positive
from ebana.parameters import Parameter

NOTHING = "%"
"""Spelling of a level without a letter."""


def start_values(system: EnergySystem | Network) -> dict[str, np.ndarray]:
    """The present values of a network, or those that a system starts from, by name."""
    if isinstance(system, Network):
        return system.values
    return {name: np.array(p.initial) for name, p in system.parameters.items()}


def dotted(name: str) -> str:
    """A parameter's name, levels separated by dots.

    Example:
        >>> dotted("d1/conductance"), dotted("stage 2.1/gain")
        ('d1.conductance', 'stage 2%2E1.gain')
    """
    return ".".join(level.replace("%", "%25").replace(".", "%2E") for level in name.split("/"))


def undotted(name: str) -> str:
    """The inverse of :func:`dotted`; it also reads ``%66orward``, which stands for a reserved ``forward``.

    Example:
        >>> undotted("stage 2%2E1.gain"), undotted("%66orward.gain")
        ('stage 2.1/gain', 'forward/gain')
    """
    return "/".join("" if level == NOTHING else unquote(level) for level in name.split("."))


def reserved(level: str) -> str:
    """Another spelling of a level that :func:`undotted` reads as the same.

    Example:
        >>> reserved("forward"), reserved("")
        ('%66orward', '%')
    """
    first = level[:1].encode("utf-8")
    return "".join(f"%{byte:02X}" for byte in first) + level[1:] if level else NOTHING


def bounds_in(parameter: Parameter, dtype: Any) -> tuple[float, float]:
    """Bounds of a parameter as numbers of a precision, rounded inwards.

    Example:
        >>> low, high = bounds_in(Parameter("d/g", "conductance", np.array([1e-6]), low=1e-7, high=1e-5), np.float32)
        >>> low >= 1e-7, high <= 1e-5
        (True, True)
    """
    kind = np.dtype(dtype).type
    low, high = kind(parameter.low), kind(parameter.high)
    if float(low) < parameter.low:
        low = np.nextafter(low, kind(np.inf))
    if float(high) > parameter.high:
        high = np.nextafter(high, kind(-np.inf))
    return float(low), float(high)


def plain_nudge(who: str, nudge: Any) -> float:
    """A nudge as a number above zero, or ValueError; one that is traced as it is."""
    return positive(who, "nudge", nudge, ", in the system's own unit")


def listed_columns(columns: Mapping[str, int]) -> str:
    """Names and sizes of inputs or outputs, for messages.

    Example:
        >>> listed_columns({"xp": 4, "xn": 4})
        "'xp' (4), 'xn' (4)"
    """
    return ", ".join(f"{name!r} ({count})" for name, count in columns.items())

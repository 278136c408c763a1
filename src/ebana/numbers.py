"""Numbers that users give: refused before any work, and of one type each, so that programs are not compiled anew."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jax.core import Tracer


def known_number(value: Any) -> Any:
    """A number of NumPy or JAX as one of Python's; all else, also one that is traced, as it is.

    Example:
        >>> known_number(np.int64(3)), known_number(np.float32(0.5)), known_number("3")
        (3, 0.5, '3')
    """
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__array__") and np.ndim(value) == 0 and not is_unknown(value):
        return np.asarray(value).item()
    return value


def is_unknown(value: Any) -> bool:
    """Whether a number is one of a program that is being traced."""
    return isinstance(value, Tracer)


def real(
    who: str,
    what: str,
    value: Any,
    expected: str,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> Any:
    """A finite number within limits as a float, or ValueError; one that is traced as it is.

    Args:
        who, what: class or function and its argument, for the message.
        expected: what is expected, in words.
        least, most: the smallest and the largest number that is taken.
        above, below: limits that are not taken themselves.

    Example:
        >>> real("Relaxation", "factor", np.float32(1.5), "a number below 2", below=2.0)
        1.5
    """
    if is_unknown(value):
        return value
    number = known_number(value)
    fits = isinstance(number, int | float) and not isinstance(number, bool)
    if not (fits and math.isfinite(number) and least <= number <= most and above < number < below):
        raise ValueError(f"{who}({what}={value!r}). Expected {expected}.")
    return float(number)


def positive(who: str, what: str, value: Any, unit: str = "") -> Any:
    """A finite number above zero as a float, or ValueError; one that is traced as it is.

    Example:
        >>> positive("CircuitBlock", "input_scale", 2)
        2.0
    """
    return real(who, what, value, f"a number above zero{unit}", above=0.0)


def whole(who: str, what: str, value: Any, least: int = 1) -> int:
    """A whole number of Python's or NumPy's as one of Python's, or ValueError.

    Example:
        >>> whole("EarlyStopping", "patience", np.int64(3))
        3
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{who}({what}={value!r}). Expected a whole number of at least {least}.")
    return int(value)

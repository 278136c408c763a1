"""Formulas of update circuits, stated once: numbers for the quasi-static engine, text for SPICE.

An update circuit's ``change`` is written with ``+ - * /`` and the functions below. With arrays it computes; with
:class:`Formula` it writes itself down.

Example:
    >>> clip(2.0 * above(Formula("x"), 0.25), 0.5).text
    'max(min((2.0*max((x-0.25),0.0)),0.5),(-0.5))'
    >>> float(clip(2.0 * above(0.75, 0.25), 0.5))
    0.5
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

Value = Any
"""A number, an array, or a formula."""


@dataclass(frozen=True)
class Formula:
    """A formula as text.

    Args:
        text: over names and numbers.
    """

    text: str

    def __add__(self, other: Value) -> Formula:
        return _between(self, "+", other)

    def __radd__(self, other: Value) -> Formula:
        return _between(other, "+", self)

    def __sub__(self, other: Value) -> Formula:
        return _between(self, "-", other)

    def __rsub__(self, other: Value) -> Formula:
        return _between(other, "-", self)

    def __mul__(self, other: Value) -> Formula:
        return _between(self, "*", other)

    def __rmul__(self, other: Value) -> Formula:
        return _between(other, "*", self)

    def __truediv__(self, other: Value) -> Formula:
        return _between(self, "/", other)

    def __rtruediv__(self, other: Value) -> Formula:
        return _between(other, "/", self)

    def __neg__(self) -> Formula:
        return Formula(f"(-{self.text})")


def _text(value: Value) -> str:
    if isinstance(value, Formula):
        return value.text
    number = float(value)
    return repr(number) if number >= 0.0 else f"({number!r})"


def _between(a: Value, sign: str, b: Value) -> Formula:
    return Formula(f"({_text(a)}{sign}{_text(b)})")


def _of(name: str, compute: Any, *values: Value) -> Any:
    if any(isinstance(value, Formula) for value in values):
        return Formula(f"{name}({','.join(map(_text, values))})")
    return compute(*values)


def most(a: Value, b: Value) -> Any:
    """The larger of two."""
    return _of("max", jnp.maximum, a, b)


def least(a: Value, b: Value) -> Any:
    """The smaller of two."""
    return _of("min", jnp.minimum, a, b)


def tanh(x: Value) -> Any:
    """The hyperbolic tangent."""
    return _of("tanh", jnp.tanh, x)


def sign(x: Value) -> Any:
    """-1, 0 or 1."""
    return _of("sgn", jnp.sign, x)


def size(x: Value) -> Any:
    """The absolute value."""
    return _of("abs", jnp.abs, x)


def clip(x: Value, bound: Value) -> Any:
    """``x`` within ``-bound`` and ``bound``."""
    return most(least(x, bound), -bound)


def above(x: Value, threshold: Value | None) -> Any:
    """What ``x`` has above a threshold, 0 below; ``x`` itself where there is none."""
    return x if threshold is None else most(x - threshold, 0.0)

"""Expressions of behavioural sources, as data: what a B source gives, of potentials and currents of the circuit.

    i = f(v(a) - v(b), i(source), ...)

Parameters are numbers by then, functions that the deck defines are written out, and nodes and sources have their full
names. What simulators write in several ways has one form here:

* ``^`` is the power of real numbers, whose base is not negative or whose exponent is a whole number: where ngspice
  takes the magnitude of the base (``x^y`` is ``|x|^y`` there), the tree holds ``abs``;
* comparisons and ``&& || !`` are 1 or 0, and any number but 0 is true;
* ``u`` is 0, 1/2 or 1 for arguments below, at and above 0; ``uramp`` is ``max(x, 0)``; ``sgn`` is -1, 0 or 1;
* ``log`` is the natural logarithm; ``pwr(x, y)`` is ``sgn(x) |x|^y``; ``limit(x, low, high)`` is cut off at both;
* ``table(x, x0, y0, x1, y1, ...)`` is straight between its points and constant outside of them, ``pwl`` of the same
  arguments goes on along its first and last pieces;
* ``nint`` rounds to the nearest integer, halves to the even one; ``int`` towards 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

BinaryOperator = Literal["+", "-", "*", "/", "^", "<", "<=", ">", ">=", "==", "!=", "&&", "||"]

FUNCTIONS: dict[str, int] = {
    **dict.fromkeys(
        ("abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "exp", "floor", "int", "log",
         "log10", "nint", "sgn", "sin", "sinh", "sqrt", "tan", "tanh", "u", "uramp"),
        1,
    ),
    **dict.fromkeys(("atan2", "min", "max", "pwr"), 2),
    "limit": 3, "table": -1, "pwl": -1,
}  # fmt: skip
"""Functions that a :class:`Call` may hold, and how many arguments they take; -1 for a value and points."""


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Potential:
    """The voltage from ``b`` to ``a``, volts."""

    a: str
    b: str = "0"


@dataclass(frozen=True, slots=True)
class Current:
    """The current through a source of volts, or an inductor, from its first node to its second, amperes."""

    source: str


@dataclass(frozen=True, slots=True)
class Unary:
    """``-`` or ``!`` of an expression."""

    operator: Literal["-", "!"]
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and what is between them."""

    operator: BinaryOperator
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A function of :data:`FUNCTIONS` of its arguments."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """``yes`` where the condition is not 0, ``no`` elsewhere."""

    condition: Expression
    yes: Expression
    no: Expression


Expression = Number | Potential | Current | Unary | Binary | Call | Conditional
Variable = Potential | Current


def parts(expression: Expression) -> tuple[Expression, ...]:
    """The expressions that stand directly in one, in order."""
    match expression:
        case Unary(_, operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Call(_, arguments):
            return arguments
        case Conditional(condition, yes, no):
            return (condition, yes, no)
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """An expression and all that stand in it, from left to right; by a list, so that depth is no matter."""
    open_ones = [expression]
    while open_ones:
        one = open_ones.pop()
        yield one
        open_ones.extend(reversed(parts(one)))


def variables(expression: Expression) -> tuple[Variable, ...]:
    """The distinct potentials and currents of an expression, in the order in which they appear.

    Example:
        >>> product = Binary("*", Potential("a"), Binary("+", Current("v1"), Potential("a")))
        >>> variables(product)
        (Potential(a='a', b='0'), Current(source='v1'))
    """
    return tuple(dict.fromkeys(one for one in walk(expression) if isinstance(one, Potential | Current)))

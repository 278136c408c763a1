"""What a behavioural source gives, ``f(v(a) - v(b), i(source), ...)``, as a law that JAX differentiates.

An expression (:mod:`ebana.spice.language.deck.expression`) becomes a *tape*: its operations in order, each over earlier
ones, with its constants apart as numbers that a program takes as arguments. Sources of one expression with other
constants share a program. Comparisons, ``sgn``, ``u``, ``floor`` and their like are steps, whose slope is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from ebana._types import Array, Values
from ebana.devices.device import floating
from ebana.devices.forms import law
from ebana.devices.ports import PortDevice
from ebana.spice.language.deck import expression as tree
from ebana.spice.language.deck.expression import Expression, Variable

Step = tuple[str, tuple[int, ...]]
"""An operation, and the places of its operands: on the tape, or of ``"number"`` and ``"control"`` among those."""


def _table(x: Array, *points: Array) -> Array:
    return _lines(x, points, outside=False)


def _pwl(x: Array, *points: Array) -> Array:
    return _lines(x, points, outside=True)


def _lines(x: Array, points: Sequence[Array], *, outside: bool) -> Array:
    """Straight lines between points; beyond them constant, or along the first and the last line."""
    xs, ys = points[0::2], points[1::2]
    if len(xs) == 1:
        return ys[0] + 0.0 * x
    within = x if outside else jnp.clip(x, xs[0], xs[-1])
    places = jnp.stack([jnp.broadcast_to(place, jnp.shape(within)) for place in xs])
    heights = jnp.stack([jnp.broadcast_to(height, jnp.shape(within)) for height in ys])
    piece = jnp.clip((places <= within).sum(0) - 1, 0, len(xs) - 2)[None]  # sources have points of their own
    left, right = (jnp.take_along_axis(places, at, 0)[0] for at in (piece, piece + 1))
    low, high = (jnp.take_along_axis(heights, at, 0)[0] for at in (piece, piece + 1))
    return low + (high - low) / (right - left) * (within - left)


def _power(x: Array, y: Array) -> Array:
    """``x^y``; of a negative x with a whole number y, whose slope is that of ``|x|^y`` with its sign."""
    size = jnp.abs(x)
    safe = jnp.where(size > 0, size, 1.0)
    at_zero = jnp.where(y == 0, 1.0, jnp.where(y > 0, 0.0, jnp.inf))
    value = jnp.where(size > 0, safe**y, jnp.where(y == 1, x, at_zero))
    odd = jnp.abs(y) % 2 == 1
    return jnp.where((x < 0) & odd, -value, value)


def _is(condition: Array) -> Array:
    return jnp.where(condition, 1.0, 0.0)


FUNCTIONS: dict[str, Callable[..., Array]] = {
    "abs": jnp.abs,
    "acos": jnp.arccos,
    "acosh": jnp.arccosh,
    "asin": jnp.arcsin,
    "asinh": jnp.arcsinh,
    "atan": jnp.arctan,
    "atan2": jnp.arctan2,
    "atanh": jnp.arctanh,
    "ceil": jnp.ceil,
    "cos": jnp.cos,
    "cosh": jnp.cosh,
    "exp": jnp.exp,
    "floor": jnp.floor,
    "int": jnp.trunc,
    "limit": lambda x, low, high: jnp.clip(x, low, high),
    "log": jnp.log,
    "log10": jnp.log10,
    "max": jnp.maximum,
    "min": jnp.minimum,
    "nint": jnp.round,
    "pwl": _pwl,
    "pwr": lambda x, y: jnp.sign(x) * _power(jnp.abs(x), y),
    "sgn": jnp.sign,
    "sin": jnp.sin,
    "sinh": jnp.sinh,
    "sqrt": jnp.sqrt,
    "table": _table,
    "tan": jnp.tan,
    "tanh": jnp.tanh,
    "u": lambda x: 0.5 * (1.0 + jnp.sign(x)),
    "uramp": lambda x: jnp.maximum(x, 0.0),
    "+": jnp.add,
    "-": jnp.subtract,
    "*": jnp.multiply,
    "/": jnp.divide,
    "^": _power,
    "<": lambda a, b: _is(a < b),
    "<=": lambda a, b: _is(a <= b),
    ">": lambda a, b: _is(a > b),
    ">=": lambda a, b: _is(a >= b),
    "==": lambda a, b: _is(a == b),
    "!=": lambda a, b: _is(a != b),
    "&&": lambda a, b: _is((a != 0) & (b != 0)),
    "||": lambda a, b: _is((a != 0) | (b != 0)),
    "negative": jnp.negative,
    "!": lambda a: _is(a == 0),
    "?": lambda c, yes, no: jnp.where(c != 0, yes, no),
}
"""What a tape holds, beside numbers and controls."""


@law("tape")
@dataclass(frozen=True)
class Formula(PortDevice):
    """An expression as a law. Made by :meth:`of`.

    Args:
        tape: its operations, the last one its value.
        numbers: its constants.
        expression: what it was made of, for decks.

    Example:
        >>> from ebana.spice.language.deck.expression import Binary, Number, Potential
        >>> double = Formula.of(Binary("*", Number(2.0), Potential("a")))
        >>> double.value((jnp.asarray(3.0),), {}).item()
        6.0
    """

    tape: tuple[Step, ...]
    numbers: tuple[float, ...]

    @staticmethod
    def of(expression: Expression, variables: Sequence[Variable] | None = None) -> Formula:
        """The law of an expression; its controls are its variables in order, or in the order that is given."""
        order = tree.variables(expression) if variables is None else variables
        controls = {variable: k for k, variable in enumerate(order)}
        tape: list[Step] = []
        numbers: list[float] = []
        done: list[int] = []
        waiting: list[tuple[Expression, bool]] = [(expression, False)]
        while waiting:  # depth first without recursion
            one, ready = waiting.pop()
            below = tree.parts(one)
            if below and not ready:
                waiting.append((one, True))
                waiting.extend((part, False) for part in reversed(below))
                continue
            operands = tuple(done[len(done) - len(below) :])
            del done[len(done) - len(below) :]
            tape.append(_step(one, operands, controls, numbers))
            done.append(len(tape) - 1)
        return Formula(tuple(tape), tuple(numbers))

    def value(self, controls: tuple[Array, ...], p: Values) -> Array:
        """See :meth:`PortDevice.value`."""
        found: list[Any] = []
        for operation, at in self.tape:
            if operation == "number":
                found.append(jnp.asarray(self.numbers[at[0]]))
            elif operation == "control":
                found.append(floating(controls[at[0]]))
            else:
                found.append(FUNCTIONS[operation](*(found[k] for k in at)))
        shape = jnp.shape(controls[0]) if controls else ()
        return jnp.broadcast_to(found[-1], shape)

    def text(self, names: Sequence[str]) -> str:
        """The expression in SPICE, over the names of its controls.

        Example:
            >>> from ebana.spice.language.deck.expression import Call, Number, Potential
            >>> Formula.of(Call("max", (Potential("a"), Number(0.5)))).text(["V(x)"])
            'max(V(x),0.5)'
        """
        written: list[str] = []
        for operation, at in self.tape:
            if operation == "number":
                written.append(repr(float(self.numbers[at[0]])))
            elif operation == "control":
                written.append(names[at[0]])
            else:
                written.append(_written(operation, [written[k] for k in at]))
        return written[-1]


def _step(
    one: Expression, operands: tuple[int, ...], controls: dict[Variable, int], numbers: list[float]
) -> Step:
    match one:
        case tree.Number(value):
            numbers.append(float(value))
            return "number", (len(numbers) - 1,)
        case tree.Potential() | tree.Current():
            return "control", (controls[one],)
        case tree.Unary("-", _):
            return "negative", operands
        case tree.Conditional():
            return "?", operands
        case tree.Call(function, _):
            return function, operands
        case tree.Unary(operator, _) | tree.Binary(operator, _, _):
            return operator, operands
    raise TypeError(f"{type(one).__name__} is no part of an expression")


def _written(operation: str, operands: list[str]) -> str:
    if operation == "negative":
        return f"(-{operands[0]})"
    if operation == "!":
        return f"({operands[0]}==0)"
    if operation == "?":
        return f"(({operands[0]})?({operands[1]}):({operands[2]}))"
    if operation[0].isalpha():
        return f"{operation}({','.join(operands)})"
    return f"({operands[0]}{operation}{operands[1]})"

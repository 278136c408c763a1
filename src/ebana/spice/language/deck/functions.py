"""Functions of expressions: what each dialect's names mean in the terms of :mod:`.expression`, and their values.

Three simulators give one name several meanings, so that a deck is read in a dialect:

==============  ==========================  ======================================  ====================
written         ngspice 39                  LTspice                                 Xyce
==============  ==========================  ======================================  ====================
``x^y, x**y``   ``|x|^y``                   0 for x < 0 and y no whole number       power (``**`` alone)
``pow(x,y)``    ``|x|^y`` in a source,      as ``x**y``                             power
                power in a parameter
``pwr(x,y)``    ``sgn(x) |x|^y`` in a       ``|x|^y``                               power
                source, ``|x|^y`` in a
                parameter
``log(x)``      natural                     natural                                 to the base 10
``u(0)``        1/2                         0                                       0
==============  ==========================  ======================================  ====================

The first column is held against ngspice by the tests; the others follow the programs' manuals.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ebana.spice.language.deck.expression import (
    FUNCTIONS,
    Binary,
    BinaryOperator,
    Call,
    Conditional,
    Current,
    Expression,
    Number,
    Potential,
    Unary,
)
from ebana.spice.language.deck.grammar import Dialect

_RANDOM = "rand random white gauss agauss unif aunif flat mc nrand sgauss sunif"
_INTERPOLATED = "spline akima cubic wodicka bli tablefile fasttable"
_TIMED = "ddt sdt idt idtmod ddx delay absdelay laplace spice_exp spice_pulse spice_sffm spice_sin"
REFUSED = {
    **dict.fromkeys(_TIMED.split(), "depends on the course of time"),
    **dict.fromkeys(_RANDOM.split(), "is drawn at random"),
    **dict.fromkeys(_INTERPOLATED.split(), "interpolates otherwise than straight, or reads a file"),
}
"""Functions that are known and refused, and why."""

_AT_DC = "Write what it gives at DC in its place."

NOMINAL = frozenset(("gauss", "agauss", "unif", "aunif"))
"""Random functions that are their first argument, the mean, in Xyce where it is not asked to sample."""

ALIASES = {
    "ln": "log",
    "arctan": "atan",
    "m": "abs",
    "mag": "abs",
    "tbl": "table",
    "pwrs": "pwr",
    "fabs": "abs",
}
"""Other names of functions, where they are not those of the deck."""

_COMPARED: dict[str, BinaryOperator] = {
    "eq0": "==", "ne0": "!=", "gt0": ">", "lt0": "<", "ge0": ">=", "le0": "<=",
}  # fmt: skip

Build = Callable[[tuple[Expression, ...], Dialect], Expression]


def power(arguments: tuple[Expression, ...], dialect: Dialect) -> Expression:
    """``x^y`` as the dialect means it."""
    base, exponent = arguments
    whole = isinstance(exponent, Number) and exponent.value == int_of(exponent.value)
    even = isinstance(exponent, Number) and whole and exponent.value % 2 == 0
    if even or dialect == "xyce" or (dialect == "ltspice" and whole):
        return Binary("^", base, exponent)
    if dialect == "ltspice":
        return Binary("^", Call("max", (base, Number(0.0))), exponent)
    return Binary("^", magnitude(base), exponent)


def int_of(value: float) -> float:
    """A number cut to a whole one; infinities stay."""
    return value if math.isinf(value) or math.isnan(value) else float(math.trunc(value))


def magnitude(base: Expression) -> Expression:
    """``abs`` of an expression, unless it shows that it is not negative."""
    if isinstance(base, Number):
        return Number(abs(base.value))
    return (
        base
        if isinstance(base, Call) and base.function in ("abs", "exp", "sqrt", "u", "uramp")
        else Call("abs", (base,))
    )


def _pwr(arguments: tuple[Expression, ...], dialect: Dialect) -> Expression:
    base, exponent = arguments
    if dialect == "xyce":
        return Binary("^", base, exponent)
    return Binary("^", magnitude(base), exponent) if dialect == "ltspice" else Call("pwr", arguments)


def _step(arguments: tuple[Expression, ...], dialect: Dialect) -> Expression:
    return Conditional(Binary(">", arguments[0], Number(0.0)), Number(1.0), Number(0.0))


def _u(arguments: tuple[Expression, ...], dialect: Dialect) -> Expression:
    return Call("u", arguments) if dialect == "ngspice" else _step(arguments, dialect)


def _log(arguments: tuple[Expression, ...], dialect: Dialect) -> Expression:
    return Call("log10" if dialect == "xyce" else "log", arguments)


def _buffer(yes: float, no: float) -> Build:
    return lambda a, _: Conditional(Binary(">", a[0], Number(0.5)), Number(yes), Number(no))


def _hypot(arguments: tuple[Expression, ...], dialect: Dialect) -> Expression:
    x, y = (Binary("^", one, Number(2.0)) for one in arguments)
    return Call("sqrt", (Binary("+", x, y),))


WRITTEN: dict[str, tuple[int, Build]] = {
    "pow": (2, power),
    "pwr": (2, _pwr),
    "u": (1, _u),
    "log": (1, _log),
    "stp": (1, _step),
    "buf": (1, _buffer(1.0, 0.0)),
    "inv": (1, _buffer(0.0, 1.0)),
    "hypot": (2, _hypot),
    "sqr": (1, lambda a, _: Binary("^", a[0], Number(2.0))),
    "u2": (1, lambda a, _: Call("limit", (a[0], Number(0.0), Number(1.0)))),
    "db": (1, lambda a, _: Binary("*", Number(20.0), Call("log10", (Call("abs", a),)))),
    "sign": (2, lambda a, _: Binary("*", Call("sgn", (a[1],)), magnitude(a[0]))),
    "pwrs": (2, lambda a, _: Call("pwr", a)),
    **dict.fromkeys(("if", "ternary_fcn"), (3, lambda a, _: Conditional(a[0], a[1], a[2]))),
    **{
        name: (1, lambda a, _, sign=sign: Binary(sign, a[0], Number(0.0))) for name, sign in _COMPARED.items()
    },
}
"""Functions that are written in terms of others, and how many arguments they take."""


def called(name: str, arguments: tuple[Expression, ...], dialect: Dialect) -> Expression:
    """A function of the language applied to its arguments.

    Args:
        name: as it is written, in lower case.
        arguments: expressions.
        dialect: whose meaning counts.

    Raises:
        ValueError: for a function that is not known or not read, and for a wrong number of arguments.

    Example:
        >>> called("stp", (Potential("a"),), "ngspice")
        Conditional(condition=Binary(operator='>', left=Potential(a='a', b='0'), right=Number(value=0.0)), \
yes=Number(value=1.0), no=Number(value=0.0))
    """
    if (
        dialect == "xyce"
        and len(arguments) > 1
        and (name in NOMINAL or (name, len(arguments)) == ("limit", 2))
    ):
        return arguments[0]
    if name in REFUSED or (name == "limit" and len(arguments) == 2):
        why = REFUSED.get(name, "of two arguments is drawn at random")
        raise ValueError(f"the function {name!r} {why}, and has no value here. {_AT_DC}")
    if name in WRITTEN:
        count, build = WRITTEN[name]
        _check_count(name, count, len(arguments))
        return build(arguments, dialect)
    plain = ALIASES.get(name, name)
    if plain not in FUNCTIONS:
        known = ", ".join(sorted({*FUNCTIONS, *WRITTEN, *ALIASES}))
        raise ValueError(f"the function {name!r} is not known. Known: {known}; or define it with .func.")
    if FUNCTIONS[plain] < 0:
        _check_points(name, arguments)
    elif name in ("min", "max") and len(arguments) > 2:
        return Call(name, (called(name, arguments[:-1], dialect), arguments[-1]))
    else:
        _check_count(name, FUNCTIONS[plain], len(arguments))
    return Call(plain, arguments)


def called_in_parameter(name: str, arguments: tuple[Expression, ...]) -> Expression:
    """A function in a parameter of ngspice, where some mean something else than in a source.

    Raises:
        ValueError: as of :func:`called`.

    Example:
        >>> base = Number(-2.0), Number(3.0)
        >>> [constant(called_in_parameter(name, base)) for name in ("pow", "pwr")]
        [-8.0, 8.0]
    """
    if name == "pow" and len(arguments) == 2:
        return Binary("^", *arguments)
    if name == "limit":
        raise ValueError(f"the function {name!r} is drawn at random in ngspice's parameters. {_AT_DC}")
    return called("pow" if name == "pwr" else name, arguments, "ngspice")


def _check_count(name: str, wanted: int, found: int) -> None:
    if wanted != found:
        raise ValueError(f"the function {name!r} has {found} arguments. Expected {wanted}.")


def _check_points(name: str, arguments: tuple[Expression, ...]) -> None:
    """Points are constants, by increasing places."""
    least = 5 if name == "pwl" else 3
    if len(arguments) < least or len(arguments) % 2 == 0:
        raise ValueError(
            f"the function {name!r} has {len(arguments)} arguments. Expected a value, then pairs of numbers."
        )
    try:
        places = [constant(one) for one in arguments[1::2]]
    except NoValue as error:
        raise ValueError(f"a place in the points of {name!r} {error}. Expected a number.") from None
    if any(b <= a for a, b in pairwise(places)):
        raise ValueError(
            f"the function {name!r} has places that do not increase: {places[:6]}. Sort its points."
        )


# -- values --------------------------------------------------------------------------------------------

_BINARY: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "<": lambda a, b: float(a < b), "<=": lambda a, b: float(a <= b), ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b), "==": lambda a, b: float(a == b), "!=": lambda a, b: float(a != b),
    "&&": lambda a, b: float(bool(a) and bool(b)), "||": lambda a, b: float(bool(a) or bool(b)),
}  # fmt: skip


def sign_of(x: float) -> float:
    """-1, 0 or 1."""
    return float(x > 0) - float(x < 0)


def _pieces(x: float, points: tuple[float, ...], held: bool) -> float:
    """Straight between points; outside of them constant if ``held``, else along the outer pieces."""
    places, values = points[::2], points[1::2]
    if held and (x <= places[0] or x >= places[-1]):
        return values[0] if x <= places[0] else values[-1]
    k = max(0, min(sum(place <= x for place in places) - 1, len(places) - 2))
    return values[k] + (values[k + 1] - values[k]) * (x - places[k]) / (places[k + 1] - places[k])


_CALLS: dict[str, Callable[..., Any]] = {
    "abs": abs, "acos": math.acos, "acosh": math.acosh, "asin": math.asin, "asinh": math.asinh, "atan": math.atan,
    "atan2": math.atan2, "atanh": math.atanh, "ceil": math.ceil, "cos": math.cos, "cosh": math.cosh, "exp": math.exp,
    "floor": math.floor, "int": math.trunc, "log": math.log, "log10": math.log10, "max": max, "min": min, "nint": round,
    "sgn": sign_of, "sin": math.sin, "sinh": math.sinh, "sqrt": math.sqrt, "tan": math.tan, "tanh": math.tanh,
    "u": lambda x: (1.0 + sign_of(x)) / 2, "uramp": lambda x: max(x, 0.0),
    "pwr": lambda x, y: math.copysign(math.pow(abs(x), y), x) if x else math.pow(0.0, y),
    "limit": lambda x, low, high: min(max(x, low), high),
    "table": lambda x, *points: _pieces(x, points, held=True), "pwl": lambda x, *points: _pieces(x, points, held=False),
}  # fmt: skip


def constant(expression: Expression) -> float:
    """The value of an expression without potentials and currents.

    Raises:
        NoValue: where it has one, and where it has no finite value.

    Example:
        >>> constant(Binary("^", Number(2.0), Call("max", (Number(1.0), Number(3.0)))))
        8.0
    """
    try:
        value = _value(expression)
    except NoValue:
        raise
    except (ArithmeticError, ValueError) as error:
        raise NoValue(f"has no value ({error})") from None
    if not math.isfinite(value):
        raise NoValue("is not a finite number")
    return value


class NoValue(ValueError):
    """An expression has no finite value; the message continues "the expression ..."."""


def _value(expression: Expression) -> float:
    match expression:
        case Number(value):
            return value
        case Unary(sign, operand):
            inner = _value(operand)
            return -inner if sign == "-" else float(inner == 0)
        case Binary("^", base, exponent):
            return math.pow(_value(base), _value(exponent))
        case Binary(sign, left, right):
            return _BINARY[sign](_value(left), _value(right))
        case Call(name, arguments):
            return float(_CALLS[name](*map(_value, arguments)))
        case Conditional(condition, yes, no):
            return _value(yes) if _value(condition) else _value(no)
        case Potential() | Current():
            raise NoValue("has a potential or a current where a number was expected")

"""Values of ``.param`` statements and of the expressions in cards: arithmetic, as ngspice 39 evaluates it.

Read are numbers with their suffixes, parameters, ``+ - * / ^ **``, brackets, and the functions of
:data:`FUNCTIONS`. What ngspice understands in a way of its own is refused by name: ``mil`` (milli in expressions),
powers of negative numbers, chained powers, comparisons, and functions that a ``.func`` defines.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ebana.spice.language.lines import shorten
from ebana.spice.language.numbers import elsewhere, number

Lookup = Callable[[str], float]
"""The value of a parameter, by its name in lower case; raises ValueError for one that is not known."""

FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "abs": (1, math.fabs),
    "sqrt": (1, math.sqrt),
    "exp": (1, math.exp),
    "ln": (1, math.log),
    "log": (1, math.log),
    "log10": (1, math.log10),
    "min": (2, lambda a, b: min(a, b)),
    "max": (2, lambda a, b: max(a, b)),
}
"""Functions of an expression, and how many arguments they take; ``log`` is the natural logarithm."""

DEPTH = 50
"""Brackets inside brackets, and parameters that need others, that are followed."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[A-Za-zµμ]*)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<operator>\*\*|[-+*/^(),]))"
)
_BINARY = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def evaluate(text: str, lookup: Lookup) -> float:
    """The value of an expression.

    Args:
        text: the expression, without the braces or quotes around it.
        lookup: values of its parameters.

    Raises:
        ValueError: for what is not read, unknown parameters, and values that are no finite number; named.

    Example:
        >>> evaluate("2*isat", {"isat": 1e-9}.__getitem__)
        2e-09
    """
    reader = _Reader(text, lookup)
    try:
        value = reader.sum()
    except ArithmeticError as error:
        raise reader.fail(f"has no value ({error})") from None
    except RecursionError:
        raise ValueError(
            f"the expression {shorten(text)!r} has too many brackets, or parameters in each other."
        ) from None
    if reader.word:
        raise reader.fail(f"has {reader.word!r} where it should end")
    if not math.isfinite(value):
        raise reader.fail("is not a finite number")
    return value


class _Reader:
    """Recursive descent over one expression, the value computed on the way."""

    def __init__(self, text: str, lookup: Lookup) -> None:
        self.text, self.lookup, self.at, self.depth = text, lookup, 0, 0
        self.word = self.kind = ""
        self.step()

    def fail(self, why: str) -> ValueError:
        return ValueError(
            f"the expression {self.text!r} {why}. Expected numbers, .param names, + - * / ^, brackets and "
            f"{', '.join(FUNCTIONS)}; write the value itself in its place."
        )

    def step(self) -> str:
        """The word that was next; reads the one after."""
        before, rest = self.word, self.text[self.at :].strip()
        match = _TOKEN.match(self.text, self.at)
        if rest and match is None:
            raise self.fail(f"has {rest[:1]!r}, which is not evaluated here")
        self.word = match[match.lastgroup or 0] if match and rest else ""
        self.kind = (match.lastgroup or "") if match and rest else ""
        self.at = match.end() if match else len(self.text)
        return before

    def sum(self) -> float:
        value = self.product(first=True)
        while self.word in ("+", "-"):
            value = _BINARY[self.step()](value, self.product())
        return value

    def product(self, first: bool = False) -> float:
        value = self.signed(first)
        while self.word in ("*", "/"):
            value = _BINARY[self.step()](value, self.signed())
        return value

    def signed(self, first: bool = False) -> float:
        """A power, and the sign before it: ``-2^2`` is -4."""
        return self.sign(first) * self.power()

    def sign(self, first: bool = False) -> float:
        """The sign that is next; behind an operator ngspice takes one before a number alone."""
        if self.word not in ("+", "-"):
            return 1.0
        sign = -1.0 if self.step() == "-" else 1.0
        if self.word in ("+", "-") or not (first or self.kind == "number"):
            raise self.fail("has a sign behind an operator; put brackets around it and what follows")
        return sign

    def power(self) -> float:
        base = self.operand()
        if self.word not in ("^", "**"):
            return base
        self.step()
        exponent = self.sign() * self.operand()
        if self.word in ("^", "**"):
            raise self.fail("chains powers; put brackets around one")
        if base < 0:
            raise self.fail("has a power of a negative number, which simulators understand differently")
        return float(base**exponent)

    def operand(self) -> float:
        kind, word = self.kind, self.step()
        if word == "(":
            (value,) = self.bracketed(1)
            return value
        if kind == "number":
            return self.number(word)
        if kind == "name":
            return self.function(word) if self.word == "(" else self.lookup(word.lower())
        raise self.fail(f"has {word!r} where an operand was expected" if word else "misses an operand")

    def number(self, word: str) -> float:
        if re.search(r"\dmil", word, re.IGNORECASE):
            raise self.fail(f"has {word!r}: ngspice takes mil for milli in expressions")
        if elsewhere(word):
            raise self.fail(f"has {word!r}, whose last letters are {elsewhere(word)} and a unit elsewhere")
        return number(word)

    def bracketed(self, count: int) -> list[float]:
        """So many values between brackets, the opening one behind us."""
        self.depth += 1
        if self.depth > DEPTH:
            raise self.fail(f"has more than {DEPTH} brackets inside each other")
        values = [self.sum()]
        while self.word == ",":
            self.step()
            values.append(self.sum())
        if self.step() != ")":
            raise self.fail("has an open bracket, or a comma in its place")
        self.depth -= 1
        if len(values) != count:
            raise self.fail(f"has {len(values)} values in brackets where {count} were expected")
        return values

    def function(self, name: str) -> float:
        if name.lower() not in FUNCTIONS:
            raise self.fail(f"has the function {name!r}, which is not evaluated here")
        self.step()
        count, function = FUNCTIONS[name.lower()]
        values = self.bracketed(count)
        try:
            return float(function(*values))
        except ValueError:
            raise self.fail(f"has no value: {name}({', '.join(f'{v:g}' for v in values)})") from None


# -- statements ----------------------------------------------------------------------------------------

Path = tuple[str, ...]
"""Where a line stands: the definitions, sections and conditions around it, from the outside."""

_ASSIGNMENT = re.compile(r"(?<![\w.])([A-Za-z_][\w.]*)\s*=(?!=)")


def assignments(line: str) -> dict[str, str]:
    """Names (in lower case) and expressions of a ``.param`` line.

    Example:
        >>> assignments(".param a = 2 * b, C={3}")
        {'a': '2 * b', 'c': '{3}'}
    """
    found = list(_ASSIGNMENT.finditer(line))
    ends = [*(match.start() for match in found), len(line)][1:]
    return {
        match[1].lower(): line[match.end() : end].strip().rstrip(",").strip()
        for match, end in zip(found, ends, strict=False)
    }


def unwrapped(text: str) -> str:
    """An expression without the braces or quotes around it.

    Example:
        >>> unwrapped("{2*k}"), unwrapped("'k'"), unwrapped("k")
        ('2*k', 'k', 'k')
    """
    text = text.strip()
    return text[1:-1] if len(text) > 1 and (text[0], text[-1]) in _WRAPS else text


_WRAPS = (("{", "}"), ("'", "'"), ('"', '"'))


@dataclass(frozen=True)
class Parameters:
    """The parameters of a text: expressions by place and name, and what must not be evaluated, with the reason."""

    expressions: dict[tuple[Path, str], str]
    refused: dict[tuple[Path, str], str]
    _values: dict[tuple[Path, str], float] = field(default_factory=dict, repr=False, compare=False)

    def lookup(self, path: Path, opened: tuple[tuple[Path, str], ...] = ()) -> Lookup:
        """The values of names as a line at this place sees them: the innermost definition counts."""

        def value(name: str) -> float:
            for depth in range(len(path), -1, -1):
                key = (path[:depth], name)
                if key in self.refused:
                    raise ValueError(
                        f"the parameter {name!r} {self.refused[key]}. Write the value in its place."
                    )
                if key in self.expressions:
                    return self._evaluated(key, opened)
            known = ", ".join(sorted({own for _, own in self.expressions})) or "none"
            raise ValueError(
                f"the parameter {name!r} is not defined. Known: {known}. "
                "Add its .param to the text, or write the value in its place."
            )

        return value

    def _evaluated(self, key: tuple[Path, str], opened: tuple[tuple[Path, str], ...]) -> float:
        if key in opened or len(opened) >= DEPTH:
            why = "is defined by itself" if key in opened else f"needs more than {DEPTH} others"
            raise ValueError(f"the parameter {key[1]!r} {why}. Write the value in its place.")
        if key not in self._values:  # each once: a chain of sums would double the work at every link
            expression = unwrapped(self.expressions[key])
            self._values[key] = evaluate(expression, self.lookup(key[0], (*opened, key)))
        return self._values[key]

"""The grammar of expressions in decks: from text to a tree, names and functions as they are written.

From the loosest to the tightest::

    c ? a : b      ||      xor      &&      == !=      < <= > >=      + -      * / %      unary - + !      ^ **

Operators of one row group from the left. What ngspice groups differently in ``.param`` and in sources is refused:
chained powers, and a sign behind an operator and before a power. What ngspice misreads in ``.param`` alone is refused
there, if it is not in brackets: a sign behind an operator, unless it is a minus before a number (``10*-x+3`` is 17 for
x = 2); a comparison behind an equality (``1==2>0`` is 0); a condition between ``?`` and ``:``. Braces are brackets.
``| & ~`` are ``|| && !``; in Xyce ``^`` is the exclusive or.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ebana.spice.language.lines import shorten
from ebana.spice.language.numbers import number

Dialect = Literal["ngspice", "ltspice", "xyce"]

DEPTH = 80
"""Brackets and conditionals inside each other that are read."""

HEIGHT = 250
"""Operations inside each other, ``((a+b)+c)+d`` being three, that are read; long sums and products count once."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that stands in the text."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A parameter, an argument of a function, or a name such as ``temper``; in lower case."""

    name: str


@dataclass(frozen=True, slots=True)
class Probe:
    """``v(a)``, ``v(a,b)`` or ``i(source)``, names as they are written."""

    quantity: Literal["v", "i"]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator or a function (its name in lower case) and what it is applied to; ``?`` has three."""

    operator: str
    operands: tuple[Tree, ...]
    is_function: bool = False


Tree = Constant | Name | Probe | Operation

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[A-Za-zµμ]*)"
    r"|(?P<name>[A-Za-z_@#][A-Za-z0-9_.#@]*)"
    r"|(?P<operator>\*\*|&&|\|\||<=|>=|<>|==|!=|[-+*/%^<>=?:,!()&|~]))"
)
_SPACE = re.compile(r"\s*")
_BRACES = str.maketrans("{}", "()")
_LEVELS = ({"||"}, {"xor"}, {"&&"}, {"==", "!="}, {"<", "<=", ">", ">="}, {"+", "-"}, {"*", "/", "%"})
_COMPARED = 4
"""The row of comparisons."""
_BRACKETS = "which ngspice reads differently in parameters; put brackets around"
_SAME = {"**": "^", "<>": "!="}
_LOGICAL = {"|": "||", "&": "&&", "~": "!"}


@lru_cache(maxsize=8192)
def parsed(text: str, dialect: Dialect = "ngspice", condition: bool = False, parameter: bool = False) -> Tree:
    """The tree of an expression.

    Args:
        text: the expression, with or without braces around it.
        dialect: whose operators are read.
        condition: whether ``=`` stands for ``==``, as in ``.if``.
        parameter: whether it is one of ``.param``, or a number of a statement, and not of a source.

    Raises:
        ValueError: where it is malformed or nested too deep.

    Example:
        >>> parsed("2*x")
        Operation(operator='*', operands=(Constant(value=2.0), Name(name='x')), is_function=False)
    """
    reader = _Reader(text, dialect, condition, parameter)
    tree = reader.conditional()
    if reader.word:
        raise reader.fail(f"has {reader.word!r} where it should end")
    if _height(tree) > HEIGHT:
        raise reader.fail(f"has more than {HEIGHT} operations inside each other; put parts of it into .param")
    return tree


CHAIN = 40
"""Operations of one row in a chain that are grouped from the left; longer chains are grouped in halves."""


def _chained(first: Tree, others: list[tuple[str, Tree]]) -> Tree:
    """A chain of operators of one row: ``a - b + c``. A long one costs the logarithm of its length in depth.

    Example:
        >>> _height(parsed("+".join(["x"] * 1000))), parsed("a-b-c") == parsed("(a-b)-c")
        (11, True)
    """
    operators = {operator for operator, _ in others}
    if len(others) > CHAIN:
        if operators <= {"+", "-"}:
            return _halved(
                "+", [first, *(one if sign == "+" else Operation("-", (one,)) for sign, one in others)]
            )
        if operators <= {"*", "/"}:
            inverse = Constant(1.0)
            return _halved(
                "*",
                [first, *(one if sign == "*" else Operation("/", (inverse, one)) for sign, one in others)],
            )
        if operators in ({"||"}, {"&&"}, {"xor"}):
            return _halved(operators.pop(), [first, *(one for _, one in others)])
    for operator, one in others:
        first = Operation(operator, (first, one))
    return first


def _halved(operator: str, operands: list[Tree]) -> Tree:
    """Operands of an associative operator, grouped in halves."""
    while len(operands) > 1:
        pairs = [Operation(operator, (a, b)) for a, b in zip(operands[::2], operands[1::2], strict=False)]
        operands = [*pairs, *operands[len(operands) & ~1 :]]
    return operands[0]


def _height(tree: Tree) -> int:
    highest, open_ones = 0, [(tree, 1)]
    while open_ones:
        one, height = open_ones.pop()
        highest = max(highest, height)
        if isinstance(one, Operation):
            open_ones.extend((operand, height + 1) for operand in one.operands)
    return highest


class _Reader:
    """Recursive descent, one word ahead."""

    def __init__(self, text: str, dialect: Dialect, condition: bool, parameter: bool) -> None:
        self.written, self.text = text, text.translate(_BRACES)
        self.dialect: Dialect = dialect
        self.condition, self.parameter = condition, parameter
        self.at = self.depth = 0
        self.word = self.kind = ""
        self.step()

    def fail(self, why: str) -> ValueError:
        return ValueError(f"the expression {shorten(self.written)!r} {why}.")

    def step(self) -> str:
        """The word that was next; reads the one after."""
        before = self.word
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            space = _SPACE.match(self.text, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.text):
                raise self.fail(f"has {self.text[self.at]!r}, which is not known in expressions")
            self.word = self.kind = ""
            return before
        self.kind = match.lastgroup or ""
        self.word = match[self.kind]
        self.at = match.end()
        if self.kind == "operator":
            self.word = self._operator(self.word)
        return before

    def _operator(self, word: str) -> str:
        if self.dialect == "xyce" and word == "^":
            return "xor"
        if word == "=" and self.condition:
            return "=="
        if word == "=":
            raise self.fail(f"has {word!r}, which is not known in expressions; write ==")
        word = _LOGICAL.get(word, word)
        return _SAME.get(word, word)

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > DEPTH:
            raise self.fail(f"has more than {DEPTH} brackets or conditions inside each other")

    def conditional(self, behind: str = "") -> Tree:
        """An expression; ``behind`` is the ``?`` or ``:`` before it."""
        self._deeper()
        condition = self._climb(self.signed(first=True, behind=bool(behind)), 0)
        if self.word == "?":
            if behind == "?" and self._is_cautious():
                raise self.fail(f"has a condition between '?' and ':', {_BRACKETS} it")
            self.step()
            yes = self.conditional("?")
            if self.step() != ":":
                raise self.fail("has a '?' without its ':'")
            condition = Operation("?", (condition, yes, self.conditional(":")))
        self.depth -= 1
        return condition

    def _climb(self, left: Tree, level: int) -> Tree:
        """Operators of this row and those that bind more tightly, by climbing, so that rows cost no depth."""
        while (row := self._row()) >= level:
            chain: list[tuple[str, Tree]] = []
            while self._row() == row:
                operator = self.step()
                right = self.signed(first=False, behind=True)
                while self._row() > row:
                    if operator in ("==", "!=") and self._is_cautious() and self._row() == _COMPARED:
                        raise self.fail(f"has {self.word!r} behind {operator!r}, {_BRACKETS} the comparison")
                    right = self._climb(right, self._row())
                chain.append((operator, right))
            left = _chained(left, chain)
        return left

    def _row(self) -> int:
        if self.kind != "operator":
            return -1
        return next((k for k, row in enumerate(_LEVELS) if self.word in row), -1)

    def signed(self, first: bool, behind: bool) -> Tree:
        """An operand or a power with its signs; ``behind`` tells whether it stands behind an operator of any kind."""
        signs: list[str] = []
        while self.kind == "operator" and self.word in ("+", "-", "!"):
            signs.append(self.step())
        inner = signs if behind else signs[1:]
        self._check_signs(inner, signs[-2:-1])
        tree, is_power = self.power()
        if is_power and (signs if not first else self._is_cautious() and (inner or "!" in signs)):
            raise self.fail("has a sign between an operator and a power; put brackets around the power")
        if len(signs) > DEPTH:
            raise self.fail(f"has more than {DEPTH} signs in a row")
        for sign in reversed(signs):
            tree = tree if sign == "+" else Operation(sign, (tree,))
        return tree

    def _check_signs(self, behind: Sequence[str], before: Sequence[str]) -> None:
        """Refuse signs behind an operator, or behind the sign ``before``, that ngspice misreads in ``.param``."""
        plain = [sign for sign in behind if sign != "!"]
        if not plain or not self._is_cautious():
            return
        alone = list(behind[-1:]) == plain == ["-"] and "!" not in before
        if not (alone and self.kind == "number"):
            raise self.fail(f"has a sign behind an operator, {_BRACKETS} it and what follows")

    def _is_cautious(self) -> bool:
        """Whether ngspice's own reading of signs in parameters counts."""
        return self.parameter and self.dialect == "ngspice"

    def power(self) -> tuple[Tree, bool]:
        """An operand or a power, and whether it is a power without brackets of its own."""
        base = self.operand()
        if not self._is_power():
            return base, False
        self.step()
        sign = self.step() if self.kind == "operator" and self.word in ("+", "-") else ""
        self._check_signs([*sign], [])
        exponent = self.operand()
        if self._is_power():
            raise self.fail("chains powers, which simulators group differently; put brackets around one")
        return Operation("^", (base, Operation("-", (exponent,)) if sign == "-" else exponent)), True

    def _is_power(self) -> bool:
        return self.kind == "operator" and self.word == "^"

    def operand(self) -> Tree:
        kind, word, start = self.kind, self.step(), self.at
        if kind == "number":
            return Constant(self._literal(word))
        if word == "(":
            tree = self.conditional()
            if self.step() != ")":
                raise self.fail("has an open bracket, or a comma in its place")
            return tree
        if kind == "name":
            return self._named(word.lower(), start) if self.word == "(" else Name(word.lower())
        raise self.fail(f"has {word!r} where an operand was expected" if word else "misses an operand")

    def _literal(self, word: str) -> float:
        if re.match(r"[\d.]+(?:e[+-]?\d+)?mil", word, re.IGNORECASE) and self.dialect == "ngspice":
            raise self.fail(
                f"has {word!r}: ngspice takes mil for milli in expressions; write the number without"
            )
        return literal(word, self.dialect)

    def _named(self, name: str, start: int) -> Tree:
        """A function and its arguments, or a probe, whose names may hold anything but blanks."""
        if name in ("v", "i"):
            return self._probe("v" if name == "v" else "i", start)
        self.step()
        arguments: list[Tree] = []
        if self.word != ")" or self.kind != "operator":
            arguments.append(self.conditional())
            while self.word == ",":
                self.step()
                arguments.append(self.conditional())
        if self.step() != ")":
            raise self.fail(f"has an open bracket after {name!r}")
        return Operation(name, tuple(arguments), is_function=True)

    def _probe(self, quantity: Literal["v", "i"], start: int) -> Probe:
        end = _closing(self.written, start)
        if end is None:
            raise self.fail(f"has an open bracket after {quantity!r}")
        names = probed(self.written[start:end])
        if not all(names) or len(names) > (2 if quantity == "v" else 1):
            wanted = "v(node) or v(node,node)" if quantity == "v" else "i(source)"
            raise self.fail(f"has {quantity}({self.written[start:end]}). Expected {wanted}")
        self.at = end + 1
        self.word = self.kind = ""
        self.step()
        return Probe(quantity, names)


def _closing(text: str, start: int) -> int | None:
    """The place of the bracket that closes one before ``start``."""
    depth = 1
    for match in re.compile(r"[()]").finditer(text, start):
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return match.start()
    return None


def probed(text: str) -> tuple[str, ...]:
    """The names between the brackets of a probe; commas within brackets belong to names.

    Example:
        >>> probed("Net-(D1-A), 0")
        ('Net-(D1-A)', '0')
    """
    names, depth, start = [], 0, 0
    for k, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            names.append(text[start:k].strip())
            start = k + 1
    return (*names, text[start:].strip())


LONGEST = 1000
"""Characters of a number."""

_MIXED = re.compile(r"(\d+)(meg|[tgkmunpfrµ])(\d+)", re.IGNORECASE)


def literal(text: str, dialect: Dialect = "ngspice") -> float:
    """A number of a deck.

    LTspice reads ``4k7`` as 4.7k and Xyce ``1x`` as 1e6; ngspice drops what follows the scale, so that 4k7 is refused.

    Raises:
        ValueError: for what is no number, and for one beyond the largest double.

    Example:
        >>> literal("4.7k"), literal("4k7", "ltspice"), literal("2x", "xyce")
        (4700.0, 4700.0, 2000000.0)
    """
    if len(text) > LONGEST:
        raise ValueError(
            f"the number {shorten(text)!r} has {len(text)} characters. Expected at most {LONGEST}."
        )
    mixed = _MIXED.fullmatch(text)
    if mixed and dialect == "ltspice":
        text = f"{mixed[1]}.{mixed[3]}{'' if mixed[2].lower() == 'r' else mixed[2]}"
    elif mixed:
        plain = f"{mixed[1]}.{mixed[3]}{'' if mixed[2].lower() == 'r' else mixed[2]}"
        raise ValueError(
            f"{text!r} is {plain} in LTspice and {mixed[1]}{mixed[2]} in ngspice. Write {plain}."
        )
    if dialect == "xyce" and re.fullmatch(r"[-+.\d]+x[a-z]*", text, re.IGNORECASE):
        text = re.sub("x", "meg", text, count=1, flags=re.IGNORECASE)
    value = number(text)
    if abs(value) == float("inf"):
        raise ValueError(f"{text!r} is beyond the largest double, 1.8e308. Give a smaller number.")
    return value

"""Expressions of behavioural sources, from ngspice's form to one that other simulators read alike.

ngspice writes ``c ? a : b``; LTspice and Xyce write ``if(c, a, b)``. Conditions are comparisons there, and
LTspice takes a number above 0.5 for true where ngspice takes any but zero: so ``a && b`` becomes
``if(a, if(b,1,0), 0) > 0.5``, ``!a`` becomes ``if(a,0,1) > 0.5`` and a plain number x ``abs(x) > 0``. All
else is kept token by token, so that nothing is grouped anew. What simulators understand differently (powers
of negative numbers, some functions) is refused: a wrong deck is worse than none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FUNCTIONS = frozenset(
    ("abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "log", "log10", "max",
     "min", "sin", "sinh", "sqrt", "tan", "tanh")
)  # fmt: skip
"""Functions with one meaning in ngspice, LTspice and Xyce; ``ln`` is written as ``log``."""

COMPARISONS = ("<", ">", "<=", ">=", "==", "!=")

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[A-Za-z]*)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\*\*|&&|\|\||<=|>=|==|!=|[-+*/<>?:,!()^]))"
)


class UnknownExpression(ValueError):
    """An expression that has no form in another dialect."""


@dataclass(frozen=True)
class Group:
    """Bracketed tokens: the arguments of a function, or one expression in brackets (name empty).

    Nodes and sources, ``V(...)`` and ``I(...)``, have no arguments and keep their text.
    """

    name: str
    arguments: tuple[tuple[Token, ...], ...]
    text: str


Token = str | Group
Tokens = tuple[Token, ...]


def parsed(text: str) -> Tokens:
    """The tokens of an expression, nested by brackets.

    Raises:
        UnknownExpression: where the expression is malformed.

    Example:
        >>> parsed("2*(x+1)")
        ('2', '*', Group(name='', arguments=(('x', '+', '1'),), text='x+1'))
    """
    reader = _Reader(text)
    tokens = reader.expression()
    reader.expect_end()
    return tokens


def translated(text: str, conditional: str = "if") -> str:
    """An expression with ``conditional(c,a,b)`` in place of ``c ? a : b``.

    Args:
        text: the expression as ngspice reads it.
        conditional: name of the function.

    Raises:
        UnknownExpression: where the expression is malformed or has no such form.

    Example:
        >>> translated("V(a,b)>0 ? V(a)<1 ? 2 : 3 : 1e-6*V(a)")
        'if(V(a,b)>0,if(V(a)<1,2,3),1e-6*V(a))'
    """
    return _Writer(text, conditional).number(parsed(text))


DEPTH = 100
"""Brackets inside brackets that are read."""

_END = re.compile(r"\s*\Z")
_OPEN = re.compile(r"\s*\(")


class _Reader:
    """Splits a text into tokens, nested by brackets."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def fail(self, why: str) -> UnknownExpression:
        return UnknownExpression(f"the expression {self.text!r} {why}")

    def _next(self) -> re.Match[str] | None:
        if _END.match(self.text, self.at):
            return None
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            rest = self.text[self.at :].strip()
            raise self.fail(f"has {rest[:1]!r}, which is not known here")
        return match

    def expression(self) -> Tokens:
        """Tokens up to a comma or a closing bracket of an outer level, or the end."""
        tokens: list[Token] = []
        while (match := self._next()) is not None:
            word = match.group(match.lastgroup or 0)
            if word in (",", ")"):
                break
            self.at = match.end()
            if word == "(":
                tokens.append(self._group(""))
            elif match.lastgroup == "name" and (bracket := _OPEN.match(self.text, self.at)):
                self.at = bracket.end()
                tokens.append(self._group(word))
            else:
                tokens.append(word)
        if not tokens:
            raise self.fail("misses an operand")
        return tuple(tokens)

    def _group(self, name: str) -> Group:
        start = self.at
        if name.lower() in ("v", "i"):  # nodes and sources: any text
            end = self.text.find(")", start)
            if end < 0:
                raise self.fail("has an open bracket")
            self.at = end + 1
            return Group(name, (), self.text[start:end])
        self.depth += 1
        if self.depth > DEPTH:
            raise self.fail(f"has more than {DEPTH} brackets inside each other")
        arguments = [self.expression()]
        while (match := self._next()) is not None and match.group().strip() == ",":
            self.at = match.end()
            arguments.append(self.expression())
        if match is None:
            raise self.fail("has an open bracket")
        self.at = match.end()
        self.depth -= 1
        if not name and len(arguments) > 1:
            raise self.fail("has a comma outside of a function")
        return Group(name, tuple(arguments), self.text[start : match.start()])

    def expect_end(self) -> None:
        if self.text[self.at :].strip():
            raise self.fail(f"has {self.text[self.at :].strip()[:1]!r} where it should end")


class _Writer:
    """Writes tokens in the new form."""

    def __init__(self, text: str, conditional: str) -> None:
        self.text, self.conditional = text, conditional

    def fail(self, why: str) -> UnknownExpression:
        return UnknownExpression(f"the expression {self.text!r} {why}")

    def number(self, tokens: Tokens) -> str:
        """An expression whose value is a number."""
        if not tokens:
            raise self.fail("misses an operand")
        if "?" in tokens:
            condition, yes, no = self._ternary(tokens)
            return self._if(self.condition(condition), self.number(yes), self.number(no))
        if any(token in (*COMPARISONS, "&&", "||", "!") for token in tokens):
            return self._if(self.condition(tokens), "1", "0")
        return "".join(self._plain(token) for token in tokens)

    def condition(self, tokens: Tokens) -> str:
        """An expression that a conditional function takes as its condition: one comparison."""
        if not tokens:
            raise self.fail("misses an operand")
        if "?" not in tokens:
            for word, yes, no in (("||", "1", None), ("&&", None, "0")):
                if word in tokens:
                    k = tokens.index(word)
                    right = self._if(self.condition(tokens[k + 1 :]), "1", "0")
                    left = self.condition(tokens[:k])
                    return f"{self._if(left, yes or right, no or right)}>0.5"
            compared = [k for k, token in enumerate(tokens) if token in COMPARISONS]
            if len(compared) > 1:
                raise self.fail("chains comparisons; put brackets around them")
            if compared:
                return self._comparison(tokens, compared[0])
            if "!" in tokens:
                if tokens[0] != "!" or len(tokens) != 2:
                    raise self.fail("has a '!' before or after more than one operand; put brackets around it")
                return f"{self._if(self.condition(tokens[1:]), '0', '1')}>0.5"
            if len(tokens) == 1 and isinstance(tokens[0], Group) and not tokens[0].name:
                return self.condition(tokens[0].arguments[0])
        return f"abs({self.number(tokens)})>0"

    def _comparison(self, tokens: Tokens, k: int) -> str:
        word = tokens[k]
        left, right = self.number(tokens[:k]), self.number(tokens[k + 1 :])
        if word == "==":
            return f"{self._if(f'{left}>{right}', '0', self._if(f'{left}<{right}', '0', '1'))}>0.5"
        if word == "!=":
            return f"{self._if(f'{left}>{right}', '1', self._if(f'{left}<{right}', '1', '0'))}>0.5"
        return f"{left}{word}{right}"

    def _if(self, condition: str, yes: str, no: str) -> str:
        return f"{self.conditional}({condition},{yes},{no})"

    def _ternary(self, tokens: Tokens) -> tuple[Tokens, Tokens, Tokens]:
        first, depth = tokens.index("?"), 0
        for k in range(first + 1, len(tokens)):
            if tokens[k] == "?":
                depth += 1
            elif tokens[k] == ":":
                if depth == 0:
                    return tokens[:first], tokens[first + 1 : k], tokens[k + 1 :]
                depth -= 1
        raise self.fail("has a '?' without its ':'")

    def _plain(self, token: Token) -> str:
        if isinstance(token, Group):
            return self._call(token)
        if token in ("**", "^"):
            raise self.fail(
                f"has the power operator {token!r}, which simulators understand differently for negative numbers; "
                "write products, or exp and log"
            )
        if token == ":":
            raise self.fail("has a ':' without its '?'")
        if token[0].isalpha() or token[0] == "_":
            if token.lower() != "time":
                raise self.fail(f"has the variable {token!r}, which is ngspice's own; write its value")
            return "time"
        return token

    def _call(self, group: Group) -> str:
        name = group.name.lower()
        if name in ("v", "i"):
            return f"{group.name}({group.text})"
        if name == "ln":
            name = "log"
        if name and name not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise self.fail(f"has the function {group.name!r}. Known to all simulators alike: {known}")
        return f"{name}({','.join(self.number(argument) for argument in group.arguments)})"

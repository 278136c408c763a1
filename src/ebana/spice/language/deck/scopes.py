"""Names of a deck and their values: parameters, functions, and whose are seen from where.

A name is looked up in the subcircuit where it stands, then in the one that holds the instance, and so on up to the
top of the deck: the chain of *instances*, as ngspice does it, not that of the definitions. Functions, models and
subcircuits follow the chain of the definitions. Parameters may stand in any order; each is evaluated once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ebana.spice.language.deck.expression import (
    Binary,
    Conditional,
    Current,
    Expression,
    Number,
    Potential,
    Unary,
)
from ebana.spice.language.deck.functions import NoValue, called, called_in_parameter, constant, power
from ebana.spice.language.deck.grammar import Constant, Dialect, Name, Operation, Probe, Tree, literal, parsed
from ebana.spice.language.deck.places import Place, located
from ebana.spice.language.deck.words import arguments_of, definitions
from ebana.spice.language.lines import shorten
from ebana.spice.language.numbers import is_number

BUDGET = 10_000_000
"""Operations of a deck's expressions that are written out: functions of functions would double them at every step."""

SINGLE = 200_000
"""Operations of one expression."""

DEPTH = 250
"""Operations inside each other, those of functions of the deck counted in."""

_TIMED = {
    "time": "0 at an operating point",
    "hertz": "0 at an operating point",
    "freq": "0 at an operating point",
}
_CONSTANTS = {
    "pi": math.pi,
    "e": math.e,
    "echarge": 1.602176634e-19,
    "boltz": 1.380649e-23,
    "kelvin": -273.15,
}
_BOLTZMANN_OVER_CHARGE = 1.380649e-23 / 1.602176634e-19
"""Volts per kelvin, of the SI's exact constants."""


@dataclass(frozen=True, slots=True)
class Definition:
    """The text of a parameter, or of a function and its arguments, and where it stands.

    Args:
        text: the expression.
        place: of its statement.
        arguments: of a function, their names in lower case.
        refused: why it must not be evaluated, the end of a sentence; empty for one that may.
    """

    text: str
    place: Place
    arguments: tuple[str, ...] = ()
    refused: str = ""

    def check(self, what: str) -> None:
        """Raise ValueError where it must not be evaluated."""
        if self.refused:
            raise ValueError(f"{what} {self.refused}. Write the value in its place.")


@dataclass
class Surroundings:
    """What all scopes of a deck share.

    Args:
        dialect: whose functions and operators are meant.
        celsius: the temperature, degrees; None where it is not known.
        left: operations that may still be written out.
        single: those of the expression that is being read.
        grounds: names of ground.
        numbers: values in place of those of elements' lines and of cards, by owner and key: ``"m1:w"``.
        offered: cards at hand elsewhere, by name in lower case.
    """

    dialect: Dialect = "ngspice"
    celsius: float | None = 27.0
    left: int = BUDGET
    single: int = SINGLE
    grounds: tuple[str, ...] = ("0", "gnd")
    numbers: Mapping[str, float] = field(default_factory=dict)
    offered: Mapping[str, str] = field(default_factory=dict)

    def stated_for(self, owner: str) -> dict[str, float]:
        """Values in place of those that an element's line or a card states, by key."""
        return {
            key: value
            for name, value in self.numbers.items()
            for full, _, key in [name.rpartition(":")]
            if full == owner
        }

    def is_ground(self, name: str) -> bool:
        """Whether a node's name in lower case is that of ground; ``gnd`` is one like any other in Xyce."""
        return name in self.grounds

    def begin(self) -> None:
        """Begin an expression."""
        self.single = SINGLE

    def spend(self, operations: int = 1) -> None:
        """Count operations."""
        self.left -= operations
        self.single -= operations
        if self.left < 0 or self.single < 0:
            what, most = (
                ("an expression", SINGLE) if self.single < 0 else ("the expressions of the deck", BUDGET)
            )
            raise ValueError(
                f"{what} would have more than {most:,} operations when the deck's functions are written out. "
                "Give values in place of functions of functions."
            )


@dataclass
class Scope:
    """The names that one instance of a subcircuit, or the top of the deck, defines.

    Args:
        shared: what all scopes of the deck share.
        caller: the scope that holds the instance; None at the top.
        outer: the scope in which the subcircuit is defined; None at the top.
        prefix: what full names of elements and nodes in it begin with, such as ``"x1.x2."``.
        ports: full names of the nodes that stand behind its pins.
        shared_nodes: nodes that have one name everywhere (``.global``).
        parameters: expressions of parameters, by name.
        values: those that were evaluated.
        functions: functions of the deck, by name.
        given: names whose values an instance, or who reads the deck, states.
        replaced: those of them that are defined in the scope too.
    """

    shared: Surroundings
    caller: Scope | None = None
    outer: Scope | None = None
    prefix: str = ""
    ports: dict[str, str] = field(default_factory=dict)
    shared_nodes: frozenset[str] = frozenset()
    parameters: dict[str, Definition] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    functions: dict[str, Definition] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    replaced: set[str] = field(default_factory=set)

    # -- names of nodes and elements ------------------------------------------------------------------

    def node(self, name: str) -> str:
        """The full name of a node, in lower case; ``"0"`` for ground."""
        name = name.lower()
        if self.shared.is_ground(name):
            return "0"
        if name in self.ports:
            return self.ports[name]
        everywhere = name in self.shared_nodes or (self.shared.dialect == "xyce" and name.startswith("$g"))
        return name if everywhere else self.prefix + name

    def element(self, name: str) -> str:
        """The full name of an element, in lower case; ``x1:v1`` and ngspice's ``v.x1.v1`` are ``x1.v1``."""
        parts = name.lower().replace(":", ".").split(".")
        if len(parts) > 2 and len(parts[0]) == 1 and parts[-1].startswith(parts[0]) and parts[0] != "x":
            parts = parts[1:]
        return self.prefix + ".".join(parts)

    # -- definitions ------------------------------------------------------------------------------------

    def define(self, text: str, place: Place) -> None:
        """Note the parameters and functions of a ``.param`` statement.

        Args:
            text: what follows its first word.
            place: of the statement.

        Raises:
            ValueError: for text that is no assignment, and values that simulators cut at a blank.
        """
        found = definitions(text)
        for name, arguments, body in found:
            blank = " " in body and unwrapped(body) is body
            if len(found) > 1 and blank and self.shared.dialect == "ngspice":
                raise ValueError(
                    f"the value of {name!r}, {shorten(body)!r}, has blanks and shares its line with others: there "
                    "ngspice reads it up to the first blank. Put it in braces."
                )
            if arguments is not None:
                self.functions.setdefault(name, Definition(body, place, arguments))
            elif name in self.given:
                self.replaced.add(name)  # what an instance states counts before what stands inside
            else:
                self.values.pop(name, None)
                self.parameters[name] = Definition(body, place)

    def define_function(self, text: str, place: Place) -> None:
        """Note the function of a ``.func`` statement; arguments as of :meth:`define`.

        Raises:
            ValueError: for text that defines none.
        """
        match = _FUNCTION.fullmatch(text)
        if match is None:
            raise ValueError(f"cannot read {shorten(text)!r}. Expected .func NAME(a, b) {{expression}}.")
        definition = Definition(match[3].strip(), place, arguments_of(match[2]))
        self.functions.setdefault(match[1].lower(), definition)

    # -- parameters -------------------------------------------------------------------------------------

    def defines(self, name: str) -> bool:
        """Whether a parameter of this name, in lower case, is seen from here."""
        return self._owner(name) is not None

    def value(self, name: str) -> float:
        """The value of a parameter that is seen from here, by its name in lower case.

        Raises:
            ValueError: for one that is not defined, defined by itself, or without a value.
        """
        owner = self._owner(name)
        if owner is None:
            raise ValueError(_undefined(name, self))
        if name not in owner.values:
            _evaluate(owner, name)
        return owner.values[name]

    def _owner(self, name: str) -> Scope | None:
        scope: Scope | None = self
        while scope is not None and name not in scope.parameters and name not in scope.values:
            scope = scope.caller
        return scope

    def function(self, name: str) -> Definition | None:
        """The function of the deck that a name means here."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.functions:
                return scope.functions[name]
            scope = scope.outer
        return None

    # -- expressions ------------------------------------------------------------------------------------

    def expression(self, text: str, *, condition: bool = False) -> Expression:
        """An expression with the values of its parameters, full names, and functions written out.

        Raises:
            ValueError: where it is malformed, has unknown names, or depends on time.
        """
        tree = parsed(text, self.shared.dialect, condition)
        self.shared.begin()
        return _Resolver(self, text).resolved(tree, {}, 0)

    def number(self, text: str, *, condition: bool = False) -> float:
        """The value of a word of a statement: a number with its suffix, an expression, or a parameter's name.

        Raises:
            ValueError: where it has none.
        """
        bare = unwrapped(text)
        if bare is text and (is_number(text) or _MIXED.fullmatch(text)):
            return literal(text, self.shared.dialect)
        tree = parsed(bare, self.shared.dialect, condition, parameter=True)
        self.shared.begin()
        try:
            return constant(_Resolver(self, bare, in_parameter=True).resolved(tree, {}, 0))
        except NoValue as error:
            raise ValueError(f"the expression {shorten(text)!r} {error}.") from None


_MIXED = re.compile(r"\d+[a-z]+\d+", re.IGNORECASE)
_FUNCTION = re.compile(r"([A-Za-z_]\w*)\s*(\([^()]*\))\s*=?\s*(.+)", re.DOTALL)


def unwrapped(text: str) -> str:
    """An expression without the braces or quotes around it; the text itself where there are none.

    Example:
        >>> unwrapped("{2*k}"), unwrapped("'k'"), unwrapped("{a}+{b}")
        ('2*k', 'k', '{a}+{b}')
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and text[0] not in text[1:-1]:
        return text[1:-1]
    if len(text) > 1 and text[0] == "{" and text[-1] == "}":
        depth = 0
        for k, letter in enumerate(text):
            depth += (letter == "{") - (letter == "}")
            if depth == 0:
                return text[1:-1] if k == len(text) - 1 else text
    return text


def _undefined(name: str, scope: Scope) -> str:
    known: list[str] = []
    one: Scope | None = scope
    while one is not None:
        known += [*one.parameters, *one.values]
        one = one.caller
    listed = ", ".join(sorted(set(known))[:12]) or "none"
    return (
        f"the parameter {shorten(name)!r} is not defined. Known here: {listed}. "
        "Define it with .param, or write its value in its place."
    )


# -- evaluation of parameters ----------------------------------------------------------------------------


def _evaluate(owner: Scope, name: str) -> None:
    """Evaluate a parameter after those that it needs, from a list, so that long chains cost no depth."""
    path = [(owner, name)]
    opened = {(id(owner), name)}
    while path:
        scope, own = path[-1]
        definition = scope.parameters[own]
        with located(definition.place):
            definition.check(f"the parameter {own!r}")
            following = None if own in scope.values else _missing(scope, definition)
            if following is None:
                if own not in scope.values:
                    scope.values[own] = scope.number(definition.text)
                path.pop()
                opened.discard((id(scope), own))
                continue
            key = (id(following[0]), following[1])
            if key in opened:
                circle = " -> ".join(name for _, name in [*path, following])
                raise ValueError(f"the parameter {following[1]!r} is defined by itself: {circle}.")
        path.append(following)
        opened.add(key)


def _missing(scope: Scope, definition: Definition) -> tuple[Scope, str] | None:
    """A parameter that a definition needs and that has no value yet."""
    bare = unwrapped(definition.text)
    if bare is definition.text and is_number(definition.text):
        return None
    for name in _names(parsed(bare, scope.shared.dialect), scope):
        owner = scope._owner(name)
        if owner is not None and name not in owner.values:
            return owner, name
    return None


def _names(tree: Tree, scope: Scope) -> list[str]:
    """Names of parameters in a tree and in the functions that it calls."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    open_ones: list[tuple[Tree, frozenset[str]]] = [(tree, frozenset())]
    while open_ones:
        one, bound = open_ones.pop()
        if isinstance(one, Name) and one.name not in bound:
            found[one.name] = None
        elif isinstance(one, Operation):
            open_ones.extend((operand, bound) for operand in one.operands)
            function = scope.function(one.operator) if one.is_function else None
            if function is not None and not function.refused and one.operator not in seen:
                seen.add(one.operator)
                body = parsed(unwrapped(function.text), scope.shared.dialect)
                open_ones.append((body, frozenset(function.arguments)))
    return list(found)


# -- trees to expressions ----------------------------------------------------------------------------------


Bound = dict[str, tuple[Expression, int]]
"""Arguments of a function, and how many operations each has."""


@dataclass
class _Resolver:
    """Writes a tree of the grammar as an expression, as it is seen from a scope."""

    scope: Scope
    text: str
    in_parameter: bool = False

    def resolved(self, tree: Tree, bound: Bound, depth: int) -> Expression:
        self.scope.shared.spend()
        if depth > DEPTH:
            raise ValueError(
                f"the expression {shorten(self.text)!r} has more than {DEPTH} operations inside each other when the "
                "functions of the deck are written out; a function may not call itself."
            )
        match tree:
            case Constant(value):
                return Number(value)
            case Name(name):
                return self.argument(*bound[name]) if name in bound else Number(self.named(name))
            case Probe("v", names):
                return Potential(*map(self.scope.node, names))
            case Probe(_, names):
                return Current(self.scope.element(names[0]))
            case Operation():
                return self.operation(tree, bound, depth)

    def operation(self, tree: Operation, bound: Bound, depth: int) -> Expression:
        if tree.is_function:
            return self.function(tree.operator, tree.operands, bound, depth)
        operands = [self.resolved(one, bound, depth + 1) for one in tree.operands]
        if tree.operator == "?":
            return Conditional(*operands)
        if len(operands) == 2:
            return self.binary(tree.operator, *operands)
        (inner,) = operands
        if tree.operator == "-" and isinstance(inner, Number):
            return Number(-inner.value)
        return Unary("-" if tree.operator == "-" else "!", inner)

    def binary(self, sign: str, left: Expression, right: Expression) -> Expression:
        if sign == "^":
            return power((left, right), self.scope.shared.dialect)
        if sign == "xor":
            return Binary("!=", Unary("!", left), Unary("!", right))
        if sign == "%":
            rounded = self.scope.shared.dialect == "ngspice"
            return Number(_remainder(constant(left), constant(right), rounded=rounded))
        return Binary(sign, left, right)  # type: ignore[arg-type]

    def function(self, name: str, operands: tuple[Tree, ...], bound: Bound, depth: int) -> Expression:
        arguments, sizes = [], []
        for one in operands:
            before = self.scope.shared.left
            arguments.append(self.resolved(one, bound, depth + 1))
            sizes.append(before - self.scope.shared.left)
        own = self.scope.function(name)
        if own is None:
            if name == "fmod" and len(arguments) == 2:
                return self.binary("%", *arguments)
            if self.in_parameter and self.scope.shared.dialect == "ngspice":
                return called_in_parameter(name, tuple(arguments))
            return called(name, tuple(arguments), self.scope.shared.dialect)
        own.check(f"the function {name!r}")
        if len(own.arguments) != len(arguments):
            raise ValueError(
                f"the function {name!r} has {len(arguments)} arguments. Expected {len(own.arguments)}: "
                f"{name}({', '.join(own.arguments)})."
            )
        body = parsed(unwrapped(own.text), self.scope.shared.dialect, parameter=self.in_parameter)
        given = zip(arguments, sizes, strict=True)
        return self.resolved(body, dict(zip(own.arguments, given, strict=True)), depth + 1)

    def argument(self, expression: Expression, size: int) -> Expression:
        """What is put in place of an argument; its operations count each time."""
        self.scope.shared.spend(size - 1)
        return expression

    def named(self, name: str) -> float:
        if self.scope._owner(name) is not None:
            return self.scope.value(name)
        if name in _TIMED:
            raise ValueError(
                f"the expression {shorten(self.text)!r} depends on {name!r}, which is {_TIMED[name]}. "
                "Write the source as it is at DC."
            )
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        own = name == "temper" or (name in ("temp", "vt") and self.scope.shared.dialect != "ngspice")
        if own:
            return self.temperature(name)
        return self.scope.value(name)  # tells what is known

    def temperature(self, name: str) -> float:
        """Degrees Celsius, or of ``vt`` the thermal voltage, volts."""
        celsius = self.scope.shared.celsius
        if celsius is None:
            raise ValueError(
                f"the expression {shorten(self.text)!r} depends on the temperature, which is not known here. "
                "Write the value in its place."
            )
        return _BOLTZMANN_OVER_CHARGE * (celsius + 273.15) if name == "vt" else celsius


def _remainder(x: float, y: float, *, rounded: bool) -> float:
    """What is left of x by whole multiples of y; ``rounded``: of as many as the quotient in floating point says."""
    if y == 0:
        raise NoValue("has no value (remainder of a division by zero)")
    if not rounded:
        return math.fmod(x, y)
    quotient = x / y
    return x - y * math.trunc(quotient) if math.isfinite(quotient) else math.nan

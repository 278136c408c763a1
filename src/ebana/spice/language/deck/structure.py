"""The structure of a deck: definitions of subcircuits inside each other, conditions, and what stands in each.

Statements stay text here; which of them count is known when an instance is made, as conditions (``.if``) may depend on
its parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ebana.spice.language.deck.places import DeckError, Place, located
from ebana.spice.language.deck.sources import Statement
from ebana.spice.language.deck.words import definitions, words
from ebana.spice.language.lines import shorten

NESTED = 50
"""Definitions, and conditions, inside each other that are read."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of ``.if``: its condition (None for ``.else``), and what stands in it."""

    condition: str | None
    place: Place
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The branches of an ``.if``, of which the first one counts whose condition holds."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, eq=False)
class Block:
    """A definition of a subcircuit, or the whole deck (its name empty).

    Args:
        name: in lower case.
        pins: names of its pins, in lower case.
        defaults: expressions of its parameters, by name.
        place: where it begins.
        items: statements, definitions and choices, in order.
    """

    name: str
    pins: tuple[str, ...]
    defaults: dict[str, str]
    place: Place
    items: tuple[Item, ...] = field(repr=False)


Item = Statement | Choice | Block


@dataclass(frozen=True)
class Outline:
    """A deck's blocks, and the commands of its ``.control`` blocks."""

    top: Block
    commands: tuple[Statement, ...]


def outline(statements: Iterable[Statement], title: str) -> Outline:
    """The structure of a deck's statements.

    Raises:
        ValueError: for what is opened and not closed, or closed and not opened, with the place.
    """
    commands: list[Statement] = []
    reader = _Reader(_with_tables(_without_control(statements, commands)))
    items = reader.items("", Place("", 1, title))
    return Outline(Block("", (), {}, Place("", 1, title), items), tuple(commands))


def _without_control(statements: Iterable[Statement], commands: list[Statement]) -> Iterator[Statement]:
    opened: Place | None = None
    for statement in statements:
        card = statement.card
        if card == ".control":
            opened = statement.place
        elif card == ".endc":
            opened = None
        elif opened is not None:
            commands.append(statement)
        else:
            yield statement
    if opened is not None:
        raise DeckError(opened, "it has no .endc.")


def _with_tables(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Statements, those between ``.data`` and ``.enddata`` as one."""
    opened: list[Statement] = []
    for statement in statements:
        if opened and statement.card == ".enddata":
            yield Statement(" ".join(one.text for one in opened), opened[0].place)
            opened = []
        elif opened or statement.card == ".data":
            opened.append(statement)
        else:
            yield statement
    if opened:
        raise DeckError(opened[0].place, "it has no .enddata.")


class _Reader:
    """Recursive descent over statements, bounded by :data:`NESTED`."""

    def __init__(self, statements: Iterator[Statement]) -> None:
        self.statements, self.depth = statements, 0
        self.closed_by: Statement | None = None

    def items(self, opened: str, place: Place) -> tuple[Item, ...]:
        """Items up to the statement that closes ``.subckt`` or a branch; nothing closes the top of a deck."""
        if self.depth > NESTED:
            raise DeckError(place, f"it is more than {NESTED} definitions or conditions deep.")
        found: list[Item] = []
        for statement in self.statements:
            card = statement.card
            if card in _CLOSES.get(opened, ()):
                self.closed_by = statement
                return tuple(found)
            if card in (".ends", ".eom", ".endif", ".else", ".elseif", ".elif"):
                wanted = ".subckt" if card in (".ends", ".eom") else ".if"
                raise DeckError(statement.place, f"it has no {wanted} before it.")
            self.depth += 1
            if card in (".subckt", ".macro"):
                found.append(self.definition(statement))
            elif card == ".if":
                found.append(self.choice(statement))
            else:
                found.append(statement)
            self.depth -= 1
        if opened:
            raise DeckError(place, f"it has no {_CLOSES[opened][0]}.")
        return tuple(found)

    def definition(self, statement: Statement) -> Block:
        with located(statement.place):
            name, pins, defaults = _header(statement)
        items = self.items(".subckt", statement.place)  # names after .ends say nothing, as in ngspice
        return Block(name, pins, defaults, statement.place, items)

    def choice(self, statement: Statement) -> Choice:
        branches: list[Branch] = []
        opening = statement
        while opening.card != ".endif":
            condition = None if opening.card == ".else" else opening.rest
            if condition == "":
                raise DeckError(opening.place, "it has no condition. Expected .if (condition).")
            if branches and branches[-1].condition is None:
                raise DeckError(opening.place, "it follows .else.")
            items = self.items(".if", statement.place)
            branches.append(Branch(condition, opening.place, items))
            assert self.closed_by is not None  # items() ended at one
            opening = self.closed_by
        return Choice(tuple(branches))


_CLOSES = {".subckt": (".ends", ".eom"), ".if": (".endif", ".else", ".elseif", ".elif")}
_PARAMS = re.compile(r"\bparams?:", re.IGNORECASE)


def _header(statement: Statement) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """Name, pins and defaults of ``.subckt``."""
    pins, defaults = instance_words(statement.rest)
    if not pins:
        raise ValueError(
            f"cannot read {shorten(statement.text)!r}. Expected .subckt NAME PIN ... [KEY=value ...]."
        )
    name, *pins = (word.lower() for word in pins)
    return name, tuple(pins), defaults


def instance_words(text: str) -> tuple[list[str], dict[str, str]]:
    """The words of ``.subckt`` or of an instance before its parameters, and these.

    Example:
        >>> instance_words("amp in out PARAMS: gain = {2 * a} m=2")
        (['amp', 'in', 'out'], {'gain': '{2 * a}', 'm': '2'})
    """
    plain = _PARAMS.sub(" ", text)
    found = words(plain)
    first = next((k for k, word in enumerate(found) if re.match(r"[A-Za-z_][\w.]*=(?!=)", word)), len(found))
    stated: dict[str, str] = {}
    for name, arguments, body in definitions(" ".join(found[first:])):
        if arguments is not None:
            raise ValueError(f"{name!r} has arguments, which a parameter of a subcircuit has not.")
        if name in stated:
            raise ValueError(f"it states {name!r} twice.")
        stated[name] = body
    return found[:first], stated

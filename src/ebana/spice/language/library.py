"""Libraries of ``.model`` cards: which card a name means, and the values that its parameters have there.

* The first of several cards of a name at the top of a text counts; those inside ``.subckt`` come after all of them.
* Values in braces or quotes, and names of parameters, are evaluated by the grammar of decks
  (:mod:`ebana.spice.language.deck.scopes`): ``.param`` and ``.func`` count where they stand, and a name means its
  innermost definition.
* What has no value by the text alone is refused by name: parameters of instances, definitions under conditions, and
  the temperature; and so are numbers whose letters other simulators read differently, such as ``1A``.

Of a text with many cards only the one that is asked for is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from ebana.spice.language.card_reader import AKO_DEPTH, base_name, card_name, is_card, located, read_card
from ebana.spice.language.cards import WORDS, ModelCard
from ebana.spice.language.deck.places import Place
from ebana.spice.language.deck.scopes import Definition, Scope, Surroundings, unwrapped
from ebana.spice.language.lines import Line, assignments, read_lines, shorten
from ebana.spice.language.numbers import elsewhere, is_number

Path = tuple[str, ...]
"""Where a line stands: the definitions, sections and conditions around it, from the outside."""

PARAMETERS = (".param", ".params", ".parameter")
"""Statements that define parameters."""

FUNCTIONS = (".func", ".function")
"""Statements that define functions."""

SUBCIRCUIT = ".subckt"

_FUNCTION = re.compile(r"\S+\s+([A-Za-z_]\w*)\s*\(")
_SUFFIXED = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[A-Za-z]+")


def doubtful(text: str) -> str:
    """Why a number of an expression is not taken, the end of a sentence: other simulators read its letters differently.

    Example:
        >>> doubtful("2*1.5A"), doubtful("2*x1a + 3m")
        ("has '1.5A', whose last letters are atto in ngspice from 42 on and a unit elsewhere", '')
    """
    for match in _SUFFIXED.finditer(text):
        if meant := elsewhere(match[0]):
            return f"has {match[0]!r}, whose last letters are {meant} and a unit elsewhere"
    return ""


CONDITION = ".if"
"""The step of a place that stands for a condition."""


class Names:
    """What a text defines, by place: parameters and functions, and what must not be evaluated, with the reason.

    Args:
        where: what errors call the text.
        defining: the lines that define something, and their places.
    """

    def __init__(self, where: str, defining: Iterable[tuple[Line, Path]]) -> None:
        self.where = where
        self.scopes: dict[Path, Scope] = {(): Scope(Surroundings(celsius=None))}
        refused = [(line, path, why) for line, path in defining if (why := self._taken(line, path))]
        for scope in self.scopes.values():
            _refuse_doubtful(scope.parameters)
            _refuse_doubtful(scope.functions)
        for line, path, why in refused:  # at last: a name that is refused once stays so
            self._refuse(line, path, why)

    def scope(self, path: Path) -> Scope:
        """The names that a line at this place sees, the innermost definition first; conditions are no places."""
        path = tuple(step for step in path if step != CONDITION)
        if path not in self.scopes:
            outer = self.scope(path[:-1])
            self.scopes[path] = Scope(outer.shared, outer, outer)
        return self.scopes[path]

    def _taken(self, line: Line, path: Path) -> str:
        """Note what a line defines, or tell why its names have no value."""
        card, rest = _split(line)
        if card == SUBCIRCUIT:
            return f"belongs to the instances of the {path[-1]}"
        if line.problem:
            return f"cannot be read: {line.problem}"
        if CONDITION in path:
            return "is defined under a condition (.if)"
        scope = self.scope(path)
        try:
            (scope.define_function if card in FUNCTIONS else scope.define)(rest, self._place(line))
        except ValueError as error:
            return f"cannot be read: {error}"
        return ""

    def _refuse(self, line: Line, path: Path, why: str) -> None:
        scope, refused = self.scope(path), Definition("", self._place(line), refused=why)
        if _split(line)[0] in FUNCTIONS:
            name = _FUNCTION.match(line.text)
            scope.functions |= {name[1].lower(): refused} if name else {}
        else:
            scope.parameters |= dict.fromkeys(assignments(line.text), refused)

    def _place(self, line: Line) -> Place:
        return Place(self.where, line.number, line.text)


def _split(line: Line) -> tuple[str, str]:
    """The first word in lower case, and what follows it."""
    word, *rest = line.text.split(maxsplit=1)
    return word.lower(), "".join(rest)


def _refuse_doubtful(table: dict[str, Definition]) -> None:
    table |= {name: replace(one, refused=why) for name, one in table.items() if (why := doubtful(one.text))}


# -- cards ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    """A card that is not read yet: its name (empty where it has none), its line, and where it stands."""

    name: str
    line: Line
    path: Path


class Library:
    """The cards of a text, each read when it is asked for.

    Args:
        text: SPICE text.
        where: what errors call it, such as the path of a file.

    Example:
        >>> library = Library(".param i=1n\\n.model a D(IS={2*i})\\n.model b VDMOS(Rg=3")
        >>> library.names, str(library.card("a"))
        (('a', 'b'), '.model a D(IS=2e-09)')
    """

    def __init__(self, text: str, where: object = "") -> None:
        self.where = where
        self._entries: list[_Entry] = []
        self._defining: list[tuple[Line, Path]] = []
        self._includes: list[str] = []
        lines = list(read_lines(text))
        self._has_sections = any(line.text.lower().startswith(".endl") for line in lines)
        path: Path = ()
        for line in lines:
            path = self._take(line, path)

    def _take(self, line: Line, path: Path) -> Path:
        """Note what a line says; the place of the next one."""
        words = line.text.split()
        statement = words[0].lower()
        if is_card(line.text):
            self._entries.append(_Entry(card_name(line.text), line, path))
        elif statement in (*PARAMETERS, *FUNCTIONS):
            self._defining.append((line, path))
        elif statement == SUBCIRCUIT:
            path = (*path, f"subcircuit {words[1] if len(words) > 1 else ''}")
            self._defining.append((line, path))
        elif statement == CONDITION:
            path = (*path, CONDITION)
        elif statement == ".lib" and len(words) == 2 and self._has_sections:
            path = (*path, f"section {words[1]}")
        elif statement in (".ends", ".endif", ".endl"):
            path = path[:-1]
        elif statement in (".include", ".inc", ".lib"):
            self._includes.append(shorten(line.text))
        return path

    @cached_property
    def _names(self) -> Names:
        return Names(str(self.where), self._defining)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cards, in order."""
        return tuple(entry.name for entry in self._entries if entry.name)

    def __len__(self) -> int:
        """The number of cards, those without a name too."""
        return len(self._entries)

    @contextmanager
    def reading(self, name: str | None = None) -> Iterator[ModelCard]:
        """The card of that name, or the only one; errors in the block name its line.

        Raises:
            ValueError: where there is no such card, or it cannot be read.
        """
        entry = self._find(name)
        with located(entry.line, self.where):
            yield self._card(entry, ())

    def card(self, name: str | None = None) -> ModelCard:
        """The card of that name, or the only one."""
        with self.reading(name) as card:
            return card

    def _find(self, name: str | None) -> _Entry:
        if name is None and len(self._entries) == 1:
            return self._entries[0]
        found = [entry for entry in self._entries if entry.name.lower() == (name or "").lower() and name]
        top = [entry for entry in found if not entry.path]
        if top or found:
            return top[0] if top else self._only(found)
        known = ", ".join(self.names) or "no .model cards"
        nameless = [entry.line for entry in self._entries if not entry.name]
        also = (
            f" Line {nameless[0].number}, {shorten(nameless[0].text)!r}, names no model." if nameless else ""
        )
        if self._includes:
            also += f" It includes other files, which are not read: {', '.join(self._includes[:3])}."
        raise ValueError(f"{self.where or 'the text'} has no model {name!r}. It has: {known}.{also}")

    def _only(self, found: list[_Entry]) -> _Entry:
        if len({entry.line.text.lower() for entry in found}) > 1:
            places = ", ".join(f"line {entry.line.number} ({' of '.join(entry.path)})" for entry in found)
            raise ValueError(
                f"{self.where or 'the text'} has several models {found[0].name!r}, none of them at its top: {places}. "
                "Give the text of the one that is meant."
            )
        return found[0]

    def _card(self, entry: _Entry, opened: tuple[_Entry, ...]) -> ModelCard:
        if CONDITION in entry.path:
            raise ValueError(
                f"model {entry.name!r} stands under a condition (.if), which is not evaluated. Give its text alone."
            )
        if entry in opened or len(opened) > AKO_DEPTH:
            raise ValueError(f"model {entry.name!r} is a kind of itself (AKO). Expected another card.")
        ako = base_name(entry.line.text)
        base = None
        if ako is not None and ako.lower() in (name.lower() for name in self.names):
            of = self._find(ako)
            with located(of.line, self.where):
                base = self._card(of, (*opened, entry))
        return self._evaluated(read_card(entry.line.text, base), entry.path)

    def _evaluated(self, card: ModelCard, path: Path) -> ModelCard:
        """The card with the values of expressions and names of parameters; it keeps the reason where one has none."""
        scope = self._names.scope(path)
        values, problems = dict(card.parameters), dict(card.problems)
        for key, text in card.parameters.items():
            written = unwrapped(text) != text
            if (
                key in WORDS
                or is_number(text)
                or key in problems
                or not (written or scope.defines(text.lower()))
            ):
                continue
            try:
                values[key] = repr(_value(scope, text))
            except ValueError as error:
                if written:
                    problems[key] = f"has no value: {error}"
        if values == card.parameters and not problems:
            return card
        return ModelCard.of(
            card.name, card.type, {key.upper(): value for key, value in values.items()}, problems
        )


def _value(scope: Scope, text: str) -> float:
    """The value of an expression in braces or quotes, or of a parameter."""
    if why := doubtful(text):
        raise ValueError(f"the expression {shorten(text)!r} {why}.")
    return scope.number(text)

"""One instance of a subcircuit, or the top of a deck: what is defined in it, with its own parameters.

Models, subcircuits and functions are those of the definition and of the definitions around it; parameters those of
the instance (:mod:`.scopes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from ebana.spice.language import card_reader, cards, mosfet_parameters
from ebana.spice.language.cards import WORDS, ModelCard
from ebana.spice.language.deck.places import DeckError, located
from ebana.spice.language.deck.scopes import Scope, unwrapped
from ebana.spice.language.deck.sources import Statement
from ebana.spice.language.deck.structure import Block, Choice, Item
from ebana.spice.language.numbers import is_number

PARAMETERS = (".param", ".params", ".parameter", ".global_param")
"""Statements that define parameters."""

FUNCTIONS = (".func", ".function")
"""Statements that define functions."""


@dataclass
class Frame:
    """What an instance defines and holds.

    Args:
        block: its definition.
        scope: its names.
        outer: the frame in which the definition stands; None at the top.
        multiplier: how many of it stand in parallel, those of the instances around it counted in.
    """

    block: Block
    scope: Scope
    outer: Frame | None = None
    multiplier: float = 1.0
    subcircuits: dict[str, Block] = field(default_factory=dict)
    models: dict[str, Statement] = field(default_factory=dict)
    elements: list[Statement] = field(default_factory=list)
    directives: list[Statement] = field(default_factory=list)
    evaluated: dict[str, ModelCard] = field(default_factory=dict)

    def take(self, items: Iterable[Item]) -> None:
        """Note what items define, then those of the branches whose conditions hold."""
        choices: list[Choice] = []
        for item in items:
            if isinstance(item, Choice):
                choices.append(item)
            elif isinstance(item, Block):
                self.subcircuits.setdefault(item.name, item)
            else:
                with located(item.place):
                    self.note(item)
        for choice in choices:
            self.take(self.chosen(choice))

    def note(self, statement: Statement) -> None:
        """Note one statement."""
        card = statement.card
        if card in PARAMETERS:
            self.scope.define(statement.rest, statement.place)
        elif card in FUNCTIONS:
            self.scope.define_function(statement.rest, statement.place)
        elif card == ".model":
            words = statement.text.split()
            if len(words) < 3:
                raise ValueError("cannot read the card. Expected .model NAME TYPE(KEY=value ...).")
            self.models.setdefault(words[1].lower(), statement)
        elif card.startswith("."):
            self.directives.append(statement)
        else:
            self.elements.append(statement)

    def chosen(self, choice: Choice) -> tuple[Item, ...]:
        """The items of the first branch whose condition holds."""
        for branch in choice.branches:
            if branch.condition is None:
                return branch.items
            with located(branch.place):
                if self.scope.number(unwrapped(branch.condition), condition=True):
                    return branch.items
        return ()

    # -- what a name means here ------------------------------------------------------------------------

    def subcircuit(self, name: str) -> tuple[Block, Frame]:
        """The definition that a name means here, and the frame in which it stands.

        Raises:
            ValueError: where there is none.
        """
        frame: Frame | None = self
        known: list[str] = []
        while frame is not None:
            if name.lower() in frame.subcircuits:
                return frame.subcircuits[name.lower()], frame
            known += frame.subcircuits
            frame = frame.outer
        listed = ", ".join(sorted(set(known))[:12]) or "none"
        raise ValueError(
            f"there is no subcircuit {name!r}. Known here: {listed}. Include the file that defines it."
        )

    def holder(self, name: str) -> Frame | None:
        """The frame whose model a name means here."""
        frame: Frame | None = self
        while frame is not None and name.lower() not in frame.models:
            frame = frame.outer
        return frame

    def model(self, name: str, types: tuple[str, ...]) -> ModelCard:
        """The card that a name means here, its values evaluated.

        Args:
            name: as it is written.
            types: types of the devices that it may be of.

        Raises:
            ValueError: where there is none, it is of another type or level, or has no value.
        """
        frame = self.holder(name)
        if frame is None:
            raise ValueError(self._no_model(name.lower()))
        _check_kind(name, frame.models[name.lower()].text, types)
        return frame.card(name.lower(), ())

    def _no_model(self, name: str) -> str:
        known: list[str] = []
        frame: Frame | None = self
        while frame is not None:
            known += frame.models
            frame = frame.outer
        if any(one.startswith(f"{name}.") for one in known):
            return f"the model {name!r} has a card for each range of sizes (binning). Name the one that is meant."
        listed = ", ".join(sorted(set(known))[:12]) or "none"
        what = f"there is no model {name!r}. Known here: {listed}. "
        offered = self.scope.shared.offered
        if name in offered:
            return f"{what}Add the card that ebana has of it: {offered[name]}"
        near = get_close_matches(name, offered, 3, 0.7)
        has = f" ebana has cards of {', '.join(near)}." if near else ""
        return f"{what}Add its .model card, or include its file.{has}"

    def card(self, name: str, opened: tuple[str, ...]) -> ModelCard:
        """The card of this frame of that name."""
        if name not in self.evaluated:
            statement = self.models[name]
            if name in opened or len(opened) > card_reader.AKO_DEPTH:
                raise DeckError(
                    statement.place, f"model {name!r} is a kind of itself (AKO). Expected another card."
                )
            with located(statement.place):
                self.evaluated[name] = self._read(statement, (*opened, name))
        return self.evaluated[name]

    def _read(self, statement: Statement, opened: tuple[str, ...]) -> ModelCard:
        of = card_reader.base_name(statement.text)
        base = None
        if of is not None:
            holder = self.holder(of)
            if holder is None:
                raise ValueError(self._no_model(of.lower()))
            base = holder.card(of.lower(), opened if holder is self else ())
        card = self._with_values(card_reader.read_card(statement.text, base))
        given = self.scope.shared.stated_for(self.scope.prefix + card.name.lower())
        if not given:
            return card
        values = {**card.parameters, **{key: repr(value) for key, value in given.items()}}
        return ModelCard.of(card.name, card.type, {key.upper(): value for key, value in values.items()})

    def _with_values(self, card: ModelCard) -> ModelCard:
        """The card with the values of its expressions and names of parameters."""
        values = dict(card.parameters)
        for key, text in card.parameters.items():
            if key in WORDS or is_number(text):
                continue
            values[key] = repr(self._value(card.name, key, text))
        if values == card.parameters:
            return card
        return ModelCard.of(card.name, card.type, {key.upper(): value for key, value in values.items()})

    def _value(self, name: str, key: str, text: str) -> float:
        try:
            return self.scope.number(text)
        except DeckError:
            raise
        except ValueError as error:
            raise ValueError(f"model {name!r}, parameter {key.upper()}: {error}") from error


_KIND = re.compile(r"\.model\s+\S+\s+(?:ako:\s*\S+\s*)?([A-Za-z]\w*)(.*)", re.IGNORECASE | re.DOTALL)
_LEVEL = re.compile(r"(?<![\w.])level\s*=?\s*(\d[\w.+]*)", re.IGNORECASE)


def _check_kind(name: str, text: str, types: tuple[str, ...]) -> None:
    """Refuse a card of another type or level before the rest of it is read, of which nothing need be known here."""
    match = _KIND.match(text)
    if match is None or ":" in text.split("(", 1)[0]:
        return  # told where it is read; cards that are a kind of another may leave out their type
    kind = match[1].upper()
    if kind not in types:
        raise ValueError(f"its model {name!r} is of type {kind}. Expected {' or '.join(types)}.")
    level = _LEVEL.search(match[2])
    if level is not None and kind in ("D", "NMOS", "PMOS"):
        _check_level(ModelCard.of(name, kind, {"level": level[1]}), _LEVELS[kind])


def checked(card: ModelCard) -> ModelCard:
    """A card of a diode or a MOSFET of level 1 with known parameters.

    Raises:
        ValueError: for another level, and for parameters that no such device has.
    """
    if card.type == "D":
        _check_level(card, _LEVELS["D"])
        cards.check_names(card)
    else:
        _check_level(card, _LEVELS["NMOS"])
        mosfet_parameters.check_names(card)
    return card


_LEVELS = dict.fromkeys(("NMOS", "PMOS"), "a MOSFET of level 1") | {"D": "a junction diode of level 1"}


def _check_level(card: ModelCard, wanted: str) -> None:
    level = card.parameters.get("level", "1")
    if cards.value(card, "level", level) != 1:
        raise ValueError(f"model {card.name!r} is of LEVEL={level}. Expected {wanted}; others are not read.")

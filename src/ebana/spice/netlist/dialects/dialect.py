"""What the languages of simulators have in common, and what each may state in its own way.

Resistors, sources, E, F and G sources, subcircuits, continuation lines and the temperature of an instance (``temp=``)
are written alike by ngspice, LTspice and Xyce (LTspice help, "Circuit elements"; Xyce Reference Guide, "Netlist
reference"). B sources, tolerances and analyses differ, and so do some parameters of diodes and transistors
(:mod:`ebana.spice.netlist.dialects.cards`). Blocks that a user wrote in SPICE are ngspice's text and are refused by
others. Each simulator has its own values of Boltzmann's constant and the elementary charge, which move a diode's
voltage by about a microvolt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from ebana.spice.language.canonical import plain_text
from ebana.spice.language.cards import ModelCard
from ebana.spice.language.expressions import UnknownExpression, translated
from ebana.spice.language.reader import read
from ebana.spice.language.statements import (
    Behavioural,
    Comment,
    Deck,
    Definition,
    DeviceLine,
    Statement,
    SwitchModel,
    Text,
    Transient,
    UserSubcircuit,
)
from ebana.spice.netlist.dialects import cards

DEVICE = "the text of a device"
"""What warnings call the text that a device states for SPICE."""

_WORDS = {"E": 6, "G": 6, "F": 5, "H": 5}
"""Words of the linear forms of controlled sources, which all simulators share."""


class Dialect:
    """The language of a simulator that shares SPICE's elements with ngspice.

    A subclass states the attributes, :meth:`options` and :meth:`analysis`.
    """

    name: ClassVar[str]
    run: ClassVar[str]
    """How to run a deck, for its third line."""

    letters: ClassVar[str] = "RCLKDMQJVIEFGHX"
    """First letters of the elements that users may write as for ngspice (B sources apart)."""

    conditional: ClassVar[str]
    """Name of the function that chooses between two values."""

    brackets: ClassVar[tuple[str, str]] = ("", "")
    """What is put around the expression of a B source."""

    known: ClassVar[cards.Known]
    """What it knows of diodes."""

    def options(self, deck: Deck) -> list[str]:
        """Lines of tolerances: the deck's gmin, and what its analysis asks for."""
        raise NotImplementedError

    def analysis(self, deck: Deck) -> list[str]:
        """Lines of the deck's analysis.

        Raises:
            ValueError: for an analysis that it does not write.
        """
        raise NotImplementedError

    def course(self, transient: Transient) -> tuple[str, str, str, str]:
        """Least step, duration, largest step and whether stated voltages are the start, as words of a ``.tran``.

        Raises:
            ValueError: for tolerances and methods of integration, which simulators state in ways of their own.
        """
        given = {"method": transient.method, "reltol": transient.reltol, "trtol": transient.trtol}
        if stated := [name for name, value in given.items() if value]:
            raise ValueError(
                f"the transient states {', '.join(stated)}, which has no form in the dialect {self.name!r}. Leave it "
                "out, or write the deck for ngspice."
            )
        first, stop, longest = (repr(float(t)) for t in (transient.first, transient.stop, transient.longest))
        return first, stop, longest, " uic" if transient.use_start else ""

    # -- writing ---------------------------------------------------------------------------------------

    def deck(self, deck: Deck) -> str:
        """The text of a deck."""
        return "\n".join(self.deck_lines(deck)) + "\n"

    def deck_lines(self, deck: Deck) -> list[str]:
        """The lines of a deck."""
        head = [str(Comment(line)) for line in deck.title]
        body = [line for statement in deck.statements for line in self.lines(statement)]
        analysis = [] if deck.analysis is None else self.analysis(deck)
        return [*head, f"* Run with: {self.run}", *self.options(deck), *body, "", *analysis, ".end"]

    def library(self, statements: Iterable[Statement]) -> str:
        """The text of statements alone, without analysis and end: what other decks include."""
        return "\n".join(line for statement in statements for line in self.lines(statement)) + "\n"

    def lines(self, statement: Statement) -> Iterator[str]:
        """The lines of a statement.

        Raises:
            ValueError: where it has no form in this dialect.
        """
        match statement:
            case Definition():
                yield from statement.head.splitlines()
                for inner in statement.body:
                    yield from self.lines(inner)
                yield statement.end
            case UserSubcircuit():
                yield from self.user_subcircuit(statement)
            case Behavioural():
                yield self.behavioural(statement)
            case ModelCard():
                yield cards.model_card(statement, self.name, self.known)
            case SwitchModel():
                yield self.switch_model(statement)
            case DeviceLine():
                yield cards.device_line(statement, self.name, self.known)
            case Text():
                for each in read(plain_text(statement.text, DEVICE)):
                    yield from self._checked(each.text) if isinstance(each, Text) else self.lines(each)
            case _:
                yield from str(statement).splitlines() or [""]

    def behavioural(self, source: Behavioural) -> str:
        """A B source, its conditions as this simulator writes them."""
        try:
            expression = translated(source.expression, self.conditional)
        except UnknownExpression as error:
            raise ValueError(
                f"the source {source.name} has no form in the dialect {self.name!r}: {error}."
            ) from error
        left, right = self.brackets
        return f"{source.name} {source.plus} {source.minus} {source.quantity}={left}{expression}{right}"

    def switch_model(self, card: SwitchModel) -> str:
        """The card of switches with hysteresis."""
        return str(card)

    def user_subcircuit(self, block: UserSubcircuit) -> Iterator[str]:
        """Blocks of a user are text for ngspice."""
        raise ValueError(
            f"element {block.element!r} is the subcircuit {block.name!r}, whose text was written for "
            f"ngspice and has no form in the dialect {self.name!r}. Write the deck with dialect='ngspice' and put "
            "that simulator's own text in place of the block, or build it from resistors and devices."
        )

    def _checked(self, line: str) -> Iterator[str]:
        """A line of a user's, as it is, where all simulators read it alike."""
        first, words = line[:1].upper(), len(line.split())
        if first in ("*", "+") or line.split()[0].lower() in (".subckt", ".ends", ".end"):
            yield line
        elif first == ".":
            raise ValueError(
                f"the statement {line!r} has no form in the dialect {self.name!r}. Expected .model cards and elements."
            )
        elif first not in self.letters or words != _WORDS.get(first, words):
            raise ValueError(
                f"the element line {line!r} has no form in the dialect {self.name!r}. Expected one of "
                f"{' '.join(self.letters)} in their linear forms, or a B source; write the device's spice() with those."
            )
        else:
            yield line

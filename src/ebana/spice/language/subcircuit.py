"""Blocks that a user writes in SPICE: the text of a ``.subckt``, its name and its pins.

A block has no current law here: SPICE engines solve it, and what only its law could tell (its power, the
energy of the circuit, an error estimate) is refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ebana.spice.language import card_reader, cards, limits, mosfet_parameters, selection, subcircuit_graph
from ebana.spice.language.canonical import plain_numbers
from ebana.spice.language.card_reader import located
from ebana.spice.language.files import read_text
from ebana.spice.language.lines import Line, read_lines, shorten
from ebana.spice.language.subcircuit_graph import ELEMENTS, Groups

_CARDS = (".subckt", ".ends", ".model", ".param", ".func")
"""Cards that a block may hold. Others would reach beyond it (files, commands, analyses)."""

_MODELS = ("D", "NMOS", "PMOS", "NPN", "PNP", "NJF", "PJF", "SW", "CSW", "R", "C", "L")
"""Types of ``.model`` cards that a block may hold."""

_REACHES_OUT = re.compile(r"file|[\"'`]", re.IGNORECASE)
"""What names a file or a command, in elements and expressions that could read or run one."""


class NeedsSpice(ValueError):
    """Something was asked of a circuit that only SPICE, or nobody, knows."""


@dataclass(frozen=True)
class Subcircuit:
    """The definition of a subcircuit.

    Args:
        name: its name.
        pins: names of its pins, in order.
        text: its SPICE text, with all models and subcircuits that it needs.

    Example:
        >>> block = Subcircuit.parse('''
        ... .subckt clip node
        ... D1 node 0 diode
        ... .model diode D(IS=1e-9)
        ... .ends clip
        ... ''')
        >>> block.name, block.pins
        ('clip', ('node',))
    """

    name: str
    pins: tuple[str, ...]
    text: str = field(repr=False)

    @staticmethod
    def parse(block: object, name: str | None = None) -> Subcircuit:
        """Read a block from SPICE text, from a file, or from any object whose ``str()`` is such a text.

        Of a text with many subcircuits and cards only those are read that the block needs. What simulators read
        differently is written in the plain form of :mod:`ebana.spice.language.canonical`.

        Args:
            block: the text, the :class:`~pathlib.Path` of a file with it, or for example a ``SubCircuit`` of
                PySpice or InSpice.
            name: which of its subcircuits is meant, where it has several; the last one if left out.

        Raises:
            ValueError: for text without that subcircuit, for lines that reach beyond a block or that SPICE would
                pass over, and for nodes that float or loops of voltage sources inside it.
            OSError: for a file that cannot be read.

        Warns:
            UserWarning: for numbers whose suffix simulators read differently.
        """
        text = read_text(block) if isinstance(block, Path) else str(block)
        lines = list(read_lines(text))
        names = selection.definitions(lines)
        if not names:
            _check(lines, text)
            raise ValueError(
                f"the text {shorten(text)!r} has no .subckt. Expected .subckt NAME PINS ... .ends."
            )
        if name is None:
            name = names[-1]
        if name.lower() not in (own.lower() for own in names):
            raise ValueError(f"the text has no subcircuit {name!r}. It has: {', '.join(names)}.")
        checked = _check(selection.needed(lines, name), text)
        plain = plain_numbers(checked, f"subcircuit {name!r}")
        limits.check_lines(plain)
        found = subcircuit_graph.definitions(plain).inside[name.lower()]
        if not found.pins:
            raise ValueError(f"subcircuit {found.name!r} has no pins. Expected at least one.")
        subcircuit_graph.groups(found)
        return Subcircuit(found.name, found.pins, "\n".join(_self_contained(plain)))

    @cached_property
    def _groups(self) -> tuple[Groups, Groups]:
        top = subcircuit_graph.definitions(self.text.splitlines())
        return subcircuit_graph.groups(top.inside[self.name.lower()])

    @property
    def joined(self) -> Groups:
        """Groups of pins that direct current joins: their positions, -1 for ground."""
        return self._groups[0]

    @property
    def fixed(self) -> Groups:
        """Groups of pins that the block's voltage sources join: their positions, -1 for ground."""
        return self._groups[1]


def _check(lines: list[Line], text: str) -> list[str]:
    """The lines, cards among them in plain form; raises ValueError for what a block must not hold."""
    depth, found = 0, []
    for line in lines:
        with located(line):
            plain, depth = _checked(line.text, depth)
        found.append(plain)
    if depth:
        raise ValueError(f"the text {shorten(text)!r} has a .subckt without its .ends.")
    return found


def _checked(line: str, depth: int) -> tuple[str, int]:
    """A line in plain form, and the number of definitions that are open after it."""
    line = line.replace("µ", "u")
    if not line.isascii() or not line.replace("\t", " ").isprintable():
        raise ValueError(
            f"the subcircuit has the line {shorten(ascii(line)[1:-1])!r} with characters beyond ASCII. Remove them."
        )
    card = line.split()[0].lower()
    if card.startswith(".") and card not in _CARDS:
        raise ValueError(
            f"a subcircuit has the line {shorten(line)!r}. Expected elements and {', '.join(_CARDS)}; give "
            "the text of an included file itself, or its path as a pathlib.Path."
        )
    _check_reach(line, card)
    if any(line.count(left) != line.count(right) for left, right in ("()", "{}")):
        raise ValueError(f"a subcircuit has the line {shorten(line)!r}, whose brackets do not match.")
    if card == ".model":
        line = _check_model(line)
    depth += (card == ".subckt") - (card == ".ends")
    if depth < 0 or (depth == 0 and card not in (".ends", ".model", ".param", ".func")):
        raise ValueError(
            f"a subcircuit's text has the line {shorten(line)!r} outside .subckt ... .ends. Expected "
            "definitions alone; put elements inside."
        )
    return line, depth


def _check_reach(line: str, card: str) -> None:
    """Refuse what could read files or run programs: a stored model holds the text of its blocks."""
    if not card.startswith(".") and card[0] not in ELEMENTS:
        raise ValueError(
            f"a subcircuit has the line {shorten(line)!r}. Expected elements of the letters "
            f"{', '.join(letter.upper() for letter in ELEMENTS)}."
        )
    reach = _REACHES_OUT.search(line)
    if reach:
        raise ValueError(
            f"a subcircuit has the line {shorten(line)!r} with {reach[0]!r}. Expected no files and no quotes; write "
            "expressions in braces, and tables with pwl(...)."
        )


def _check_model(line: str) -> str:
    """A card in plain form; refuses types that are no device, and parameters that ngspice would pass over."""
    words = re.match(r"\S+\s+[\w.+-]+\s+([A-Za-z]\w*)(?=[\s(,]|$)", line)
    if words is None or words[1].upper() not in _MODELS:
        kind_of = re.match(r"\S+\s+\S+\s+ako:", line, re.IGNORECASE)
        raise ValueError(
            f"a subcircuit has the line {shorten(line)!r}. Expected a model of {', '.join(_MODELS)}."
            + (" Write the parameters of the card that it is a kind of (AKO) into it." if kind_of else "")
        )
    if words[1].upper() not in ("D", "NMOS", "PMOS"):
        return line
    card = card_reader.model_cards(line)[0]
    if card.parameters.get("level", "1") not in ("1", "1.0"):
        return line
    (cards if card.type == "D" else mosfet_parameters).check_names(card)
    for key, value in card.parameters.items():
        if value[0] in "+-.0123456789":
            cards.value(card, key, value)
    return card.text


def _self_contained(lines: list[str]) -> list[str]:
    """The same with cards that stand outside all subcircuits written into each, where ngspice looks for them.

    The whole text becomes part of a block of its own, whose cards its inner subcircuits would not see.
    """
    shared, inside, depth = [], [], 0
    for line in lines:
        card = line.split()[0].lower()
        depth += card == ".subckt"
        (inside if depth else shared).append(line)
        depth -= card == ".ends"
    return [
        out for line in inside for out in ([line, *shared] if line.lower().startswith(".subckt") else [line])
    ]

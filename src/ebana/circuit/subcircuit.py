"""Blocks that a user writes in SPICE: the text of a ``.subckt``, its name and its pins.

A block has no current law here: SPICE engines solve it, and what only its law could tell (its power, the
energy of the circuit, an error estimate) is refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ebana.circuit.cards import shorten

_CARDS = (".subckt", ".ends", ".model", ".param", ".func")
"""Cards that a block may hold. Others would reach beyond it (files, commands, analyses)."""

_PARAMETER = re.compile(r"\s(?:params:|[A-Za-z_]\w*\s*=)", re.IGNORECASE)


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
    def parse(block: Any, name: str | None = None) -> Subcircuit:
        """Read a block from SPICE text, or from any object whose ``str()`` is such a text.

        Args:
            block: the text, or for example a ``SubCircuit`` of PySpice or InSpice.
            name: which of its subcircuits is meant, where it has several; the last one if left out.

        Raises:
            ValueError: for text without that subcircuit, and for cards that reach beyond a block.
        """
        text = str(block)
        lines = _logical(text)
        _check(lines, text)
        top = _definitions(lines)
        if not top:
            raise ValueError(
                f"the text {shorten(text)!r} has no .subckt. Expected .subckt NAME PINS ... .ends."
            )
        if name is None:
            name = list(top)[-1]
        found = next((key for key in top if key.lower() == name.lower()), None)
        if found is None:
            raise ValueError(f"the text has no subcircuit {name!r}. It has: {', '.join(top)}.")
        if not top[found]:
            raise ValueError(f"subcircuit {found!r} has no pins. Expected at least one.")
        return Subcircuit(found, top[found], "\n".join(_self_contained(lines)))


def _logical(text: str) -> list[str]:
    """Lines without comments, continuations joined."""
    lines: list[str] = []
    for raw in text.splitlines():
        line = re.split(r";|\s\$\s", raw, maxsplit=1)[0].strip()
        if not line or line.startswith("*"):
            continue
        if line.startswith("+") and lines:
            lines[-1] += f" {line[1:].strip()}"
        else:
            lines.append(line)
    return lines


def _check(lines: list[str], text: str) -> None:
    if not text.isascii():
        raise ValueError(f"the subcircuit {shorten(text)!r} has characters beyond ASCII. Remove them.")
    depth = 0
    for line in lines:
        card = line.split()[0].lower()
        if card.startswith(".") and card not in _CARDS:
            raise ValueError(
                f"a subcircuit has the line {shorten(line)!r}. Expected elements and {', '.join(_CARDS)}; give "
                "the text of an included file itself, such as Path(file).read_text()."
            )
        if any(line.count(left) != line.count(right) for left, right in ("()", "{}")):
            raise ValueError(f"a subcircuit has the line {shorten(line)!r}, whose brackets do not match.")
        depth += (card == ".subckt") - (card == ".ends")
        if depth < 0 or (depth == 0 and card not in (".ends", ".model", ".param", ".func")):
            raise ValueError(
                f"a subcircuit's text has the line {shorten(line)!r} outside .subckt ... .ends. Expected "
                "definitions alone; put elements inside."
            )
    if depth:
        raise ValueError(f"the text {shorten(text)!r} has a .subckt without its .ends.")


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


def _definitions(lines: list[str]) -> dict[str, tuple[str, ...]]:
    """Pins of the subcircuits that are not inside others, by name."""
    found: dict[str, tuple[str, ...]] = {}
    depth = 0
    for line in lines:
        card = line.split()[0].lower()
        if card == ".subckt":
            if depth == 0:
                match = _PARAMETER.search(line)
                words = (line[: match.start()] if match else line).split()
                if len(words) < 2:
                    raise ValueError(f"the line {shorten(line)!r} names no subcircuit.")
                found[words[1]] = tuple(words[2:])
            depth += 1
        depth -= card == ".ends"
    return found

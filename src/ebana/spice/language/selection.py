"""Which lines of a library a subcircuit needs: its definition, and the definitions, cards and parameters it names.

The rest of the text is not read, so that nothing in it can be in the way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ebana.spice.language.lines import Line, assignments

_WORD = re.compile(r"[A-Za-z0-9_.+\-$]+")
_FUNCTION = re.compile(r"\.func\s+(\w+)", re.IGNORECASE)
_CARDS = (".model", ".param", ".params", ".func")


@dataclass(frozen=True)
class _Unit:
    """Lines at the top of a text that belong together, and the names that they define."""

    kind: str
    names: frozenset[str]
    lines: tuple[Line, ...]

    def words(self) -> set[str]:
        """All words of the lines, in lower case."""
        return {word for line in self.lines for word in _WORD.findall(line.text.lower())}


def _units(lines: list[Line]) -> list[_Unit]:
    units, open_lines, depth = [], [], 0
    for line in lines:
        card = line.text.split()[0].lower()
        depth += card == ".subckt"
        open_lines.append(line)
        depth = max(depth - (card == ".ends"), 0)
        if depth == 0:
            units.append(_unit(open_lines))
            open_lines = []
    return [*units, _unit(open_lines)] if open_lines else units


def _unit(lines: list[Line]) -> _Unit:
    text = lines[0].text
    words = text.lower().split()
    names: set[str] = set()
    if words[0] in (".subckt", ".model"):
        names = set(words[1:2])
    elif words[0] in (".param", ".params"):
        names = set(assignments(text))
    elif words[0] == ".func":
        names = {match[1].lower() for match in [_FUNCTION.match(text)] if match}
    return _Unit(words[0], frozenset(names), tuple(lines))


def definitions(lines: list[Line]) -> list[str]:
    """Names of the subcircuits at the top of a text, as they are written."""
    return [
        words[1]
        for unit in _units(lines)
        if unit.kind == ".subckt" and len(words := unit.lines[0].text.split()) > 1
    ]


def needed(lines: list[Line], name: str) -> list[Line]:
    """The lines that a subcircuit needs, in their order; and every line at the top that is no card or definition.

    Args:
        lines: logical lines of a text.
        name: name of the subcircuit.
    """
    units = _units(lines)
    kept = {
        place
        for place, unit in enumerate(units)
        if (unit.kind == ".subckt" and name.lower() in unit.names)
        or (unit.kind != ".subckt" and not unit.kind.startswith(_CARDS))
    }
    seen, new = set(), kept
    while new:
        seen |= new
        words = {word for place in new for word in units[place].words()}
        # nch stands for the bins nch.1, nch.2 ... too
        new = {
            place
            for place, unit in enumerate(units)
            if place not in seen
            and any(own in words or own.rpartition(".")[0] in words for own in unit.names if own)
        }
    return [line for place, unit in enumerate(units) if place in seen for line in unit.lines]

"""Lines of users' SPICE text in a form that every version of ngspice reads alike.

A letter after a number that simulators read differently (:mod:`ebana.spice.language.numbers`) is left out, the micro
sign is written as ``u``, and cards of diodes and level 1 MOSFETs are written as ``TYPE(KEY=value ...)``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable

from ebana.spice.language.card_reader import is_card
from ebana.spice.language.lines import logical_lines
from ebana.spice.language.numbers import SUFFIXES, elsewhere
from ebana.spice.language.subcircuit_graph import ELEMENTS, PARAMETER

_SUFFIXED = re.compile(
    rf"(?<![\w.])((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)[{SUFFIXES}][a-z]*(?![\w.])", re.IGNORECASE
)
_MAY_BE = re.compile(rf"\d\.?[{SUFFIXES}]|µ", re.IGNORECASE)
"""What a text has to hold for its numbers to be looked at."""

_NAMES = re.compile(r"(\b[vi]\s*\([^()]*\))", re.IGNORECASE)
"""Names of nodes and sources within an expression."""

_CARD_HEAD = re.compile(r"\.model\s+\S+\s+[A-Za-z]\w*", re.IGNORECASE)
_MICRO = re.compile(r"(?<=[\d.])µ")
_MODEL_AFTER_NODES = {"d": 1, "j": 1, "m": 1, "q": 2, "s": 1, "w": 1}
"""Words between the nodes of an element and its numbers (a Q may have a fourth node)."""


def plain_numbers(lines: Iterable[str], where: str) -> list[str]:
    """Lines whose numbers every version of ngspice reads alike.

    Args:
        lines: logical lines.
        where: what the warning calls them.

    Warns:
        UserWarning: names the numbers that lost a letter, and what it is elsewhere.

    Example:
        >>> plain_numbers(["R1 1a 0 10k", "V1 2a 0 {5*k}", "D1 a 0 dm area=2"], "a text")
        ['R1 1a 0 10k', 'V1 2a 0 {5*k}', 'D1 a 0 dm area=2']
    """
    changed: list[str] = []
    found = [_plain(line, changed) if _MAY_BE.search(line) else line for line in lines]
    if changed:
        meant = dict.fromkeys(filter(None, map(elsewhere, changed)))
        warnings.warn(
            f"{where} has {', '.join(dict.fromkeys(changed))}: the letter after the number is read as a unit, and is "
            f"{'; '.join(meant)}. The value is taken without it; write it without the letter, or with the scale that "
            "is meant.",
            UserWarning,
            stacklevel=3,
        )
    return found


def plain_text(text: str, where: str) -> str:
    """The same for a text of lines with continuations and comments, which stays as it is where nothing differs."""
    if not _MAY_BE.search(text):
        return text
    changed: list[str] = []
    lines = logical_lines(text)
    plain = [_plain(line, changed) for line in lines]
    return "\n".join(plain_numbers(lines, where)) if plain != lines else text


def _plain(line: str, changed: list[str]) -> str:
    line = _MICRO.sub("u", line)
    start = _first_number(line)

    def without_letter(match: re.Match[str]) -> str:
        changed.append(match[0])
        return match[1]

    parts = _NAMES.split(line[start:])
    parts[::2] = [_SUFFIXED.sub(without_letter, part) for part in parts[::2]]
    return line[:start] + "".join(parts)


def _first_number(line: str) -> int:
    """Where names end and numbers may begin."""
    words = [match.end() for match in re.finditer(r"\S+", line)]
    letter = line[:1].lower()
    match = PARAMETER.search(line)
    parameters = match.start() if match else len(line)
    if letter == "x" or line.lower().startswith(".subckt"):
        return parameters
    if is_card(line):
        head = _CARD_HEAD.match(line)
        return head.end() if head else len(line)
    if letter == ".":
        names = 1
    else:
        names = 1 + ELEMENTS.get(letter, len(words)) + _MODEL_AFTER_NODES.get(letter, 0)
        if letter in "eg" and len(words) >= 6 and not re.search(r"[=({]", " ".join(line.split()[:5])):
            names += 2
    return min(words[min(names, len(words)) - 1], parameters)

"""Reading the SPICE text that users bring into statements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ebana.spice.language import cards
from ebana.spice.language.statements import Behavioural, Comment, DeviceLine, Statement, Text

_BEHAVIOURAL = re.compile(r"(B\S*)\s+(\S+)\s+(\S+)\s+([IV])\s*=\s*(.+)", re.IGNORECASE | re.DOTALL)
_READ = ("b", "d", "m", ".model")
"""Beginnings of the lines that are read; others stay text."""

_NODES = {"d": 2, "m": 4}


def read(text: str) -> Iterator[Statement]:
    """The statements of a text: B sources, diodes, transistors and model cards; other lines stay as they are.

    Raises:
        ValueError: for a B source or a card that is malformed.

    Example:
        >>> [type(s).__name__ for s in read("B1 a 0 I=V(a)\\nD1 a 0 dio area=2\\nR1 a 0 1k")]
        ['Behavioural', 'DeviceLine', 'Text']
    """
    return (_statement(line) for line in _joined(text.splitlines()))


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Lines with the continuations of what is read joined to them; others keep theirs."""
    open_line: str | None = None
    for line in lines:
        if open_line is not None and line.startswith("+"):
            open_line = f"{open_line} {line[1:].strip()}"
            continue
        if open_line is not None:
            yield open_line
        open_line = line if line.lower().startswith(_READ) else None
        if open_line is None:
            yield line
    if open_line is not None:
        yield open_line


def _statement(line: str) -> Statement:
    start = line[:1].lower()
    if not line.strip():
        return Comment()
    if line.lower().startswith(".model"):
        (card,) = cards.model_cards(line)
        return card
    if start == "b":
        return _behavioural(line)
    if start in _NODES:
        return _device_line(line, _NODES[start])
    return Text(line)


def _behavioural(line: str) -> Behavioural:
    match = _BEHAVIOURAL.fullmatch(line)
    if match is None:
        raise ValueError(f"the source {line!r} is not of the form 'Bname node node I=expression'.")
    name, a, b, quantity, text = match.groups()
    text = text.strip()
    if (text[0], text[-1]) in (("{", "}"), ("'", "'")):
        text = text[1:-1]
    return Behavioural(name, a, b, text, "V" if quantity.upper() == "V" else "I")


def _device_line(line: str, nodes: int) -> DeviceLine:
    """A diode's or transistor's line; a bare number after a diode's model is its area."""
    words = re.sub(r"\s*=\s*", "=", line).split()
    stated = []
    for word in words[nodes + 2 :]:
        key, equals, value = word.partition("=")
        if equals:
            stated.append((key.lower(), value))
        elif word.lower() != "off" and nodes == 2:
            stated.append(("area", word))
    model = words[nodes + 1] if len(words) > nodes + 1 else ""
    return DeviceLine(words[0], tuple(words[1 : nodes + 1]), model, tuple(stated), line)

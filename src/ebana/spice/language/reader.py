"""Reading the SPICE text that users bring into statements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ebana.spice.language.card_reader import is_card, model_cards
from ebana.spice.language.lines import physical_lines, shorten, without_comment, words
from ebana.spice.language.numbers import is_number
from ebana.spice.language.statements import Behavioural, Comment, DeviceLine, Statement, Text

_BEHAVIOURAL = re.compile(r"(B\S*)\s+(\S+)\s+(\S+)\s+([IV])\s*=\s*(.+)", re.IGNORECASE | re.DOTALL)
_READ = ("b", "d", "m", ".model")
"""Beginnings of the lines that are read; others stay text."""

_NODES = {"d": 2, "m": 4}


def read(text: str) -> Iterator[Statement]:
    """The statements of a text: B sources, diodes, transistors and model cards; other lines stay as they are.

    Raises:
        ValueError: for a B source, a card or a line of a device that is malformed.

    Example:
        >>> [type(s).__name__ for s in read("B1 a 0 I=V(a)\\nD1 a 0 dio area=2\\nR1 a 0 1k")]
        ['Behavioural', 'DeviceLine', 'Text']
    """
    return (_statement(line) for line in _joined(physical_lines(text)))


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Lines with the continuations of what is read joined to them, over the comments between; others keep theirs."""
    open_line: str | None = None
    between: list[str] = []
    for line in lines:
        plain = without_comment(line)
        if open_line is not None and not plain:
            between.append(line)
            continue
        if open_line is not None and plain.startswith("+"):
            if any(other.strip().startswith(";") for other in between):
                raise ValueError(
                    f"the line {shorten(line)!r} continues {shorten(open_line)!r} over a comment that begins with ';', "
                    "which simulators read differently. Begin that comment with '*'."
                )
            open_line, between = f"{open_line} {plain[1:].strip()}", []
            continue
        if open_line is not None:
            yield open_line
        yield from between
        between = []
        open_line = plain if plain.lower().startswith(_READ) else None
        if open_line is None:
            yield line
    if open_line is not None:
        yield open_line
    yield from between


def _statement(line: str) -> Statement:
    start, plain = line[:1].lower(), without_comment(line)
    if not plain:
        return Comment(line.strip().lstrip("*#$;/ "))
    if is_card(line):
        (card,) = model_cards(line)
        return card
    if start == "b":
        return _behavioural(line)
    if start in _NODES:
        return _device_line(line, _NODES[start])
    return Text(plain)


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
    """A diode's or transistor's line; a bare number after a diode's model is its area, and OFF says nothing of it."""
    found = words(line)
    if len(found) < nodes + 2:
        raise ValueError(
            f"the line {shorten(line)!r} has {max(len(found) - 1, 0)} words after its name. Expected {nodes} nodes and "
            "a model."
        )
    stated = []
    for word in found[nodes + 2 :]:
        key, equals, value = word.partition("=")
        if equals:
            stated.append((key.lower(), value))
        elif word.lower() != "off":
            stated.append(("area", _area(line, word, nodes, stated)))
    return DeviceLine(found[0], tuple(found[1 : nodes + 1]), found[nodes + 1], tuple(stated), line)


def _area(line: str, word: str, nodes: int, stated: list[tuple[str, str]]) -> str:
    """A bare word as the area of a diode, which is a number or an expression and stands once."""
    if nodes != 2 or any(key == "area" for key, _ in stated) or not (is_number(word) or word[0] in "{'"):
        raise ValueError(
            f"the line {shorten(line)!r} has {word!r} where KEY=value was expected"
            + (", or one area." if nodes == 2 else ".")
        )
    return word

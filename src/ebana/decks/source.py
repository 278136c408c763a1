"""What a user gives as a deck: its text or its file, and in whose language it is written."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from ebana.devices.junction.diode import shipped
from ebana.spice.language.deck import Deck, read_deck
from ebana.spice.language.files import read_text
from ebana.spice.language.numbers import is_number

Dialect = Literal["auto", "ngspice", "ltspice", "xyce"]
DIALECTS: tuple[str, ...] = get_args(Dialect)
"""Languages of decks; ``"auto"`` is LTspice's or Xyce's where a deck says so by its own words, else ngspice's."""

_LTSPICE = re.compile(r"(?im)^\s*\.backanno\b|\A\s*\*.*\.asc\s*$")
_XYCE = re.compile(
    r"(?im)^\s*\.(?:global_param|preprocess)\b|^\*COMP\b|^\s*\.print\s.*\b(?:format|precision|file)\s*=|"
    r"^\s*\.options?\s+(?:timeint|nonlin(?:-\w+)?|linsol(?:-\w+)?|device|output|loca|parser|sensitivity)\b|"
    r"^[^*;\n]*\s\$g_?\w"
)
"""What Xyce's decks say and no other simulator's."""

_ELEMENT = re.compile(r"[RVICL]\w*\s+\S+\s+\S+\s+(\S+)\s*$", re.IGNORECASE)


def deck_of(
    source: str | Path,
    *,
    dialect: Dialect = "auto",
    parameters: Mapping[str, float] | None = None,
    temperature: float | None = None,
    numbers: Mapping[str, float] | None = None,
) -> Deck:
    """The deck that a text or a path stands for; a string of one line is a path.

    Raises:
        DeckError: for what is not read, with file, line and text.
        ValueError: for a deck without elements, and an unknown dialect.
        OSError: for a file that cannot be read.

    Warns:
        UserWarning: for a first line that looks like an element: it is the title.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"dialect={dialect!r}. Expected one of {', '.join(DIALECTS)}.")
    given = as_path(source)
    if dialect == "auto":
        text = read_text(given) if isinstance(given, Path) else given
        dialect = written_in(text)
    deck = read_deck(
        given,
        dialect=dialect,
        parameters=parameters,
        temperature=temperature,
        numbers=numbers,
        offered=_shipped(),
    )
    found = _ELEMENT.match(deck.title)
    if found is not None and is_number(found[1]):
        warnings.warn(
            f"the first line of a deck is its title, whatever it holds: {deck.title!r} is no element of it. "
            "Put a title before it.",
            UserWarning,
            stacklevel=3,
        )
    return deck


def written_in(text: str) -> Literal["ngspice", "ltspice", "xyce"]:
    """In whose language a deck is written, by what it says itself; ngspice's where it says nothing.

    Example:
        >>> written_in("t\\nV1 a 0 1\\n.print dc format=csv v(a)"), written_in("t\\nV1 a 0 1")
        ('xyce', 'ngspice')
    """
    if _LTSPICE.search(text):
        return "ltspice"
    return "xyce" if _XYCE.search(text) else "ngspice"


@cache
def _shipped() -> dict[str, str]:
    """Cards of the diodes that the library has, on one line each, by name in lower case."""
    return {name: " ".join(card.text.split()) for name, card in shipped().items()}


def as_path(source: str | Path) -> str | Path:
    """The source as a path, where it is one line.

    Example:
        >>> as_path("t\\nR1 a 0 1")
        't\\nR1 a 0 1'
    """
    if isinstance(source, Path) or re.search(r"[\r\n]", source.strip("\r\n")):
        return source
    path = Path(source.strip())
    if not os.path.isfile(path):  # Path raises for a name too long to be one
        raise FileNotFoundError(
            f"there is no deck {source.strip()[:200]!r}. Expected the path of a file, or the text of a deck, "
            "whose first line is its title."
        )
    return path

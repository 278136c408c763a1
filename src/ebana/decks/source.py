"""What a user gives as a deck: its text or its file, and in whose language it is written."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ebana.spice.language.deck import Deck, read_deck
from ebana.spice.language.files import read_text
from ebana.spice.language.numbers import is_number

Dialect = Literal["auto", "ngspice", "ltspice", "xyce"]
DIALECTS = ("auto", "ngspice", "ltspice", "xyce")
"""Languages of decks; ``"auto"`` is LTspice's where a deck says that LTspice wrote it, else ngspice's."""

_LTSPICE = re.compile(r"(?im)^\s*\.backanno\b|\A\s*\*.*\.asc\s*$")
_ELEMENT = re.compile(r"[RVICL]\w*\s+\S+\s+\S+\s+(\S+)\s*$", re.IGNORECASE)


def deck_of(
    source: str | Path,
    *,
    dialect: Dialect = "auto",
    parameters: Mapping[str, float] | None = None,
    temperature: float | None = None,
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
        dialect = "ltspice" if _LTSPICE.search(text) else "ngspice"
    deck = read_deck(given, dialect=dialect, parameters=parameters, temperature=temperature)
    found = _ELEMENT.match(deck.title)
    if found is not None and is_number(found[1]):
        warnings.warn(
            f"the first line of a deck is its title, whatever it holds: {deck.title!r} is no element of it. "
            "Put a title before it.",
            UserWarning,
            stacklevel=3,
        )
    return deck


def as_path(source: str | Path) -> str | Path:
    """The source as a path, where it is one line.

    Example:
        >>> as_path("t\\nR1 a 0 1")
        't\\nR1 a 0 1'
    """
    if isinstance(source, Path) or re.search(r"[\r\n]", source.strip("\r\n")):
        return source
    path = Path(source.strip())
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no deck {source.strip()[:200]!r}. Expected the path of a file, or the text of a deck, "
            "whose first line is its title."
        )
    return path

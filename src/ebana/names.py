"""Names that can be printed: in tables, terminals, reports, decks and files.

A name with control characters can move a terminal's cursor or change its colours; marks of text direction
can show a name that it is not; half a surrogate pair cannot be written to any file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, separators of lines, marks of text direction, halves of surrogate pairs."""


def check_name(owner: str, name: Any) -> str:
    """The name, if it is one.

    Args:
        owner: what is named, the beginning of the message.
        name: the name.

    Raises:
        ValueError: for anything but text without control characters.

    Example:
        >>> check_name("Model", "xor")
        'xor'
    """
    if not isinstance(name, str):
        raise ValueError(f"{owner}(name={name!r}). Expected a name, as a string.")
    if CONTROL.search(name):
        raise ValueError(
            f"{owner}(name={name!a}). Expected a name without control characters, line breaks and marks of "
            "text direction."
        )
    return name


def listed(names: Iterable[str]) -> str:
    """Names as a sentence has them.

    Example:
        >>> listed(["d1"]), listed(["d1", "d2", "d3"])
        ('d1', 'd1, d2 and d3')
    """
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def printable(text: str) -> str:
    """Text with its control characters written as escapes, for terminals and tables.

    Example:
        >>> printable("d1\\x1b[2J")
        'd1\\\\x1b[2J'
    """
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)

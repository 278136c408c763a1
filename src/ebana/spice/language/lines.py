"""SPICE text as logical lines: continuations joined, comments left out."""

from __future__ import annotations

import re
from collections.abc import Iterable

COMMENTS = r";|\s\$\s"
"""What starts a comment within a line of a deck."""

CARD_COMMENTS = rf"//|{COMMENTS}"
"""What starts one within the line of a card: files of models come from many simulators."""


def logical_lines(text: str | Iterable[str], comments: str = COMMENTS) -> list[str]:
    """Lines with ``+`` continuations joined; without blank lines and comments.

    Args:
        text: a text, or its lines.
        comments: regular expression of what starts a comment within a line.

    Example:
        >>> logical_lines("* a diode\\nD1 a 0\\n+ clip ; small")
        ['D1 a 0 clip']
    """
    lines: list[str] = []
    for raw in text.splitlines() if isinstance(text, str) else text:
        line = re.split(comments, raw, maxsplit=1)[0].strip()
        if not line or line.startswith("*"):
            continue
        if line.startswith("+") and lines:
            lines[-1] += f" {line[1:].strip()}"
        else:
            lines.append(line)
    return lines

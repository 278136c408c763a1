"""What ngspice does not survive in a block although each of its lines is well formed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ebana.spice.language.lines import shorten

LEVELS = 14
"""Definitions inside each other that a block may have. ngspice 39 keeps 15 levels, reads beyond them at 16 and ends
the process from 17 or 18 on; our own definition around the block takes one."""

_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)e[+-]?\d+", re.IGNORECASE)


def check_lines(lines: Iterable[str]) -> None:
    """Refuse definitions nested too deep, and numbers beyond the largest double.

    Raises:
        ValueError: with the depth and the limit, or with the number and its line.

    Example:
        >>> check_lines([".subckt a p", "R1 p 0 1e3", ".ends"])
    """
    depth = deepest = 0
    name = ""
    for line in lines:
        card = line.split()[0].lower()
        depth += (card == ".subckt") - (card == ".ends")
        if depth > deepest:
            deepest, name = depth, line.split()[1] if len(line.split()) > 1 else "?"
        huge = next((text for text in _NUMBER.findall(line) if float(text) == float("inf")), None)
        if huge is not None:
            raise ValueError(
                f"a subcircuit has the line {shorten(line)!r} with the number {huge}, which is beyond the largest "
                "double, 1.8e308. Give a smaller one."
            )
    if deepest > LEVELS:
        raise ValueError(
            f"a subcircuit has definitions {deepest} levels deep, the innermost {name!r}. Expected at most {LEVELS}: "
            "ngspice corrupts its memory below that. Move inner definitions out, beside the outermost one."
        )

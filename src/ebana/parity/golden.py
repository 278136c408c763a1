"""Results that lie beside a deck: tables that ngspice (``.out``) and Xyce (``.prn``) print.

A table is a line of names, the first of them ``Index``, and a line of numbers for each point. Tables of ngspice stand
between lines of dashes, and go on in pages with a head of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ebana.analysis.decks import Solution
from ebana.spice.language.files import read_text

ENDINGS = (".prn", ".out")
"""Endings of the names of files with results, after the deck's name or in place of its ending."""

_ROW = re.compile(r"\s*\d+\s+[-+0-9.]")
_OUTSIDE = re.compile(r",(?![^({]*[)}])")
"""Commas that separate columns, not those of ``V(1,2)``."""

_NAME = re.compile(r"\{[^}]*\}|[A-Za-z]\w*\([^()]*\)|\S+")


@dataclass(frozen=True)
class Table:
    """Columns by name, in lower case without blanks, ``(points,)`` each."""

    columns: dict[str, np.ndarray]


def beside(path: Path) -> list[Table]:
    """The tables of the result files that lie beside a deck."""
    names = [Path(f"{path}{ending}") for ending in ENDINGS] + [path.with_suffix(ending) for ending in ENDINGS]
    found: list[Table] = []
    for name in dict.fromkeys(names):
        if name.is_file():
            found += tables(read_text(name))
    return found


def tables(text: str) -> list[Table]:
    """The tables of a text.

    Example:
        >>> tables("Index V(1) V(2)\\n0 1.0 2.0\\n1 3.0 4.0\\n")[0].columns["v(2)"].tolist()
        [2.0, 4.0]
    """
    found: list[tuple[list[str], list[list[float]]]] = []
    for written in text.splitlines():
        line = _OUTSIDE.sub(" ", written)
        words = line.split()
        if words and words[0].lower() == "index":
            names = [re.sub(r"\s", "", n).lower() for n in _NAME.findall(line)]
            if not (found and found[-1][0] == names):
                found.append((names, []))
        elif found and _ROW.match(line):
            row = _numbers(words)
            if row is not None and len(row) == len(found[-1][0]):
                found[-1][1].append(row)
    return [
        Table({name: np.array([row[k] for row in rows]) for k, name in enumerate(names)})
        for names, rows in found
        if rows
    ]


def _numbers(words: list[str]) -> list[float] | None:
    try:
        return [float(word.rstrip(",")) for word in words]
    except ValueError:
        return None


def difference(table: Table, solution: Solution) -> float | None:
    """Largest difference of a column, as a share of the largest of it; None where none is comparable."""
    worst = None
    for name, theirs in table.columns.items():
        ours = _column(name, solution)
        if ours is None or ours.shape != theirs.shape:
            continue
        floor = 1e-6 if name.startswith("v") else 1e-9
        share = float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), floor))
        worst = share if worst is None else max(worst, share)
    return worst


def _column(name: str, solution: Solution) -> np.ndarray | None:
    """A printed quantity: a potential, a voltage between nodes, or the current of an element."""
    return next(_found(name, solution), None)


def _found(name: str, solution: Solution) -> Iterator[np.ndarray]:
    if match := re.fullmatch(r"i\(([^()]+)\)|([^#]+)#branch", name):
        own = match[1] or match[2]
        if own in solution.amperes:
            yield solution.amperes[own]
    elif match := re.fullmatch(r"v\(([^(),]+)(?:,([^(),]+))?\)", name):
        zero = np.zeros(len(solution.error))
        ends = [zero if node in (None, "0") else solution.volts.get(node) for node in (match[1], match[2])]
        if ends[0] is not None and ends[1] is not None:
            yield ends[0] - ends[1]

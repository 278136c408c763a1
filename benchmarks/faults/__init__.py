"""What goes wrong in other hands, counted: hostile files, foreign decks, kills, stiff circuits.

    python -m benchmarks --only faults              everything: hours
    python -m benchmarks --only "faults: files"     one kind
    python -m benchmarks --quick --only faults      a small number of each

A module of this package is a kind of fault. It has a function ``counts(quick)`` that yields one
:class:`Count` for each thing tried; ``tests/faults`` calls the same functions with smaller numbers.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from benchmarks.rows import Row

SECTION = "faults"


@dataclass(frozen=True)
class Count:
    """How often something was tried, and how often it went wrong.

    Args:
        name: what was tried.
        tried: how often.
        wrong: how often the result was not right; 0 is the target.
        note: circumstances: seeds, what was refused, the first wrong one.
    """

    name: str
    tried: int
    wrong: int
    note: str = ""

    def row(self, kind: str) -> Row:
        """As a row of the benchmark; trying nothing meets no target."""
        wrong = float(self.wrong) if self.tried else float("nan")
        note = f"{self.tried:,} tried" + (f"; {self.note}" if self.note else "")
        return Row(SECTION, f"{kind}: {self.name}", wrong, "wrong", limit=0, note=note)


def kinds() -> tuple[str, ...]:
    """Names of the kinds of faults, in order: of the modules here that count."""
    folder = Path(__file__).parent
    return tuple(
        module.name
        for module in sorted(pkgutil.iter_modules(__path__))
        if "\ndef counts(" in (folder / f"{module.name}.py").read_text()
    )


def rows(kind: str, quick: bool = False) -> Iterator[Row]:
    """Count one kind of fault."""
    for count in import_module(f"{__name__}.{kind}").counts(quick):
        yield count.row(kind)

"""ngspice, in whose language elements and devices write their text.

B sources have the form ``I=c ? a : b``; tolerances stand in ``.options``; an operating point is found and printed by a
``.control`` block.
"""

from __future__ import annotations

from collections.abc import Iterator

from ebana.spice.language.canonical import plain_text
from ebana.spice.language.statements import Deck, Definition, OperatingPoint, Statement, Text, Transient
from ebana.spice.netlist.dialects.dialect import DEVICE, Dialect

RELTOL, VNTOL = 1e-6, 1e-9
"""Relative and absolute tolerance (volts) of the last Newton step in a deck."""

_POINT = [".control", "set num_threads=1", "set numdgt=16", "op", "print all", "quit 0", ".endc"]


def options_line(gmin: float) -> str:
    """Tolerances of the operating point, and gmin.

    The last Newton step is held to 1e-6 of each potential and, convergence being quadratic, leaves an
    error far below a nanovolt. Tighter ones can ask for less than the rounding of ``dv / RON``, or of a
    diode's series resistance behind 1e-7 S, and send ngspice into its slow fallbacks.
    """
    return f".options reltol={RELTOL!r} abstol=1e-12 vntol={VNTOL!r} gmin={float(gmin)!r}"


class Ngspice(Dialect):
    """Statements as they are."""

    name = "ngspice"
    run = "ngspice -b <this file>"
    conditional = "ternary_fcn"

    def options(self, gmin: float) -> list[str]:
        """See :meth:`Dialect.options`."""
        return [options_line(gmin)]

    def options_of(self, deck: Deck) -> list[str]:
        """Those of an analysis that states its own, else the tolerances of an operating point."""
        if not isinstance(deck.analysis, Transient) or not deck.analysis.options:
            return super().options_of(deck)
        celsius = deck.analysis.celsius
        warm = () if celsius is None else (f"temp={celsius!r}",)
        return [" ".join([".options", *deck.analysis.options, f"gmin={deck.gmin!r}", *warm])]

    def analysis(self, deck: Deck) -> list[str]:
        """See :meth:`Dialect.analysis`."""
        match deck.analysis:
            case OperatingPoint():
                return list(_POINT)
            case Transient(stop, first, longest, saved):
                return [*(f".save {name}" for name in saved), f".tran {first!r} {stop!r} 0 {longest!r} uic"]
            case _:
                return []

    def lines(self, statement: Statement) -> Iterator[str]:
        """See :meth:`Dialect.lines`."""
        if isinstance(statement, Definition):
            yield from statement.head.splitlines()
            for inner in statement.body:
                yield from self.lines(inner)
            yield statement.end
        elif isinstance(statement, Text):
            yield from plain_text(statement.text, DEVICE).splitlines() or [""]
        else:
            yield from str(statement).splitlines() or [""]


DIALECT = Ngspice()

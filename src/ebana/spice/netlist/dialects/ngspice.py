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


def options_line(gmin: float, transient: Transient | None = None) -> str:
    """Tolerances of the operating point (or those that a transient states), and gmin.

    The last Newton step is held to 1e-6 of each potential and, convergence being quadratic, leaves an
    error far below a nanovolt. Tighter ones can ask for less than the rounding of ``dv / RON``, or of a
    diode's series resistance behind 1e-7 S, and send ngspice into its slow fallbacks. A transient's own relative
    tolerance moves that in volts with it: both say the same of a millivolt.
    """
    reltol, vntol, more = RELTOL, VNTOL, ""
    if transient is not None:
        if transient.reltol is not None:
            reltol, vntol = float(transient.reltol), float(transient.reltol) * (VNTOL / RELTOL)
        more += f" method={transient.method}" if transient.method else ""
        more += f" trtol={float(transient.trtol)!r}" if transient.trtol is not None else ""
    return f".options reltol={reltol!r} abstol=1e-12 vntol={vntol!r} gmin={float(gmin)!r}{more}"


def _transient_line(transient: Transient) -> str:
    """Its numbers may be NumPy's, whose text is another."""
    first, stop, longest = (float(t) for t in (transient.first, transient.stop, transient.longest))
    return f".tran {first!r} {stop!r} 0 {longest!r}" + (" uic" if transient.use_start else "")


class Ngspice(Dialect):
    """Statements as they are."""

    name = "ngspice"
    run = "ngspice -b <this file>"
    conditional = "ternary_fcn"

    def options(self, deck: Deck) -> list[str]:
        """See :meth:`Dialect.options`."""
        return [options_line(deck.gmin, deck.analysis if isinstance(deck.analysis, Transient) else None)]

    def analysis(self, deck: Deck) -> list[str]:
        """See :meth:`Dialect.analysis`."""
        match deck.analysis:
            case OperatingPoint():
                return list(_POINT)
            case Transient(saved=saved):
                return [*(f".save {name}" for name in saved), _transient_line(deck.analysis)]
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

"""LTspice: ``if(c,a,b)`` in B sources, ``.options``, and ``.op`` or ``.tran`` with its result in the .raw file.

(LTspice help, "Circuit elements" and "Dot commands".)
"""

from __future__ import annotations

from ebana.spice.language.statements import Deck, OperatingPoint, Transient
from ebana.spice.netlist.dialects.cards import Known, names
from ebana.spice.netlist.dialects.dialect import Dialect


class Ltspice(Dialect):
    """What differs from ngspice."""

    name = "ltspice"
    run = "LTspice -b <this file>; the potentials are in the .raw file"
    letters = "RCLKDMQJVIEFGHSX"
    conditional = "if"
    known = Known(diode=names("trs1 trs2"), line=names("m"))

    def options(self, deck: Deck) -> list[str]:
        """See :meth:`Dialect.options`."""
        return [f".options reltol=1e-6 abstol=1e-12 vntol=1e-9 gmin={deck.gmin!r} numdgt=15"]

    def analysis(self, deck: Deck) -> list[str]:
        """See :meth:`Dialect.analysis`."""
        match deck.analysis:
            case OperatingPoint():
                return [".op"]
            case Transient(saved=saved):
                _, stop, longest, start = self.course(deck.analysis)
                return [*(f".save {name}" for name in saved), f".tran 0 {stop} 0 {longest}{start}"]
            case _:
                return []


DIALECT = Ltspice()

"""Xyce: ``{IF(c,a,b)}`` in B sources, ``.options nonlin`` and ``device``, and a one-point ``.dc`` with ``.print dc``.

(Xyce Reference Guide, "Netlist reference".)
"""

from __future__ import annotations

from ebana.spice.language.statements import WIDTH, Deck, OperatingPoint, SwitchModel, Transient
from ebana.spice.netlist.dialects.cards import Known, names
from ebana.spice.netlist.dialects.dialect import Dialect


def _printed(analysis: str, names: list[str]) -> list[str]:
    """A ``.print`` of vectors, continued where it grows long."""
    lines = [f".print {analysis} format=csv precision=16"]
    for name in names:
        if len(lines[-1]) + len(name) + 1 >= WIDTH:
            lines.append("+")
        lines[-1] += f" {name}"
    return lines


class Xyce(Dialect):
    """What differs from ngspice."""

    name = "xyce"
    run = "Xyce <this file>; the potentials are in the .csv file"
    conditional = "IF"
    brackets = ("{", "}")
    known = Known(second=names("trs1 trs2 isr nr"), line=names("m"), parallel="AREA")

    def options(self, deck: Deck) -> list[str]:
        """See :meth:`Dialect.options`."""
        return [f".options device gmin={deck.gmin!r}", ".options nonlin reltol=1e-6 abstol=1e-9"]

    def analysis(self, deck: Deck) -> list[str]:
        """See :meth:`Dialect.analysis`; a sweep of one point writes its result, which ``.op`` does not."""
        match deck.analysis:
            case OperatingPoint():
                source = deck.first_source()
                point = ".op" if source is None else f".dc {source.name} {source.volts!r} {source.volts!r} 1"
                return [point, *_printed("dc", [f"V({node})" for node in deck.nodes])]
            case Transient(saved=saved):
                first, stop, longest, start = self.course(deck.analysis)
                names = [name.upper() for name in saved] or [f"V({node})" for node in deck.nodes]
                return [f".tran {first} {stop} 0 {longest}{start}", *_printed("tran", names)]
            case _:
                return []

    def switch_model(self, card: SwitchModel) -> str:
        """Its switches change smoothly between two voltages, and remember nothing."""
        raise ValueError(
            f"the switches of model {card.name!r} have no form in the dialect 'xyce': they close above "
            f"{card.on_volts!r} V and open below {card.off_volts!r} V, and a switch there has one resistance for each "
            "control voltage. Write the deck for ngspice or LTspice."
        )


DIALECT = Xyce()

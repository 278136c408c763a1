"""Model cards and lines of diodes and transistors for LTspice and Xyce: what both know, and by the same law.

A parameter that a simulator does not know, or knows by another law, is refused by name, for the deck would then
be another circuit.

====================  =============================================  ==========================================
                      LTspice                                        Xyce
====================  =============================================  ==========================================
TRS1, TRS2            known                                          known with LEVEL=2
ISR, NR               known; its law is not published: refused       known with LEVEL=2, where TNOM is 27
IKF                   refused: ``c / (1 + sqrt(c / IKF))`` in ngspice, ``c sqrt(IKF / (IKF + c))`` elsewhere
IBV without value     1e-10 A                                        1e-3 A
NR without value      2                                              2
diodes in parallel    ``m=``                                         ``AREA=``
====================  =============================================  ==========================================

Where a card leaves IBV or NR to its default, ngspice's own (1e-3 A and 1) is written. (LTspice help, "D. Diode" and
"M. MOSFET"; Xyce Reference Guide, "Diode", levels 1 and 2, and "MOSFET", level 1.) Breakdown is stated to all
three by BV and IBV; between them, ngspice and Xyce start its exponential at voltages that differ by some
``N k T / q`` times ``IS BV q / (k T IBV)``, which matters where IBV is as small as that product.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from ebana.spice.language import cards
from ebana.spice.language.cards import ModelCard
from ebana.spice.language.statements import DeviceLine


def names(text: str) -> frozenset[str]:
    """Words as a set."""
    return frozenset(text.split())


_DIODE = names("is n rs xti eg tnom bv ibv vj m fc cjo cj0 tt kf af level")
_DIODE_LINE = names("temp off area")
_MOSFET = names(
    "level vto kp gamma phi lambda is ld rd rs tnom l w cbd cbs cgso cgdo cgbo cj mj cjsw mjsw pb fc kf af"
)
_MOSFET_LINE = names("w l m ad as pd ps nrd nrs temp off")

_STATED = {"bv": ("ibv", "0.001"), "isr": ("nr", "1.0")}
"""Parameters whose default differs between simulators, by the parameter they serve, with ngspice's."""

_WHY = {
    "ikf": "high injection has another law there",
    "isr": "recombination there has no published law",
    "nr": "recombination there has no published law",
    "nbv": "it does not shape the breakdown there",
    "area": "on a card it has no meaning there",
    "pj": "on a card it has no meaning there",
}
"""Reasons beyond "it is not known there"."""


@dataclass(frozen=True)
class Known:
    """What a simulator knows of diodes beyond what all know.

    Args:
        diode: parameters of its plain diode card.
        second: parameters that it knows with LEVEL=2.
        line: parameters of a diode's element line.
        parallel: what it calls the number of diodes in parallel on that line.
    """

    diode: frozenset[str] = frozenset()
    second: frozenset[str] = frozenset()
    line: frozenset[str] = frozenset()
    parallel: str = "m"


def model_card(card: ModelCard, dialect: str, known: Known) -> str:
    """A ``.model`` card of ngspice in a dialect; the same text where nothing differs.

    Raises:
        ValueError: for another device than a diode or a MOSFET, another level than 1, and for a parameter that the
            dialect does not know, or knows by another law.

    Example:
        >>> model_card(ModelCard.of("z", "D", {"IS": "1e-9", "BV": "5.1"}), "ltspice", Known())
        '.model z D(IS=1e-9 BV=5.1 IBV=0.001)'
    """
    if card.type not in ("D", "NMOS", "PMOS") or _number(card, "level", 1.0) != 1:
        raise ValueError(
            f"model {card.name!r} of type {card.type}, level {card.parameters.get('level', '1')}, has no form in the "
            f"dialect {dialect!r}. Expected a diode or a MOSFET of level 1; write the deck for ngspice, or build "
            "the device from B sources."
        )
    if card.type != "D":
        _refuse_others(card, _MOSFET, dialect)
        return card.text
    _refuse_others(card, _DIODE | known.diode | known.second, dialect)
    if "isr" in card.parameters and _number(card, "tnom", 27.0) != 27:
        _refuse(card, "tnom", "with ISR, VJ is scaled otherwise there where it is not 27", dialect)
    parameters = dict(card.parameters)
    for master, (servant, value) in _STATED.items():
        if master in parameters:
            parameters.setdefault(servant, value)
    if known.second & parameters.keys():
        parameters = {"level": "2"} | {key: value for key, value in parameters.items() if key != "level"}
    if parameters == card.parameters:
        return card.text
    return ModelCard.of(card.name, card.type, {key.upper(): value for key, value in parameters.items()}).text


def _refuse_others(card: ModelCard, known: frozenset[str], dialect: str) -> None:
    for key in card.parameters:
        if key not in known:
            _refuse(card, key, _WHY.get(key, "it is not known there"), dialect, known)


def _refuse(card: ModelCard, key: str, why: str, dialect: str, known: Iterable[str] = ()) -> NoReturn:
    listed = ", ".join(sorted(name.upper() for name in known))
    raise ValueError(
        f"model {card.name!r} states {key.upper()}={card.parameters[key]}, which has no form in the dialect "
        f"{dialect!r}: {why}. "
        + (f"Expected parameters among {listed}. " if listed else "")
        + f"Take {key.upper()} out of the device, or write the deck for ngspice."
    )


def _number(card: ModelCard, key: str, default: float) -> float:
    text = card.parameters.get(key)
    return default if text is None else cards.number(text)


def device_line(line: DeviceLine, dialect: str, known: Known) -> str:
    """The line of a diode (D) or MOSFET (M) in a dialect; the same text where nothing differs.

    Raises:
        ValueError: for a parameter that the dialect does not know.

    Example:
        >>> line = DeviceLine("D0", ("a", "k"), "dio", (("m", "2.0"), ("temp", "27.0")))
        >>> device_line(line, "xyce", Known(line=names("m"), parallel="AREA"))
        'D0 a k dio AREA=2.0 temp=27.0'
    """
    diode = line.name[0].upper() == "D"
    allowed = _DIODE_LINE | known.line if diode else _MOSFET_LINE
    given = [key.lower() for key, _ in line.parameters]
    for key in given:
        if key not in allowed:
            _refuse_line(str(line), key, "it is not known there", dialect, allowed)
    if "m" not in given or not diode or known.parallel == "m":
        return str(line)
    if "area" in given:
        _refuse_line(str(line), "m", "there AREA stands for both, and it is stated too", dialect, allowed)
    return re.sub(r"\bm\s*=", f"{known.parallel}=", str(line), count=1, flags=re.IGNORECASE)


def _refuse_line(text: str, key: str, why: str, dialect: str, known: Iterable[str]) -> NoReturn:
    listed = ", ".join(sorted(name.upper() for name in known))
    raise ValueError(
        f"the line {text!r} states {key.upper()}, which has no form in the dialect {dialect!r}: {why}. "
        f"Expected parameters among {listed}; change the device's spice(), or write the deck for ngspice."
    )

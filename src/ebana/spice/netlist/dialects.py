"""Decks for other simulators than ngspice: LTspice and Xyce.

Elements and devices write ngspice's text once; a :class:`Dialect` holds what differs.

================  ============================  ============================  ===============================
                  ngspice                       LTspice                       Xyce
================  ============================  ============================  ===============================
B sources         ``I=c ? a : b``               ``I=if(c,a,b)``               ``I={IF(c,a,b)}``
tolerances, gmin  ``.options``                  ``.options``                  ``.options nonlin``, ``device``
operating point   ``.control`` block            ``.op``, in the .raw file     one-point ``.dc``, ``.print dc``
================  ============================  ============================  ===============================

Resistors, sources, E, F and G sources, subcircuits, continuation lines and the temperature of an instance
(``temp=``) are written alike for all three (LTspice help, "Circuit elements"; Xyce Reference Guide, "Netlist
reference"); cards and lines of diodes and MOSFETs as :mod:`ebana.spice.netlist.dialect_cards` has them. Blocks that a
user wrote in SPICE are ngspice's text and are refused. Each simulator has its own values of Boltzmann's constant and
the elementary charge, which move a diode's voltage by about a microvolt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import Subcircuits
from ebana.spice.language.expressions import UnknownExpression, translated
from ebana.spice.netlist import dialect_cards

NAMES = ("ngspice", "ltspice", "xyce")

_BEHAVIOURAL = re.compile(r"(B\S*)\s+(\S+)\s+(\S+)\s+([IV])\s*=\s*(.+)", re.IGNORECASE | re.DOTALL)
_WORDS = {"E": 6, "G": 6, "F": 5, "H": 5}
"""Words of the linear forms of controlled sources, which all simulators share."""

_JOINED = ("B", "D", "M")
"""First letters of the elements that are read whole."""

_WIDTH = 100


@dataclass(frozen=True)
class Dialect:
    """What a simulator writes in its own way.

    Args:
        name: name of the dialect.
        run: how to run a deck, for its third line.
        letters: first letters of elements that are written as for ngspice (B sources apart).
        conditional: name of the function that chooses between two values.
        brackets: what is put around the expression of a B source.
        options: lines of tolerances, given gmin in siemens.
        analysis: lines that find an operating point and write it, given the node names and the deck's
            first voltage source as ``(name, volts)``, or None where it has none.
    """

    name: str
    run: str
    letters: str
    conditional: str
    brackets: tuple[str, str]
    options: Callable[[float], list[str]]
    analysis: Callable[[Sequence[str], tuple[str, str] | None], list[str]]

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Statements of an ngspice deck in this dialect; comments and blank lines as they are."""
        for line in _logical(lines):
            yield self._statement(line)

    def _statement(self, line: str) -> str:
        first = line[:1].upper()
        if first in ("", "*", "+"):
            return line
        if first == ".":
            return self._dot(line)
        if first == "B":
            return self._behavioural(line)
        words = len(line.split())
        if first not in self.letters or words != _WORDS.get(first, words):
            raise ValueError(
                f"the element line {line!r} has no form in the dialect {self.name!r}. Expected one of "
                f"{' '.join(self.letters)} in their linear forms, or a B source; write the device's spice() with those."
            )
        return dialect_cards.element_line(line, self.name) if first in "DM" else line

    def _dot(self, line: str) -> str:
        word = line.split()[0].lower()
        if word == ".model":
            return dialect_cards.model_card(line, self.name)
        if word in (".subckt", ".ends", ".end"):
            return line
        raise ValueError(
            f"the statement {line!r} has no form in the dialect {self.name!r}. Expected .model cards and elements."
        )

    def _behavioural(self, line: str) -> str:
        match = _BEHAVIOURAL.fullmatch(line)
        if match is None:
            raise ValueError(f"the source {line!r} is not of the form 'Bname node node I=expression'.")
        name, a, b, kind, text = match.groups()
        text = text.strip()
        if (text[0], text[-1]) in (("{", "}"), ("'", "'")):
            text = text[1:-1]
        try:
            expression = translated(text, self.conditional)
        except UnknownExpression as error:
            raise ValueError(
                f"the source {name} has no form in the dialect {self.name!r}: {error}."
            ) from error
        left, right = self.brackets
        return f"{name} {a} {b} {kind.upper()}={left}{expression}{right}"


def _logical(lines: Iterable[str]) -> Iterator[str]:
    """Lines with the continuations of B sources, cards and devices joined to them; others keep theirs."""
    held: str | None = None
    for line in lines:
        if held is not None and line.startswith("+"):
            held = f"{held} {line[1:].strip()}"
            continue
        if held is not None:
            yield held
        held = line if line[:1].upper() in _JOINED or line.lower().startswith(".model") else None
        if held is None:
            yield line
    if held is not None:
        yield held


def _ltspice_options(gmin: float) -> list[str]:
    return [f".options reltol=1e-6 abstol=1e-12 vntol=1e-9 gmin={gmin!r} numdgt=15"]


def _ltspice_analysis(nodes: Sequence[str], source: tuple[str, str] | None) -> list[str]:
    return [".op"]


def _xyce_options(gmin: float) -> list[str]:
    return [f".options device gmin={gmin!r}", ".options nonlin reltol=1e-6 abstol=1e-9"]


def _xyce_analysis(nodes: Sequence[str], source: tuple[str, str] | None) -> list[str]:
    point = ".op" if source is None else f".dc {source[0]} {source[1]} {source[1]} 1"
    printed = [".print dc format=csv precision=16"]
    for node in nodes:
        word = f"V({node})"
        if len(printed[-1]) + len(word) >= _WIDTH:
            printed.append("+")
        printed[-1] += f" {word}"
    return [point, *printed]


LTSPICE = Dialect(
    name="ltspice",
    run="LTspice -b <this file>; the potentials are in the .raw file",
    letters="RCLKDMQJVIEFGHSX",
    conditional="if",
    brackets=("", ""),
    options=_ltspice_options,
    analysis=_ltspice_analysis,
)

XYCE = Dialect(
    name="xyce",
    run="Xyce <this file>; the potentials are in the .csv file",
    letters="RCLKDMQJVIEFGHX",
    conditional="IF",
    brackets=("{", "}"),
    options=_xyce_options,
    analysis=_xyce_analysis,
)


def get(name: str) -> Dialect | None:
    """A dialect by name; None for ``"ngspice"``, whose decks need no translation.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> get("xyce").conditional
        'IF'
    """
    known = {"ngspice": None, "ltspice": LTSPICE, "xyce": XYCE}
    if name not in known:
        raise ValueError(f"netlist(dialect={name!r}). Expected one of {', '.join(map(repr, NAMES))}.")
    return known[name]


def refuse_blocks(circuit: Circuit, dialect: Dialect) -> None:
    """Refuse a circuit with blocks of SPICE text, which were written for ngspice.

    Raises:
        ValueError: names the first of them.
    """
    for element in circuit.each(Subcircuits):
        raise ValueError(
            f"element {element.name!r} is the subcircuit {element.model.name!r}, whose text was written for "
            f"ngspice and has no form in the dialect {dialect.name!r}. Write the deck with dialect='ngspice' and put "
            "that simulator's own text in place of the block, or build it from resistors and devices."
        )


def translate(
    lines: Sequence[str], dialect: Dialect, *, gmin: float, nodes: Sequence[str], analysis: bool
) -> list[str]:
    """A deck of :func:`ebana.spice.netlist.deck.deck_lines` without analysis, in another dialect.

    Args:
        lines: three lines of header, one of options, elements, ``.end``.
        dialect: the dialect.
        gmin: siemens.
        nodes: names of the nodes to write.
        analysis: whether the deck finds an operating point.
    """
    *header, _, options = lines[:4]
    if not options.startswith(".options"):
        raise ValueError(f"expected the deck's options in its fourth line. Received: {options!r}.")
    body = list(dialect.lines(lines[4:-1]))
    tail = dialect.analysis(nodes, _first_source(body)) if analysis else []
    return [*header, f"* Run with: {dialect.run}", *dialect.options(float(gmin)), *body, *tail, ".end"]


def _first_source(lines: Iterable[str]) -> tuple[str, str] | None:
    """Name and volts of the first voltage source outside of subcircuits."""
    inside = False
    for line in lines:
        words = line.split()
        if line.lower().startswith((".subckt", ".ends")):
            inside = line.lower().startswith(".subckt")
        elif line[:1] == "V" and not inside and len(words) == 5:
            return words[0], words[4]
    return None

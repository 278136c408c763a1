"""A circuit as one subcircuit with pins, to put under sources of one's own in LTspice, KiCad or ngspice.

Its values are parameters of the subcircuit, with readable names::

    .subckt iris x_0 x_1 y_0p y_0n
    .param hidden_0_0_ohm=4.7k
    Rhidden_0_0 x_0 hidden_0 {hidden_0_0_ohm}
    ...
    .ends iris

Sources that carry data are left out: their nodes are pins. Where several sources follow one column of data (an input
and its negative), the first is a pin and the others are controlled by it. Biases stay inside unless their nodes are
pins. Devices stand with their cards, those of which one name stands for several cards, and all that has names of its
own inside, in subcircuits of their own before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.spice.language import statements as spice
from ebana.spice.language.statements import Comment, Definition, Statement
from ebana.spice.netlist import dialects
from ebana.spice.netlist.block_elements import Writer
from ebana.spice.netlist.block_values import parameters_of
from ebana.spice.netlist.deck import check_blocks, check_finite, definitions, gmin_of
from ebana.spice.netlist.dialects.ngspice import options_line
from ebana.spice.netlist.pins import Pin, Pins, pins_of


def subcircuit(
    circuit: Circuit,
    parameters: Mapping[str, Any] | None = None,
    *,
    name: str,
    pins: Pins = None,
    bias_pins: bool = False,
    farads: np.ndarray | None = None,
    dialect: str = "ngspice",
) -> str:
    """A circuit as the text of a ``.subckt``, a library that decks of others include.

    Args:
        circuit: the circuit.
        parameters: values by parameter name in SI units; the initial ones when left out.
        name: of the subcircuit: letters, digits and underscores.
        pins, bias_pins: as for :func:`pins_of`.
        farads: capacitance from each free node to ground, ``(F,)``, or None for none.
        dialect: ``"ngspice"``, ``"ltspice"`` or ``"xyce"``.

    Raises:
        ValueError: for a name or pins that no simulator takes, values that are not finite, and what has no form in the
            dialect.

    Example:
        >>> from ebana.circuit import CircuitBuilder
        >>> build = CircuitBuilder()
        >>> x, y = build.input("x", 1), build.nodes("y", 1)
        >>> build.resistors("r", x, y, ohms="4.7k")
        >>> build.output("y", y, folded=False)
        >>> print(*subcircuit(build.build(), name="load").splitlines()[-5:], sep="\\n")
        .subckt load x_0 y_0
        .param r_ohm=4.7k
        * 'r': 1 resistors
        Rr_0 x_0 y_0 {r_ohm}
        .ends load
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", str(name)):
        raise ValueError(
            f"as_subckt={name!r}. Expected a name of letters, digits and underscores that starts with a letter."
        )
    writer = dialects.get(dialect)
    check_blocks(circuit, writer)
    values = circuit.initial() if parameters is None else parameters
    check_finite(circuit, values, {})
    found = pins_of(circuit, pins, bias_pins=bias_pins)
    parts = Writer(circuit, values, name, found)
    body = parts.body()
    shown = {key: names for key, names in parts.parameters.items() if key in parts.used}
    inside = (*parameters_of(circuit, values, shown), *body, *node_capacitors(circuit, farads, parts.nodes))
    head = [Comment(line) for line in _head(circuit, name, found, writer.name)]
    main = Definition(name, tuple(pin.name for pin in found), inside)
    return writer.library([*head, *definitions(circuit), *parts.helpers, main])


def node_capacitors(circuit: Circuit, farads: np.ndarray | None, nodes: list[str]) -> Iterator[Statement]:
    """Capacitors from free nodes to ground, where they have some.

    Args:
        circuit: the circuit.
        farads: of each free node, ``(F,)``, or None.
        nodes: names of all nodes in the deck.
    """
    if farads is None:
        return
    yield Comment("capacitances of the nodes")
    for node, value in zip(circuit.free.tolist(), farads.tolist(), strict=True):
        if value:
            yield spice.Capacitor(f"Cnode_{nodes[node]}", nodes[node], "0", value)


def _head(circuit: Circuit, name: str, pins: Sequence[Pin], dialect: str) -> Iterator[str]:
    yield f"Subcircuit {name!r}, written for {dialect}: {len(pins)} pins"
    yield from (f"  {pin.name}: {pin.role}" for pin in pins)
    yield f"To use it: .include <this file>, and X1 <nodes> {name}"
    if dialect == "ngspice":
        yield f"Tolerances of the decks that it is compared in: {options_line(gmin_of(circuit))}"


__all__ = ["node_capacitors", "subcircuit"]

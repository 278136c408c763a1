"""Decks of circuits that are simulated in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import VoltageSources
from ebana.spice.language.statements import Comment, StartVoltages, Statement, Text, Transient
from ebana.spice.netlist import dialects
from ebana.spice.netlist.deck import deck_of
from ebana.spice.netlist.names import Names
from ebana.units import quantity


def vector_names(circuit: Circuit, nodes: Iterable[int]) -> list[str]:
    """What raw files call the potentials of nodes, such as ``"v(z1_0)"`` for node 0 of the group ``"z1"``."""
    names = Names.of(circuit).nodes
    return [f"v({names[int(node)]})".lower() for node in np.ravel(np.asarray(nodes, int))]


STEPS, FIRST = 500, 100
"""Least steps of a transient of which the duration alone is stated, and by how much its first is shorter."""


def transient_of(stated: object) -> Transient:
    """A transient analysis, or one from rest of the seconds that are stated.

    Raises:
        ValueError: for seconds that are not above zero.

    Example:
        >>> transient_of("1m").stop
        0.001
    """
    if isinstance(stated, Transient):
        return stated
    stop = quantity(stated, "s", "transient")
    if not 0 < stop < float("inf"):
        raise ValueError(f"transient={stated!r}. Expected seconds above zero, or a Transient.")
    longest = stop / STEPS
    return Transient(stop, longest / FIRST, longest)


def transient_deck(
    circuit: Circuit,
    values: Mapping[str, Any] | None,
    analysis: Transient,
    *,
    saved: object = (),
    start: Mapping[int, float] | None = None,
    inputs: Mapping[str, Any] | None = None,
    celsius: float | None = None,
    extra: Iterable[Statement] = (),
    title: str = "ebana circuit in time",
    dialect: str = "ngspice",
) -> str:
    """The text of a deck that simulates a circuit in time.

    Args:
        circuit: the circuit.
        values: values by parameter name, SI units; the initial ones where None.
        analysis: what is simulated, and how exactly.
        saved: indices of nodes whose potentials are kept, beside the vectors that ``analysis`` names; all vectors where
            neither names any.
        start: volts of nodes at t = 0 by their index, beside the start voltages of capacitors.
        inputs: volts of each named input, one row; those left out are 0 V.
        celsius: temperature of the circuit; the simulator's own, 27, where None.
        extra: further statements, over the names ``<group>_<index>`` of nodes.
        title: first line, a comment.
        dialect: language of the deck.

    Raises:
        ValueError: for values that are not finite, and for what the dialect does not write.

    Example:
        >>> from ebana.circuit import CircuitBuilder
        >>> build = CircuitBuilder()
        >>> y = build.nodes("y", 1)
        >>> build.resistors("r", y, build.ground(), 1e-3)
        >>> build.capacitors("c", y, build.ground(), 1e-9, start=1.0)
        >>> deck = transient_deck(build.build(), None, Transient(1e-6, 1e-9, 1e-8), saved=y)
        >>> print(*deck.splitlines()[-3:], sep="\\n")
        .save v(y_0)
        .tran 1e-09 1e-06 0 1e-08 uic
        .end
    """
    names = Names.of(circuit)
    given = {name: np.atleast_2d(np.asarray(value, np.float64)) for name, value in (inputs or {}).items()}
    vectors = (*analysis.saved, *vector_names(circuit, saved))  # type: ignore[arg-type]
    more: list[Statement] = [] if celsius is None else [Text(f".temp {float(celsius)!r}")]
    if start:
        more += [
            Comment(),
            StartVoltages.of({names.nodes[int(node)]: volts for node, volts in start.items()}),
        ]
    deck = deck_of(
        circuit,
        circuit.initial() if values is None else values,
        {e.name: e.volts(given, 1)[0] for e in circuit.each(VoltageSources) if e.input},
        {},
        (),
        title=title,
        analysis=replace(analysis, saved=tuple(dict.fromkeys(vectors))),
        extra=(*more, *extra),
        names=names,
    )
    return dialects.get(dialect).deck(deck)

"""SPICE decks of circuits: one ``.subckt`` for each array of elements, one instance of each.

An array whose subcircuit would have too many ports is written in parts (:mod:`ebana.spice.netlist.parts`); its first
part keeps the name of the array. The deck states the circuit that :mod:`ebana.physics.kirchhoff` computes, element by
element:

* a conductance ``g`` is a resistor of ``1 / g`` ohm (17 digits, so that the value survives);
* an amplifier ``w = s + A (h - s)`` is an E source of gain ``A`` in series with ``s (1 - A)`` volts,
  and an F source that draws ``kappa I(w)`` from ``h``;
* nudges are sources at the outputs (:mod:`ebana.spice.netlist.nudges`).

What is made here are statements (:mod:`ebana.spice.language.statements`); a dialect writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.element import Element
from ebana.circuit.elements import Branches, Subcircuits, VoltageSources
from ebana.spice.language.statements import (
    Analysis,
    Comment,
    Deck,
    Definition,
    Instance,
    OperatingPoint,
    Statement,
    UserSubcircuit,
)
from ebana.spice.netlist import dialects
from ebana.spice.netlist.dialects.dialect import Dialect
from ebana.spice.netlist.dialects.ngspice import RELTOL, VNTOL, options_line
from ebana.spice.netlist.names import Names, node_names, subcircuit_names, unique_names
from ebana.spice.netlist.nudges import (
    CLAMPED_LOSSES,
    Clamp,
    clamp_runs,
    clamp_statements,
    clamp_values,
    loss_name,
    nudge_values,
    unit_nodes,
)
from ebana.spice.netlist.parts import held, parts_of

__all__ = [
    "CLAMPED_LOSSES",
    "DEFAULT_GMIN",
    "RELTOL",
    "VNTOL",
    "Clamp",
    "clamp_values",
    "deck_of",
    "gmin_of",
    "loss_name",
    "netlist",
    "node_names",
    "options_line",
    "subcircuit_names",
    "unique_names",
]

Values = Mapping[str, Any]

DEFAULT_GMIN = 1e-12
"""Conductance in siemens that SPICE adds across each junction when a deck states no other."""


def gmin_of(circuit: Circuit) -> float:
    """The junction conductance that the circuit's devices ask for, in siemens.

    Raises:
        ValueError: when two devices ask for different values: a deck has one.
    """
    laws = (element.law for element in circuit.each(Branches) if not element.linear)
    values = {float(law.gmin) for law in laws if hasattr(law, "gmin")}
    if len(values) > 1:
        raise ValueError(
            f"devices ask for different gmin: {', '.join(f'{v:g} S' for v in sorted(values))}. "
            "SPICE has one gmin for the whole circuit; give all junction diodes the same."
        )
    return values.pop() if values else DEFAULT_GMIN


# -- blocks --------------------------------------------------------------------------------------------


def _block(name: str, nodes: Iterable[str], comment: str, body: Iterable[Statement]) -> Iterator[Statement]:
    """A subcircuit over ``nodes`` (ground is global) and its one instance.

    Its definition has a prefix because ngspice replaces bare words such as ``gnd`` and ``temper``.
    """
    ports = tuple(node for node in dict.fromkeys(nodes) if node != "0")
    yield Comment()
    yield Comment(comment)
    yield Definition(f"block_{name}", ports, tuple(body))
    yield Instance(f"X{name}", ports, f"block_{name}")


def _nodes(names: Names, element: Element) -> list[str]:
    return [names.nodes[i] for ends in element.terminals() for i in ends.tolist()]


def _element(names: Names, element: Element, numbers: np.ndarray) -> Iterator[Statement]:
    if element.inline:
        yield Comment()
        yield Comment(f"{element.name!r}: {element.describe()}")
        yield from element.statements(names.nodes, numbers)
        return
    blocks = names.subcircuits["element", element.name]
    for block, (part, place) in zip(blocks, parts_of(element), strict=True):
        body = part.statements(names.nodes, numbers[place])
        yield from _block(block, _nodes(names, part), f"{element.name!r}: {part.describe()}", body)


def _held(circuit: Circuit, names: Names, port: str, amperes: np.ndarray) -> Iterator[Statement]:
    for block, (part, place) in zip(
        names.subcircuits["held", port], parts_of(held(circuit.output(port))), strict=True
    ):
        comment = f"nudge of output {port!r}: {part.units} held currents"
        yield from _block(
            block, _nodes(names, part), comment, part.statements(names.nodes, amperes[None][place])
        )


def _clamp(circuit: Circuit, names: Names, clamp: Clamp) -> Iterator[Statement]:
    units = unit_nodes(circuit, names, clamp.port)
    runs = clamp_runs(circuit.output(clamp.port), clamp.loss)
    for block, run in zip(names.subcircuits["clamp", clamp.port], runs, strict=True):
        pairs = units[run]
        body = clamp_statements(clamp.loss, pairs, clamp.strength[run].tolist(), clamp.offset[run].tolist())
        comment = f"clamped nudge of output {clamp.port!r}: {clamp.loss} over {len(pairs)} units"
        yield from _block(block, [node for pair in pairs for node in pair], comment, body)


# -- the deck ------------------------------------------------------------------------------------------


def deck_of(
    circuit: Circuit,
    parameters: Values,
    voltages: Mapping[str, Any],
    held: Mapping[str, np.ndarray],
    clamps: Iterable[Clamp],
    *,
    title: str,
    analysis: Analysis | None = None,
    extra: Iterable[Statement] = (),
    names: Names | None = None,
) -> Deck:
    """The deck of a circuit.

    Args:
        circuit: the circuit.
        parameters: values by parameter name, in SI units.
        voltages: volts (or ramps) of each array of input-driven sources, by element name.
        held: amperes into the nodes of output ports, by port.
        clamps: clamped nudges.
        title: first line, a comment.
        analysis: what the deck computes, or None.
        extra: further statements, over the names of :func:`node_names`.
        names: the names, where they are known already.

    Raises:
        ValueError: for values that are not finite.
    """
    names = Names.of(circuit) if names is None else names
    check_finite(circuit, parameters, voltages)
    statements = definitions(circuit)
    for element in sorted(circuit.elements, key=lambda element: not element.inline):
        given = voltages.get(element.name)
        numbers = element.numbers(parameters) if given is None else np.asarray(given)[None]
        statements.extend(_element(names, element, numbers))
    for port, amperes in held.items():
        statements.extend(_held(circuit, names, port, amperes))
    for clamp in clamps:
        statements.extend(_clamp(circuit, names, clamp))
    return Deck(
        (title, _size(circuit)), gmin_of(circuit), (*statements, *extra), tuple(names.nodes[:-1]), analysis
    )


_MODEL = re.compile(r"^\s*\.model\s+(\S+)", re.IGNORECASE | re.MULTILINE)


def definitions(circuit: Circuit) -> list[Statement]:
    """What arrays of elements share, once; two texts that define one name are refused."""
    owners: dict[Statement, str] = {}
    for element in circuit.elements:
        for statement in element.definitions():
            owners.setdefault(statement, element.name)
    taken: dict[str, str] = {}
    for statement, owner in owners.items():
        for name in dict.fromkeys(name.lower() for name in _MODEL.findall(str(statement))):
            if name in taken:
                raise ValueError(
                    f"elements {taken[name]!r} and {owner!r} bring different cards that both define the model "
                    f"{name!r}, and a deck has one of each name. Give both the same text, or rename a model."
                )
            taken[name] = owner
    return [*([Comment()] if owners else []), *owners]


def _size(circuit: Circuit) -> str:
    trainable = [circuit.parameters[name] for name in circuit.trainable]
    conductances = sum(p.initial.size for p in trainable if p.kind == "conductance")
    return (
        f"{circuit.size} nodes ({len(circuit.free)} free), {len(circuit.elements)} element arrays, "
        f"{conductances} trainable conductances"
    )


def check_finite(circuit: Circuit, parameters: Values, voltages: Values) -> None:
    for what, values in (("parameter", {k: parameters[k] for k in circuit.parameters}), ("source", voltages)):
        for name, value in values.items():
            numbers = np.asarray(value)
            if numbers.dtype != object and not np.isfinite(numbers.astype(np.float64)).all():
                raise ValueError(
                    f"{what} {name!r} has values that are not finite. Expected numbers; check the data."
                )


def check_blocks(circuit: Circuit, writer: Dialect) -> None:
    """Refuse blocks of users that a dialect cannot hold before anything else: the rest would have no use."""
    for element in circuit.each(Subcircuits):
        block = UserSubcircuit(element.name, element.model.name, element.model.text)
        next(writer.lines(block), None)


def netlist(
    circuit: Circuit,
    parameters: Values | None = None,
    inputs: Values | None = None,
    nudge: object = None,
    *,
    sample: int = 0,
    title: str = "ebana circuit",
    analysis: bool = True,
    dialect: str = "ngspice",
    extra: Iterable[Statement] = (),
) -> str:
    """A SPICE deck of one sample, readable, complete, and accepted by its simulator as it is.

    Args:
        circuit: the circuit.
        parameters: values by parameter name in SI units; the initial ones when left out.
        inputs: ``{name: (B, columns)}`` volts; inputs that are left out are 0 V.
        nudge: a :class:`~ebana.engines.base.Nudge`, or None for the free phase.
        sample: which row of the inputs and of the nudge to write.
        title: what the first line says.
        analysis: whether the deck runs the operating point and prints every node (16 digits).
        dialect: ``"ngspice"``, ``"ltspice"`` or ``"xyce"`` (see :mod:`ebana.spice.netlist.dialects`).
        extra: further statements, over the names of :func:`node_names`.

    Returns:
        The deck; its third line tells how to run it, for example ``ngspice -b file.cir``.

    Raises:
        ValueError: for an unknown dialect, or a block, device text or card that has no form in it; when devices ask for
            different gmin, or a clamped nudge has no SPICE form or too many units for one.
        NotImplementedError: when a device has no SPICE form.

    Example:
        >>> from ebana.circuit import CircuitBuilder
        >>> build = CircuitBuilder()
        >>> x = build.input("x", 1)
        >>> build.resistors("load", x, build.ground(), 1e-3)
        >>> print(netlist(build.build(), analysis=False).splitlines()[-3])
        Xload x_0 block_load
    """
    writer = dialects.get(dialect)
    check_blocks(circuit, writer)
    values = circuit.initial() if parameters is None else parameters
    row = slice(sample, sample + 1)
    given = {name: np.asarray(value)[row] for name, value in (inputs or {}).items()}
    voltages = {e.name: e.volts(given, 1)[0] for e in circuit.each(VoltageSources) if e.input}
    held, clamps = nudge_values(nudge, sample) if nudge is not None else ({}, [])
    wanted = OperatingPoint() if analysis else None
    made = deck_of(circuit, values, voltages, held, clamps, title=title, analysis=wanted, extra=extra)
    return writer.deck(made)

"""Single parts of a circuit as they stand in its deck, and the energy that each delivers, dissipates or stores.

    sources    delivered  = -int v i dt      (i into the plus end)
    resistors  dissipated =  int v^2 / R dt
    switches, diodes         int v i dt
    capacitors stored     =  C v^2 / 2
    transistors              int (|v_ds| i_d + |v_db| i_sub + v_bd i_bd + v_bs i_bs) dt dissipated,
                             int sum_k v_k dq_k stored, over drain, gate, source and bulk

The charges of transistors and the currents of their bulk (of impact ionisation and of junctions) are those of BSIM4
models. Others name and count them otherwise (ngspice gives zeros for a quantity that a model does not have), so that
their cards are refused. A diode's junction has no charge here; nor does its law state one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.dynamic import Transistors
from ebana.onchip.waveforms import Waveforms
from ebana.spice.language import statements as spice
from ebana.spice.netlist.names import Names
from ebana.spice.netlist.parts import parts_of

Kind = Literal["delivered", "dissipated", "stored"]
KINDS: tuple[Kind, ...] = ("delivered", "dissipated", "stored")

_SILENT = (spice.Comment, spice.SwitchModel, spice.ModelCard)
"""Statements that are no parts."""

BSIM4 = ("14", "54")
"""Levels of BSIM4 in ngspice."""

_CHARGES = ("qd", "qg", "qs", "qb")
"""Charges of a transistor, in the order of its nodes."""

_CURRENTS = ("id", "isub", "ibd", "ibs")
"""Of the channel, of impact ionisation into the bulk, and of the bulk's junctions. The first two flow from the end of
the channel that is its drain at the time; BSIM4 tells them without a sign."""


@dataclass(frozen=True)
class Part:
    """A part.

    Args:
        array: name of the element array that it belongs to.
        statement: its line in the deck.
        block: the subcircuit that it stands in, empty for none.
        channel: of a transistor, ``"n"`` or ``"p"``.
    """

    array: str
    statement: spice.Statement
    block: str = ""
    channel: str = ""

    def vector(self, quantity: str = "", of: str = "") -> str:
        """What ngspice calls its current through a voltage source, or the quantity of a device.

        Example:
            >>> Part("leak0", spice.Resistor("R0", "a", "0", 1.0), "leak0").vector("i")
            '@r.xleak0.r0[i]'
        """
        name = (of or self.statement.name).lower()  # type: ignore[union-attr]
        path = f"{name[0]}.x{self.block.lower()}.{name}" if self.block else name
        return f"@{path}[{quantity}]" if quantity else f"i({path})"


def parts(circuit: Circuit) -> list[Part]:
    """All parts of a circuit in its deck.

    Raises:
        NotImplementedError: for transistors of another model than BSIM4.
    """
    for element in circuit.each(Transistors):
        _check_model(element)
    names, values, found = Names.of(circuit), circuit.initial(), []
    for element in circuit.elements:
        channel = element.symbol[0] if element.symbol in ("nmos", "pmos") else ""
        whole = [(element, (slice(None), slice(None)))] if element.inline else parts_of(element)
        blocks = [""] if element.inline else names.subcircuits["element", element.name]
        for block, (piece, place) in zip(blocks, whole, strict=True):
            for statement in piece.statements(names.nodes, element.numbers(values)[place]):
                if not isinstance(statement, _SILENT):
                    found.append(Part(element.name, statement, block, channel))
    return found


def _check_model(element: Transistors) -> None:
    """Refuse cards whose currents and charges ngspice does not tell as it tells those of BSIM4."""
    cards = re.split(r"(?im)^(?=\s*\.model\s)", element.cards)
    name = re.compile(rf"(?i)\s*\.model\s+{re.escape(element.model)}(?:\.\d+)?\s")
    levels = [re.search(r"(?i)\blevel\s*=\s*(\d+)", card) for card in cards if name.match(card)]
    if not levels or any(level is None or level[1] not in BSIM4 for level in levels):
        told = ", ".join("none" if level is None else level[1] for level in levels) or "no card"
        raise NotImplementedError(
            f"the energy of {element.name!r} is not known: the model {element.model!r} has the level {told}. Expected "
            f"the card of a BSIM4 model, level {' or '.join(BSIM4)}."
        )


def vectors(part: Part) -> Iterator[str]:
    """What a simulation has to save for :func:`joules`."""
    match part.statement:
        case spice.VoltageSource(plus=a, minus=b) | spice.Behavioural(plus=a, minus=b, quantity="V"):
            yield from (*_volts(a, b), part.vector())
        case spice.VoltageControlled(plus=a, minus=b, control_plus=c, control_minus=d):
            yield from _volts(a, b, c, d)
            if not _is_current(part):
                yield part.vector()
        case spice.Resistor(a=a, b=b) | spice.Capacitor(a=a, b=b):
            yield from _volts(a, b)
        case spice.Switch(a=a, b=b):
            yield from (*_volts(a, b), part.vector("i"))
        case spice.DeviceLine(nodes=nodes):
            told = (*_CURRENTS, *_CHARGES) if part.channel else ("id",)
            yield from (*_volts(*nodes), *map(part.vector, told))
        case _:
            raise NotImplementedError(
                f"the energy of {part.array!r} is not known: its deck holds a {type(part.statement).__name__}. Known "
                "are voltage sources, controlled sources, resistors, capacitors, switches, diodes and transistors."
            )


def joules(part: Part, waves: Waveforms) -> Iterator[tuple[Kind, np.ndarray]]:
    """Energies since the start, each with its kind, ``(T,)``."""
    match part.statement:
        case spice.VoltageSource(plus=a, minus=b) | spice.Behavioural(plus=a, minus=b):
            yield "delivered", -_work(waves, a, b, waves.of(part.vector()))
        case spice.VoltageControlled(plus=a, minus=b, control_plus=c, control_minus=d, gain=gain):
            through = gain * _drop(waves, c, d) if _is_current(part) else waves.of(part.vector())
            yield "delivered", -_work(waves, a, b, through)
        case spice.Resistor(a=a, b=b, ohms=ohms):
            yield "dissipated", _work(waves, a, b, _drop(waves, a, b) / ohms)
        case spice.Switch(a=a, b=b):
            yield "dissipated", _work(waves, a, b, waves.of(part.vector("i")))
        case spice.Capacitor(a=a, b=b, farads=farads):
            yield "stored", 0.5 * farads * _drop(waves, a, b) ** 2
        case spice.DeviceLine(nodes=(_, _, _, _)):
            yield "dissipated", _integral(waves, _heat(part, waves))
            yield "stored", _charged(part, waves)
        case spice.DeviceLine(nodes=(anode, cathode)):
            yield "dissipated", _work(waves, anode, cathode, waves.of(part.vector("id")))
        case _:
            raise NotImplementedError(part.array)


def _heat(part: Part, waves: Waveforms) -> np.ndarray:
    """Watts that a transistor turns into heat."""
    assert isinstance(part.statement, spice.DeviceLine)
    sign = -1.0 if part.channel == "p" else 1.0
    drain, source, bulk = (sign * waves.volts(part.statement.nodes[k]) for k in (0, 2, 3))
    channel, ionised, to_drain, to_source = (waves.of(part.vector(name)) for name in _CURRENTS)
    high, low = np.maximum(drain, source), np.minimum(drain, source)
    junctions = (bulk - drain) * to_drain + (bulk - source) * to_source
    return (high - low) * channel + (high - bulk) * ionised + junctions


def _charged(part: Part, waves: Waveforms) -> np.ndarray:
    """Energy in the charges of a transistor since the start."""
    assert isinstance(part.statement, spice.DeviceLine)
    steps = np.zeros(len(waves.time) - 1)
    for node, charge in zip(part.statement.nodes, _CHARGES, strict=True):
        volts = waves.volts(node)
        steps += 0.5 * (volts[1:] + volts[:-1]) * np.diff(waves.of(part.vector(charge)))
    return np.concatenate([[0.0], np.cumsum(steps)])


def _is_current(part: Part) -> bool:
    """Whether a controlled source gives a current, whose value its voltages tell."""
    return part.statement.name[0] == "G"  # type: ignore[union-attr]


def _volts(*nodes: str) -> list[str]:
    return [f"v({node.lower()})" for node in nodes if node != "0"]


def _drop(waves: Waveforms, a: str, b: str) -> np.ndarray:
    return waves.volts(a) - waves.volts(b)


def _work(waves: Waveforms, a: str, b: str, amperes: np.ndarray) -> np.ndarray:
    """Energy that flows into a part since the start, with the current from a to b."""
    return _integral(waves, _drop(waves, a, b) * amperes)


def _integral(waves: Waveforms, watts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(0.5 * (watts[1:] + watts[:-1]) * np.diff(waves.time))])

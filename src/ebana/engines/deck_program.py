"""From circuits to programs for SPICE: the deck of a circuit, and the numbers in it that change.

The deck is the one that :func:`ebana.spice.netlist.deck.netlist` writes. A program is made once for a circuit;
between samples and training steps only values change.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ebana.circuit import Circuit
from ebana.circuit.elements import Devices, Subcircuits, VoltageSources
from ebana.engines.base import Values
from ebana.physics.nudge import Nudge
from ebana.spice.netlist import nudges
from ebana.spice.netlist import values as numbers
from ebana.spice.netlist.deck import deck_of
from ebana.spice.netlist.dialects import ngspice
from ebana.spice.netlist.names import Names
from ebana.spice.simulators.program import Job, Key, ParametricDeck


@dataclass(frozen=True, eq=False)
class _Entry:
    """A program, and what of its circuit is written into the deck for good."""

    program: ParametricDeck
    clamped: Mapping[str, str]
    device_values: Mapping[str, np.ndarray]

    def serves(self, parameters: Values, clamped: Mapping[str, str]) -> bool:
        """Whether altering values is enough to solve this."""
        return clamped.items() <= self.clamped.items() and all(
            np.array_equal(parameters[name], value) for name, value in self.device_values.items()
        )


_entries: weakref.WeakKeyDictionary[Circuit, _Entry] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def program_of(circuit: Circuit, parameters: Values, clamped: Mapping[str, str]) -> ParametricDeck:
    """The program of a circuit, made anew only where altering values would not do.

    Args:
        circuit: the circuit.
        parameters: values by parameter name.
        clamped: names of the losses of the ports whose clamped nudge the deck must be able to hold.
    """
    with _lock:
        entry = _entries.get(circuit)
        if entry is None or not entry.serves(parameters, clamped):
            clamped = {**(entry.clamped if entry else {}), **clamped}
            writable = {
                name: value if np.isfinite(value).all() else circuit.parameters[name].initial
                for name, value in parameters.items()
            }
            entry = _Entry(_program(circuit, writable, clamped), clamped, _device_values(circuit, parameters))
            _entries[circuit] = entry
        return entry.program


def job(
    circuit: Circuit, parameters: Values, inputs: Values, nudge: Nudge, batch: int, clamped: Mapping[str, str]
) -> Job:
    """The operating points of a batch, as a job for a simulator."""
    program = program_of(circuit, parameters, clamped)
    rows = dict(_rows(circuit, parameters, inputs, nudge, batch))
    fixed = {key: row[0] for key, row in rows.items() if len(row) == 1}
    varying = {key: row for key, row in rows.items() if len(row) != 1}
    silent = {key: np.zeros(len(names)) for key, names in program.handles.items() if key not in rows}
    return Job(program, program.digest, fixed | silent, varying, batch)


def _device_values(circuit: Circuit, parameters: Values) -> dict[str, np.ndarray]:
    fixed = (element for element in circuit.elements if not element.alterable)
    names = {reference.name for element in fixed for reference in element.references()}
    return {name: np.array(parameters[name]) for name in names}


def _foreign(circuit: Circuit) -> dict[str, str]:
    """Text in a deck that others wrote: blocks, and what devices of their own say of themselves."""
    found = {
        f"the subcircuit {e.model.name!r} of {e.name!r}": e.model.text for e in circuit.each(Subcircuits)
    }
    for element in circuit.elements:
        law = element.model if isinstance(element, Devices) else element
        if not type(law).__module__.startswith("ebana."):
            found[f"the {type(law).__name__} of {element.name!r}"] = (
                f"{type(law).__module__}.{type(law).__qualname__}"
            )
    return found


def _program(circuit: Circuit, parameters: Values, clamped: Mapping[str, str]) -> ParametricDeck:
    names = Names.of(circuit)
    slots = {
        key: (tuple(handles), values) for key, handles, values in _slots(circuit, names, parameters, clamped)
    }
    values = {key: value for key, (_, value) in slots.items()}
    deck = deck_of(
        circuit,
        parameters,
        {e.name: values["element", e.name] for e in circuit.each(VoltageSources) if e.input},
        {port.name: values["held", port.name] for port in circuit.outputs},
        [
            nudges.Clamp(port, loss, values["strength", port], values["offset", port])
            for port, loss in clamped.items()
        ],
        title="ebana circuit",
        names=names,
    )
    return ParametricDeck(
        tuple(ngspice.DIALECT.deck_lines(deck)),
        {key: handles for key, (handles, _) in slots.items()},
        values,
        tuple(names.nodes[node] for node in circuit.free.tolist()),
        _foreign(circuit),
    )


def _slots(
    circuit: Circuit, names: Names, parameters: Values, clamped: Mapping[str, str]
) -> Iterator[tuple[Key, list[str], np.ndarray]]:
    for element in circuit.elements:
        handles = numbers.handles(names, element)
        driven = isinstance(element, VoltageSources) and element.input
        values = np.zeros(len(handles)) if driven else numbers.element_values(element, parameters)
        yield ("element", element.name), handles, values
    for port in circuit.outputs:
        handles = nudges.held_handles(circuit, names, port.name)
        yield ("held", port.name), handles, np.zeros(len(port.nodes))
    for port, loss in clamped.items():
        strengths, offsets = nudges.clamp_handles(circuit, names, port, loss)
        yield ("strength", port), strengths, np.zeros(len(strengths))
        yield ("offset", port), offsets, np.zeros(len(offsets))


def _rows(
    circuit: Circuit, parameters: Values, inputs: Values, nudge: Nudge, batch: int
) -> Iterator[tuple[Key, np.ndarray]]:
    """All values of the deck but silent nudges, ``(B, k)`` or ``(1, k)``, by the key of their slot."""
    for element in circuit.elements:
        if isinstance(element, VoltageSources) and element.input:
            yield ("element", element.name), element.volts(inputs, batch)
        else:
            yield ("element", element.name), numbers.element_values(element, parameters)[None]
    for port, current in nudge.currents.items():
        yield ("held", port), np.asarray(current, dtype=np.float64)
    for port, strength in nudge.strength.items():
        s, offset = nudges.clamp_values(nudge.loss, strength, nudge.targets[port])
        yield ("strength", port), s
        yield ("offset", port), offset

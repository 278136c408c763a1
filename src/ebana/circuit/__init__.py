"""Typed circuits, in NumPy alone: nodes, arrays of elements, parameters."""

from importlib import import_module
from typing import Any

from ebana.circuit.builder import CircuitBuilder
from ebana.circuit.circuit import Circuit
from ebana.circuit.dynamic import (
    Capacitors,
    Formulas,
    Selectors,
    SquareContrasts,
    Switches,
    Transistors,
    UpdateMultipliers,
    VoltageControlledCurrents,
    VoltageControlledVoltages,
    WaveformSources,
)
from ebana.circuit.elements import (
    GROUND,
    Amplifiers,
    Crossbar,
    CurrentSources,
    Devices,
    NodeGroup,
    Output,
    Resistors,
    Subcircuits,
    VoltageSources,
)
from ebana.circuit.general import (
    BehaviouralSources,
    CurrentControlledCurrents,
    CurrentControlledVoltages,
    FloatingSources,
    Inductors,
    Mosfets,
)
from ebana.circuit.wires import WiredCells, WireResistors, Wires
from ebana.parameters import Parameter
from ebana.spice.language.waveform import Waveform

_ELSEWHERE: dict[str, str] = dict.fromkeys(
    ("BehavioralDiode", "Device", "IdealDiode", "JunctionDiode", "MosDiode", "Mosfet"), "ebana.devices"
)
_ELSEWHERE["Subcircuit"] = "ebana.spice.language.subcircuit"
_ELSEWHERE |= dict.fromkeys(("kirchhoff", "energy"), "ebana.physics")
"""Public names of version 0.1 that live in other rooms now, imported at their first use."""


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        room = _ELSEWHERE[name]
        return (
            import_module(f"{room}.{name}") if room == "ebana.physics" else getattr(import_module(room), name)
        )
    raise AttributeError(f"module 'ebana.circuit' has no attribute {name!r}")


__all__ = [
    "GROUND",
    "Amplifiers",
    "BehaviouralSources",
    "Capacitors",
    "Circuit",
    "CircuitBuilder",
    "Crossbar",
    "CurrentControlledCurrents",
    "CurrentControlledVoltages",
    "CurrentSources",
    "Devices",
    "FloatingSources",
    "Formulas",
    "Inductors",
    "Mosfets",
    "NodeGroup",
    "Output",
    "Parameter",
    "Resistors",
    "Selectors",
    "SquareContrasts",
    "Subcircuits",
    "Switches",
    "Transistors",
    "UpdateMultipliers",
    "VoltageControlledCurrents",
    "VoltageControlledVoltages",
    "VoltageSources",
    "Waveform",
    "WaveformSources",
    "WireResistors",
    "WiredCells",
    "Wires",
]

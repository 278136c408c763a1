"""Typed, backend-free circuits: nodes, arrays of elements, devices, parameters."""

from ebana.circuit.builder import CircuitBuilder
from ebana.circuit.circuit import Circuit
from ebana.circuit.devices import BehavioralDiode, Device, IdealDiode
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
from ebana.circuit.junction import JunctionDiode
from ebana.circuit.mosfet import MosDiode, Mosfet
from ebana.circuit.subcircuit import Subcircuit
from ebana.parameters import Parameter

__all__ = [
    "GROUND",
    "Amplifiers",
    "BehavioralDiode",
    "Circuit",
    "CircuitBuilder",
    "Crossbar",
    "CurrentSources",
    "Device",
    "Devices",
    "IdealDiode",
    "JunctionDiode",
    "MosDiode",
    "Mosfet",
    "NodeGroup",
    "Output",
    "Parameter",
    "Resistors",
    "Subcircuit",
    "Subcircuits",
    "VoltageSources",
]

"""Laws of devices: current, co-content and conductance by formula, their numbers as leaves, and their SPICE form."""

from ebana.devices.device import Device
from ebana.devices.diodes import BehavioralDiode, IdealDiode
from ebana.devices.expression import Formula
from ebana.devices.junction.diode import JunctionDiode
from ebana.devices.mosfet.four_terminal import FourTerminal
from ebana.devices.mosfet.transistor import MosDiode, Mosfet
from ebana.devices.ports import PortDevice

__all__ = [
    "BehavioralDiode",
    "Device",
    "Formula",
    "FourTerminal",
    "IdealDiode",
    "JunctionDiode",
    "MosDiode",
    "Mosfet",
    "PortDevice",
]

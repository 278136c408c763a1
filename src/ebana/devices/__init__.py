"""Laws of devices: current, co-content and conductance by formula, their numbers as leaves, and their SPICE form."""

from ebana.devices.device import Device
from ebana.devices.diodes import BehavioralDiode, IdealDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.devices.mosfet.transistor import MosDiode, Mosfet

__all__ = ["BehavioralDiode", "Device", "IdealDiode", "JunctionDiode", "MosDiode", "Mosfet"]

"""Circuits from SPICE decks: a schematic, exported from KiCad or LTspice, as a circuit to solve and train."""

from ebana.decks.assembly import from_netlist

__all__ = ["from_netlist"]

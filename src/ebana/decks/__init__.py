"""Circuits from SPICE decks: a person's own schematic, exported from KiCad or LTspice, as a circuit to solve and train."""

from ebana.decks.assembly import DeckCircuit, from_netlist

__all__ = ["DeckCircuit", "from_netlist"]

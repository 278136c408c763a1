"""Whole decks of SPICE as data: elements with their numbers, analyses, and what is printed.

    text -> statements -> blocks -> instances -> elements

:func:`read_deck` reads one. It needs the standard library alone and runs nothing that a deck says.
"""

from ebana.spice.language.deck.data import DcSweep, Deck, OperatingPoint, PrintItem, Sweep
from ebana.spice.language.deck.elements import (
    Behavioural,
    Capacitor,
    CurrentControlled,
    CurrentSource,
    Diode,
    Element,
    Inductor,
    Resistor,
    Transistor,
    VoltageControlled,
    VoltageSource,
)
from ebana.spice.language.deck.places import DeckError, Place
from ebana.spice.language.deck.reader import read_deck

__all__ = [
    "Behavioural", "Capacitor", "CurrentControlled", "CurrentSource", "DcSweep", "Deck", "DeckError", "Diode",
    "Element", "Inductor", "OperatingPoint", "Place", "PrintItem", "Resistor", "Sweep", "Transistor",
    "VoltageControlled", "VoltageSource", "read_deck",
]  # fmt: skip

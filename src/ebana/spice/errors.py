"""What goes wrong with a simulator."""

from __future__ import annotations


class SpiceError(RuntimeError):
    """A simulator refused a deck or gave up; the message quotes it and the line of the deck."""


class SimulatorNotInstalled(RuntimeError):
    """The simulator's program is not on this computer; the message says how to install it."""

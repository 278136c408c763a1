"""What can go wrong with a simulator."""

from __future__ import annotations

from collections.abc import Sequence


class EngineNotInstalled(RuntimeError):
    """The simulator behind an engine is not on this computer, or too old."""


class SpiceError(RuntimeError):
    """A simulator refused a deck or a command; the message quotes it."""


class NgspiceError(SpiceError):
    """ngspice refused a deck or a command."""


class SimulatorDied(NgspiceError):
    """A simulator ended, or asked to be unloaded, at a deck."""


class NeospiceError(SpiceError):
    """A deck holds what neospice is not trusted with, or neospice refused it."""


class WorkerLost(SpiceError):
    """Worker processes died or hung again and again on the same work."""


def quoted(message: str, deck: Sequence[str]) -> str:
    """A simulator's message with the number of the deck's line that it speaks of, where one is found.

    Simulators number the lines of their expanded deck, and rewrite them; the text, white space and case
    aside, is what tells.

    Example:
        >>> quoted("unknown subckt: x1 a 0 nosuch", ["* title", "X1 a 0 nosuch"])
        "unknown subckt: x1 a 0 nosuch (line 2 of the deck: 'X1 a 0 nosuch')"
    """
    said = _plain(message)
    lines = [(number, line) for number, line in enumerate(deck, 1) if line[:1] not in ("", "*", "+")]
    found = [(n, line) for n, line in lines if len(line.split()) > 1 and _plain(line) in said]
    if not found:
        return message
    number, line = max(found, key=lambda item: len(item[1]))
    return f"{message} (line {number} of the deck: {line!r})"


def _plain(text: str) -> str:
    return "".join(text.lower().split())

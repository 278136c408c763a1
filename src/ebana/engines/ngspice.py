"""The ngspice engine under its short name, and whether it can be used here."""

from __future__ import annotations

from ebana.engines.spice import NgspiceEngine
from ebana.spice.simulators import session
from ebana.spice.simulators.errors import EngineNotInstalled, NgspiceError

__all__ = ["EngineNotInstalled", "NgspiceEngine", "NgspiceError", "available"]


def available() -> tuple[bool, str]:
    """Whether ngspice can be used here, and its version and place or how to install it.

    Example:
        >>> found, message = available()
    """
    return session.available("ngspice")

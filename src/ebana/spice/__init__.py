"""SPICE as seen from Python: its language, decks of circuits, and simulators.

``language`` and ``simulators`` know nothing of layers, circuits or learning, and import neither JAX nor anything that
does, so that a worker process starts in a fraction of a second.
"""

from importlib import import_module
from typing import Any

_SIMULATORS = ("batch", "errors", "executors", "libngspice", "neospice", "ngspice", "ngspice_batch", "pool")
_SIMULATORS += ("process", "program", "rawfile", "session", "worker")
"""Modules that lay here in version 0.1 and are reached by their old names still."""


def __getattr__(name: str) -> Any:
    if name in _SIMULATORS:
        return import_module(f"ebana.spice.simulators.{name}")
    raise AttributeError(f"module 'ebana.spice' has no attribute {name!r}")

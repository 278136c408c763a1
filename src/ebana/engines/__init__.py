"""Engines compute operating points: one contract, several implementations."""

from __future__ import annotations

from ebana.engines.base import Engine, NotConverged, OperatingPoint, Result
from ebana.engines.native import NativeEngine, SweepEngine
from ebana.physics.nudge import Nudge


def get(spec: object) -> Engine:
    """The engine that a name, a class or an object stands for.

    Raises:
        ValueError: for an unknown name.
        EngineNotInstalled: for a known engine that is not on this machine, with how to get it.
    """
    if isinstance(spec, str):
        if spec == "native":
            return NativeEngine()
        from ebana.engines.spice import ENGINES

        if spec in ENGINES:
            return ENGINES[spec]()
        names = ", ".join(map(repr, ["native", *ENGINES]))
        raise ValueError(f"engine={spec!r}. Expected one of {names}, or an Engine object.")
    if isinstance(spec, type):
        spec = spec()
    if not isinstance(spec, Engine):
        raise TypeError(
            f"engine={spec!r} does not fit the contract: it needs a name, traceable and solve(). "
            "See ebana.engines.base.Engine."
        )
    return spec


__all__ = [
    "Engine",
    "NativeEngine",
    "NotConverged",
    "Nudge",
    "OperatingPoint",
    "Result",
    "SweepEngine",
    "get",
]

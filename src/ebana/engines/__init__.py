"""Engines compute operating points: one contract, several implementations."""

from __future__ import annotations

import inspect

from ebana.engines.base import Engine, NotConverged, OperatingPoint, Result
from ebana.engines.choice import suited
from ebana.engines.native import NativeEngine, SweepEngine
from ebana.engines.sparse import SparseEngine
from ebana.physics.nudge import Nudge


def get(spec: object, workers: int = 1) -> Engine:
    """The engine that a name, a class or an object stands for.

    Args:
        spec: see above.
        workers: worker processes of a SPICE engine that is given by its name; 1 for none beside this process.

    Raises:
        ValueError: for an unknown name.
        TypeError: for a class that cannot be made without arguments, and for what is no engine.
        EngineNotInstalled: for a known engine that is not on this machine, with how to get it.
    """
    if isinstance(spec, str):
        if spec == "native":
            return NativeEngine()
        if spec == "sparse":
            return SparseEngine()
        from ebana.engines.spice import ENGINES

        if spec in ENGINES:
            return ENGINES[spec](workers=workers if workers > 1 else 0)
        names = ", ".join(map(repr, ["native", "sparse", *ENGINES]))
        raise ValueError(f"engine={spec!r}. Expected one of {names}, or an Engine object.")
    if isinstance(spec, type):
        spec = _made(spec)
    if not isinstance(spec, Engine):
        raise TypeError(
            f"engine={spec!r} does not fit the contract: it needs a name, traceable and solve(). "
            "See ebana.engines.base.Engine."
        )
    return spec


def _made(cls: type) -> object:
    """An object of a class, if it needs no arguments."""
    needed = [
        p.name
        for p in inspect.signature(cls).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if needed:
        raise TypeError(
            f"engine={cls.__name__} is a class that needs {', '.join(needed)}. "
            f"Expected an object of it, {cls.__name__}({', '.join(f'{name}=...' for name in needed)})."
        )
    return cls()


__all__ = [
    "Engine",
    "NativeEngine",
    "NotConverged",
    "Nudge",
    "OperatingPoint",
    "Result",
    "SparseEngine",
    "SweepEngine",
    "get",
    "suited",
]

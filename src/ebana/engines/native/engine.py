"""The built-in engine: operating points by layered relaxation and Newton's method, in JAX."""

from __future__ import annotations

from dataclasses import KW_ONLY, InitVar, dataclass, fields, replace
from typing import Any, Literal

import jax.numpy as jnp

from ebana._types import Array, Values
from ebana.circuit import Circuit
from ebana.engines.base import OperatingPoint, batch_size
from ebana.engines.native.relax import relax
from ebana.engines.native.swept import SweepEngine
from ebana.equations.assemble import assemble
from ebana.equations.system import DENSE_LIMIT
from ebana.physics.nudge import Nudge

TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
"""Default tolerance in volts for each precision."""

RADII = {"float64": 1e-9, "float32": 1e-7}
"""How far around a state, in volts, its error estimate takes the least conductances: what rounding blurs."""


@dataclass(frozen=True)
class NativeEngine:
    """Solves circuits in JAX, a whole batch at once.

    Args:
        tolerance: largest estimated error of a converged operating point, in volts; default 1e-9 in
            float64 and 1e-4 in float32.
        max_iterations: iterations before an operating point counts as stalled.
        method: ``"auto"`` alternates sweeps and Newton steps on layered circuits and takes Newton steps
            on others; ``"newton"`` leaves the sweeps out; ``"sweeps"`` moves by sweeps alone (layered
            circuits only). All three are certified by a Newton correction.
        dtype: ``"float64"`` or ``"float32"``.
        dense_limit: largest number of nodes whose linear system is eliminated densely for each sample; beyond it the
            Newton correction is found by conjugate gradients, which hold no matrix. (Circuits of few branches a node,
            such as grids, are factorised sparsely.)
        sweeps: stands for ``SweepEngine(sweeps, dtype)``, another engine, which is made instead.

    Example:
        >>> NativeEngine(tolerance=1e-12).name
        'native'
        >>> NativeEngine(dtype="float32", sweeps=4)
        SweepEngine(sweeps=4, dtype='float32')
    """

    tolerance: float | None = None
    max_iterations: int = 100
    method: Literal["auto", "newton", "sweeps"] = "auto"
    dtype: Literal["float64", "float32"] = "float64"
    _: KW_ONLY
    dense_limit: int = DENSE_LIMIT
    sweeps: InitVar[int | None] = None

    name = "native"
    traceable = True

    def __new__(cls, *args: Any, sweeps: int | None = None, **options: Any) -> Any:
        """A :class:`SweepEngine` where a number of sweeps is stated."""
        if sweeps is None:
            return super().__new__(cls)
        given = dict(zip((f.name for f in fields(cls)), args, strict=False)) | options
        dtype = given.pop("dtype", cls.dtype)
        unused = sorted(name for name, value in given.items() if value != getattr(cls, name, None))
        if unused:
            raise ValueError(
                f"NativeEngine(sweeps={sweeps!r}) relaxes by sweeps alone and has no use for {', '.join(unused)}. "
                f"Expected SweepEngine({sweeps!r}, dtype=...)."
            )
        return SweepEngine(sweeps, dtype)

    def __post_init__(self, sweeps: int | None) -> None:
        if self.dtype not in TOLERANCES:
            raise ValueError(f"NativeEngine(dtype={self.dtype!r}). Expected 'float64' or 'float32'.")
        if self.method not in ("auto", "newton", "sweeps"):
            raise ValueError(f"NativeEngine(method={self.method!r}). Expected 'auto', 'newton' or 'sweeps'.")
        if self.tolerance is not None and not self.tolerance > 0:
            raise ValueError(f"NativeEngine(tolerance={self.tolerance!r}). Expected volts above zero.")
        if self.max_iterations < 1:
            raise ValueError(f"NativeEngine(max_iterations={self.max_iterations}). Expected at least one.")
        if (
            not isinstance(self.dense_limit, int)
            or isinstance(self.dense_limit, bool)
            or self.dense_limit < 0
        ):
            raise ValueError(
                f"NativeEngine(dense_limit={self.dense_limit!r}). Expected a whole number of nodes, zero or more."
            )

    @property
    def volts(self) -> float:
        """The tolerance in force, in volts."""
        return TOLERANCES[self.dtype] if self.tolerance is None else self.tolerance

    def solve(
        self,
        circuit: Circuit,
        parameters: Values,
        inputs: Values,
        nudge: Nudge,
        start: Array | None = None,
    ) -> OperatingPoint:
        """Operating points of a batch (see :class:`~ebana.engines.base.Engine`)."""
        batch = batch_size(inputs)
        system = replace(assemble(circuit, parameters, inputs, nudge, batch), dense_limit=self.dense_limit)
        if self.method == "sweeps" and not system.plan.swept:
            raise ValueError(
                "NativeEngine(method='sweeps') got a circuit that is not layered (some element joins two nodes "
                "of one layer, or two free nodes directly). Use method='auto' or 'newton'."
            )
        v, code, error, iterations = relax(
            system,
            None if start is None else jnp.asarray(start, system.rhs.dtype).T,
            batch,
            tolerance=self.volts,
            radius=min(self.volts, RADII[self.dtype]),
            max_iterations=self.max_iterations,
            sweeps=self.method != "newton",
            newton=self.method != "sweeps",
        )
        return OperatingPoint(v.T, code, error, iterations)

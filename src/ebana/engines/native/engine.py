"""The built-in engine: operating points by layered relaxation and Newton's method, in JAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp

from ebana._types import Array, Values
from ebana.circuit import Circuit
from ebana.engines.base import OperatingPoint, Result, batch_size
from ebana.engines.native.relax import relax
from ebana.engines.native.sweep import settle
from ebana.equations.assemble import assemble
from ebana.equations.system import System
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
        sweeps: relax by exactly this many sweeps instead, on layered circuits, and take what they leave:
            **no certificate**. ``error`` is then the largest change in the last sweep, which bounds
            nothing; ``tolerance``, ``max_iterations`` and ``method`` are not used. This is how large
            networks train fast; ``model.estimate_error(x)`` tells how far the states are from the operating points.

    Example:
        >>> NativeEngine(tolerance=1e-12).name
        'native'
        >>> fast = NativeEngine(dtype="float32", sweeps=4)
    """

    tolerance: float | None = None
    max_iterations: int = 100
    method: Literal["auto", "newton", "sweeps"] = "auto"
    dtype: Literal["float64", "float32"] = "float64"
    sweeps: int | None = None

    name = "native"
    traceable = True

    def __post_init__(self) -> None:
        if self.dtype not in TOLERANCES:
            raise ValueError(f"NativeEngine(dtype={self.dtype!r}). Expected 'float64' or 'float32'.")
        if self.method not in ("auto", "newton", "sweeps"):
            raise ValueError(f"NativeEngine(method={self.method!r}). Expected 'auto', 'newton' or 'sweeps'.")
        if self.tolerance is not None and not self.tolerance > 0:
            raise ValueError(f"NativeEngine(tolerance={self.tolerance!r}). Expected volts above zero.")
        if self.max_iterations < 1:
            raise ValueError(f"NativeEngine(max_iterations={self.max_iterations}). Expected at least one.")
        whole = isinstance(self.sweeps, int) and not isinstance(self.sweeps, bool) and self.sweeps > 0
        if self.sweeps is not None and not whole:
            raise ValueError(
                f"NativeEngine(sweeps={self.sweeps!r}). Expected a whole number above zero, or None."
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
        system = assemble(circuit, parameters, inputs, nudge, batch)
        if (self.method == "sweeps" or self.sweeps) and not system.plan.layered:
            setting = f"sweeps={self.sweeps}" if self.sweeps else "method='sweeps'"
            raise ValueError(
                f"NativeEngine({setting}) got a circuit that is not layered (some element joins two nodes "
                "of one layer, or two free nodes directly). Use method='auto' or 'newton', without sweeps."
            )
        if self.sweeps:
            return self._fixed(system, batch, nudge, start, self.sweeps)
        cold = jnp.zeros((len(circuit.free), batch), system.rhs.dtype)
        v, code, error, iterations = relax(
            system,
            cold if start is None else jnp.asarray(start, cold.dtype).T,
            tolerance=self.volts,
            radius=min(self.volts, RADII[self.dtype]),
            max_iterations=self.max_iterations,
            sweeps=self.method != "newton",
            newton=self.method != "sweeps",
        )
        return OperatingPoint(v.T, code, error, iterations)

    def _fixed(
        self, system: System, batch: int, nudge: Nudge, start: Array | None, sweeps: int
    ) -> OperatingPoint:
        """What a fixed number of sweeps leaves."""
        backward = bool(nudge.currents or nudge.strength) and start is not None
        v, change = settle(system, start, sweeps, backward=backward)
        v = jnp.broadcast_to(v, (batch, v.shape[1]))
        code = jnp.where(jnp.isfinite(v).all(1), int(Result.CONVERGED), int(Result.NOT_FINITE))
        count = jnp.full(batch, sweeps, jnp.int32)
        return OperatingPoint(v, code.astype(jnp.int32), jnp.broadcast_to(change, (batch,)), count)

"""An engine of a fixed number of sweeps, without a certificate: how large layered networks train fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax.numpy as jnp

from ebana._types import Array, Values
from ebana.circuit import Circuit
from ebana.engines.base import OperatingPoint, Result, batch_size
from ebana.engines.native.sweep import settle
from ebana.equations.assemble import assemble
from ebana.physics.nudge import Nudge


@dataclass(frozen=True)
class SweepEngine:
    """Relax layered circuits by exactly so many block Gauss-Seidel sweeps, and take what they leave.

    Its points have the code :data:`~ebana.engines.base.Result.SWEPT`: nothing certifies them. ``error`` is the largest
    change in the last sweep, which bounds nothing; ``model.estimate_error(x)`` tells how far the states are from the
    operating points.

    Args:
        sweeps: how many; one for each layer of nodes and a few more.
        dtype: ``"float64"`` or ``"float32"``.

    Example:
        >>> SweepEngine(4, dtype="float32").name
        'sweeps'
    """

    sweeps: int
    dtype: Literal["float64", "float32"] = "float64"

    name: ClassVar[str] = "sweeps"
    traceable: ClassVar[bool] = True
    certifies: ClassVar[bool] = False
    phases_together: ClassVar[bool] = False
    """The phases are relaxed one after the other: the nudged ones need fewer sweeps from the free state."""

    optimise_compilation: ClassVar[bool] = True
    """Its programs are made of matrix products and run for long: XLA's expensive passes pay."""

    def __post_init__(self) -> None:
        if self.dtype not in ("float64", "float32"):
            raise ValueError(
                f"SweepEngine({self.sweeps!r}, dtype={self.dtype!r}). Expected 'float64' or 'float32'."
            )
        if not isinstance(self.sweeps, int) or isinstance(self.sweeps, bool) or self.sweeps < 1:
            raise ValueError(f"SweepEngine(sweeps={self.sweeps!r}). Expected a whole number above zero.")

    def solve(
        self, circuit: Circuit, parameters: Values, inputs: Values, nudge: Nudge, start: Array | None = None
    ) -> OperatingPoint:
        """What the sweeps leave of a batch (see :class:`~ebana.engines.base.Engine`).

        Raises:
            ValueError: for a circuit that is not layered.
        """
        batch = batch_size(inputs)
        system = assemble(circuit, parameters, inputs, nudge, batch)
        if not system.plan.layered:
            raise ValueError(
                f"SweepEngine(sweeps={self.sweeps}) got a circuit that is not layered (some element joins two nodes "
                "of one layer, as wires with a resistance do, or two free nodes directly). Use NativeEngine()."
            )
        backward = bool(nudge.currents or nudge.strength) and start is not None
        v, change = settle(system, start, self.sweeps, backward=backward)
        v = jnp.broadcast_to(v, (batch, v.shape[1]))
        code = jnp.where(jnp.isfinite(v).all(1), int(Result.SWEPT), int(Result.NOT_FINITE))
        count = jnp.full(batch, self.sweeps, jnp.int32)
        return OperatingPoint(v, code.astype(jnp.int32), jnp.broadcast_to(change, (batch,)), count)

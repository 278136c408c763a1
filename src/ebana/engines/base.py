"""The contract between learning and whatever finds operating points.

An engine is given a circuit, parameter values, a batch of inputs and a nudge, and returns the
potentials of the free nodes for each sample, with a result code for each. A simulator, a built-in
solver and a chip on a bench all fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Codes, FreePotentials, Mask, Samples, Values
from ebana.circuit import Circuit
from ebana.physics.nudge import Nudge
from ebana.shown import Shown, Table


class Result(IntEnum):
    """What became of one sample's operating point.

    ``CONVERGED`` is certified: its error is bounded. ``SWEPT`` counts as found too, and nothing bounds its error.
    """

    CONVERGED = 0
    STALLED = 1
    NO_MINIMUM = 2
    NOT_FINITE = 3
    ENGINE_FAILED = 4
    SWEPT = 5

    @property
    def explanation(self) -> str:
        """One sentence a person can act on."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Result.CONVERGED: "the operating point was found to the stated tolerance",
    Result.STALLED: "the estimated error, roundings included, stayed above the tolerance; allow more iterations or a "
    "looser tolerance, or double precision",
    Result.NO_MINIMUM: "the circuit has no minimum: beta is too strong for the conductances at the outputs "
    "(or ideal diodes set a node bounds that contradict each other)",
    Result.NOT_FINITE: "the potentials became infinite; check the data's range and the device models",
    Result.ENGINE_FAILED: "the simulator gave no operating point",
    Result.SWEPT: "a fixed number of sweeps was taken; no certificate says how near the operating point is",
}


@partial(jax.tree_util.register_dataclass, data_fields=["v", "code", "error", "iterations"], meta_fields=[])
@dataclass(frozen=True, repr=False)
class OperatingPoint(Shown):
    """The operating points of a batch.

    Args:
        v: potentials of the free nodes, ``(B, F)``, volts, in the order of ``circuit.free``.
        code: a :class:`Result` for each sample, ``(B,)``.
        error: estimated error of each sample in volts, ``(B,)``.
        iterations: how many iterations each sample took, ``(B,)``.
    """

    v: FreePotentials
    code: Codes
    error: Samples
    iterations: Codes

    def __repr__(self) -> str:
        samples, nodes = np.shape(self.v)
        known = f", {int(self.converged.sum())} converged" if isinstance(self.code, np.ndarray) else ""
        return f"OperatingPoint({samples} samples of {nodes} free nodes{known})"

    def _tables(self) -> Iterator[Table]:
        code, error = np.asarray(self.code), np.asarray(self.error, np.float64)
        found = [(result, code == result) for result in Result if (code == result).any()]
        rows = [(r.name.lower(), int(is_.sum()), error[is_].max(), r.explanation) for r, is_ in found]
        yield Table(f"{len(code)} samples", ("result", "samples", "largest error (V)", "meaning"), rows)

    @staticmethod
    def found(v: object, error: object = 0.0) -> OperatingPoint:
        """Operating points that an engine vouches for, with its estimate of their error in volts.

        Example:
            >>> OperatingPoint.found(np.zeros((3, 2)), error=1e-3).code.tolist()
            [0, 0, 0]
        """
        v = np.asarray(v)
        batch = v.shape[0]
        code = np.where(np.isfinite(v).all(1), int(Result.CONVERGED), int(Result.NOT_FINITE))
        error = np.broadcast_to(np.asarray(error, dtype=v.dtype), (batch,))
        return OperatingPoint(v, code, error, np.zeros(batch, dtype=int))

    @property
    def converged(self) -> Mask:
        """Mask of the samples whose point counts, ``(B,)``: certified ones, and those of a fixed number of sweeps."""
        return (self.code == Result.CONVERGED) | (self.code == Result.SWEPT)

    @property
    def certified(self) -> Mask:
        """Mask of the samples whose error is bounded by ``error``, ``(B,)``."""
        return self.code == Result.CONVERGED


def checked(point: OperatingPoint) -> OperatingPoint:
    """Mark every sample with a potential that is NaN or infinite, whatever its engine says."""
    finite = jnp.isfinite(point.v).all(1)
    return replace(point, code=jnp.where(finite | ~point.converged, point.code, int(Result.NOT_FINITE)))


class NotConverged(RuntimeError):
    """An operating point that was asked for strictly was not found."""


@runtime_checkable
class Engine(Protocol):
    """Finds operating points. Implement it to train on something new.

    Attributes:
        name: short name, for tables and reports.
        traceable: True when :meth:`solve` is made of JAX operations, so that a training step can be
            compiled as a whole; else the same step runs operation by operation around the engine.

    An engine may also state ``dtype`` (``"float64"`` or ``"float32"``), ``certifies`` (False where its points are
    :data:`Result.SWEPT`, with no bound on their error), ``phases_together`` (False where nudged phases are to be solved
    after the free one instead of in one batch), ``optimise_compilation`` (True where programs run for so long that
    XLA's expensive passes pay) and ``messages`` (what it said of samples, by number).
    """

    name: str
    traceable: bool

    def solve(
        self,
        circuit: Circuit,
        parameters: Values,
        inputs: Values,
        nudge: Nudge,
        start: FreePotentials | None = None,
    ) -> OperatingPoint:
        """Operating points of a batch.

        Args:
            circuit: the circuit; the same object for every call of one training run.
            parameters: values by parameter name, in SI units.
            inputs: ``{name: (B, columns)}``, volts.
            nudge: what to add at the outputs; :meth:`Nudge.none` in the free phase.
            start: potentials of the free nodes to start from, ``(B, F)``, or None.
        """
        ...


def batch_size(inputs: Values) -> int:
    """Number of samples in a batch of inputs; 1 for a circuit without inputs."""
    return next((int(value.shape[0]) for value in inputs.values()), 1)


def raise_unless_converged(
    point: OperatingPoint, circuit: Circuit, what: str, messages: Mapping[int, str] | None = None
) -> None:
    """Raise :class:`NotConverged` naming the first samples that failed, and where they are worst.

    Args:
        messages: what a simulator said of samples, by number.
    """
    code = np.asarray(point.code)
    failed = np.flatnonzero(~np.asarray(point.converged))
    if failed.size == 0:
        return
    first = int(failed[0])
    v = np.abs(np.nan_to_num(np.asarray(point.v)[first], nan=np.inf))
    said = f"It said: {messages[first][:300]}. " if messages and first in messages else ""
    node = circuit.node_name(int(circuit.free[int(np.argmax(v))])) if v.size else "?"
    raise NotConverged(
        f"{what}: {failed.size} of {code.size} operating points did not converge (samples "
        f"{', '.join(map(str, failed[:8]))}{', ...' if failed.size > 8 else ''}). "
        f"Sample {first}: {Result(int(code[first])).explanation}; estimated error "
        f"{float(np.asarray(point.error)[first]):.3g} V, largest potential at {node}. {said}"
        "Pass strict=False to go on without them."
    )

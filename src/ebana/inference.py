"""Free states, estimates and exact gradients of a system as NumPy arrays: what the verbs of a network compute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Values
from ebana.compilation import compiled
from ebana.engines.base import NotConverged, batch_size
from ebana.learning import estimators
from ebana.learning.adjoint import exact_gradient
from ebana.learning.estimators import GradientEstimator, Objective
from ebana.learning.losses import Loss
from ebana.learning.system import HostDifferentiable, Noisy, System, as_argument, from_argument, scope
from ebana.training.data import Dataset
from ebana.training.evaluation import BLOCK


def cast(system: System, arrays: Values) -> dict[str, jax.Array]:
    """Arrays in a system's precision; call it within its scope."""
    return {name: jnp.asarray(value, system.traits.dtype) for name, value in arrays.items()}


def arguments(system: System, arrays: Values) -> dict[str, np.ndarray]:
    """Arrays in a system's precision, as a compiled program takes them at the least cost: not on a device yet."""
    return {name: np.asarray(value, system.traits.dtype) for name, value in arrays.items()}


def minibatches(size: int, *, fill: bool = True) -> Iterator[np.ndarray]:
    """Sample numbers in minibatches of one size; the last one repeats the last sample.

    Args:
        size: number of samples.
        fill: False to fill the last one to a power of two only.

    Example:
        >>> [len(rows) for rows in minibatches(131)], [len(rows) for rows in minibatches(131, fill=False)]
        ([128, 128], [128, 4])
    """
    for start in range(0, size, BLOCK):
        count = BLOCK if fill else min(BLOCK, 1 << (size - start - 1).bit_length())
        yield np.minimum(np.arange(start, start + count), size - 1)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FreeStates:
    """Free states of a batch.

    Args:
        solution: what the system tells of them.
        v: their unknowns, ``(B, F)``.
        found: mask of those that were found, ``(B,)``.
        outputs: ``{name: (B, units)}``.
    """

    solution: Any
    v: Any
    found: Any
    outputs: dict[str, Any]


def free_states(system: System, values: Values, inputs: Values) -> FreeStates:
    """Free states as NumPy arrays, outputs in float64.

    A compiled system works in minibatches of one size, the last one filled up, so that one compiled program
    serves data sets of all sizes.
    """
    with scope(system.traits):
        if not system.traits.traceable:
            return _as_numpy(_relaxed(system, cast(system, values), cast(system, inputs)))
        values = arguments(system, values)
        size, parts = batch_size(inputs), []
        for k, rows in enumerate(minibatches(size, fill=not system.traits.wide)):
            block = arguments(system, {name: x[rows] for name, x in inputs.items()})
            own = system.at_batch(k) if isinstance(system, Noisy) else system
            part = _as_numpy(_relaxed_jit(as_argument(own), values, block))
            keep = min(len(rows), size - int(rows[0])) if inputs else size
            parts.append(jax.tree.map(lambda a, keep=keep: a[:keep], part))
        return jax.tree.map(lambda *rows: np.concatenate(rows), *parts)


def _relaxed(argument: object, values: Values, inputs: Values) -> FreeStates:
    system = from_argument(argument)
    state = system.relax(values, inputs, None, None)
    return FreeStates(
        system.solution(state), system.unknowns(state), system.converged(state), system.outputs(state)
    )


def _as_numpy(states: FreeStates) -> FreeStates:
    outputs = {name: np.array(y, np.float64) for name, y in states.outputs.items()}
    return replace(jax.tree.map(np.asarray, states), outputs=outputs)


_relaxed_jit = compiled(_relaxed)


def raise_unless_found(found: np.ndarray, what: str) -> None:
    """Raise NotConverged naming the first samples whose state was not found."""
    lost = np.flatnonzero(~np.asarray(found))
    if lost.size:
        raise NotConverged(
            f"{what}: {lost.size} of {found.size} states were not found (samples "
            f"{', '.join(map(str, lost[:8]))}{', ...' if lost.size > 8 else ''}). "
            "Pass strict=False to go on without them."
        )


@dataclass(frozen=True)
class Found:
    """An estimate as NumPy arrays.

    Args:
        gradients: by parameter.
        states: solution and mask of what was found, by phase.
        nudges: by phase.
        unconverged: states that were not found.
    """

    gradients: dict[str, np.ndarray]
    states: dict[str, tuple[Any, np.ndarray]]
    nudges: dict[str, Any]
    unconverged: np.ndarray


def estimate(
    system: System, values: Values, data: Dataset, loss: Loss, estimator: GradientEstimator, beta: float
) -> Found:
    """Gradients of a data set by an estimator, as one batch."""
    with scope(system.traits):
        traced = system.traits.traceable
        run, argument, given = (
            (_estimate_jit, as_argument(system), arguments) if traced else (_estimated, system, cast)
        )
        values, x, y = (given(system, each) for each in (values, data.inputs, data.outputs))
        result = run(argument, values, x, y, beta, loss.in_program(), estimator)
        return Found(**jax.tree.map(np.asarray, result))


def _estimated(
    argument: Any,
    values: Values,
    inputs: Values,
    targets: Values,
    beta: Any,
    loss: Loss,
    estimator: GradientEstimator,
) -> dict[str, Any]:
    system = from_argument(argument)
    objective = Objective(inputs, targets, loss)
    result = estimators.estimate(estimator, system, values, objective, beta=beta)
    states = {name: (system.solution(s), system.converged(s)) for name, s in result.states.items()}
    return {
        "gradients": result.gradients,
        "states": states,
        "nudges": result.nudges,
        "unconverged": result.unconverged,
    }


_estimate_jit = compiled(_estimated, (5, 6))


def exact(system: System, values: Values, data: Dataset, loss: Loss, v: np.ndarray) -> dict[str, np.ndarray]:
    """The exact gradient at known free states ``(B, F)``."""
    with scope(system.traits):
        outside = isinstance(system, HostDifferentiable)
        run, argument, given = (
            (_exact, system, cast) if outside else (_exact_jit, as_argument(system), arguments)
        )
        values, x, y, at = (given(system, each) for each in (values, data.inputs, data.outputs, {"v": v}))
        found = run(argument, values, x, y, loss.in_program(), at["v"])
        return {name: np.asarray(value) for name, value in found.items()}


def _exact(system: Any, values: Any, inputs: Any, targets: Any, loss: Loss, v: Any) -> dict[str, Array]:
    return exact_gradient(from_argument(system), values, Objective(inputs, targets, loss), v)


_exact_jit = compiled(_exact, 4)

"""Nudged phases: what is pushed at the outputs of a free state, and the states that follow.

Outputs whose stages carry factors c_k are nudged by ``b c_min / c_k``, so that no output is nudged harder than b, and
differences are divided by ``b c_min``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array, LossLike, Values
from ebana.learning.estimators import Objective
from ebana.learning.system import EnergySystem


def least_factor(system: EnergySystem, values: Values) -> Array:
    """The least factor of an output, ``c_min``."""
    return jnp.min(jnp.stack(list(system.factors(values).values())))


def nudged(
    system: EnergySystem,
    values: Values,
    objective: Objective,
    free: object,
    beta: Array,
    strengths: Mapping[str, float],
    *,
    clamped: bool,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Relax phases under nudges of several strengths, in units of beta, by name.

    Args:
        system, values, objective, beta: as for an estimator.
        free: the free state.
        strengths: of each phase; none is zero.
        clamped: whether the nudge follows the state, or is the slope of the loss at the free state, held.

    Returns:
        The states, and the nudges, by name.
    """
    nudges = nudges_of(system, values, objective, free, beta, strengths, clamped=clamped)

    def relax(inputs: Any, nudge: Any, start: Any) -> Any:
        return system.relax(values, inputs, nudge, start)

    return settled(system, objective.inputs, free, nudges, relax), nudges


def nudges_of(
    system: EnergySystem,
    values: Values,
    objective: Objective,
    free: object,
    beta: Array,
    strengths: Mapping[str, float],
    *,
    clamped: bool,
) -> dict[str, Any]:
    """The nudges alone; see :func:`nudged`."""
    outputs, targets, loss = system.outputs(free), objective.targets, objective.loss
    c, least = system.factors(values), least_factor(system, values)
    ones = jnp.ones(next(iter(outputs.values())).shape[0])
    slopes = {} if clamped else slopes_at(system, loss, outputs, targets)
    found = {}
    for name, strength in strengths.items():
        scaled = {n: strength * ones * (beta * least / c[n]) for n in outputs}
        if clamped:
            found[name] = system.clamped_nudge(scaled, {n: targets[n] for n in outputs}, loss)
        else:
            found[name] = system.current_nudge({n: scaled[n][:, None] * slopes[n] for n in outputs})
    return found


def slopes_at(system: EnergySystem, loss: LossLike, outputs: Values, targets: Values) -> dict[str, Array]:
    """Derivatives of the loss by the outputs, ``{name: (B, units)}``."""
    slope = loss.slope if system.traits.traceable else partial(_slope, loss)
    return {name: slope(y, targets[name]) for name, y in outputs.items()}


@partial(jax.jit, static_argnums=0)
def _slope(loss: LossLike, y: Array, target: Array) -> Array:
    """For engines outside JAX, which would differentiate operation by operation."""
    return loss.slope(y, target)


def settled(
    system: EnergySystem,
    inputs: Values,
    start: object,
    pushes: Mapping[str, Any],
    settle: Callable[[Any, Any, Any], Any],
) -> dict[str, Any]:
    """The state that follows each push, side by side as one batch where the system wants it so.

    Args:
        start: where all of them start.
        pushes: pytrees with the samples along the first axis, by the names of the phases.
        settle: makes a state of inputs, push and start.
    """
    count = len(pushes)
    if count > 1 and system.traits.phases_together:
        together = settle(_joined([inputs] * count), _joined([*pushes.values()]), _joined([start] * count))
        return dict(zip(pushes, _parts(together, count), strict=True))
    return {name: settle(inputs, push, start) for name, push in pushes.items()}


def _joined(batches: Sequence[Any]) -> Any:
    """Batches one after the other."""
    return jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *batches)


def _parts(whole: object, count: int) -> list[Any]:
    """The inverse of :func:`_joined`."""

    def part(k: int, array: Array) -> Array:
        size = array.shape[0] // count
        return array[k * size : (k + 1) * size]

    return [jax.tree.map(partial(part, k), whole) for k in range(count)]

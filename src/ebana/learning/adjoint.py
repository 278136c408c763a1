"""The exact gradient by implicit differentiation at the free state, the reference of every estimator.

    dL/dtheta = dC/dtheta - (dC/dv)^T (dF/dv)^-1 dF/dtheta

with F the equations of the free state: Kirchhoff's current law for a circuit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array, LossLike, Values
from ebana.learning.estimators import Estimate, GradientEstimator
from ebana.learning.system import Differentiable, EnergySystem, trainable


@dataclass(frozen=True)
class Adjoint(GradientEstimator):
    """The exact gradient; one free phase, and one linear system a sample.

    Raises:
        TypeError: by :meth:`estimate`, for a system whose equations are not known.
    """

    nudges = False
    reverses = False
    samples_together = 1

    def to_config(self) -> dict[str, Any]:
        """See :meth:`GradientEstimator.to_config`."""
        return {"estimator": "adjoint", "nudge": None}

    def estimate(
        self,
        system: EnergySystem,
        values: Values,
        inputs: Values,
        targets: Values,
        loss: LossLike,
        *,
        beta: Array,
        valid: Array | None = None,
    ) -> Estimate:
        """See :meth:`GradientEstimator.estimate`; ``beta`` is not used."""
        free = system.relax(values, inputs, None, None)
        outputs, found = system.outputs(free), system.converged(free)
        real = jnp.ones(found.shape, bool) if valid is None else valid
        used = found & real
        v = jnp.where(used[:, None], system.unknowns(free), 0.0)  # lost samples weigh nothing, and are finite
        weight = used / jnp.maximum(used.sum(), 1)
        gradients = exact_gradient(system, values, inputs, targets, loss, v, weight)
        return Estimate(gradients, outputs, {"free": free}, {}, used, (~found & real).sum())


def exact_gradient(
    system: EnergySystem,
    values: Values,
    inputs: Values,
    targets: Values,
    loss: LossLike,
    v: Array,
    weight: Array | None = None,
) -> dict[str, Array]:
    """The exact gradient of the mean loss at known free states.

    Args:
        v: unknowns of the free states, ``(B, F)``.
        weight: weight of each sample, ``(B,)``; equal ones where left out.

    Raises:
        TypeError: for a system whose equations are not known.
    """
    if not isinstance(system, Differentiable):
        raise TypeError(
            f"the adjoint needs the equations of the system, which {type(system).__name__} does not state "
            "(residual, read and solve_transposed). Use equilibrium propagation."
        )
    equations: Differentiable = system

    def cost(v: Array, values: Values) -> Array:
        outputs = equations.read(values, inputs, v)
        each = [loss.cost(outputs[name], targets[name]) for name in outputs]
        if weight is None:
            return sum(one.sum() for one in each) / v.shape[0]  # type: ignore[return-value]
        return sum((one * weight).sum() for one in each)  # type: ignore[return-value]

    by_state, direct = jax.grad(cost, argnums=(0, 1))(v, values)
    sensitivity = equations.solve_transposed(values, inputs, v, by_state)
    _, pull = jax.vjp(lambda values: equations.residual(values, inputs, v), values)
    (indirect,) = pull(-sensitivity)
    return {name: direct[name] + indirect[name] for name in trainable(system)}

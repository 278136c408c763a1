"""The exact gradient by implicit differentiation at the free state, the reference of every estimator.

    dL/dtheta = dC/dtheta - (dC/dv)^T (dF/dv)^-1 dF/dtheta

with F the equations of the free state: Kirchhoff's current law for a circuit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array, Values
from ebana.learning.estimators import Estimate, GradientEstimator, Objective
from ebana.learning.system import Differentiable, EnergySystem, LinearResponse, trainable


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
        self, system: EnergySystem, values: Values, objective: Objective, *, beta: Array
    ) -> Estimate:
        """See :meth:`GradientEstimator.estimate`; ``beta`` is not used."""
        free = objective.relaxed(system, values)
        found = system.converged(free)
        real = objective.real(found)
        used = found & real
        weight, outputs = objective.weights(used), system.outputs(free)
        if isinstance(system, LinearResponse):
            gradients, sensitivities = _by_response(system, values, objective, free, weight)
        else:
            v = jnp.where(
                used[:, None], system.unknowns(free), 0.0
            )  # lost samples weigh nothing, and are finite
            gradients, sensitivities = exact_derivatives(system, values, objective, v, weight)
        lost = (~found & real).sum()
        return Estimate(gradients, outputs, {"free": free}, {}, used, lost, sensitivities=sensitivities)


def _by_response(
    system: Any, values: Values, objective: Objective, free: Any, weight: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Derivatives by the system's own linear response to the slope of the loss."""
    outputs = system.outputs(free)
    slopes = {name: objective.loss.slope(y, objective.targets[name]) for name, y in outputs.items()}
    pair = system.linear_response(values, free, system.current_nudge(slopes))
    sensitivities = system.input_contrast(values, *pair, weight) if objective.sensitivities else {}
    return system.contrast(values, *pair, weight), sensitivities


def exact_gradient(system: EnergySystem, values: Values, objective: Objective, v: Array) -> dict[str, Array]:
    """The exact gradient at known free states ``v`` ``(B, F)``, all of them found."""
    weight = objective.weights(jnp.ones(v.shape[0], bool))
    return exact_derivatives(system, values, objective, v, weight)[0]


def exact_derivatives(
    system: EnergySystem, values: Values, objective: Objective, v: Array, weight: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Exact derivatives of the weighted sum of losses by the trained parameters, and by the inputs of each sample.

    Args:
        v: unknowns of the free states, ``(B, F)``.
        weight: weight of each sample, ``(B,)``.

    Returns:
        ``{parameter: array}``, and ``{input: (B, columns)}`` where the objective asks for it, else nothing.

    Raises:
        TypeError: for a system whose equations are not known.
    """
    if not isinstance(system, Differentiable):
        raise TypeError(
            f"the adjoint needs the equations of the system, which {type(system).__name__} does not state "
            "(residual, read and solve_transposed). Use equilibrium propagation."
        )
    equations: Differentiable = system
    loss, targets = objective.loss, objective.targets

    def cost(v: Array, values: Values, inputs: Values) -> Array:
        outputs = equations.read(values, inputs, v)
        each = [loss.cost(outputs[name], targets[name]) for name in outputs]
        return sum((one * weight).sum() for one in each)  # type: ignore[return-value]

    inputs = dict(objective.inputs)
    by_state, *direct = jax.grad(cost, argnums=(0, 1, 2))(v, values, inputs)
    sensitivity = equations.solve_transposed(values, inputs, v, by_state)
    _, pull = jax.vjp(lambda values, inputs: equations.residual(values, inputs, v), values, inputs)
    by_values, by_inputs = jax.tree.map(jnp.add, tuple(direct), pull(-sensitivity))
    sensitivities = dict(by_inputs) if objective.sensitivities else {}
    return {name: by_values[name] for name in trainable(system)}, sensitivities

"""The exact gradient by implicit differentiation at the free state, the reference of every estimator.

    dL/dtheta = dC/dtheta - (dC/dv)^T (dF/dv)^-1 dF/dtheta

with F the equations of the free state: Kirchhoff's current law for a circuit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array, LossLike, Mask, Values
from ebana.compilation import compiled
from ebana.learning.estimators import Estimate, GradientEstimator, Objective, without
from ebana.learning.system import (
    Differentiable,
    EnergySystem,
    HostDifferentiable,
    LinearResponse,
    Readable,
    System,
    trainable,
)

Derivatives = tuple[dict[str, Array], dict[str, Array]]
"""By the trained parameters; by the inputs of each sample, where the objective asks for it, else nothing."""


@dataclass(frozen=True)
class DifferentiatingEstimator(GradientEstimator):
    """Differentiates the loss at the free state. Subclass it with :meth:`derivatives`."""

    nudges = False
    reverses = False
    samples_together = 1

    def derivatives(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, used: Mask
    ) -> Derivatives:
        """Derivatives of the weighted sum of losses.

        Args:
            free: the free states.
            used: mask of the samples that count, ``(B,)``.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no derivatives()")

    def estimate(
        self, system: EnergySystem, values: Values, objective: Objective, *, beta: Array
    ) -> Estimate:
        """See :meth:`GradientEstimator.estimate`; ``beta`` is not used."""
        self.check(system, objective.loss)
        free = objective.relaxed(system, values)
        found = system.converged(free)
        real = objective.real(found)
        used = found & real
        counted = replace(
            objective, inputs=without(objective.inputs, used), targets=without(objective.targets, used)
        )
        gradients, sensitivities = self.derivatives(system, values, counted, free, used)
        outputs, lost = system.outputs(free), (~found & real).sum()
        return Estimate(gradients, outputs, {"free": free}, {}, used, lost, sensitivities=sensitivities)


def kept_unknowns(system: EnergySystem, free: Any, used: Mask) -> Array:
    """Unknowns of free states, ``(B, F)``; of samples that do not count zeros, which are finite."""
    return jnp.where(used[:, None], system.unknowns(free), 0.0)


@dataclass(frozen=True)
class Adjoint(DifferentiatingEstimator):
    """The exact gradient; one free phase, and one linear system a sample.

    Raises:
        TypeError: by :meth:`estimate`, for a system whose equations are not known.
    """

    def check(self, system: System, loss: LossLike) -> None:
        """Refuse systems whose equations are not known."""
        if not isinstance(system, LinearResponse):
            equations_of(system)

    def to_config(self) -> dict[str, Any]:
        """See :meth:`~ebana.learning.estimators.GradientEstimator.to_config`."""
        return {"estimator": "adjoint", "nudge": None}

    def derivatives(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, used: Mask
    ) -> Derivatives:
        """See :meth:`DifferentiatingEstimator.derivatives`."""
        weight = objective.weights(used)
        if isinstance(system, LinearResponse):
            return _by_response(system, values, objective, free, weight)
        return exact_derivatives(system, values, objective, kept_unknowns(system, free, used), weight)


def _by_response(system: Any, values: Values, objective: Objective, free: Any, weight: Array) -> Derivatives:
    """Derivatives by the system's own linear response to the slope of the loss."""
    outputs = system.outputs(free)
    slopes = {name: objective.loss.slope(y, objective.targets[name]) for name, y in outputs.items()}
    pair = system.linear_response(values, free, system.current_nudge(slopes))
    sensitivities = system.input_contrast(values, *pair, weight) if objective.sensitivities else {}
    return system.contrast(values, *pair, weight), sensitivities


def equations_of(system: object) -> Differentiable:
    """A system whose equations are known, or TypeError."""
    if not isinstance(system, Differentiable):
        raise TypeError(
            f"the adjoint needs the equations of the system, which {type(system).__name__} does not state "
            "(residual, read and solve_transposed). Use equilibrium propagation."
        )
    return system


def exact_gradient(system: EnergySystem, values: Values, objective: Objective, v: Array) -> dict[str, Array]:
    """The exact gradient at known free states ``v`` ``(B, F)``, all of them found."""
    weight = objective.weights(jnp.ones(v.shape[0], bool))
    return exact_derivatives(system, values, objective, v, weight)[0]


def exact_derivatives(
    system: EnergySystem, values: Values, objective: Objective, v: Array, weight: Array
) -> Derivatives:
    """Exact derivatives of the weighted sum of losses.

    Args:
        v: unknowns of the free states, ``(B, F)``.
        weight: weight of each sample, ``(B,)``.

    Raises:
        TypeError: for a system whose equations are not known.
    """
    equations = equations_of(system)
    inputs = dict(objective.inputs)
    outside = isinstance(system, HostDifferentiable)
    cost, pulled = (_cost_jit, _pulled_jit) if outside else (_cost_slopes, _pulled)
    by_state, *direct = cost(system, objective.loss, v, dict(values), inputs, dict(objective.targets), weight)
    sensitivity = equations.solve_transposed(values, inputs, v, by_state)
    by_equations = pulled(system, v, dict(values), inputs, -sensitivity)
    return asked_for(system, objective, *jax.tree.map(jnp.add, tuple(direct), by_equations))


def _cost_slopes(
    system: Any, loss: LossLike, v: Array, values: Values, inputs: Values, targets: Values, weight: Array
) -> Any:
    """Derivatives of the weighted sum of losses by unknowns, values and inputs."""
    cost = weighted_cost(system, Objective(inputs, targets, loss), weight)
    return jax.grad(cost, argnums=(0, 1, 2))(v, values, inputs)


def _pulled(system: Any, v: Array, values: Values, inputs: Values, sensitivity: Array) -> Any:
    """``sensitivity^T dF`` by values and inputs."""
    _, pull = jax.vjp(lambda values, inputs: system.residual(values, inputs, v), values, inputs)
    return pull(sensitivity)


_cost_jit, _pulled_jit = compiled(_cost_slopes, 1), compiled(_pulled)
"""Of systems whose transposed equations are solved outside JAX: all but that is compiled."""


def weighted_cost(
    system: Readable, objective: Objective, weight: Array
) -> Callable[[Array, Values, Values], Array]:
    """The weighted sum of losses as a function of unknowns ``(B, F)``, values and inputs."""
    loss, targets = objective.loss, objective.targets

    def cost(v: Array, values: Values, inputs: Values) -> Array:
        outputs = system.read(values, inputs, v)
        each = [loss.cost(outputs[name], targets[name]) for name in outputs]
        return sum((one * weight).sum() for one in each)  # type: ignore[return-value]

    return cost


def asked_for(
    system: EnergySystem, objective: Objective, by_values: Values, by_inputs: Values
) -> Derivatives:
    """Of derivatives by all values and inputs those that count."""
    sensitivities = dict(by_inputs) if objective.sensitivities else {}
    return {name: by_values[name] for name in trainable(system)}, sensitivities

"""Backpropagation through the relaxation, cut off after some sweeps: what hardware rules are compared with.

A free state is a fixed point ``v = T(theta, x, v)`` of the sweeps that found it. Truncated backpropagation takes K more
of them from the free state and differentiates through these alone; recurrent backpropagation (Almeida, Pineda) iterates
the transposed linearised sweep at the free state:

    g = dC/dv,      l_1 = g,      l_{k+1} = (dT/dv)^T l_k + g,      dL/dtheta = dC/dtheta + (dT/dtheta)^T l_K

At an exact fixed point the two are one sum of K terms, which tends to the exact gradient as K grows. The first keeps K
states, the second one.

Source: L. Almeida, ICNN (1987); F. Pineda, Phys. Rev. Lett. 59:2229 (1987); B. Scellier, M. Ernoult, J. Kendall,
S. Kumar, NeurIPS 2023, arXiv:2312.15103.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array, LossLike, Mask, Values
from ebana.learning.adjoint import (
    Derivatives,
    DifferentiatingEstimator,
    asked_for,
    kept_unknowns,
    weighted_cost,
)
from ebana.learning.estimators import Objective
from ebana.learning.system import EnergySystem, Iterated, System

DEFAULT_SWEEPS = 15
"""Sweeps of all rules in the published comparison (code of arXiv:2312.15103)."""

UNROLLED = 4
"""Sweeps up to this number are laid out one after the other, which runs faster; more go round a loop."""


@dataclass(frozen=True)
class SweepingEstimator(DifferentiatingEstimator):
    """What the two have in common.

    Args:
        sweeps: how many; through a network of L layers a derivative takes L of them at most to reach the inputs.
    """

    sweeps: int = DEFAULT_SWEEPS

    def __post_init__(self) -> None:
        if isinstance(self.sweeps, bool) or not isinstance(self.sweeps, int) or self.sweeps < 1:
            raise ValueError(
                f"{type(self).__name__}(sweeps={self.sweeps!r}). Expected a whole number above zero."
            )

    def check(self, system: System, loss: LossLike) -> None:
        """Refuse systems without differentiable sweeps."""
        if not isinstance(system, Iterated):
            raise TypeError(
                f"{type(self).__name__} differentiates sweeps of the relaxation, which {type(system).__name__} does "
                "not offer (sweeping). Use equilibrium propagation."
            )
        system.check_sweeps()


@dataclass(frozen=True)
class TruncatedBackpropagation(SweepingEstimator):
    """Differentiates through so many sweeps from the free state.

    Example:
        >>> TruncatedBackpropagation(sweeps=4).nudges
        False
    """

    @property
    def samples_together(self) -> int:  # type: ignore[override]
        """The states that are kept."""
        return self.sweeps

    def to_config(self) -> dict[str, Any]:
        """See :meth:`~ebana.learning.estimators.GradientEstimator.to_config`."""
        return {"estimator": "truncated", "nudge": None, "sweeps": self.sweeps}

    def derivatives(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, used: Mask
    ) -> Derivatives:
        """See :meth:`DifferentiatingEstimator.derivatives`."""
        swept: Any = system
        v = kept_unknowns(system, free, used)
        cost = weighted_cost(swept, objective, objective.weights(used))

        def after(values: Values, inputs: Values) -> Array:
            sweep = swept.sweeping(values, inputs, None)
            unroll = self.sweeps if self.sweeps <= UNROLLED else 1
            last, _ = jax.lax.scan(lambda v, _: (sweep(v), None), v, length=self.sweeps, unroll=unroll)
            return cost(last, values, inputs)

        found = jax.grad(after, argnums=(0, 1))(dict(values), dict(objective.inputs))
        return asked_for(system, objective, *found)


@dataclass(frozen=True)
class RecurrentBackpropagation(SweepingEstimator):
    """Iterates the transposed linearised sweep at the free state.

    Example:
        >>> RecurrentBackpropagation().sweeps
        15
    """

    def to_config(self) -> dict[str, Any]:
        """See :meth:`~ebana.learning.estimators.GradientEstimator.to_config`."""
        return {"estimator": "recurrent", "nudge": None, "sweeps": self.sweeps}

    def derivatives(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, used: Mask
    ) -> Derivatives:
        """See :meth:`DifferentiatingEstimator.derivatives`."""
        swept: Any = system
        values, inputs = dict(values), dict(objective.inputs)
        v = kept_unknowns(system, free, used)
        cost = weighted_cost(swept, objective, objective.weights(used))
        by_state, *direct = jax.grad(cost, argnums=(0, 1, 2))(v, values, inputs)
        _, back = jax.vjp(swept.sweeping(values, inputs, None), v)
        reach = jax.lax.fori_loop(1, self.sweeps, lambda _, row: back(row)[0] + by_state, by_state)
        _, pull = jax.vjp(lambda values, inputs: swept.sweeping(values, inputs, None)(v), values, inputs)
        return asked_for(system, objective, *jax.tree.map(jnp.add, tuple(direct), pull(reach)))

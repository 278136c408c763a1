"""Estimates that compare states: weighted differences of ``dE/dtheta`` between relaxed states of the same samples.

    estimate = sum_i weight_i [dE/dtheta(first_i) - dE/dtheta(second_i)]

A rule of this kind says which states are relaxed and which differences are taken; everything else (samples that are
left out, parameters with a rule of their own, derivatives by the inputs) is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp

from ebana._types import Array, Number, Values
from ebana.learning.estimators import Estimate, GradientEstimator, Objective
from ebana.learning.system import EnergySystem, LocallyTaught


class Difference(NamedTuple):
    """One difference between two states, by their names, times ``weight``: a number, or one a sample ``(B,)``."""

    first: str
    second: str
    weight: Number


class Contrast(NamedTuple):
    """What a rule compares.

    Args:
        states: relaxed states by name; the free one is known as ``"free"`` and need not be among them.
        nudges: what pushed those that were pushed, by the same names: a nudge, or the values or shifts that the
            outputs were held at, ``{output: (B, units)}``.
        differences: what is taken of them.
        signs: weight of each pushed state, with the sign of the push, for parameters with a rule of their own.
        scale: factor on what those parameters learn, in front of the signs.
    """

    states: Mapping[str, Any]
    nudges: Mapping[str, Any]
    differences: tuple[Difference, ...]
    signs: Mapping[str, float]
    scale: Number


@dataclass(frozen=True)
class ContrastiveEstimator(GradientEstimator):
    """Estimates by differences between states. Subclass it with :meth:`contrast`."""

    def contrast(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, beta: Array
    ) -> Contrast:
        """Relax what is compared.

        Args:
            system, values, objective, beta: as for :meth:`estimate`.
            free: the free state.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no contrast()")

    def estimate(
        self, system: EnergySystem, values: Values, objective: Objective, *, beta: Array
    ) -> Estimate:
        """See :meth:`GradientEstimator.estimate`."""
        self.check(system, objective.loss)
        free = objective.relaxed(system, values)
        compared = self.contrast(system, values, objective, free, beta)
        states = {"free": free, **compared.states}
        masks = {name: system.converged(state) for name, state in states.items()}
        relaxed = {name: masks[name] for name in ("free", *compared.nudges)}
        real = objective.real(masks["free"])
        used = jnp.stack([*relaxed.values()]).all(0) & real
        weight = objective.weights(used)
        gradients: dict[str, Array] = {}
        sensitivities: dict[str, Array] = {}
        for first, second, factor in compared.differences:
            pair = values, states[first], states[second], weight * factor
            _add(gradients, system.contrast(*pair))
            if objective.sensitivities:
                _add(sensitivities, system.input_contrast(*pair))
        if isinstance(system, LocallyTaught):
            signed = [(sign, states[name]) for name, sign in compared.signs.items()]
            gradients |= system.local_gradients(free, signed, weight * compared.scale)
        failures = jnp.stack([(~found & real).sum() for found in relaxed.values()]).sum()
        outputs = system.outputs(free)
        return Estimate(
            gradients, outputs, states, dict(compared.nudges), used, failures, sensitivities=sensitivities
        )


def _add(total: dict[str, Array], more: Mapping[str, Array]) -> None:
    for name, value in more.items():
        total[name] = total[name] + value if name in total else value

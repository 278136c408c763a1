"""Equilibrium propagation: gradients from two relaxed states.

Free phase: the state of least energy. Nudged phase at strength b: the state of least ``E + b C``
(clamped nudge), or with the current ``-b dC/do`` of the free state held at the outputs (current
nudge). The gradient of the loss by a parameter theta is then

    dL/dtheta = lim_{b -> 0} [dE/dtheta(v_b) - dE/dtheta(v_0)] / b.

Three variants take the difference between strengths (b, 0), (0, -b) or (b, -b); the centered one has
an error of order b^2. Outputs whose stages carry factors c_k are nudged by ``b c_min / c_k``, so that
no output is nudged harder than b, and the difference is divided by ``b c_min``.

Source: B. Scellier, Y. Bengio, Front. Comput. Neurosci. 11:24 (2017); A. Laborieux et al., Front. Neurosci.
15:633674 (2021) for the centered variant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, LossLike, Values
from ebana.learning.contrastive import Contrast, ContrastiveEstimator, Difference
from ebana.learning.estimators import Objective
from ebana.learning.system import EnergySystem

Variant = Literal["centered", "one_sided", "negative"]
NudgeKind = Literal["current", "clamped"]

STRENGTHS: Mapping[str, tuple[float, float]] = {
    "centered": (1.0, -1.0),
    "one_sided": (1.0, 0.0),
    "negative": (0.0, -1.0),
}
"""The two nudging strengths of each variant, in units of beta."""


@dataclass(frozen=True)
class EquilibriumPropagation(ContrastiveEstimator):
    """Gradients from a free and one or two nudged phases.

    Args:
        phases: ``"centered"``, ``"one_sided"`` or ``"negative"``.
        nudge: ``"current"`` or ``"clamped"``.

    Example:
        >>> EquilibriumPropagation("one_sided", nudge="clamped").strengths
        (1.0, 0.0)
    """

    phases: Variant = "centered"
    nudge: NudgeKind = "current"

    def __post_init__(self) -> None:
        if self.phases not in STRENGTHS:
            raise ValueError(f"estimator={self.phases!r}. Expected one of {sorted(STRENGTHS)}.")
        if self.nudge not in ("current", "clamped"):
            raise ValueError(f"nudge={self.nudge!r}. Expected 'current' or 'clamped'.")

    @property
    def strengths(self) -> tuple[float, float]:
        """The two strengths whose states are compared, in units of beta."""
        return STRENGTHS[self.phases]

    @property
    def clamped(self) -> bool:  # type: ignore[override]
        """Whether nudges are clamped ones."""
        return self.nudge == "clamped"

    @property
    def reverses(self) -> bool:  # type: ignore[override]
        """Whether it nudges with the minus sign too."""
        return min(self.strengths) < 0

    @property
    def samples_together(self) -> int:  # type: ignore[override]
        """Two where both phases are nudged."""
        return sum(strength != 0 for strength in self.strengths)

    def to_config(self) -> dict[str, Any]:
        """See :meth:`GradientEstimator.to_config`."""
        return {"estimator": self.phases, "nudge": self.nudge}

    def contrast(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, beta: Array
    ) -> Contrast:
        """See :meth:`ContrastiveEstimator.contrast`."""
        outputs = system.outputs(free)
        c = system.factors(values)
        least = jnp.min(jnp.stack(list(c.values())))
        scaled = {n: beta * least / c[n] for n in outputs}
        push = _Push(system, self.clamped, outputs, objective.targets, scaled, objective.loss)
        states, nudges = _phases(system, values, objective.inputs, push, free, self.strengths)
        upper, lower = self.strengths
        signs = {name: float(np.sign(s)) for name, s in _named(self.strengths).items()}
        factor = 1 / (beta * (upper - lower))
        return Contrast(states, nudges, (Difference("plus", "minus", factor / least),), signs, factor)


@dataclass(frozen=True)
class _Push:
    """Makes nudges out of strengths in units of beta."""

    system: EnergySystem
    clamped: bool
    outputs: dict[str, Array]
    targets: Values
    scaled: dict[str, Array]
    loss: Any

    def __call__(self, strength: Array) -> Any:
        """The nudge of strengths ``(B,)``, or ``(2 B,)`` for two phases in a row."""
        scaled = {name: strength * beta for name, beta in self.scaled.items()}
        batch = next(iter(self.outputs.values())).shape[0]
        repeats = strength.shape[0] // batch
        wanted = {name: jnp.tile(self.targets[name], (repeats, 1)) for name in self.outputs}
        if self.clamped:
            return self.system.clamped_nudge(scaled, wanted, self.loss)
        read = {name: jnp.tile(value, (repeats, 1)) for name, value in self.outputs.items()}
        slope = self.loss.slope if self.system.traits.traceable else partial(_slope, self.loss)
        return self.system.current_nudge(
            {name: scaled[name][:, None] * slope(read[name], wanted[name]) for name in self.outputs}
        )


@partial(jax.jit, static_argnums=0)
def _slope(loss: LossLike, y: Array, target: Array) -> Array:
    """For engines outside JAX, which would differentiate operation by operation."""
    return loss.slope(y, target)


def _phases(
    system: EnergySystem,
    values: Values,
    inputs: Values,
    push: Callable[[Array], Any],
    free: object,
    strengths: tuple[float, float],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The states ``"plus"`` and ``"minus"``, and the nudges of those that are nudged."""
    ones = jnp.ones(next(iter(system.outputs(free).values())).shape[0])
    named = _named(strengths)
    if len(named) == 2 and system.traits.phases_together:  # side by side, as one batch
        nudge = push(jnp.concatenate([s * ones for s in named.values()]))
        both = system.relax(values, _joined(inputs, inputs), nudge, _joined(free, free))
        halves, pushes = _halves(both, len(ones)), _halves(nudge, len(ones))
        return dict(zip(named, halves, strict=True)), dict(zip(named, pushes, strict=True))
    nudges = {name: push(s * ones) for name, s in named.items()}
    states = {name: system.relax(values, inputs, nudge, free) for name, nudge in nudges.items()}
    return {name: states.get(name, free) for name in ("plus", "minus")}, nudges


def _named(strengths: tuple[float, float]) -> dict[str, float]:
    """The strengths of the phases that are nudged, by their names."""
    return {name: s for name, s in zip(("plus", "minus"), strengths, strict=True) if s}


def _joined(first: object, second: object) -> Any:
    """Two batches one after the other."""
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, second)


def _halves(both: object, at: int) -> tuple[Any, Any]:
    """The inverse of :func:`_joined`."""
    return jax.tree.map(lambda a: a[:at], both), jax.tree.map(lambda a: a[at:], both)

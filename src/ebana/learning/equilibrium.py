"""Equilibrium propagation: gradients from two relaxed states.

Free phase: the state of least energy. Nudged phase at strength b: the state of least ``E + b C``
(clamped nudge), or with the current ``-b dC/do`` of the free state held at the outputs (current
nudge). The gradient of the loss by a parameter theta is then

    dL/dtheta = lim_{b -> 0} [dE/dtheta(v_b) - dE/dtheta(v_0)] / b.

Three variants take the difference between strengths (b, 0), (0, -b) or (b, -b); the centered one has
an error of order b^2. N-point propagation combines centered ones at b, 2 b, ... so that the lowest orders cancel.

Source: B. Scellier, Y. Bengio, Front. Comput. Neurosci. 11:24 (2017); A. Laborieux et al., Front. Neurosci.
15:633674 (2021) for the centered variant; A. Laborieux, F. Zenke, arXiv:2209.00530 (2022) for estimates from several
strengths, there along a circle in the complex plane.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from ebana._types import Array, LossLike, Values
from ebana.learning.contrastive import Contrast, ContrastiveEstimator, Difference
from ebana.learning.estimators import Objective
from ebana.learning.phases import least_factor, nudged
from ebana.learning.system import EnergySystem, System

Variant = Literal["centered", "one_sided", "negative"]
NudgeKind = Literal["current", "clamped"]

STRENGTHS: Mapping[str, tuple[float, float]] = {
    "centered": (1.0, -1.0),
    "one_sided": (1.0, 0.0),
    "negative": (0.0, -1.0),
}
"""The two nudging strengths of each variant, in units of beta."""

MOST_POINTS = 8
"""Beyond it the weights of the estimates are so large, and of both signs, that roundings outweigh what they gain."""


@dataclass(frozen=True)
class EquilibriumPropagation(ContrastiveEstimator):
    """Gradients from a free and one or two nudged phases.

    Args:
        phases: ``"centered"``, ``"one_sided"`` (positively perturbed) or ``"negative"``.
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
        check_nudge(self.nudge)

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
        """See :meth:`~ebana.learning.estimators.GradientEstimator.to_config`."""
        return {"estimator": self.phases, "nudge": self.nudge}

    def contrast(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, beta: Array
    ) -> Contrast:
        """See :meth:`ContrastiveEstimator.contrast`."""
        strengths = {n: s for n, s in zip(("plus", "minus"), self.strengths, strict=True) if s}
        states, nudges = nudged(system, values, objective, free, beta, strengths, clamped=self.clamped)
        states = {name: states.get(name, free) for name in ("plus", "minus")}
        upper, lower = self.strengths
        factor = 1 / (beta * (upper - lower))
        difference = Difference("plus", "minus", factor / least_factor(system, values))
        return Contrast(states, nudges, (difference,), strengths, factor)


@dataclass(frozen=True)
class NPointPropagation(ContrastiveEstimator):
    """Gradients from nudges of ``+-b, +-2 b, ..., +-n b``, with an error of order ``b^(2 n)``.

    The error of a centered estimate has the even powers of its strength, so that estimates g at several strengths
    can be combined to cancel the lowest of them (Richardson extrapolation)::

        sum_k w_k g(k b),      w_k = prod_{j != k} j^2 / (j^2 - k^2)

    Twice the points take twice the phases. It serves where a nudge has to be strong, to be seen above noise or above
    the tolerance of an engine; across the corners of diodes the error has all powers, and nothing is gained.

    Args:
        points: number n of strengths; 1 is the centered estimate.
        nudge: ``"current"`` or ``"clamped"``.

    Example:
        >>> NPointPropagation(points=2).weights
        (1.3333333333333333, -0.3333333333333333)
    """

    points: int = 2
    nudge: NudgeKind = "current"

    def __post_init__(self) -> None:
        if (
            isinstance(self.points, bool)
            or not isinstance(self.points, int)
            or not 1 <= self.points <= MOST_POINTS
        ):
            raise ValueError(
                f"NPointPropagation(points={self.points!r}). Expected a whole number from 1 to {MOST_POINTS}."
            )
        check_nudge(self.nudge)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weight of the centered estimate at each strength."""
        return tuple(float(_weight(k, self.points)) for k in range(1, self.points + 1))

    @property
    def clamped(self) -> bool:  # type: ignore[override]
        """Whether nudges are clamped ones."""
        return self.nudge == "clamped"

    @property
    def samples_together(self) -> int:  # type: ignore[override]
        """All nudged phases."""
        return 2 * self.points

    def check_strength(self, system: System, values: Values, beta: float, loss: LossLike) -> None:
        """The strongest nudge must leave a minimum, and the weakest must be seen."""
        for strength in sorted({beta, self.points * beta}):
            super().check_strength(system, values, strength, loss)

    def to_config(self) -> dict[str, Any]:
        """See :meth:`~ebana.learning.estimators.GradientEstimator.to_config`."""
        return {"estimator": "n_point", "nudge": self.nudge, "points": self.points}

    def contrast(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, beta: Array
    ) -> Contrast:
        """See :meth:`ContrastiveEstimator.contrast`."""
        numbers = range(1, self.points + 1)
        pairs = {k: ("plus", "minus") if k == 1 else (f"plus {k}", f"minus {k}") for k in numbers}
        strengths = {
            name: sign * k for k in numbers for name, sign in zip(pairs[k], (1.0, -1.0), strict=True)
        }
        states, nudges = nudged(system, values, objective, free, beta, strengths, clamped=self.clamped)
        share = {k: weight / k for k, weight in zip(numbers, self.weights, strict=True)}
        factor = 1 / (2 * beta)
        whole = factor / least_factor(system, values)
        differences = tuple(Difference(*pairs[k], share[k] * whole) for k in numbers)
        signs = {name: s * share[k] for k in numbers for name, s in zip(pairs[k], (1.0, -1.0), strict=True)}
        return Contrast(states, nudges, differences, signs, factor)


def _weight(k: int, points: int) -> Fraction:
    """Weight of the estimate at ``k b``: the polynomial in ``b^2`` through all of them, at 0."""
    product = Fraction(1)
    for j in range(1, points + 1):
        if j != k:
            product *= Fraction(j * j, j * j - k * k)
    return product


def check_nudge(nudge: str) -> None:
    """Raise ValueError for an unknown kind of nudge."""
    if nudge not in ("current", "clamped"):
        raise ValueError(f"nudge={nudge!r}. Expected 'current' or 'clamped'.")

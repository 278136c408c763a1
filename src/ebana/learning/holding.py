"""Contrastive and coupled learning: gradients from states with held outputs.

Contrastive learning holds the outputs at the targets, coupled learning at points between the free outputs and the
targets, or beyond the free outputs on the other side:

    dE/dtheta(s[o := y]) - dE/dtheta(s_0)                                             contrastive
    [dE/dtheta(s[o := o_0 - b dC/do]) - dE/dtheta(s_0)] / b                           coupled, positive
    [dE/dtheta(s_0) - dE/dtheta(s[o := o_0 + b dC/do])] / b                           coupled, negative
    [dE/dtheta(s[o := o_0 - b dC/do]) - dE/dtheta(s[o := o_0 + b dC/do])] / (2 b)     coupled, centered

For a squared error ``o_0 - b dC/do = o_0 + b (y - o_0)``. Where an output is read from a pair of nodes, both are held:
at plus and minus half the target, or each half the displacement from where it was.

Each is the derivative of a contrast of energies, as of ``E[o := y] - E_0``, with the held values kept; none is that of
the loss. A held output weighs errors by the stiffness of the outputs, where a nudged one weighs them by the loss alone.
Both vanish where the outputs are right, and for one output of one node they agree in direction.

Source: J. Movellan, Contrastive Hebbian learning in the continuous Hopfield model (1990); M. Stern, D. Hexner, J.
Rocks, A. Liu, Phys. Rev. X 11:021045 (2021) for coupled learning; B. Scellier, M. Ernoult, J. Kendall, S. Kumar,
NeurIPS 2023, arXiv:2312.15103 for the negative and the centered variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ebana._types import Array, LossLike, Values
from ebana.learning.contrastive import Contrast, ContrastiveEstimator, Difference
from ebana.learning.estimators import Objective
from ebana.learning.phases import settled, slopes_at
from ebana.learning.system import Clampable, EnergySystem, System

CoupledVariant = Literal["centered", "positive", "negative"]

STEPS: Mapping[str, tuple[float, float]] = {
    "centered": (1.0, -1.0),
    "positive": (1.0, 0.0),
    "negative": (0.0, -1.0),
}
"""Where the outputs of the two states are held, in units of ``-b dC/do`` from the free outputs."""

DEFAULT_DISPLACEMENT = 0.25
"""The displacement of all variants in the published comparison (code of arXiv:2312.15103)."""


def clampable(system: object, rule: object) -> Clampable:
    """A system whose outputs can be held, or TypeError."""
    if not isinstance(system, Clampable):
        raise TypeError(
            f"{type(rule).__name__} holds outputs at given values, which {type(system).__name__} does not offer "
            "(clamp). Use equilibrium propagation."
        )
    return system


@dataclass(frozen=True)
class ContrastiveLearning(ContrastiveEstimator):
    """Compares the state with the outputs at their targets with the free one; takes no strength.

    Example:
        >>> ContrastiveLearning().nudges
        False
    """

    nudges = False
    holds = True
    reverses = False
    samples_together = 1

    def check(self, system: System, loss: LossLike) -> None:
        """Refuse systems whose outputs cannot be held, and losses whose targets are no outputs."""
        clampable(system, self).check_clamps()
        if not loss.quadratic:
            raise ValueError(
                f"ContrastiveLearning() with the loss {loss.name!r}. It holds outputs at their targets, which are "
                "values of outputs for a squared error alone. Use loss_fn='mse', or CoupledLearning(), which moves "
                "outputs down the slope of any loss."
            )

    def to_config(self) -> dict[str, Any]:
        """See :meth:`~ebana.learning.estimators.GradientEstimator.to_config`."""
        return {"estimator": "contrastive", "nudge": None}

    def contrast(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, beta: Array
    ) -> Contrast:
        """See :meth:`ContrastiveEstimator.contrast`."""
        at = {name: objective.targets[name] for name in system.outputs(free)}
        state = clampable(system, self).clamp(values, objective.inputs, at, free)
        return Contrast({"plus": state}, {"plus": at}, (Difference("plus", "free", 1.0),), {"plus": 1.0}, 1.0)


@dataclass(frozen=True)
class CoupledLearning(ContrastiveEstimator):
    """Compares states whose outputs are held a share ``b`` of the way to their targets, or away from them.

    Its strength has no unit for a squared error: 1 is the whole way.

    Args:
        phases: ``"centered"``, ``"positive"`` or ``"negative"``.

    Example:
        >>> CoupledLearning("negative").steps
        (0.0, -1.0)
    """

    phases: CoupledVariant = "centered"

    displaces = True
    holds = True

    def __post_init__(self) -> None:
        if self.phases not in STEPS:
            raise ValueError(f"CoupledLearning({self.phases!r}). Expected one of {sorted(STEPS)}.")

    @property
    def steps(self) -> tuple[float, float]:
        """The two displacements whose states are compared, in units of beta."""
        return STEPS[self.phases]

    @property
    def samples_together(self) -> int:  # type: ignore[override]
        """Two where both states are held."""
        return sum(step != 0 for step in self.steps)

    def check(self, system: System, loss: LossLike) -> None:
        """Refuse systems whose outputs cannot be held."""
        clampable(system, self).check_clamps()

    def unit(self, system: System) -> str:
        """None: a share of the way to the target."""
        return ""

    def default_strength(self, system: System, values: Values) -> float:
        """:data:`DEFAULT_DISPLACEMENT`."""
        return DEFAULT_DISPLACEMENT

    def check_strength(self, system: System, values: Values, beta: float, loss: LossLike) -> None:
        """Refuse displacements that rounding swallows; held states have a minimum at any of them."""
        if isinstance(system, Clampable):
            system.check_clamps(beta)

    def to_config(self) -> dict[str, Any]:
        """See :meth:`~ebana.learning.estimators.GradientEstimator.to_config`."""
        return {
            "estimator": "coupled" if self.phases == "centered" else f"coupled_{self.phases}",
            "nudge": None,
        }

    def contrast(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, beta: Array
    ) -> Contrast:
        """See :meth:`ContrastiveEstimator.contrast`."""
        holds = clampable(system, self)
        steps = {name: s for name, s in zip(("plus", "minus"), self.steps, strict=True) if s}
        slopes = slopes_at(system, objective.loss, system.outputs(free), objective.targets)
        shifts = {
            phase: {name: -step * beta * slope for name, slope in slopes.items()}
            for phase, step in steps.items()
        }

        def settle(inputs: Any, shift: Any, start: Any) -> Any:
            return holds.displace(values, inputs, shift, start)

        states = settled(system, objective.inputs, free, shifts, settle)
        states = {name: states.get(name, free) for name in ("plus", "minus")}
        upper, lower = self.steps
        factor = 1 / (beta * (upper - lower))
        return Contrast(states, shifts, (Difference("plus", "minus", factor),), steps, factor)

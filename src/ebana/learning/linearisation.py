"""Hardware linearisation: exact gradients from a strong nudge of a linear circuit.

Once a circuit of conductances, amplifiers and ideal diodes has settled, each conducting diode is replaced by a closed
switch and each blocking one by an open one. The circuit that is left is linear and has the same operating point. A
nudge of any strength moves it in proportion, and states at ``+b`` and ``-b`` give the derivative without an error: a
difference of quadratic functions of such states has no higher terms. A diode never crosses its corner on the way, as it
would in the circuit itself.

Source: T. Chaffey, Circuit realization and hardware linearization of monotone operator equilibrium networks,
arXiv:2509.13793 (2025).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ebana._types import Array, LossLike, Values
from ebana.learning.contrastive import Contrast, ContrastiveEstimator, Difference
from ebana.learning.estimators import Objective
from ebana.learning.phases import least_factor, nudges_of
from ebana.learning.system import EnergySystem, Linearisable, System

STRENGTH = 500.0
"""The default strength, in units of the system's own: as any is exact, one whose states stand far above roundings."""


@dataclass(frozen=True)
class HardwareLinearisation(ContrastiveEstimator):
    """Gradients from the linear circuit at the free state; one linear system a sample.

    Example:
        >>> HardwareLinearisation().to_config()
        {'estimator': 'linearised', 'nudge': 'current'}
    """

    samples_together = 1

    def check(self, system: System, loss: LossLike) -> None:
        """Refuse systems that are not linear between the corners of ideal diodes."""
        if not isinstance(system, Linearisable):
            raise TypeError(
                f"HardwareLinearisation() opens and closes the ideal diodes of a circuit, and {type(system).__name__} "
                "has none (linear_states). Use the adjoint, or equilibrium propagation."
            )
        system.check_linear()

    def default_strength(self, system: System, values: Values) -> float:
        """:data:`STRENGTH` times the system's default."""
        return STRENGTH * super().default_strength(system, values)

    def to_config(self) -> dict[str, Any]:
        """See :meth:`~ebana.learning.estimators.GradientEstimator.to_config`."""
        return {"estimator": "linearised", "nudge": "current"}

    def contrast(
        self, system: EnergySystem, values: Values, objective: Objective, free: Any, beta: Array
    ) -> Contrast:
        """See :meth:`ContrastiveEstimator.contrast`."""
        linear: Any = system
        signs = {"plus": 1.0, "minus": -1.0}
        nudges = nudges_of(system, values, objective, free, beta, signs, clamped=False)
        pair = linear.linear_states(values, objective.inputs, free, nudges["plus"])
        factor = 1 / (2 * beta)
        difference = Difference("plus", "minus", factor / least_factor(system, values))
        return Contrast(dict(zip(signs, pair, strict=True)), nudges, (difference,), signs, factor)

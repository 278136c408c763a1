"""What ``fit`` trains: a system with values that a user holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ebana._types import Data, LossOrName
from ebana.learning.estimators import GradientEstimator
from ebana.learning.losses import Loss
from ebana.learning.system import System
from ebana.training.evaluation import Evaluation
from ebana.training.history import History


class Trainee(Protocol):
    """A model: :class:`~ebana.network.Network` implements it for any system."""

    name: str
    history: History

    @property
    def system(self) -> System:
        """What is relaxed and measured."""
        ...

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Copies of all parameter values by name."""
        ...

    @property
    def input_columns(self) -> dict[str, int]:
        """Columns of each input by name."""
        ...

    @property
    def output_units(self) -> dict[str, int]:
        """Values of each output by name."""
        ...

    def set_values(self, values: Mapping[str, np.ndarray]) -> None:
        """Replace some or all values, checked."""
        ...

    def require_outputs(self) -> None:
        """Raise ValueError where nothing is read."""
        ...

    def checked_loss(self, loss_fn: LossOrName) -> Loss:
        """A loss or its name as a loss that fits every output."""
        ...

    def default_beta(self, estimator: object = "centered") -> float:
        """The strength of an estimator for users who give none."""
        ...

    def check_beta(self, beta: float, estimator: GradientEstimator, loss: Loss) -> float:
        """Refuse strengths that cannot work."""
        ...

    def require_minimum(self, values: Mapping[str, Any] | None = None) -> None:
        """Raise ValueError where the energy has no minimum at some values, or at the model's."""
        ...

    def look_at_states(self, x: Data, when: str) -> None:
        """Warn of what about the states at some inputs keeps learning from working."""
        ...

    def idle_reasons(self, x: Data, still: float | None = None) -> str:
        """What about the states at some inputs may keep gradients away, in a sentence or more; or nothing."""
        ...

    def evaluate(
        self,
        x: Data,
        y: Data = None,
        *,
        loss_fn: LossOrName = "mse",
        strict: bool = True,
        verbose: bool = False,
    ) -> Evaluation:
        """Loss and accuracy over a data set."""
        ...

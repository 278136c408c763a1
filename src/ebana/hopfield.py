"""Hopfield networks that train like circuits: by the same ``fit``, estimators, optimizers and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ebana.hardware.verbs import HardwareVerbs
from ebana.learning.system import Precision
from ebana.learning.systems.hopfield import HopfieldSystem, glorot
from ebana.network import Network
from ebana.shown import brief


class HopfieldNetwork(HardwareVerbs, Network):
    """A layered Hopfield network of hard-sigmoid units, states in [0, 1]; its output may be linear.

    Its input is named ``"x"``, its output ``"y"``.

    Args:
        units: units of each layer, the inputs first.
        seed: seed of the weights to start from (Glorot's uniform rule; biases start at 0).
        epsilon: size of a step of the states.
        free_steps, nudged_steps: steps of the free and of the nudged phases; the most, with a tolerance.
        tolerance: largest change of a state in the last step; None for a fixed number of steps.
        lr: learning rate of each layer's weights and biases; None for the optimizer's.
        dtype: ``"float32"`` or ``"float64"``.
        linear_output: whether the states of the last layer have no bounds.
        name: a name for messages.

    Raises:
        ValueError: for arguments out of range, named.

    Example:
        >>> import numpy as np
        >>> network = HopfieldNetwork([2, 8, 1], free_steps=50, nudged_steps=10)
        >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> network.predict(x).shape
        (4, 1)
        >>> history = network.fit(x, x.max(1, keepdims=True), epochs=3, nudge="clamped", verbose=False)
        >>> len(history.history["loss"])
        3
    """

    def __init__(
        self,
        units: Sequence[int],
        *,
        seed: int = 0,
        epsilon: float = 0.5,
        free_steps: int = 20,
        nudged_steps: int = 4,
        tolerance: float | None = None,
        lr: Sequence[float | None] | None = None,
        dtype: Precision = "float32",
        linear_output: bool = False,
        name: str = "hopfield",
    ) -> None:
        sizes = tuple(int(n) for n in units)
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(
                f"HopfieldNetwork(units={list(units)!r}). Expected inputs and at least one layer, "
                "each of one unit or more."
            )
        rates = (None,) * (len(sizes) - 1) if lr is None else tuple(lr)
        if len(rates) != len(sizes) - 1:
            raise ValueError(
                f"HopfieldNetwork(lr={lr!r}). Expected {len(sizes) - 1} learning rates, one a layer."
            )
        if dtype not in ("float32", "float64"):
            raise ValueError(f"HopfieldNetwork(dtype={dtype!r}). Expected 'float32' or 'float64'.")
        for what, value in (("free_steps", free_steps), ("nudged_steps", nudged_steps)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"HopfieldNetwork({what}={value!r}). Expected a whole number above zero.")
        _positive("epsilon", epsilon)
        if tolerance is not None:
            _positive("tolerance", tolerance)
        parameters = glorot(sizes, seed, rates)
        self._system = HopfieldSystem(
            sizes, parameters, float(epsilon), free_steps, nudged_steps, tolerance, dtype, bool(linear_output)
        )
        super().__init__(name, seed)

    @property
    def system(self) -> HopfieldSystem:
        """The energy, as learning sees it."""
        return self._system

    def __repr__(self) -> str:
        return f"HopfieldNetwork([{brief(self._system.units, most=12)}], seed={self.seed!r})"


def _positive(what: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 < value < math.inf):
        raise ValueError(f"HopfieldNetwork({what}={value!r}). Expected a number above zero.")

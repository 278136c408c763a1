"""Named arrays of values that are trained, with their bounds and units: conductances or weights.

Two elements of a circuit that name the same parameter share it: a layer that is called twice stands for the same
conductances in two places, and their gradients add up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

Kind = Literal[
    "conductance",
    "voltage",
    "current",
    "gain",
    "shift",
    "offset",
    "backward_gain",
    "device",
    "weight",
    "bias",
    "statistic",
]

UNITS: dict[str, str] = {
    "conductance": "S",
    "voltage": "V",
    "current": "A",
    "gain": "V/V",
    "shift": "V",
    "offset": "V",
    "backward_gain": "A/A",
    "device": "",
    "weight": "",
    "bias": "",
    "statistic": "",
}


@dataclass(frozen=True, eq=False)
class Parameter:
    """One array of values with its bounds.

    Args:
        name: unique name, ``"<layer>/<quantity>"``.
        kind: what the values are; it fixes the unit (:data:`UNITS`).
        initial: the values to start from, any shape, float64.
        trainable: whether an optimizer may change them.
        low, high: bounds kept by projection after each update, in the parameter's unit.
        learning_rate: the layer's own learning rate, or None for the optimizer's default.
        rule: what stands in place of the gradient, a :class:`~ebana.local_rule.LocalRule` of conductances, or None.
        mean: what the values are expected to start at, whatever was drawn; the mean of ``initial`` if None.
        default_rate: whether it learns at the optimizer's default rate whatever rate the optimizer is given:
            conductances next to weights, whose rate would be absurd for them.
    """

    name: str
    kind: Kind
    initial: np.ndarray = field(repr=False)
    trainable: bool = False
    low: float = -np.inf
    high: float = np.inf
    learning_rate: float | None = None
    rule: Any = None
    mean: float | None = None
    default_rate: bool = False

    def __post_init__(self) -> None:
        initial = np.array(self.initial, dtype=np.float64)
        initial.setflags(write=False)
        object.__setattr__(self, "initial", initial)
        if not np.all(np.isfinite(initial)):
            raise ValueError(f"parameter {self.name!r} has values that are not finite. Give finite numbers.")
        if not self.low < self.high:
            raise ValueError(
                f"parameter {self.name!r} has bounds ({self.low:g}, {self.high:g}) {self.unit}. "
                "Expected the lower bound below the upper one."
            )
        if self.kind == "conductance" and not self.low > 0:
            raise ValueError(
                f"conductances {self.name!r} have the lower bound {self.low:g} S. "
                "Expected a positive bound: a conductance of zero or less is no resistor. Raise g_min."
            )
        if self.kind == "conductance" and initial.size and not initial.min() > 0:
            raise ValueError(
                f"conductances {self.name!r} start at {initial.min():g} S. Expected positive values; "
                "check the initializer or the array that was given."
            )

        if initial.size and (initial.min() < self.low or initial.max() > self.high):
            raise ValueError(
                f"parameter {self.name!r} starts at {initial.min():g} to {initial.max():g} {self.unit}, outside its "
                f"bounds from {self.low:g} to {self.high:g} {self.unit}. {self._meant(initial)}"
                "Widen the bounds or change the values."
            )

    def _meant(self, values: np.ndarray) -> str:
        """A hint where conductances look like resistances."""
        largest = float(values.max())
        if self.kind != "conductance" or not largest > max(self.high, 1.0):
            return ""
        if not self.low <= 1.0 / largest <= self.high:
            return ""
        return f"Did you mean 1/{largest:g} S ({largest:g} ohm)? Resistances are given as ohms=. "

    def for_each(self, units: int) -> Parameter:
        """The parameter with a value for each of so many units, in place of one for all of them."""
        return replace(self, initial=np.broadcast_to(self.initial, (units,)))

    @staticmethod
    def held(name: str, kind: Kind, units: int) -> Parameter:
        """A parameter of zeros, one for each of so many units, that is not trained."""
        return Parameter(name, kind, np.zeros(units))

    @property
    def layer(self) -> str:
        """Name of the layer (or element) that the values belong to."""
        return self.name.rsplit("/", 1)[0]

    @property
    def unit(self) -> str:
        """SI unit of the values."""
        return UNITS[self.kind]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return self.initial.shape


@dataclass(frozen=True)
class Slot:
    """A parameter as programs know it: a name, a kind and a shape."""

    name: str
    kind: Kind
    shape: tuple[int, ...]
    trainable: bool
    rule: Any = None

    def for_each(self, units: int) -> Slot:
        """See :meth:`Parameter.for_each`."""
        return replace(self, shape=(units,))

    @staticmethod
    def held(name: str, kind: Kind, units: int) -> Slot:
        """See :meth:`Parameter.held`."""
        return Slot(name, kind, (units,), trainable=False)

    @staticmethod
    def of(parameter: Parameter | Slot) -> Slot:
        """The slot that a parameter's values fill."""
        return Slot(parameter.name, parameter.kind, parameter.shape, parameter.trainable, parameter.rule)

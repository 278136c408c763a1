"""A network on a chip: the same verbs, with what the chip does to every value that is asked of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ebana._types import Data
from ebana.activations import Activation
from ebana.circuit import Circuit
from ebana.frozen import FrozenMapping
from ebana.hardware.hardware import Hardware, check_chip
from ebana.hardware.surroundings import Temperature
from ebana.hardware.system import STEP, ChipSystem
from ebana.learning.system import scope
from ebana.learning.systems.circuit import CircuitSystem
from ebana.network import Network
from ebana.parameters import Parameter


class Chip(Network):
    """A network on one chip of some hardware, or on another chip in every step of training.

    ``predict``, ``evaluate``, ``gradients`` and ``fit`` are those of the network; made by :meth:`ebana.Model.on`.
    :attr:`values` are those that are asked for, and what training moves.

    Args:
        network: whose values are asked for; they are copied.
        hardware: what chips are like.
        chip: number of the chip; None for another one in every step.

    Example:
        >>> import numpy as np
        >>> from ebana import recipes
        >>> from ebana.hardware import Hardware, Spread
        >>> model = recipes.get("iris").build(seed=0)
        >>> chip = model.on(Hardware(Spread(0.1), seed=1), chip=3)
        >>> bool(np.any(chip.predict(np.ones((1, 4))) != model.predict(np.ones((1, 4)))))
        True
    """

    def __init__(self, network: Network, hardware: Hardware, chip: int | None = None) -> None:
        if not isinstance(hardware, Hardware):
            raise TypeError(f"on({hardware!r}). Expected a Hardware, such as Hardware(Spread(0.05)).")
        self.network, self.hardware = network, hardware
        self.chip = None if chip is None else check_chip(chip)
        self._system = ChipSystem.of(network.system, hardware, self.chip)
        super().__init__(network.name, network.seed)
        self._values |= network.values

    @property
    def system(self) -> ChipSystem:
        """The network's system on the chip, as learning sees it."""
        return self._system

    @property
    def activations(self) -> dict[str, Activation]:
        """The network's."""
        return self.network.activations

    @property
    def asked(self) -> dict[str, np.ndarray]:
        """The values that are asked for, without what counts steps: what ``network.set_values`` takes."""
        return {name: value for name, value in self.values.items() if name != STEP}

    def require_outputs(self) -> None:
        """Raise ValueError for a network without outputs that are read."""
        self.network.require_outputs()

    def idle_reasons(self, x: Data, still: float | None = None) -> str:
        """What about the states at some inputs may keep gradients away, in a sentence or more; or nothing."""
        return self.network.idle_reasons(x, still)

    def __repr__(self) -> str:
        which = "another chip in every step" if self.chip is None else f"chip {self.chip}"
        return f"Chip({self.network!r}, {self.hardware!r}, {which})"

    def realised(self) -> tuple[Circuit | None, dict[str, np.ndarray]]:
        """The circuit, if it is one, and the values that the chip has, of those that are asked for."""
        with scope(self.system.traits):
            system, values = self.system.made(self._values)
            found = {name: np.asarray(value, np.float64) for name, value in values.items()}
        return (system.circuit if isinstance(system, CircuitSystem) else None), found


def with_values(circuit: Circuit, values: Mapping[str, np.ndarray]) -> Circuit:
    """A circuit that starts at some values, also such as training would not go to: bounds are moved to them."""

    def holding(parameter: Parameter, value: np.ndarray) -> Parameter:
        low = min(parameter.low, float(value.min(initial=parameter.high)))
        high = max(parameter.high, float(value.max(initial=parameter.low)))
        return replace(parameter, initial=value, low=low, high=high)

    own = {name: holding(p, values[name]) for name, p in circuit.parameters.items()}
    return replace(circuit, parameters=FrozenMapping(own))


def realise(model: Any, hardware: Hardware, chip: int) -> Any:
    """The model of a chip: its devices and values are those that the chip has (see :meth:`ebana.Model.realise`)."""
    own = Chip(model, hardware, check_chip(chip))
    circuit, values = own.realised()
    other = copy.copy(model)
    assert circuit is not None  # a model is a circuit
    other.circuit = with_values(circuit, values)
    other._values = values
    other.name = f"{model.name}_chip{chip}"
    other.chip = f"chip {chip} of {hardware!r}"
    for effect in hardware.effects:
        if isinstance(effect, Temperature):
            other.celsius = effect.celsius
    return other

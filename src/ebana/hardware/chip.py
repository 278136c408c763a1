"""A network on a chip: the same verbs, with what the chip does to every value that is asked of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ebana._types import Data, FilePath
from ebana.activations import Activation
from ebana.circuit import Circuit
from ebana.frozen import FrozenMapping
from ebana.hardware.hardware import Hardware, check_chip
from ebana.hardware.origin import ORIGIN, Origin
from ebana.hardware.surroundings import Temperature
from ebana.hardware.system import STEP, ChipSystem
from ebana.learning.system import scope
from ebana.learning.systems.circuit import CircuitSystem
from ebana.network import Network, read_values, write_values
from ebana.numbers import whole
from ebana.parameters import Parameter
from ebana.shown import brief
from ebana.storage.described import of_file

LARGEST_READ = 2**32 - 1

OF_A_DESIGN = {
    "save": "Save what it is made of: chip.design.save(path), chip.hardware.save(path) and its number; "
    "design.on(hardware, chip) is this chip again. chip.save_values(path) keeps the values that "
    "are asked for, with the chip.",
    "vary": "A study draws chips of its own: chip.design.vary(x, y, chip.hardware).",
    "on": "It is on a chip already: chip.design.on(hardware, chip=...) is another one.",
    "realise": "chip.as_model() is the model of this chip; see chip.design.realise(hardware, chip=...) for others.",
    "at_temperature": "Its temperature is its hardware's: chip.design.on(chip.hardware.at(celsius), chip=...).",
    "diagnose": "Call chip.design.diagnose(x, y, hardware=chip.hardware, chip=chip.chip).",
    "from_circuit": "Call Model.from_circuit(circuit).on(hardware, chip=...).",
    "from_stored": "Call load_model(path).on(hardware, chip=...).",
    "circuit": "chip.as_model().circuit has the devices of the chip, chip.design.circuit those of the design.",
    "celsius": "chip.as_model().celsius is the temperature of its devices.",
    "engine": "The engine is the design's: chip.design.engine.",
    "layers": "The layers are the design's: chip.design.layers.",
    "inputs": "The inputs are the design's: chip.design.inputs; input_columns has their columns.",
    "outputs": "The outputs are the design's: chip.design.outputs; output_units has their units.",
    "signals": "The signals are the design's: chip.design.signals.",
    "accumulator": "See chip.history.",
}
"""Attributes of models that chips do not have, and what there is instead."""


def _of_model(name: str) -> Callable[..., Any]:
    """A verb of models that the model of a chip answers."""

    def verb(self: Chip, *args: Any, **options: Any) -> Any:
        return getattr(self.as_model(), name)(*args, **options)

    verb.__name__, verb.__qualname__ = name, f"Chip.{name}"
    verb.__doc__ = f"Of the chip with the values that it has; see :meth:`ebana.Model.{name}`."
    return verb


class Chip(Network):
    """A network on one chip of some hardware, or on another chip in every step of training.

    ``predict``, ``evaluate``, ``gradients`` and ``fit`` are those of the network; made by :meth:`ebana.Model.on`.
    What is asked of a circuit (``power``, ``netlist``, ``noise`` ...) is answered by :meth:`as_model`, the model of
    the chip.
    :attr:`values` are those that are asked for, and what training moves.

    Each of the first three reads the chip once more: noise of reads is another one each time, the same for the same
    calls in the same order. :meth:`at_read` asks for a read by its number.

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
        self._reads = 0
        self._written = self._write

    @property
    def system(self) -> ChipSystem:
        """The network's system on the chip, as learning sees it."""
        return self._system

    @property
    def _write(self) -> float:
        """Number of the last write."""
        return float(self._values[STEP]) if STEP in self._values else 0.0

    @property
    def reads(self) -> int:
        """How often the chip was read since the last step of training."""
        return self._reads if self._written == self._write else 0

    def at_read(self, number: int) -> Chip:
        """The same chip, whose next read is the one of this number since the last step of training.

        Args:
            number: of the read, from 1.

        Raises:
            ValueError: for a number that is none.

        Example:
            >>> import numpy as np
            >>> from ebana import recipes
            >>> from ebana.hardware import Hardware, Measurement
            >>> model, x = recipes.get("xor").build(seed=0), np.ones((1, 2))
            >>> chip = model.on(Hardware(measurement=Measurement(noise=1e-3)), chip=0)
            >>> first, second = chip.predict(x), chip.predict(x)
            >>> bool(np.any(first != second)), bool(np.all(chip.at_read(1).predict(x) == first))
            (True, True)
        """
        if whole("at_read", "number", number) > LARGEST_READ:
            raise ValueError(f"at_read(number={number!r}). Expected a whole number up to {LARGEST_READ}.")
        other = copy.copy(self)
        other._reads, other._written = int(number) - 1, self._write
        return other

    def _asked_system(self) -> ChipSystem:
        """The chip, read once more."""
        self._reads, self._written = self.reads + 1, self._write
        return self._system.at_read(self._reads)

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

    # -- what a circuit can be asked ------------------------------------------------------------------------

    _elsewhere: ClassVar[Mapping[str, str]] = {**OF_A_DESIGN, **Network._elsewhere}

    @property
    def design(self) -> Any:
        """A copy of the network with the values that are asked for."""
        design = copy.copy(self.network)
        design.set_values(self.asked)
        return design

    def as_model(self) -> Any:
        """The model of this chip: its devices, and the values that it has now (see :meth:`ebana.Model.realise`).

        What measures the chip is no part of it.

        Raises:
            ValueError: where every step draws another chip.
            TypeError: for a network that is no circuit.

        Example:
            >>> from ebana import recipes
            >>> from ebana.hardware import Hardware, Spread
            >>> chip = recipes.get("iris").build(seed=0).on(Hardware(Spread(0.1)), chip=3)
            >>> chip.as_model().name, chip.netlist([[1.0, 1.0, 1.0, 1.0]]).count("\\nR") > 0
            ('iris_chip3', True)
        """
        if self.chip is None:
            raise ValueError(
                f"{self!r} is no one chip. Give its number: chip.design.on(chip.hardware, chip=0)."
            )
        circuit, values = self.realised()
        if circuit is None:
            raise TypeError(
                f"{self!r} is no circuit, which a model of a chip is. Its values are in realised(), and what its "
                "design offers in chip.design."
            )
        return _model_of(self.network, self.hardware, self.chip, circuit, values)

    operating_point = _of_model("operating_point")
    sweep = _of_model("sweep")
    estimate_error = _of_model("estimate_error")
    energy = _of_model("energy")
    power = _of_model("power")
    costs = _of_model("costs")
    settling = _of_model("settling")
    noise = _of_model("noise")
    voltage_drop = _of_model("voltage_drop")
    plot_voltage_drop = _of_model("plot_voltage_drop")
    netlist = _of_model("netlist")
    write_netlist = _of_model("write_netlist")
    summary = _of_model("summary")
    plot = _of_model("plot")
    draw = _of_model("draw")

    # -- files ----------------------------------------------------------------------------------------------

    def save_values(self, path: FilePath) -> Path:
        """Write the values that are asked for, and which chip they were asked of (:func:`.origin.origin_of`).

        A network takes them up by ``load_values`` as its own: they are values of a design.
        """
        origin = Origin(self.hardware, self.chip, int(self._write))
        return write_values(path, self.network.system, self.asked, {ORIGIN: origin.to_dict()})

    def load_values(self, path: FilePath, *, from_another: bool = False) -> None:
        """Read the values of a design, or those that were asked of this chip, as the ones that are asked for.

        Args:
            path: a file that ``save_values`` of the network or of the chip wrote.
            from_another: whether values that were asked of another chip are taken too. What was learned on a chip makes
                up for its deviations, and not for those of another one.

        Raises:
            ValueError: for values that were asked of another chip, and those of another network.
        """
        described, values = read_values(path, self.network.system)
        origin = Origin.of(described)
        own = origin is not None and origin.is_of(self.hardware, self.chip)
        if origin is not None and not own and not from_another:
            raise ValueError(
                f"{path} holds values that were asked of {origin}; this is {Origin(self.hardware, self.chip, 0)}. Give "
                "from_another=True to ask them of it all the same."
            )
        step = {STEP: np.asarray(float(origin.step))} if own and origin and STEP in self._values else {}
        with of_file(str(path)):
            self.set_values({**values, **step})

    def _without_circuit(self) -> str:
        """See :meth:`ebana.network.Network._without_circuit`."""
        if not isinstance(self.network.system, CircuitSystem):
            return super()._without_circuit()
        return (
            "There are no netlist, no static power and no drawing: the report is of a chip as it is asked. "
            "chip.as_model().report(...) shows them of the model of the chip."
        )

    def __repr__(self) -> str:
        which = "another chip in every step" if self.chip is None else f"chip {self.chip}"
        effects = brief(type(effect).__name__ for effect in self.hardware.effects)
        seed = self.hardware.seed
        return f"Chip({type(self.network).__name__} {self.network.name!r}, {which} of {effects}; {seed=})"

    def realised(self) -> tuple[Circuit | None, dict[str, np.ndarray]]:
        """The circuit, if it is one, and the values that the chip has, of those that are asked for."""
        with scope(self.system.traits):
            made = self.system.make(self._values)
            found = {name: np.asarray(value, np.float64) for name, value in made.values.items()}
        return (made.system.circuit if isinstance(made.system, CircuitSystem) else None), found


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
    return Chip(model, hardware, check_chip(chip)).as_model()


def _model_of(
    model: Any, hardware: Hardware, chip: int, circuit: Circuit, values: dict[str, np.ndarray]
) -> Any:
    """A model with the devices and values of a chip."""
    other = copy.copy(model)
    other.circuit = with_values(circuit, values)
    other._values = values
    other.name = f"{model.name}_chip{chip}"
    other.chip = f"chip {chip} of {hardware!r}"
    for effect in hardware.effects:
        if isinstance(effect, Temperature):
            other.celsius = effect.celsius
    return other

"""Energy-based parts of a hybrid model: deep Hopfield networks, circuits on any engine, systems of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Number, Values
from ebana.hybrid.adapters import listed_columns, start_values
from ebana.hybrid.function import Equilibrium, equilibrium
from ebana.hybrid.hopfield_layers import HopfieldLayer, hopfield
from ebana.hybrid.parts import Applied, Built, Context, Part, Passed, Shape, assign
from ebana.learning.system import EnergySystem
from ebana.learning.systems.deep_hopfield import Order
from ebana.learning.systems.deep_states import Relaxation
from ebana.learning.systems.layered import INPUT, OUTPUT
from ebana.model import Model
from ebana.numbers import positive, real
from ebana.parameters import Kind, Parameter, Slot


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["block", "input_scale", "output_scale"],
    meta_fields=["shape", "slots", "inputs", "outputs"],
)
@dataclass(frozen=True)
class Block:
    """A built energy-based part.

    Args:
        block: the system as a function.
        input_scale, output_scale: what numbers are multiplied by on the way in and out.
        shape: of a sample of its results.
        slots: its parameters; within a program without bounds and initial values.
        inputs, outputs: names and columns of the system's inputs and outputs, in the order of the numbers.
    """

    block: Equilibrium
    input_scale: Any
    output_scale: Any
    shape: Shape
    slots: tuple[Slot, ...]
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[str, ...]

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Those of the system."""
        return self.block.system.parameters

    def apply(self, values: Values, x: Array, context: Context) -> Passed:
        """Settle a batch."""
        inputs = self.split(x)
        block = replace(self.block, nudge=self.block.nudge * context.beta)
        if context.estimator is not None:
            block = replace(block, estimator=context.estimator)
        settled = block.settle(values, inputs, context.probe)
        joined = jnp.concatenate([settled.outputs[name] for name in self.outputs], axis=1)
        scaled = joined * jnp.asarray(self.output_scale, joined.dtype)
        return Passed(scaled.reshape(-1, *self.shape), {}, settled.found)

    def split(self, x: Array) -> dict[str, Array]:
        """The numbers of samples by input, in the system's unit."""
        rows = jnp.asarray(x).reshape(x.shape[0], -1)
        rows = rows * jnp.asarray(self.input_scale, rows.dtype)
        edges = np.cumsum([columns for _, columns in self.inputs])[:-1]
        parts = jnp.split(rows, edges, axis=1)
        return {name: part for (name, _), part in zip(self.inputs, parts, strict=True)}


def _block(
    network: EnergySystem | Model,
    shape: Shape,
    *,
    nudge: Number | None,
    first: bool,
    scales: tuple[float, float] = (1.0, 1.0),
) -> Block:
    function = equilibrium(network, nudge=nudge, by_inputs=not first)
    system = function.system
    slots = tuple(Slot.of(p) for p in system.parameters.values())
    return Block(
        function, *scales, shape, slots, tuple(system.input_columns.items()), tuple(system.output_units)
    )


class BlockPart(Part):
    """A description of a part that settles."""

    def _check_numbers(self, *positives: str) -> None:
        """Refuse numbers that cannot be meant, and keep those of NumPy as Python's: one type, one program."""
        who = type(self).__name__
        for what in positives:
            if (value := getattr(self, what)) is not None:
                assign(self, **{what: positive(who, what, value)})
        rate = getattr(self, "learning_rate", None)
        if rate is not None:
            rate = real(who, "learning_rate", rate, "a number of at least 0, or None", least=0.0)
            assign(self, learning_rate=rate)

    def started(self, built: Built) -> Mapping[str, Parameter]:
        """The parameters of the built part with the values to start from."""
        return built.parameters

    def build(
        self,
        shape: Shape,
        rng: np.random.Generator,
        where: str,
        *,
        first: bool = False,
        dtype: Any = "float32",
    ) -> Built:
        """See :meth:`Part.build`.

        Args:
            first: whether nothing before it learns.
            dtype: precision of the model.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no build()")


@dataclass(frozen=True)
class Hopfield(BlockPart):
    """A deep Hopfield network as a part; arguments as for :func:`~ebana.hybrid.hopfield`.

    Args:
        layers: layers of states.
        nudge: root mean square of the nudge over the outputs of a sample.
        coupling, order, start, relaxation, learning_rate: as for :func:`~ebana.hybrid.hopfield`.
        feedback: False for the feedforward network of the same weights, which backpropagation trains: what a block is
            compared with.
        name: for parameters and messages.

    Example:
        >>> from ebana.hybrid import HopfieldDense, HopfieldStates
        >>> part = Hopfield([HopfieldStates(), HopfieldDense(5)])
        >>> part.build((8,), np.random.default_rng(0), "block").shape
        (5,)
    """

    layers: Sequence[HopfieldLayer]
    nudge: float | None = None
    coupling: float | None = 0.9
    order: Order = "sequential"
    start: Literal["forward", "zeros"] = "forward"
    relaxation: Relaxation = field(default_factory=Relaxation)
    learning_rate: float | None = None
    feedback: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        assign(self, layers=tuple(self.layers))
        self._check_numbers("nudge", "coupling")

    def build(
        self,
        shape: Shape,
        rng: np.random.Generator,
        where: str,
        *,
        first: bool = False,
        dtype: Any = "float32",
    ) -> Built:
        """See :meth:`Part.build`."""
        system = hopfield(
            self.layers, shape, coupling=self.coupling, order=self.order, start=self.start,
            relaxation=self.relaxation, learning_rate=self.learning_rate, seed=int(rng.integers(2**31)), dtype=dtype,
        )  # fmt: skip
        made = system.layers[-1].shape
        if self.feedback:
            return _block(system, made, nudge=self.nudge, first=first)

        def run(values: Values, x: Array, context: Context) -> Passed:
            y = system.forward(values, {INPUT: x.reshape(x.shape[0], -1)})[OUTPUT]
            return Passed(y.reshape(-1, *made))

        return Applied((self, shape), made, run, system.parameters)


@dataclass(frozen=True)
class CircuitBlock(BlockPart):
    """A circuit as a part: numbers come in as volts and go out as numbers.

    Args:
        model: any model, on any engine: native, SPICE, a chip. Its values are copied when the hybrid model is made.
        input_scale: volts of a one that comes in.
        output_scale: numbers for each volt that goes out.
        nudge: root mean square of the nudge currents over the outputs of a sample, amperes; a chip's noise asks for
            strong ones. None for the circuit's default.
        learning_rate: of its conductances, siemens; None for the optimizer's default for its layers, whatever rate the
            optimizer is given for weights.
        trainable: False for a circuit that stays as it is, while what is before and behind it learns.
        name: for parameters and messages.
    """

    model: Model
    input_scale: float = 1.0
    output_scale: float = 1.0
    nudge: float | None = None
    learning_rate: float | None = None
    trainable: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        self._check_numbers("input_scale", "output_scale", "nudge")

    @property
    def kind(self) -> str:
        """What it is called where it has no name."""
        return "circuit"

    def started(self, built: Built | None = None) -> Mapping[str, Parameter]:
        """Its parameters with the values that the model has now."""
        found = _started(self.model, self.learning_rate, self.trainable, only="conductance")
        return {name: replace(p, default_rate=True) for name, p in found.items()}

    def build(
        self, shape: Shape, rng: np.random.Generator, where: str, *, first: bool = False, dtype: Any = None
    ) -> Built:
        """See :meth:`BlockPart.build`."""
        if not isinstance(self.model, Model):
            raise TypeError(f"part {where!r} holds {self.model!r}. Expected an ebana.Model.")
        self.model.require_outputs()
        scales = self.input_scale, self.output_scale
        return _of_system(self.model.name, self.model, shape, where, self.nudge, first, scales)


@dataclass(frozen=True)
class EquilibriumBlock(BlockPart):
    """Any system that settles as a part: one of your own, a Hopfield network, a circuit.

    Numbers of a sample are its inputs in a row; its results are its outputs in a row.

    Args:
        system: an :class:`~ebana.learning.system.EnergySystem`, or a network that has one, whose values are copied.
            Where something before it learns it needs ``input_contrast``; outside JAX it needs ``unknown_count`` and
            ``restored`` (:class:`~ebana.learning.system.HostSystem`).
        input_scale: what numbers are multiplied by on the way in, into the system's unit.
        output_scale: what its outputs are multiplied by on the way out.
        nudge: root mean square of the nudge over the outputs of a sample, in the system's own unit; None for the
            system's default.
        learning_rate: of all of its parameters; None for their own, or the optimizer's; conductances then learn at
            the optimizer's default for them, whatever rate it is given for weights.
        trainable: False for a system that stays as it is, while what is before and behind it learns.
        name: for parameters and messages.

    Example:
        >>> from ebana.hybrid import HopfieldDense, HopfieldStates, HybridModel, hopfield
        >>> system = hopfield([HopfieldStates(), HopfieldDense(3)], input_shape=(4,))
        >>> model = HybridModel([EquilibriumBlock(system, name="block")], input_shape=4)
        >>> model.predict(np.zeros((2, 4))).shape
        (2, 3)
    """

    system: Any
    input_scale: float = 1.0
    output_scale: float = 1.0
    nudge: float | None = None
    learning_rate: float | None = None
    trainable: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        self._check_numbers("input_scale", "output_scale", "nudge")

    @property
    def kind(self) -> str:
        """What it is called where it has no name."""
        return "block"

    def started(self, built: Built) -> Mapping[str, Parameter]:
        """The system's parameters, with the present values of a network."""
        return _started(self.system, self.learning_rate, self.trainable)

    def build(
        self, shape: Shape, rng: np.random.Generator, where: str, *, first: bool = False, dtype: Any = None
    ) -> Built:
        """See :meth:`BlockPart.build`."""
        system = getattr(self.system, "system", self.system)
        lacks = [one for one in NEEDED if not hasattr(system, one)]
        if lacks:
            raise TypeError(
                f"part {where!r} holds a {type(system).__name__}, which lacks {', '.join(lacks)}. Expected an "
                "EnergySystem (ebana.learning.system), or a network that has one."
            )
        scales = self.input_scale, self.output_scale
        return _of_system(type(system).__name__, self.system, shape, where, self.nudge, first, scales)


def _started(
    network: Any, rate: float | None, learns: bool, only: Kind | None = None
) -> dict[str, Parameter]:
    """Parameters of a system, or of a network with the values that it has now.

    Args:
        rate: learning rate of all of them, or of ``only`` those of a kind; None for their own.
        learns: whether those that are trained stay so.
    """
    values = start_values(network)
    found = {}
    for name, p in getattr(network, "system", network).parameters.items():
        found[name] = replace(
            p, initial=values[name],
            learning_rate=rate if rate is not None and only in (None, p.kind) else p.learning_rate,
            default_rate=p.default_rate or p.kind == "conductance",  # no rate for weights suits siemens
            trainable=p.trainable and learns,
        )  # fmt: skip
    return found


NEEDED = (
    "parameters", "input_columns", "output_units", "traits", "footprint", "relax", "outputs", "unknowns", "converged",
    "identity", "default_beta", "check_beta", "factors", "current_nudge", "contrast",
)  # fmt: skip
"""What a system must have; derivatives by its inputs are needed only where something before it learns."""


def _of_system(
    name: str,
    network: Any,
    shape: Shape,
    where: str,
    nudge: float | None,
    first: bool,
    scales: tuple[float, float],
) -> Block:
    """A block of a system that takes all numbers of a sample and gives its outputs in a row."""
    system = getattr(network, "system", network)
    columns, count = sum(system.input_columns.values()), int(np.prod(shape))
    if count != columns:
        raise ValueError(
            f"part {where!r} is given samples of shape {shape}, {count} numbers. {name!r} takes {columns}: "
            f"{listed_columns(system.input_columns)}."
        )
    units = sum(system.output_units.values())
    return _block(network, (units,), nudge=nudge, first=first, scales=scales)

"""A system on hardware: values that are asked for in, states and contrasts of the values that a chip has out.

Learning moves the values that it asks for by what it measures on the chip, as it would on a bench: the gradient by a
value that the chip has is applied to the one that was asked for, rounding and spread or not (straight through).

One chip has draws of its own; without a chip every step draws another one (training that expects any of them). What is
counted for that, and for writes, is a parameter of the kind ``"statistic"``: checkpoints keep it.

Noise of reads is drawn by the chip, the write, the number of the read after it, and the batch. A step of training is
read 0 of its write; whoever reads a chip beside training counts from 1 (:class:`~ebana.hardware.Chip`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, FreePotentials, LossLike, Mask, Values
from ebana.circuit import Circuit
from ebana.hardware.around import Around
from ebana.hardware.effects import Bounds, Effect
from ebana.hardware.hardware import Hardware
from ebana.hardware.keys import chip_key, key_of
from ebana.hardware.measured import Read, measured
from ebana.hardware.measurement import Measurement
from ebana.hardware.realise import (
    Drawn,
    apply_circuit,
    apply_values,
    bounds_of,
    check,
    draw,
    prepared,
    redrawn,
)
from ebana.learning import estimators
from ebana.learning.estimators import Estimate, GradientEstimator, Objective
from ebana.learning.system import Staged, System, as_argument, from_argument, scope
from ebana.learning.systems.circuit import CircuitSystem
from ebana.parameters import Parameter

STEP = "hardware/step"
"""Parameter that counts steps: the number of the write, or of the chip that is drawn."""


class Aside:
    """What a program does not depend on, carried beside its arguments: all are equal."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Aside)

    def __hash__(self) -> int:
        return 0


class Made(NamedTuple):
    """A chip after a write, before it is measured.

    Args:
        system: with the devices of the chip.
        values: that the chip has, of those that were asked for.
        key: of the chip.
        write: number of the write.
    """

    system: Any
    values: dict[str, Array]
    key: Array
    write: Array


@partial(
    jax.tree_util.register_dataclass,
    data_fields=[
        "held",
        "circuit",
        "effects",
        "measurement",
        "bounds",
        "key",
        "drawn",
        "offsets",
        "read",
        "batch",
    ],
    meta_fields=["counts", "aside"],
)
@dataclass(frozen=True)
class ChipSystem(Around):
    """A system on a chip, or on another chip in every step. Made by :meth:`of`.

    Args:
        held: the system as an argument of programs.
        circuit: of one chip, with its devices; None where every step draws, or there is none.
        effects, measurement: of the hardware.
        bounds: ``(low, high)`` by parameter.
        key: of the chip, or of all of them.
        drawn: what the chip's effects drew; None where every step draws.
        offsets: of the nodes that are read, volts; None where every step draws.
        read: number of the read after the last write; 0 in training.
        batch: number of the batch that is read.
        counts: whether steps are counted.
        aside: the hardware and the number of the chip.
    """

    held: Any
    circuit: Circuit | None
    effects: tuple[Effect, ...]
    measurement: Measurement | None
    bounds: dict[str, Bounds]
    key: Array
    drawn: Drawn | None
    offsets: Array | None
    read: Any
    batch: Any
    counts: bool
    aside: Aside = field(repr=False)

    @classmethod
    def of(cls, system: System, hardware: Hardware, chip: int | None) -> ChipSystem:
        """A system on a chip of some hardware; None for another chip in every step.

        Raises:
            ValueError: for effects that do not fit the system.
            TypeError: for devices of circuits, or measurements, of what is no circuit.
        """
        circuit = system.circuit if isinstance(system, CircuitSystem) else None
        of_circuits = [e for e in hardware.effects if e.of_circuits]
        if circuit is None and (of_circuits or hardware.measurement is not None):
            what = type(of_circuits[0]).__name__ if of_circuits else "Measurement"
            raise TypeError(
                f"{what}() of {type(system).__name__}. Expected a circuit, whose devices it is of."
            )
        check(hardware.effects, system.parameters, circuit)
        if isinstance(system, CircuitSystem):
            circuit = prepared(hardware.effects, system.circuit)
            system = replace(system, circuit=circuit)
        rewritten = any(effect.rewritten for effect in hardware.effects)
        noisy = hardware.measurement is not None and (
            hardware.measurement.noise is not None or hardware.measurement.dither
        )
        made = drawn = offsets = None
        with scope(system.traits):
            key = jax.random.key(hardware.seed)
            if chip is not None:
                key = chip_key(hardware.seed, chip)
                drawn = draw(hardware.effects, system.parameters, circuit, key)
                if circuit is not None:
                    made = apply_circuit(hardware.effects, circuit, drawn)
                offsets = _offsets(system, hardware.measurement, key)
        return cls(
            as_argument(system) if system.traits.traceable else system,
            made,
            hardware.effects,
            hardware.measurement,
            bounds_of(system.parameters),
            key,
            drawn,
            offsets,
            np.uint32(0),
            np.uint32(0),
            chip is None or rewritten or noisy,
            Aside((hardware, chip)),
        )

    @property
    def inner(self) -> Any:  # type: ignore[override]
        """The system itself, without a chip."""
        return from_argument(self.held)

    # -- the chip -------------------------------------------------------------------------------------------

    def at_read(self, number: int) -> ChipSystem:
        """The chip as it is read for the so-and-so-manieth time after a write; 0 is a step of training."""
        return replace(self, read=np.uint32(number))

    def at_batch(self, number: Any) -> ChipSystem:
        """See :class:`~ebana.learning.system.Noisy`."""
        return replace(self, batch=np.uint32(number) if isinstance(number, int) else number)

    def realised(self, values: Values) -> tuple[Any, dict[str, Array]]:
        """The system of the chip as it is measured, and the values that it has, of those that are asked for."""
        found = self.make(values)
        return self.seen(found), found.values

    def make(self, values: Values) -> Made:
        """The chip with the values that are asked for.

        Without a chip of its own, the count of steps is the number of the chip, and each is written once.
        """
        inner, step = self.inner, self._step(values)
        asked = {name: value for name, value in values.items() if name != STEP}
        circuit = inner.circuit if isinstance(inner, CircuitSystem) else None
        key, drawn, write, made = self.key, self.drawn, step, self.circuit
        if drawn is None:
            key, write = jax.random.fold_in(key, step), jnp.uint32(0)
            drawn = draw(self.effects, inner.parameters, circuit, key)
            made = None if circuit is None else apply_circuit(self.effects, circuit, drawn)
        elif self.counts:
            drawn = redrawn(self.effects, inner.parameters, drawn, key, write)
        given = apply_values(self.effects, inner.parameters, circuit, asked, drawn, self.bounds)
        if made is not None:
            inner = replace(inner, circuit=made)
        return Made(inner, given, key, write)

    def _step(self, values: Values) -> Array:
        return jnp.asarray(values[STEP]).astype(jnp.uint32) if self.counts else jnp.uint32(0)

    def seen(self, made: Made) -> Any:
        """The system through the chip's converters, with the noise of this read and batch after the write."""
        if self.measurement is None:
            return made.system
        offsets: Any = self.offsets
        if offsets is None:
            offsets = _offsets(made.system, self.measurement, made.key)
        key = key_of(made.key, "reads")
        for number in (made.write, self.read, self.batch):
            key = jax.random.fold_in(key, number)
        return measured(made.system, self.measurement, offsets, key)

    # -- what training asks for -------------------------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The system's, and the count of steps where there is one."""
        own = dict(self.inner.parameters)
        return own | ({STEP: Parameter(STEP, "statistic", np.zeros(()))} if self.counts else {})

    def identity(self) -> dict[str, Any]:
        """The system's, the hardware and the chip."""
        hardware, chip = self.aside.value
        return self.inner.identity() | {"hardware": hardware.to_dict(), "chip": chip}

    def default_beta(self, values: Values) -> float:
        """See :class:`~ebana.learning.system.System`."""
        with scope(self.traits):
            inner, given = self.realised(values)
            return inner.default_beta(given)

    def check_beta(
        self, values: Values, beta: float, loss: LossLike, *, clamped: bool, reverses: bool
    ) -> None:
        """See :class:`~ebana.learning.system.System`."""
        with scope(self.traits):
            inner, given = self.realised(values)
            inner.check_beta(given, beta, loss, clamped=clamped, reverses=reverses)

    def relax(self, values: Values, inputs: Values, nudge: Any, start: Any) -> Any:
        """Settle a batch on the chip."""
        inner, given = self.realised(values)
        return inner.relax(given, inputs, nudge, start)

    def outputs(self, state: Any) -> dict[str, Array]:
        """Outputs as they are read."""
        return self.inner.outputs(_read(state))

    def solution(self, state: Any) -> Any:
        """See :class:`~ebana.learning.system.System`."""
        return self.inner.solution(_true(state))

    def unknowns(self, state: Any) -> FreePotentials:
        """See :class:`~ebana.learning.system.System`."""
        return self.inner.unknowns(_true(state))

    def converged(self, state: Any) -> Mask:
        """See :class:`~ebana.learning.system.System`."""
        return self.inner.converged(_true(state))

    def gradient_scale(self, values: Values) -> dict[str, Array]:
        """See :class:`~ebana.learning.system.Staged`: the factors of the chip's stages.

        Raises:
            TypeError: for what has no stages.
        """
        made = self.make(values)
        if not isinstance(made.system, Staged):
            raise TypeError(
                f"the published rule of {type(made.system).__name__}. Expected a circuit, which has stages."
            )
        return made.system.gradient_scale(made.values)

    # -- estimators are given the chip as a system of its own ------------------------------------------------

    def check_estimator(self, estimator: GradientEstimator) -> None:
        """Nothing: the system is asked when it is known."""

    def estimate(
        self, estimator: GradientEstimator, values: Values, objective: Objective, *, beta: Array
    ) -> Estimate:
        """Gradients by the values that the chip has, for those that are asked for."""
        inner, given = self.realised(values)
        result = estimators.estimate(estimator, inner, given, objective, beta=beta)
        gradients = {name: _summed(g, np.shape(values[name])) for name, g in result.gradients.items()}
        updates = dict(result.updates)
        if self.counts:
            updates[STEP] = values[STEP] + 1
        return result._replace(gradients=gradients, updates=updates)


def _offsets(system: Any, measurement: Measurement | None, key: Array) -> Array | None:
    """Offsets of a chip's reads, one for each node; none where nothing is read."""
    if measurement is None:
        return None
    return measurement.offsets(key_of(key, "offsets"), (system.circuit.size + 1,))


def _read(state: Any) -> Any:
    return state.seen if isinstance(state, Read) else state


def _true(state: Any) -> Any:
    return state.state if isinstance(state, Read) else state


def _summed(gradient: Array, shape: tuple[int, ...]) -> Array:
    """A gradient by values of each unit as one by the values that they were made of."""
    return gradient if gradient.shape == shape else gradient.sum().reshape(shape)

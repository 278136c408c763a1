"""One training step, and chunks of them: pure functions, compiled as a whole where the engine allows.

A chunk runs a number of steps that is itself an argument, so that chunks of any length share one
compiled program and give the same bits. Learning rates, beta and the like are arguments too.

Over several devices, each solves its share of every batch: the order of the samples is split along the
batch, all else is held by every device, and the compiler adds up the gradients.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ebana.engines.compiling import compiled
from ebana.learning.equilibrium import EnergySystem, Rule, estimate

Array = Any
Values = Mapping[str, Array]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["system"],
    meta_fields=["rule", "loss", "optimizer", "exclusive", "keep_states"],
)
@dataclass(frozen=True)
class Program:
    """What a compiled chunk depends on; a change of it means compiling again.

    Args:
        system: what is trained.
        rule: how gradients are estimated.
        loss: the loss.
        optimizer: the pure part of the optimizer.
        exclusive: for each output, whether one unit of several is on in each target.
        keep_states: whether the phases' potentials of the last step are returned.
    """

    system: EnergySystem
    rule: Rule
    loss: Any
    optimizer: OptimizerKey
    exclusive: tuple[tuple[str, bool], ...]
    keep_states: bool = False


class Knobs(NamedTuple):
    """Arguments of a chunk that may change from one to the next without compiling again."""

    beta: Array
    rates: dict[str, Array]
    bounds: dict[str, tuple[Array, Array]]
    factor: Array
    watch: dict[str, Array]


class Batches(NamedTuple):
    """The data and the order in which they are used.

    Args:
        inputs, targets: the whole data set, ``{name: (samples, columns)}``.
        index: samples of each step, ``(steps, batch)``.
        valid: False where a sample only pads its batch, ``(steps, batch)``.
    """

    inputs: dict[str, Array]
    targets: dict[str, Array]
    index: Array
    valid: Array


@dataclass(frozen=True)
class Placement:
    """Where the arrays of a run live.

    Args:
        devices: JAX devices that share every batch; none for JAX's default device.
    """

    devices: tuple[Any, ...] = ()

    @staticmethod
    def of(devices: int | Sequence[Any] | None, batch_size: int) -> Placement:
        """The devices that a user asks for, by their number or themselves, to share batches of this size.

        Raises:
            ValueError: if it is neither, if there are not as many, or if the batch size does not divide by
                their number.

        Example:
            >>> len(Placement.of(1, 32).devices)
            1
        """
        if devices is None:
            return Placement()
        chosen = _chosen(devices)
        if batch_size % len(chosen):
            least = len(chosen) * max(1, batch_size // len(chosen))
            raise ValueError(
                f"fit got batches of {batch_size} samples for {len(chosen)} devices, which cannot share them "
                f"equally. Choose a batch size that {len(chosen)} divides, such as {least}, or other devices."
            )
        return Placement(chosen)

    @cached_property
    def mesh(self) -> Mesh:
        """The devices in a row along the batch."""
        return Mesh(np.array(self.devices), ("batch",))

    def everywhere(self, arrays: Any) -> Any:
        """A pytree of arrays, whole on every device."""
        return self._put(arrays, PartitionSpec())

    def along_batch(self, arrays: Any) -> Any:
        """Arrays ``(steps, batch)`` of which each device holds its share of every batch."""
        return self._put(arrays, PartitionSpec(None, "batch"))

    def _put(self, arrays: Any, spec: PartitionSpec) -> Any:
        return jax.device_put(arrays, NamedSharding(self.mesh, spec)) if self.devices else arrays


def _chosen(devices: Any) -> tuple[Any, ...]:
    """The devices that a number or a sequence stands for."""
    count = _whole_number(devices)
    if count is not None and count >= 1:
        return _first(count)
    chosen = tuple(devices) if count is None and np.iterable(devices) else ()
    alien = not all(isinstance(device, jax.Device) for device in chosen)
    if not chosen or alien or len(set(chosen)) < len(chosen):
        raise ValueError(
            f"fit(devices={devices!r}). Expected a whole number of devices, from 1, or a sequence of different "
            "JAX devices, such as jax.devices()[:2]."
        )
    return chosen


def _whole_number(value: Any) -> int | None:
    """A number of Python, NumPy or JAX as an int; None for all else, also for True and False."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _first(count: int) -> tuple[Any, ...]:
    """So many of JAX's devices."""
    found = jax.devices()
    if count > len(found):
        raise ValueError(
            f"fit(devices={count}): JAX finds {len(found)} ({found[0].platform}). To split a CPU, set "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={count} before Python starts; for accelerators "
            'install their wheel of JAX, such as pip install "jax[cuda13]".'
        )
    return tuple(found[:count])


class Records(NamedTuple):
    """What each step of a chunk reports, along the first axis.

    Sums over the batch, so that batches of different sizes add up: cost and number of right answers of
    each output, samples that counted, operating points that did not converge, and watched values.
    """

    cost: dict[str, Array]
    right: dict[str, Array]
    used: Array
    unconverged: Array
    watched: dict[str, Array]


def train_step(program: Program, values: Values, state: Any, batch: Any, knobs: Knobs, factor: Array):
    """Phases, gradients and update of one batch.

    Args:
        batch: ``(inputs, targets, valid)``.
        factor: schedule factor of this step.

    Returns:
        New values, new optimizer state, record of the step, and the estimate itself.
    """
    inputs, targets, valid = batch
    system, loss = program.system, program.loss
    result = estimate(system, values, inputs, targets, knobs.beta, loss, program.rule, valid)
    found = _Found(
        result.gradients,
        result.outputs,
        result.used,
        valid & system.converged(result.free),
        result.unconverged,
        system.gradient_scale(values) if program.optimizer.rule == "paper" else None,
    )
    apply = _apply if getattr(system, "traceable", True) else _apply_compiled
    values, state, record = apply(
        program.optimizer, loss, program.exclusive, dict(values), state, targets, found, knobs, factor
    )
    return values, state, record, result


class _Found(NamedTuple):
    """What an update needs to know of an estimate; ``counted`` are the samples whose free state was found."""

    gradients: dict[str, Array]
    outputs: dict[str, Array]
    used: Array
    counted: Array
    unconverged: Array
    scale: dict[str, Array] | None


def _apply(
    optimizer: OptimizerKey,
    loss: Any,
    exclusive: tuple[tuple[str, bool], ...],
    values: Any,
    state: Any,
    targets: Any,
    found: _Found,
    knobs: Knobs,
    factor: Array,
) -> tuple[dict[str, Array], Any, Records]:
    """The update and the record of a step."""
    trained = {name: values[name] for name in found.gradients}
    new, new_state = optimizer.update(
        found.gradients, state, trained, knobs.rates, factor, knobs.bounds, found.scale
    )
    any_used = found.used.any()  # a batch without a single operating point changes nothing
    new, state = jax.tree.map(
        lambda after, before: jnp.where(any_used, after, before),
        (new, new_state),
        ({name: values[name] for name in new}, state),
    )
    values = {**values, **new}
    counted = found.counted
    cost = {n: (loss.cost(y, targets[n]) * counted).sum() for n, y in found.outputs.items()}
    right = {
        name: (loss.accuracy(found.outputs[name], targets[name], one_of) * counted).sum()
        for name, one_of in exclusive
    }
    watched = {name: values[name].reshape(-1)[at] for name, at in knobs.watch.items()}
    return values, state, Records(cost, right, counted.sum(), found.unconverged, watched)


_apply_compiled = compiled(_apply, (0, 1, 2))
"""For engines outside JAX, whose steps would pay for a hundred single operations."""


def _batch(batches: Batches, i: Any) -> Any:
    at = batches.index[i]
    pick = partial(jax.tree.map, lambda a: a[at])
    return pick(batches.inputs), pick(batches.targets), batches.valid[i]


def run_chunk(program: Program, values: Values, state: Any, batches: Batches, steps: Any, knobs: Knobs):
    """Run ``steps`` steps; compiled for engines that are traceable, one by one for others.

    Values and state may be gone afterwards: long runs write the new ones over them.

    Returns:
        Values, optimizer state, :class:`Records` (entries beyond ``steps`` are zero), and the free and
        nudged states of the last step where the program keeps them.
    """
    if not getattr(program.system, "traceable", True):
        run = _stepwise
    else:
        run = _compiled_well if getattr(program.system, "long_running", False) else _compiled
    return run(program, values, state, batches, steps, knobs)


def _stepwise(program: Program, values: Values, state: Any, batches: Batches, steps: int, knobs: Knobs):
    records, kept = [], None
    for i in range(int(steps)):
        values, state, record, result = train_step(
            program, values, state, _batch(batches, i), knobs, knobs.factor[i]
        )
        records.append(record)
        kept = _states(result) if program.keep_states else None
    return values, state, jax.tree.map(lambda *rows: jnp.stack(rows), *records), kept


def _traced(program: Program, values: Values, state: Any, batches: Batches, steps: Array, knobs: Knobs):
    def one(values: Values, state: Any, i: Any):
        return train_step(program, values, state, _batch(batches, i), knobs, knobs.factor[i])

    shapes = jax.eval_shape(one, values, state, jnp.int32(0))
    length = batches.index.shape[0]
    records = jax.tree.map(lambda s: jnp.zeros((length, *s.shape), s.dtype), shapes[2])
    kept = (
        jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), _states(shapes[3]))
        if program.keep_states
        else None
    )

    def body(i: Array, carry: Any) -> Any:
        values, state, records, _ = carry
        values, state, record, result = one(values, state, i)
        records = jax.tree.map(lambda all_, new: all_.at[i].set(new), records, record)
        return values, state, records, _states(result) if program.keep_states else None

    return jax.lax.fori_loop(0, steps, body, (dict(values), state, records, kept))


_compiled = compiled(_traced)
_compiled_well = compiled(_traced, quick=False, donate_argnums=(1, 2))


def _states(result: Any) -> dict[str, Array]:
    return {"free": result.free.v, "plus": result.plus.v, "minus": result.minus.v}


class OptimizerKey:
    """An optimizer as part of a program: equal where the compiled update is the same."""

    def __init__(self, optimizer: Any) -> None:
        self.update = optimizer.update
        self.rule = getattr(optimizer, "rule", "gradient")
        self._key = (optimizer.signature, self.rule)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptimizerKey) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

"""One training step, and chunks of them: pure functions, compiled as a whole where the engine allows.

A chunk runs a number of steps that is itself an argument, so that chunks of any length share one
compiled program and give the same bits. Learning rates, beta and the like are arguments too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ebana._types import Array, LossLike, Number, Values
from ebana.compilation import compiled
from ebana.learning.estimators import Estimate, GradientEstimator, Objective, estimate
from ebana.learning.optimizers import Optimizer
from ebana.learning.system import System, as_argument, from_argument


@dataclass(frozen=True)
class StepSpec:
    """What a compiled chunk depends on beside its system; a change of it means compiling again.

    Args:
        estimator: how gradients are estimated.
        loss: the loss.
        optimizer: the pure part of the optimizer.
        exclusive: for each output, whether one unit of several is on in each target.
        keep_states: whether the phases' potentials of the last step are returned.
    """

    estimator: GradientEstimator
    loss: Any
    optimizer: OptimizerKey
    exclusive: tuple[tuple[str, bool], ...]
    keep_states: bool = False


class Hyperparameters(NamedTuple):
    """Arguments of a chunk that may change from one to the next without compiling again.

    Args:
        beta: nudging strength.
        rates: learning rate by parameter, a number or one for each step.
        bounds: ``(low, high)`` by parameter.
        factor: the schedule's factor of each step.
        watch: places of the watched values by parameter.
    """

    beta: Array
    rates: dict[str, Array]
    bounds: dict[str, tuple[Array, Array]]
    factor: Array
    watch: dict[str, Array]

    def at(self, i: Any) -> Hyperparameters:
        """Those of one step."""
        rates = {name: rate[i] if rate.ndim else rate for name, rate in self.rates.items()}
        return self._replace(rates=rates, factor=self.factor[i])


class Batches(NamedTuple):
    """The data and the order in which they are used.

    Args:
        inputs, targets: the whole data set, ``{name: (samples, columns)}``.
        indices: samples of each step, ``(steps, batch)``.
        valid: False where a sample only pads its batch, ``(steps, batch)``.
    """

    inputs: dict[str, Array]
    targets: dict[str, Array]
    indices: Array
    valid: Array


class Records(NamedTuple):
    """What each step of a chunk reports, along the first axis.

    Sums over the batch, so that batches of different sizes add up: cost and number of right answers of
    each output, samples that counted, operating points that did not converge (by part too, in
    systems made of parts), and watched values.
    """

    cost: dict[str, Array]
    right: dict[str, Array]
    used: Array
    unconverged: Array
    watched: dict[str, Array]
    counts: dict[str, Array]


def train_step(
    spec: StepSpec,
    system: System,
    values: Values,
    state: Any,
    batch: Any,
    settings: Hyperparameters,
) -> tuple[dict[str, Array], Any, Records, Estimate]:
    """Phases, gradients and update of one batch.

    Args:
        batch: ``(inputs, targets, valid)``.
        settings: those of this step.

    Returns:
        New values, new optimizer state, record of the step, and the estimate itself.
    """
    inputs, targets, valid = batch
    loss = spec.loss
    objective = Objective(inputs, targets, loss, valid)
    result = estimate(spec.estimator, system, values, objective, beta=settings.beta)
    found = _Found(
        result.gradients,
        result.outputs,
        result.used,
        valid & system.converged(result.free),
        result.unconverged,
        spec.optimizer.scale(system, values),
        result.updates,
        result.counts,
    )
    apply = _apply if system.traits.traceable else _apply_compiled
    values, state, record = apply(
        spec.optimizer, loss, spec.exclusive, dict(values), state, targets, found, settings
    )
    return dict(values), state, record, result


class _Found(NamedTuple):
    """What an update needs to know of an estimate; ``counted`` are the samples whose free state was found."""

    gradients: dict[str, Array]
    outputs: dict[str, Array]
    used: Array
    counted: Array
    unconverged: Array
    scale: Mapping[str, Number] | None
    updates: dict[str, Array]
    counts: dict[str, Array]


def _apply(
    optimizer: OptimizerKey,
    loss: LossLike,
    exclusive: tuple[tuple[str, bool], ...],
    values: Any,
    state: Any,
    targets: Any,
    found: _Found,
    settings: Hyperparameters,
) -> tuple[dict[str, Array], Any, Records]:
    """The update and the record of a step."""
    trained = {name: values[name] for name in found.gradients}
    new, new_state = optimizer.update(
        found.gradients, state, trained, settings.rates, settings.factor, settings.bounds, found.scale
    )
    any_used = found.used.any()  # a batch without a single operating point changes nothing
    new, state = jax.tree.map(
        lambda after, before: jnp.where(any_used, after, before),
        ({**new, **found.updates}, new_state),
        ({name: values[name] for name in (*new, *found.updates)}, state),
    )
    values = {**values, **new}
    counted = found.counted
    cost: dict[str, Any] = {
        name: jnp.where(counted, loss.shown(y, targets[name]), 0.0).sum() for name, y in found.outputs.items()
    }
    right = {
        name: (loss.accuracy(found.outputs[name], targets[name], one_of) * counted).sum()
        for name, one_of in exclusive
    }
    watched = {name: values[name].reshape(-1)[at] for name, at in settings.watch.items()}
    return values, state, Records(cost, right, counted.sum(), found.unconverged, watched, found.counts)


_apply_compiled = compiled(_apply, (0, 1, 2))
"""For engines outside JAX, whose steps would pay for a hundred single operations."""


def _batch(batches: Batches, i: Any) -> Any:
    at = batches.indices[i]
    pick = partial(jax.tree.map, lambda a: a[at])
    return pick(batches.inputs), pick(batches.targets), batches.valid[i]


def run_chunk(
    spec: StepSpec,
    system: System,
    values: Values,
    state: Any,
    batches: Batches,
    steps: Any,
    settings: Hyperparameters,
) -> tuple[dict[str, Array], Any, Records, dict[str, Array] | None]:
    """Run ``steps`` steps; compiled for systems that are traceable, one by one for others.

    Where the system wants an optimised compilation, the buffers of values and state are donated; those of steps that
    are programs of their own are copies, so that what was given outlives an interruption.

    Returns:
        Values, optimizer state, :class:`Records` (entries beyond ``steps`` are zero), and the free and
        nudged states of the last step where they are kept.
    """
    if not system.traits.traceable:
        return _stepwise(spec, system, values, state, batches, steps, settings)
    if system.traits.steps_apart:
        return _apart(spec, system, values, state, batches, steps, settings)
    run = _optimised if system.traits.optimise_compilation else _compiled
    return run(spec, as_argument(system), values, state, batches, steps, settings)


def _stepwise(
    spec: StepSpec,
    system: System,
    values: Values,
    state: object,
    batches: Batches,
    steps: int,
    settings: Hyperparameters,
) -> tuple[dict[str, Array], Any, Records, dict[str, Array] | None]:
    records, kept = [], None
    for i in range(int(steps)):
        values, state, record, result = train_step(
            spec, system, values, state, _batch(batches, i), settings.at(i)
        )
        records.append(record)
        kept = _states(system, result) if spec.keep_states else None
    return dict(values), state, jax.tree.map(lambda *rows: jnp.stack(rows), *records), kept


def _apart(
    spec: StepSpec,
    system: System,
    values: Values,
    state: object,
    batches: Batches,
    steps: int,
    settings: Hyperparameters,
) -> tuple[dict[str, Array], Any, Records, dict[str, Array] | None]:
    """As :func:`_traced`, a program for each step."""
    argument = as_argument(system)
    carry = _beginning(spec, argument, dict(values), state, batches, settings)
    for i in range(int(steps)):
        carry = _next(spec, argument, carry, batches, jnp.int32(i), settings)
    return carry


def _traced(
    spec: StepSpec,
    argument: Any,
    values: Values,
    state: Any,
    batches: Batches,
    steps: Array,
    settings: Hyperparameters,
) -> Carry:
    def body(i: Array, carry: Carry) -> Carry:
        return _stepped(spec, argument, carry, batches, i, settings)

    return jax.lax.fori_loop(0, steps, body, _started(spec, argument, dict(values), state, batches, settings))


def _started(
    spec: StepSpec, argument: Any, values: Any, state: Any, batches: Batches, settings: Hyperparameters
) -> Carry:
    """What a chunk begins with: empty records and states beside the values."""

    def one(values: Values, state: Any) -> Any:
        return _step_of(spec, argument, values, state, batches, jnp.int32(0), settings)

    shapes = jax.eval_shape(one, values, state)
    length = batches.indices.shape[0]
    records = jax.tree.map(lambda s: jnp.zeros((length, *s.shape), s.dtype), shapes[2])
    return values, state, records, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes[3])


def _stepped(
    spec: StepSpec, argument: Any, carry: Carry, batches: Batches, i: Array, settings: Hyperparameters
) -> Carry:
    """One step further."""
    values, state, records, _ = carry
    values, state, record, kept = _step_of(spec, argument, values, state, batches, i, settings)
    records = jax.tree.map(lambda all_, new: all_.at[i].set(new), records, record)
    return values, state, records, kept


def _step_of(
    spec: StepSpec,
    argument: Any,
    values: Values,
    state: Any,
    batches: Batches,
    i: Array,
    settings: Hyperparameters,
) -> Carry:
    system = from_argument(argument)
    values, state, record, result = train_step(
        spec, system, values, state, _batch(batches, i), settings.at(i)
    )
    return values, state, record, _states(system, result) if spec.keep_states else None


Carry = tuple[dict[str, Array], Any, Records, dict[str, Array] | None]
"""Values, optimizer state, records, and the states of the last step where they are kept."""

_compiled = compiled(_traced, 0)
_optimised = compiled(_traced, 0, quick=False, donate_argnums=(2, 3))
_beginning = compiled(_started, 0)
_next = compiled(_stepped, 0, quick=False, donate_argnums=(2,))


def _states(system: System, result: Estimate) -> dict[str, Array]:
    return {name: system.unknowns(state) for name, state in result.states.items()}


class OptimizerKey:
    """The pure part of an optimizer as a part of a program: equal where the compiled update is the same."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.update = optimizer.update
        self.scale = optimizer.scale
        self._key = optimizer.signature

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptimizerKey) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

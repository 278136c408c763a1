"""The two directions of an equilibrium block: settling, and its reverse rule, in JAX and on engines outside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Mask, Values
from ebana.compilation import arithmetic, compiled
from ebana.host_calls import is_traced, on_host, require_spare_thread
from ebana.learning.estimators import GradientEstimator, Objective
from ebana.learning.system import EnergySystem, from_argument, scope


@dataclass(frozen=True)
class LinearLoss:
    """A loss that is linear in the outputs, with the target for its slope."""

    name: ClassVar[str] = "linear"
    quadratic: ClassVar[bool] = False
    smoothness: ClassVar[float | None] = 0.0

    def cost(self, y: Array, target: Array) -> Array:
        """``target . y``, ``(B,)``."""
        return (y * target).sum(-1)

    def slope(self, y: Array, target: Array) -> Array:
        """The target."""
        return jnp.broadcast_to(target, jnp.shape(y))

    def shown(self, y: Array, target: Array) -> Array:
        """The cost."""
        return self.cost(y, target)

    def accuracy(self, y: Array, target: Array, exclusive: bool | None = None) -> None:
        """Has no meaning here."""
        return


class Settled(NamedTuple):
    """What became of a batch: the outputs, and which samples settled, ``(B,)``."""

    outputs: Any
    found: Mask


class Derivatives(NamedTuple):
    """What comes back through a block: derivatives by values and inputs, and how many nudged states were lost."""

    values: dict[str, Array]
    inputs: dict[str, Array]
    lost: Array


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def settled(
    estimator: GradientEstimator,
    by_inputs: bool,
    argument: Any,
    nudge: Array,
    values: dict[str, Array],
    inputs: dict[str, Array],
    probe: Array,
) -> tuple[dict[str, Array], Mask]:
    return forward(estimator, by_inputs, argument, nudge, values, inputs, probe)[0]


def forward(
    estimator: GradientEstimator,
    by_inputs: bool,
    argument: Any,
    nudge: Array,
    values: dict[str, Array],
    inputs: dict[str, Array],
    probe: Array | None,
) -> tuple[Any, Any]:
    system = from_argument(argument)
    dtype = jnp.result_type(*inputs.values())
    with scope(system.traits):
        cast = _cast(system, values, inputs)
        if not system.traits.traceable:
            outputs, found, free = _settle_on_host(system, *cast)
        elif is_traced((argument, *cast)):
            outputs, found, free = _settle(system, *cast)
        else:
            outputs, found, free = _settle_program(argument, *cast)
    with _either(system, dtype):
        outputs = {name: y.astype(dtype) for name, y in outputs.items()}
    return (outputs, found), (argument, nudge, values, inputs, found, free)


def _settle(system: EnergySystem, values: Values, inputs: Values) -> tuple[dict[str, Array], Mask, Any]:
    free = system.relax(values, inputs, None, None)
    return system.outputs(free), system.converged(free), free


_settle_program = compiled(lambda argument, *arrays: _settle(from_argument(argument), *arrays))
"""For a block that is called outside of programs, beside an engine outside JAX: its loops are compiled once."""


def _settle_on_host(
    system: Any, values: Values, inputs: Values
) -> tuple[dict[str, Array], Mask, dict[str, Array]]:
    """Outputs, mask and unknowns, by an engine outside JAX."""
    batch, dtype = next(iter(inputs.values())).shape[0], np.dtype(system.traits.dtype)

    def host(values: Any, inputs: Any) -> Any:
        with scope(system.traits):
            outputs, found, free = _settle(system, values, inputs)
            return outputs, found, {"v": system.unknowns(free)}

    shapes = (
        {n: jax.ShapeDtypeStruct((batch, units), dtype) for n, units in system.output_units.items()},
        jax.ShapeDtypeStruct((batch,), bool),
        {"v": jax.ShapeDtypeStruct((batch, system.unknown_count), dtype)},
    )
    return _called(system, host, shapes, values, inputs)


def backward(estimator: GradientEstimator, by_inputs: bool, kept: Any, cotangents: Any) -> Any:
    argument, nudge, values, inputs, found, free = kept
    system = from_argument(argument)
    g = cotangents[0]
    with scope(system.traits):
        size, slopes = _normalised({name: a.astype(system.traits.dtype) for name, a in g.items()})
        cast = _cast(system, values, inputs)
        strength = jnp.asarray(nudge, size.dtype)
        given = cast[0], cast[1], slopes, size, found, free, strength
        if not system.traits.traceable:
            objective = _objective(cast[1], slopes, size, found, free, by_inputs)
            by_value, by_input, lost = _derivatives_on_host(system, estimator, cast[0], objective, strength)
        elif is_traced((argument, *given)):
            by_value, by_input, lost = _derive(estimator, by_inputs, argument, *given)
        else:
            by_value, by_input, lost = _derive_program(estimator, by_inputs, argument, *given)
    with _either(system, *(a.dtype for a in (*values.values(), *inputs.values()))):
        by_value = {n: _like(by_value.get(n), v) for n, v in values.items()}
        by_input = {n: _like(by_input.get(n), x) for n, x in inputs.items()}
    return None, None, by_value, by_input, lost.astype(jnp.float32)


def _either(system: EnergySystem, *dtypes: Any) -> Any:
    """Scope in which both a system's arrays and those around it keep their precision."""
    return arithmetic("float64" in (system.traits.dtype, *(np.dtype(one).name for one in dtypes)))


settled.defvjp(forward, backward)


def _normalised(g: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
    """Root mean square of a cotangent over the outputs of each sample, ``(B,)``, and the cotangent over it."""
    count = sum(a.shape[1] for a in g.values())
    largest = jnp.stack([jnp.abs(a).max(1) for a in g.values()]).max(0)
    safe = jnp.where(largest > 0, largest, 1.0)[:, None]  # squares of small numbers vanish
    mean = sum(((a / safe) ** 2).sum(1) for a in g.values()) / count
    size = jnp.sqrt(mean) * largest
    return size, {name: a / jnp.where(size > 0, size, 1.0)[:, None] for name, a in g.items()}


def _objective(
    inputs: Values, slopes: Values, size: Array, found: Mask, free: Any, by_inputs: bool
) -> Objective:
    """The loss whose slopes by the outputs of each sample are these times its size."""
    return Objective(
        inputs, slopes, LinearLoss(), valid=found, weight=size, free=free, sensitivities=by_inputs
    )


def _derivatives(
    system: EnergySystem, estimator: GradientEstimator, values: Values, objective: Objective, nudge: Array
) -> tuple[dict[str, Array], dict[str, Array], Array]:
    """Derivatives by values and inputs, and the number of nudged states that were not found."""
    estimate = estimator.estimate(system, values, objective, beta=nudge)
    if objective.sensitivities and not estimate.sensitivities:
        raise TypeError(
            f"{type(estimator).__name__} gives no derivatives by the inputs (Estimate.sensitivities), which a block "
            "hands on to what is before it. Put the block first, with equilibrium(..., by_inputs=False)."
        )
    return estimate.gradients, estimate.sensitivities, estimate.unconverged


def _derive(
    estimator: GradientEstimator,
    by_inputs: bool,
    argument: Any,
    values: Values,
    inputs: Values,
    slopes: Values,
    size: Array,
    found: Mask,
    free: Any,
    nudge: Array,
) -> tuple[dict[str, Array], dict[str, Array], Array]:
    """As :func:`_derivatives`, of arrays alone."""
    objective = _objective(inputs, slopes, size, found, free, by_inputs)
    return _derivatives(from_argument(argument), estimator, values, objective, nudge)


_derive_program = compiled(_derive, static_argnums=(0, 1))
"""See :data:`_settle_program`."""


def _derivatives_on_host(
    system: Any, estimator: GradientEstimator, values: Values, objective: Objective, nudge: Array
) -> tuple[dict[str, Array], dict[str, Array], Array]:
    """As :func:`_derivatives`, by an engine outside JAX."""
    inputs, by_inputs = objective.inputs, objective.sensitivities

    def host(values: Any, inputs: Any, slopes: Any, size: Any, nudge: Any, found: Any, v: Any) -> Any:
        with scope(system.traits):
            state = system.restored(values, inputs, v, found)
            there = _objective(inputs, slopes, size, found, state, by_inputs)
            by_value, by_input, lost = _derivatives(system, estimator, values, there, nudge)
            return (
                {n: by_value.get(n, np.zeros_like(a)) for n, a in values.items()},
                {n: by_input.get(n, np.zeros_like(x)) for n, x in inputs.items()},
                np.asarray(lost, np.int32),
            )

    like = partial(jax.tree.map, lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype))
    shapes = (like(dict(values)), like(dict(inputs)), jax.ShapeDtypeStruct((), np.int32))
    given = objective.targets, objective.weight, nudge, objective.valid, objective.free["v"]
    return _called(system, host, shapes, values, inputs, *given)


def _called(system: Any, host: Any, shapes: Any, *arguments: Any) -> Any:
    if is_traced(arguments):
        require_spare_thread(f"a block on engine {system.traits.name!r}")
    return on_host(host, shapes, *arguments)


def _cast(system: EnergySystem, *named: Values) -> tuple[dict[str, Array], ...]:
    dtype = system.traits.dtype
    return tuple({name: jnp.asarray(a, dtype) for name, a in arrays.items()} for arrays in named)


def _like(value: Array | None, primal: Array) -> Array:
    return jnp.zeros_like(primal) if value is None else value.astype(primal.dtype)

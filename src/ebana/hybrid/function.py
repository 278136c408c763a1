"""An equilibrium block: a system that settles, as a differentiable function of its parameters and inputs.

    y = o(s),  s = argmin_s E(theta, x, s)

Its reverse rule is a gradient estimator. A cotangent g of the outputs is the slope of a loss that is linear in them, so
that for each sample

    nudge:   grad_s E(s_b) + b g / |g| = 0,      theta' = |g| d/db dE/dtheta(s_b),      x' = |g| d/db dE/dx(s_b)

with |g| the root mean square of its cotangent. A cotangent carries factors that are not the block's own, such as one
by the size of the batch; dividing by |g| makes b a nudge in the block's own unit, the same for every sample, place in
a model and batch.

Source: T. Nest, M. Ernoult, arXiv 2409.03306 (2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Number, Values
from ebana.hybrid import directions
from ebana.hybrid.adapters import plain_nudge, start_values
from ebana.hybrid.directions import Derivatives, LinearLoss, Settled
from ebana.learning import estimators
from ebana.learning.estimators import GradientEstimator
from ebana.learning.system import EnergySystem, HostSystem, as_argument, from_argument, scope
from ebana.learning.systems.deep_states import Relaxation


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["argument", "nudge"],
    meta_fields=["estimator", "by_inputs"],
    drop_fields=["start"],
)
@dataclass(frozen=True)
class Equilibrium:
    """A system that settles, as a function; made by :func:`equilibrium`.

    It is a pytree: handed to a compiled function as an argument, another nudge, number of sweeps or tolerance compiles
    nothing.

    Args:
        argument: the system, as an argument of programs.
        nudge: root mean square of a nudge over the outputs of a sample, in the system's own unit.
        estimator: how derivatives are estimated.
        by_inputs: whether derivatives by the inputs are computed.
        start: values of the parameters when it was made; None within programs, which are given values.
    """

    argument: Any
    nudge: Any
    estimator: GradientEstimator
    by_inputs: bool = True
    start: Mapping[str, np.ndarray] | None = field(default=None, repr=False, compare=False)

    @property
    def system(self) -> EnergySystem:
        """What settles."""
        return from_argument(self.argument)

    def __call__(self, values: Values, inputs: Any) -> Any:
        """Outputs of the settled states.

        Args:
            values: all parameters of the system by name.
            inputs: ``{name: (B, columns)}``, or ``(B, columns)`` for the one input of a system.

        Returns:
            ``{name: (B, units)}``, or ``(B, units)`` where one array was given, in the precision of the inputs.
        """
        return self.settle(values, inputs).outputs

    def settle(self, values: Values, inputs: Any, probe: Number = 0.0) -> Settled:
        """Outputs, and which samples settled. Samples that did not do not enter derivatives.

        Args:
            probe: a number that nothing depends on. The derivative by it is the number of states that were not found
                on the way back.
        """
        arguments = self._arguments(values, inputs)
        run = partial(directions.settled, self.estimator, self.by_inputs)
        outputs, found = run(*arguments, jnp.asarray(probe, jnp.float32))
        return Settled(_as_given(outputs, inputs), found)

    def forward(self, values: Values, inputs: Any) -> tuple[Settled, Any]:
        """:meth:`settle`, and what :meth:`backward` needs beside: for whoever keeps a tape of their own."""
        (outputs, found), kept = directions.forward(
            self.estimator, self.by_inputs, *self._arguments(values, inputs), None
        )
        return Settled(_as_given(outputs, inputs), found), kept[-2:]

    def backward(self, values: Values, inputs: Any, kept: Any, cotangents: Any) -> Derivatives:
        """Derivatives of a sum of outputs weighted by ``cotangents``, by values and inputs.

        Args:
            values, inputs: what :meth:`forward` was given.
            kept: what it returned.
            cotangents: in the shape of its outputs.
        """
        arguments = self._arguments(values, inputs)
        if not isinstance(inputs, Mapping):
            name = _only({name: name for name in self.system.output_units}, "output")
            cotangents = {name: jnp.asarray(cotangents)}
        found = directions.backward(self.estimator, self.by_inputs, (*arguments, *kept), (cotangents, None))
        return Derivatives(*found[2:])

    def _arguments(self, values: Values, inputs: Any) -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
        """System, nudge, and the arrays that it needs by name."""
        system = self.system
        named = _named(system, inputs)
        missing = [name for name in system.parameters if name not in values]
        if missing:
            raise KeyError(
                f"the values of the block lack {', '.join(map(repr, missing))}. Expected an array for each of "
                f"{', '.join(system.parameters)}; initial_values() has those to start from."
            )
        own = {name: _value(name, values[name], slot.shape) for name, slot in system.parameters.items()}
        with scope(system.traits):  # circuits are nudged by nanoamperes
            nudge = jnp.asarray(self.nudge, system.traits.dtype)
        return self.argument, nudge, own, named

    def initial_values(self) -> dict[str, np.ndarray]:
        """The values that the parameters start from, by name: those that a network had when the block was made.

        Raises:
            ValueError: for a block that came out of a compiled program, which keeps no values.
        """
        if self.start is None:
            raise ValueError(
                "initial_values() of a block that passed through a compiled program or jax.tree.map, which keep no "
                "values. Call it on the block that equilibrium() returned."
            )
        return {name: value.copy() for name, value in self.start.items()}

    def with_(self, *, nudge: Number | None = None, relaxation: Relaxation | None = None) -> Equilibrium:
        """The same block with another nudge or relaxation: numbers above zero, of any type."""
        changed = self if nudge is None else replace(self, nudge=plain_nudge("equilibrium", nudge))
        if relaxation is None:
            return changed
        return replace(changed, argument=as_argument(_relaxed_by(self.system, relaxation)))


def equilibrium(
    system: Any,
    estimator: object = "centered",
    relaxation: Relaxation | None = None,
    *,
    nudge: Number | None = None,
    by_inputs: bool = True,
) -> Equilibrium:
    """A system that settles, as a differentiable function ``f(values, inputs) -> outputs``.

    Args:
        system: an :class:`~ebana.learning.system.EnergySystem`, or a network that has one, such as a
            :class:`~ebana.Model` on any engine, whose present values the block starts from.
        estimator: how derivatives are estimated: any estimator of learning, ``"adjoint"`` for exact ones.
        relaxation: sweeps and tolerance of a deep Hopfield network; circuits settle as their engine does.
        nudge: root mean square of a nudge over the outputs of a sample, in the system's own unit (amperes for a
            circuit); the estimator's default where left out.
        by_inputs: False for a block before which nothing learns; derivatives by its inputs are zeros then.

    Raises:
        ValueError: for a clamped nudge, as a block knows the slope of its loss alone, and for rules that hold outputs.
        TypeError: for a system that cannot tell derivatives by its inputs, and for an estimator without them.

    Example:
        >>> from ebana.hybrid import HopfieldDense, HopfieldStates, hopfield
        >>> system = hopfield([HopfieldStates(), HopfieldDense(3)], input_shape=(4,))
        >>> f = equilibrium(system, "adjoint")
        >>> values, x = f.initial_values(), jnp.full((2, 4), 0.5)
        >>> f(values, x).shape
        (2, 3)
        >>> jax.grad(lambda x: f(values, x).sum())(x).shape
        (2, 4)
    """
    network, system = system, getattr(system, "system", system)
    if hasattr(system, "estimate"):
        raise TypeError(
            f"equilibrium({type(system).__name__}): it is made of parts, each with an energy of its own. Make a block "
            "of each of them."
        )
    rule = estimators.get(estimator)
    if rule.clamped:
        raise ValueError(
            f"equilibrium(estimator={estimator!r}): a clamped nudge follows a loss, and a block knows the slope of "
            "its loss alone. Use nudge='current'."
        )
    if by_inputs and not hasattr(system, "input_contrast"):
        raise TypeError(
            f"{type(system).__name__} cannot tell derivatives by its inputs (input_contrast), so that nothing before "
            "it could learn. Put it first, with equilibrium(..., by_inputs=False)."
        )
    found: Any = system
    if not (found.traits.traceable or isinstance(found, HostSystem)):
        raise TypeError(
            f"{type(system).__name__} runs outside JAX and cannot restore a state (restored), which a block keeps "
            "between its two directions."
        )
    if relaxation is not None:
        system = _relaxed_by(system, relaxation)
    check_rule(rule, system)
    start = start_values(network)
    if nudge is None:
        nudge = rule.default_strength(system, start)
    return Equilibrium(_argument(system), plain_nudge("equilibrium", nudge), rule, by_inputs, start)


def _argument(system: Any) -> Any:
    """A system as an argument of programs, or TypeError where it cannot be one."""
    argument = as_argument(system)
    try:
        if argument is not system:  # it becomes part of the program's identity
            hash(argument)
    except TypeError as error:
        raise TypeError(
            f"{type(system).__name__} can be no part of a program: {error}. Make it hashable, as a frozen data class "
            "of hashable fields is, or a JAX pytree whose arrays are leaves."
        ) from error
    return argument


def check_rule(rule: GradientEstimator, system: Any) -> None:
    """Refuse a rule that cannot work in a block, or whose estimates are no derivatives of the loss behind it."""
    if rule.holds:
        raise ValueError(
            f"{rule!r} holds outputs and goes down an energy of its own, while what is before and behind a block goes "
            "down the loss. Use equilibrium propagation, or the adjoint."
        )
    rule.check(system, LinearLoss())


def _relaxed_by(system: Any, relaxation: Relaxation) -> Any:
    if not isinstance(relaxation, Relaxation):
        raise TypeError(f"equilibrium(relaxation={relaxation!r}). Expected a Relaxation.")
    if not isinstance(getattr(system, "relaxation", None), Relaxation):
        raise TypeError(
            f"equilibrium(relaxation=...): {type(system).__name__} settles in its own manner. Leave relaxation out; "
            "the tolerance of a circuit is its engine's."
        )
    return replace(system, relaxation=relaxation)


def _named(system: EnergySystem, inputs: Any) -> dict[str, Array]:
    """Inputs by name, of the shapes that the system takes."""
    columns = dict(system.input_columns)
    if not isinstance(inputs, Mapping):
        inputs = {_only({name: name for name in columns}, "input"): inputs}
    if set(inputs) != set(columns):
        raise KeyError(f"inputs {sorted(inputs)} of a block whose inputs are {sorted(columns)}.")
    named: dict[str, Array] = {name: _floating(name, inputs[name]) for name in columns}
    for name, x in named.items():
        if x.ndim != 2 or x.shape[1] != columns[name]:
            raise ValueError(
                f"input {name!r} of the block has shape {x.shape}. Expected (samples, {columns[name]})."
            )
    counts = {name: x.shape[0] for name, x in named.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"inputs of the block have {counts} samples. Expected the same samples in each.")
    if 0 in counts.values():
        raise ValueError("the block is given a batch without samples. Expected at least one.")
    return named


def _value(name: str, value: Any, shape: tuple[int, ...]) -> Array:
    """A parameter's value as an array of its shape."""
    array = _array(f"parameter {name!r}", value)
    if array.shape != shape:
        raise ValueError(f"parameter {name!r} of the block has shape {array.shape}. Expected {shape}.")
    return array


def _floating(name: str, x: Any) -> Array:
    """An input as floating-point numbers: outputs are in the precision of the inputs, and whole numbers have none."""
    x = _array(f"input {name!r}", x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)


def _array(what: str, value: Any) -> Array:
    """Real numbers as an array."""
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{what} of the block is a {type(value).__name__}, which makes no array of numbers: {error}"
        ) from error
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise ValueError(f"{what} of the block is complex ({array.dtype}). Expected real numbers.")
    return array


def _as_given(outputs: dict[str, Array], inputs: Any) -> Any:
    """Outputs by name where inputs are, else the one."""
    return outputs if isinstance(inputs, Mapping) else _only(outputs, "output")


def _only(named: Mapping[str, Any], what: str) -> Any:
    """The one entry."""
    if len(named) != 1:
        raise ValueError(f"a block with {len(named)} {what}s {sorted(named)} takes and gives dicts by name.")
    return next(iter(named.values()))

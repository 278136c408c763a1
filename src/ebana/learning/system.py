"""What can be trained: anything that relaxes to a state of least energy, and tells how the energy depends on things.

A :class:`System` states all that optimizers, ``fit``, checkpoints and the estimate of memory ask for, and an
:class:`EnergySystem` what estimators need beside. A circuit on an engine is one
(:mod:`ebana.learning.systems.circuit`), a Hopfield network another.

States and nudges are pytrees whose leaves have the samples along their first axis; what is in them is the system's
own affair. Shapes: ``B`` samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import jax

from ebana._types import Array, FreePotentials, LossLike, Mask, Samples, Values
from ebana.compilation import arithmetic
from ebana.parameters import Parameter

State = Any
Nudge = Any
Precision = Literal["float64", "float32"]
S = TypeVar("S", bound="System")


@dataclass(frozen=True)
class Traits:
    """How a system wants to be run.

    Args:
        name: what finds its states, for tables and histories.
        traceable: whether it is made of JAX operations, so that a step is compiled as a whole; else the same step
            runs operation by operation around it.
        dtype: precision of its arrays.
        phases_together: whether two nudged phases are relaxed as one batch. One by one, a compiler can compute
            their common products once.
        optimise_compilation: whether training is long enough to be worth a slower compilation and donated buffers.
        wide: whether a sample takes so long that minibatches are not filled up to one size.
        steps_apart: whether each step is a program of its own. On a CPU, XLA computes convolutions whose axes lie in
            another order than its own up to 80 times slower within a loop.
        unit: unit of the nudging strength for a squared error, or an empty string.
        outside: which part of it runs outside JAX, in words, where it is made of parts.
    """

    name: str
    traceable: bool = True
    dtype: Precision = "float64"
    phases_together: bool = True
    optimise_compilation: bool = False
    wide: bool = False
    steps_apart: bool = False
    unit: str = ""
    outside: str = ""


@dataclass(frozen=True)
class Footprint:
    """Words of memory that relaxing takes, beside the values, the optimizer and the data.

    Args:
        batch: what a batch takes.
        values: what is kept of the parameters in another shape.
        advice: what would take less, in words, such as ``"NativeEngine(dtype='float32')"``.
    """

    batch: float
    values: float = 0.0
    advice: tuple[str, ...] = ()


class System(Protocol):
    """Anything that relaxes to a state and is trained: what ``fit`` and the verbs of a network ask for."""

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Shapes, bounds, learning rates, units of all parameters, and which are trained."""
        ...

    @property
    def input_columns(self) -> Mapping[str, int]:
        """Columns of each input by name."""
        ...

    @property
    def output_units(self) -> Mapping[str, int]:
        """Values of each output by name."""
        ...

    @property
    def traits(self) -> Traits:
        """How the system wants to be run."""
        ...

    def footprint(self, samples: int, *, clamped: bool, loss: LossLike) -> Footprint:
        """Memory that relaxing so many samples at a time takes.

        Args:
            samples: samples of all phases that are relaxed as one batch, padding included.
            clamped: whether nudges are clamped ones, by ``loss``.
        """
        ...

    def relax(self, values: Values, inputs: Values, nudge: Nudge | None, start: State | None) -> State:
        """Settle a batch under a nudge (None: free), from a start state or from rest."""
        ...

    def outputs(self, state: State) -> dict[str, Array]:
        """Output values of a state, ``{name: (B, units)}``."""
        ...

    def solution(self, state: State) -> Any:
        """What a user is given of a state: a pytree without what only learning needs, such as an operating point."""
        ...

    def unknowns(self, state: State) -> FreePotentials:
        """The state as one array ``(B, F)``: what histories keep of it."""
        ...

    def converged(self, state: State) -> Mask:
        """Mask of the samples whose state was found, ``(B,)``."""
        ...

    def identity(self) -> dict[str, Any]:
        """What else a checkpoint must find equal, beside parameters, inputs and outputs; JSON-compatible."""
        ...

    def default_beta(self, values: Values) -> float:
        """A nudging strength for users who give none."""
        ...

    def check_beta(
        self, values: Values, beta: float, loss: LossLike, *, clamped: bool, reverses: bool
    ) -> None:
        """Raise ValueError for a strength that cannot work.

        Args:
            clamped: whether the nudge is a clamped one.
            reverses: whether it is applied with the minus sign too.
        """
        ...


class EnergySystem(System, Protocol):
    """A system with an energy ``E(theta, x, s)`` of parameters, inputs and a state that minimises it."""

    def factors(self, values: Values) -> dict[str, Array]:
        """The factor c_k that the energy has at each output; 1 where it has none."""
        ...

    def current_nudge(self, slopes: Values) -> Nudge:
        """A nudge that adds ``sum_k slope_k y_k`` to the energy, with slopes ``{name: (B, units)}`` that are held."""
        ...

    def clamped_nudge(self, strength: Values, targets: Values, loss: LossLike) -> Nudge:
        """A nudge by ``strength * loss`` itself; strengths ``{name: (B,)}``."""
        ...

    def contrast(self, values: Values, plus: State, minus: State, weight: Samples) -> dict[str, Array]:
        """``sum_b weight_b [dE/dtheta(plus_b) - dE/dtheta(minus_b)]`` by trained parameter; weights ``(B,)``."""
        ...

    def input_contrast(self, values: Values, plus: State, minus: State, weight: Samples) -> dict[str, Array]:
        """``weight_b [dE/dx(plus_b) - dE/dx(minus_b)]`` by input, ``{name: (B, columns)}``."""
        ...


@runtime_checkable
class Noisy(Protocol):
    """A system whose states are read with noise."""

    def at_batch(self, number: int) -> System:
        """The system with the noise of the batch of this number, so that equal batches are not read alike."""
        ...


@runtime_checkable
class Readable(Protocol):
    """A system whose outputs are a function of its unknowns."""

    def read(self, values: Values, inputs: Values, v: FreePotentials) -> dict[str, Array]:
        """Outputs as a differentiable function of the unknowns ``(B, F)``."""
        ...


@runtime_checkable
class Differentiable(Readable, Protocol):
    """A system whose states solve equations ``F(theta, x, v) = 0``: what the exact adjoint needs."""

    def residual(self, values: Values, inputs: Values, v: FreePotentials) -> FreePotentials:
        """The equations, ``(B, F)``."""
        ...

    def solve_transposed(
        self, values: Values, inputs: Values, v: FreePotentials, rhs: FreePotentials
    ) -> FreePotentials:
        """``(dF/dv)^-T rhs`` for each sample, ``(B, F)``."""
        ...


@runtime_checkable
class HostDifferentiable(Differentiable, Protocol):
    """One that solves its transposed equations outside JAX, by what was factorised at a state; a JAX pytree itself."""

    def factors_at(self, values: Values, inputs: Values, v: FreePotentials) -> Any:
        """The derivatives ``dF/dv`` of each sample, factorised."""
        ...


@runtime_checkable
class Clampable(Protocol):
    """A system whose outputs can be held at given values: what contrastive and coupled learning need."""

    def check_clamps(self, displacement: float | None = None) -> None:
        """Raise ValueError where outputs cannot be held.

        Args:
            displacement: how far outputs are moved for an error of one; warn where the system finds states too
                coarsely to tell.
        """
        ...

    def clamp(self, values: Values, inputs: Values, outputs: Values, start: State | None) -> State:
        """Settle a batch with its outputs held at ``{name: (B, units)}``, from a start state or from rest.

        The state is one of the whole system, to be compared with free ones.
        """
        ...

    def displace(self, values: Values, inputs: Values, shifts: Values, state: State) -> State:
        """Settle a batch with its outputs held at those of a state plus shifts, ``{name: (B, units)}``.

        Shifts of zero leave a free state as it is, also where an output is read from more than it says: of the two
        nodes of a differential pair both are held.
        """
        ...


@runtime_checkable
class Bounded(Protocol):
    """A system whose energy has a minimum at some values and at others none."""

    def require_minimum(self, values: Values) -> None:
        """Raise ValueError for values at which the energy has no minimum."""
        ...


@runtime_checkable
class HostSystem(Protocol):
    """A system outside JAX whose states can be made again from their unknowns."""

    @property
    def unknown_count(self) -> int:
        """Number F of unknowns of a sample."""
        ...

    def restored(self, values: Values, inputs: Values, v: FreePotentials, found: Mask) -> State:
        """The free state with the given unknowns, of samples that were found or not."""
        ...


@runtime_checkable
class LinearResponse(Protocol):
    """A system that knows how its state answers to a small nudge: equilibrium propagation for ``b -> 0``."""

    def linear_response(self, values: Values, free: State, nudge: Nudge) -> tuple[State, State]:
        """Two states about the free one, whose differences of ``dE/dtheta`` and ``dE/dx`` are the derivatives by b."""
        ...


@runtime_checkable
class Iterated(Readable, Protocol):
    """A system that relaxes by sweeps ``v <- T(theta, x, v)``: what backpropagation through them needs."""

    def check_sweeps(self) -> None:
        """Raise ValueError where sweeps cannot be had, or differentiated."""
        ...

    def sweeping(
        self, values: Values, inputs: Values, nudge: Nudge | None
    ) -> Callable[[FreePotentials], FreePotentials]:
        """One sweep as a differentiable function of the unknowns ``(B, F)``, and of what is given here.

        What is the same in all sweeps is computed once.
        """
        ...


@runtime_checkable
class Linearisable(Protocol):
    """A system that is linear between the corners of its devices."""

    def check_linear(self) -> None:
        """Raise ValueError, with the devices named, where it is not."""
        ...

    def linear_states(
        self, values: Values, inputs: Values, state: State, nudge: Nudge
    ) -> tuple[State, State]:
        """The states under a current nudge, and under minus it, of what is linear at a free state.

        They are found wherever the linear equations could be solved; whether the free state was found is another
        question.
        """
        ...


@runtime_checkable
class Staged(Protocol):
    """A system in stages of different factors, for which a raw rule of the EBANA paper exists."""

    def gradient_scale(self, values: Values) -> dict[str, Array]:
        """Factors that turn gradients into the published update, by parameter name."""
        ...


@runtime_checkable
class Spread(Protocol):
    """A system whose unknowns are a part of what a user sees of a state."""

    def everything(self, values: Values, inputs: Values, v: FreePotentials) -> Array:
        """The whole of the states with unknowns ``(B, F)``: the potentials of all nodes, ``(B, nodes)``."""
        ...


@runtime_checkable
class LocallyTaught(Protocol):
    """A system some of whose parameters learn by a rule of their own from what each of them sees of two states."""

    def local_gradients(
        self, free: State, nudged: Sequence[tuple[float, State]], weight: Samples
    ) -> dict[str, Array]:
        """``sum_b weight_b sum_s sign_s f(free_b, nudged_sb)`` of each parameter with a rule, and of no other.

        Args:
            free: the free state.
            nudged: the sign of the nudge and the state of each nudged phase.
            weight: ``(B,)``.
        """
        ...


class LearningWarning(UserWarning):
    """Learning goes on, but cannot do what was asked of it."""


def trainable(system: System) -> tuple[str, ...]:
    """Names of the parameters that are trained."""
    return tuple(name for name, parameter in system.parameters.items() if parameter.trainable)


def scope(traits: Traits) -> Any:
    """Scope in which a system's arrays keep their precision: JAX's double precision is off outside it."""
    return arithmetic(traits.dtype == "float64")


@partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=["system"])
@dataclass(frozen=True)
class _Fixed:
    """A system as a part of a program's identity."""

    system: Any


@partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=["system"])
@dataclass(frozen=True, eq=False)
class _Itself:
    """One system and no other, equal or not: what runs outside JAX is asked for itself."""

    system: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.system is other.system

    def __hash__(self) -> int:
        return id(self.system)


def as_argument(system: Any) -> Any:
    """A system as an argument of a compiled function.

    One that is a JAX pytree is traced, so that systems of one structure share a program; any other, which must be
    hashable, is part of the program's identity, and so is one that runs outside JAX. :func:`from_argument` is the
    inverse.
    """
    if not system.traits.traceable:
        return _Itself(system)
    return _Fixed(system) if jax.tree_util.treedef_is_leaf(jax.tree.structure(system)) else system


def from_argument(system: object) -> Any:
    """The system that an argument of a compiled function stands for."""
    return system.system if isinstance(system, _Fixed | _Itself) else system

"""Gradient estimators as objects: what turns a batch into gradients of its mean loss.

A new learning rule is a subclass of :class:`GradientEstimator` with one method. Names are resolved by :func:`get`
and nowhere else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

import jax.numpy as jnp

from ebana._types import Array, LossLike, Mask, Samples, Values
from ebana.learning.system import EnergySystem, System

T = TypeVar("T")


def in_order(phases: Mapping[str, T]) -> dict[str, T]:
    """Phases by name, free, plus and minus first: compiled functions sort names by the alphabet."""
    known = [name for name in ("free", "plus", "minus") if name in phases]
    return {name: phases[name] for name in (*known, *(n for n in phases if n not in known))}


@dataclass(frozen=True)
class Objective:
    """What is differentiated: the loss of a batch, its mean or a weighted sum.

    Args:
        inputs: ``{name: (B, columns)}``.
        targets: ``{output: (B, units)}``.
        loss: the loss, an object with ``slope(y, target)`` and ``cost(y, target)``.
        valid: mask of real samples, ``(B,)``, all of them where None; the others pad the batch and never count.
        weight: weight of each sample in a sum, ``(B,)``; where None, the mean over the samples that are used.
        free: the free state, where it is known already.
        sensitivities: whether derivatives by the inputs are asked for too.
    """

    inputs: Values
    targets: Values
    loss: LossLike
    valid: Mask | None = None
    weight: Samples | None = None
    free: Any = None
    sensitivities: bool = False

    def relaxed(self, system: System, values: Values) -> Any:
        """The free state: the known one, or found now."""
        return system.relax(values, self.inputs, None, None) if self.free is None else self.free

    def real(self, found: Mask) -> Mask:
        """Mask of the real samples, in the shape of ``found``."""
        return jnp.ones(found.shape, bool) if self.valid is None else self.valid

    def weights(self, used: Mask) -> Samples:
        """Weight of each sample when these are used; 0 for the others."""
        if self.weight is not None:
            return jnp.where(used, self.weight, 0.0)
        return used / jnp.maximum(used.sum(), 1)


def without(samples: Values, used: Mask) -> dict[str, Array]:
    """Arrays ``{name: (B, n)}`` with zeros for the samples that do not count.

    They may hold NaN, which no weight of zero takes away: zero times NaN is NaN.

    Example:
        >>> without({"x": jnp.array([[1.0], [jnp.nan]])}, jnp.array([True, False]))["x"].tolist()
        [[1.0], [0.0]]
    """
    return {name: jnp.where(used.reshape(-1, *(1,) * (a.ndim - 1)), a, 0) for name, a in samples.items()}


class Estimate(NamedTuple):
    """Result of one batch.

    Args:
        gradients: ``{parameter: array}``, of the mean over the samples that were used, or of the weighted sum.
        outputs: outputs of the free phase, ``{name: (B, units)}``.
        states: the state of each phase by name: ``"free"``, and what the estimator relaxed beside it.
        nudges: the nudges of the nudged phases, by the same names.
        used: mask of the samples that entered the gradients, ``(B,)``.
        unconverged: number of states, over all phases, that were not found.
        sensitivities: derivatives by the inputs, ``{input: (B, columns)}``, where the objective asks for them.
        updates: new values of parameters that follow the data instead of a gradient.
        counts: states that were not found by part, for systems made of parts.
    """

    gradients: dict[str, Array]
    outputs: dict[str, Array]
    states: dict[str, Any]
    nudges: dict[str, Any]
    used: Array
    unconverged: Array
    sensitivities: dict[str, Array] = {}  # noqa: RUF012 (a default, never changed)
    updates: dict[str, Array] = {}  # noqa: RUF012
    counts: dict[str, Array] = {}  # noqa: RUF012

    @property
    def free(self) -> Any:
        """The free state."""
        return self.states["free"]


class GradientEstimator:
    """Estimates gradients of the mean loss of a batch. Subclass it with :meth:`estimate`.

    Estimators belong to a compiled step: they must be hashable and equal where they compute the same, as frozen
    data classes are.

    Attributes:
        nudges: whether it takes a strength; ``beta`` is not checked where it does not.
        displaces: whether its strength says how far outputs are moved, instead of how hard they are nudged. Unit,
            default and limits of a nudging strength are the system's; :meth:`unit`, :meth:`default_strength` and
            :meth:`check_strength` may say otherwise.
        holds: whether it holds outputs at given values, and so goes down an energy of its own instead of the loss.
        clamped: whether its nudges are clamped ones.
        reverses: whether it nudges with the minus sign too, which a clamped nudge may not survive.
        samples_together: how many states of each sample it relaxes as one batch, or keeps, at most.
    """

    nudges: bool = True
    displaces: bool = False
    holds: bool = False
    clamped: bool = False
    reverses: bool = True
    samples_together: int = 2

    @property
    def held_currents(self) -> bool:
        """Whether its nudges are currents that are held."""
        return self.nudges and not self.clamped and not self.displaces

    @property
    def quantity(self) -> str:
        """What its strength is called."""
        return "displacement" if self.displaces else "nudging strength"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "estimate" in cls.__dict__ and "objective" not in inspect.signature(cls.estimate).parameters:
            raise TypeError(
                f"{cls.__name__}.estimate{inspect.signature(cls.estimate)} takes no objective. Expected "
                "estimate(self, system, values, objective, *, beta): inputs, targets, loss and valid are attributes "
                "of the objective."
            )

    def estimate(
        self, system: EnergySystem, values: Values, objective: Objective, *, beta: Array
    ) -> Estimate:
        """Gradients of an objective.

        Args:
            system: what is trained.
            values: parameter values by name.
            objective: the batch, its loss and what is asked for.
            beta: nudging strength, above zero (siemens for a circuit and a loss in V^2); may be traced.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no estimate()")

    def check(self, system: System, loss: LossLike) -> None:
        """Raise where the rule cannot work, before any work; ``fit`` and the like call it.

        Raises:
            TypeError: for a system that does not offer what the rule needs.
            ValueError: for a system that cannot do it as it is, or a loss that makes no sense of the rule.
        """

    def unit(self, system: System) -> str:
        """Unit of its strength for a squared error, or an empty string."""
        return system.traits.unit

    def default_strength(self, system: System, values: Values) -> float:
        """A strength for users who give none."""
        return system.default_beta(values)

    def check_strength(self, system: System, values: Values, beta: float, loss: LossLike) -> None:
        """Raise ValueError for a strength above zero that cannot work, warn of one that is hardly seen."""
        system.check_beta(values, beta, loss, clamped=self.clamped, reverses=self.reverses)

    def to_config(self) -> dict[str, Any]:
        """What a checkpoint must find equal, as JSON-compatible values."""
        return {"estimator": type(self).__name__, "nudge": None}


@runtime_checkable
class Composite(Protocol):
    """A system made of parts, which says itself how an estimator is applied to them."""

    def estimate(
        self, estimator: GradientEstimator, values: Values, objective: Objective, *, beta: Array
    ) -> Estimate:
        """Gradients of an objective, with the estimator in every part that settles."""
        ...

    def check_estimator(self, estimator: GradientEstimator) -> None:
        """Raise where the estimator cannot work in a part that settles, which knows the slope of its loss alone."""
        ...


def check(estimator: GradientEstimator, system: System, loss: LossLike) -> None:
    """Raise where an estimator cannot work, in systems made of parts too (see :meth:`GradientEstimator.check`)."""
    if isinstance(system, Composite):
        system.check_estimator(estimator)
    else:
        estimator.check(system, loss)


def estimate(
    estimator: GradientEstimator, system: System, values: Values, objective: Objective, *, beta: Array
) -> Estimate:
    """Gradients of an objective by an estimator, of systems made of parts too."""
    if isinstance(system, Composite):
        return system.estimate(estimator, values, objective, beta=beta)
    return estimator.estimate(cast(EnergySystem, system), values, objective, beta=beta)


def get(estimator: object, nudge: str | None = None) -> GradientEstimator:
    """Resolve an estimator: an object, or one of the names in :func:`names`.

    Args:
        nudge: ``"current"`` (the default) or ``"clamped"``, for the names of rules that nudge.

    Raises:
        ValueError: for an unknown name, for an object with ``nudge`` beside it, and for a clamped nudge of a rule
            that does not nudge.
        TypeError: for anything else.

    Example:
        >>> get("one_sided", "clamped")
        EquilibriumPropagation(phases='one_sided', nudge='clamped')
        >>> get("coupled_negative")
        CoupledLearning(phases='negative')
    """
    if isinstance(estimator, GradientEstimator):
        if nudge not in (None, "current"):
            raise ValueError(
                f"nudge={nudge!r} beside estimator={estimator!r}. An estimator states its own nudge: "
                "EquilibriumPropagation('centered', nudge='clamped')."
            )
        return estimator
    if isinstance(estimator, type) and issubclass(estimator, GradientEstimator):
        return estimator()
    if not isinstance(estimator, str):
        raise TypeError(
            f"estimator={estimator!r}. Expected one of {', '.join(names())}, or an object with "
            "estimate(...), a subclass of ebana.GradientEstimator."
        )
    known = _makers()
    if estimator not in known:
        raise ValueError(f"estimator={estimator!r}. Expected one of {', '.join(names())}.")
    found = known[estimator](nudge or "current")
    if nudge not in (None, "current") and not found.clamped:
        raise ValueError(
            f"estimator={estimator!r} with nudge={nudge!r}. This rule takes no clamped nudge; leave nudge out."
        )
    return found


def names() -> tuple[str, ...]:
    """The names that :func:`get` knows.

    Example:
        >>> names()[:4]
        ('centered', 'one_sided', 'negative', 'n_point')
    """
    return tuple(_makers())


def _makers() -> dict[str, Callable[[Any], GradientEstimator]]:
    """What makes each rule by name, given the kind of nudge."""
    from ebana.learning.adjoint import Adjoint
    from ebana.learning.backpropagation import RecurrentBackpropagation, TruncatedBackpropagation
    from ebana.learning.equilibrium import EquilibriumPropagation, NPointPropagation
    from ebana.learning.holding import ContrastiveLearning, CoupledLearning
    from ebana.learning.linearisation import HardwareLinearisation

    return {
        "centered": lambda nudge: EquilibriumPropagation("centered", nudge),
        "one_sided": lambda nudge: EquilibriumPropagation("one_sided", nudge),
        "negative": lambda nudge: EquilibriumPropagation("negative", nudge),
        "n_point": lambda nudge: NPointPropagation(nudge=nudge),
        "contrastive": lambda _: ContrastiveLearning(),
        "coupled": lambda _: CoupledLearning("centered"),
        "coupled_positive": lambda _: CoupledLearning("positive"),
        "coupled_negative": lambda _: CoupledLearning("negative"),
        "truncated": lambda _: TruncatedBackpropagation(),
        "recurrent": lambda _: RecurrentBackpropagation(),
        "linearised": lambda _: HardwareLinearisation(),
        "adjoint": lambda _: Adjoint(),
    }

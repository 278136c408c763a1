"""Schedules: one factor for all learning rates, as training goes on.

    constant        f = 1
    cosine          f = final + (1 - final) (1 + cos(pi t / T)) / 2    up to T, then final
    exponential     f = decay^n after n epochs

A factor is made of JAX operations on traced numbers, so a step compiled once serves a whole run,
whatever its length.

A learning rate of its own course, for a layer or for an optimizer, is a :class:`LearningRateSchedule` in place of
the number: ``lr=Scheduled(1e-7, Cosine())``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Real
from typing import Any

import jax.numpy as jnp
import numpy as np

from ebana._types import Number


@dataclass(frozen=True)
class Schedule:
    """A factor for all learning rates. A new schedule states :meth:`factor`.

    Example:
        >>> @dataclass(frozen=True)
        ... class Halve(Schedule):
        ...     every: int = 100
        ...     def factor(self, step, total_steps=None, steps_per_epoch=None):
        ...         return 0.5 ** (step // self.every)
        >>> Halve().factor(250)
        0.25
    """

    def factor(
        self, step: Number, total_steps: Number | None = None, steps_per_epoch: Number | None = None
    ) -> Number:
        """The factor of one update.

        Args:
            step: number of updates done before this one; a number or an array of them.
            total_steps: number of updates of the whole run.
            steps_per_epoch: number of updates of one epoch.

        Returns:
            The factor, in the shape of ``step``.
        """
        raise NotImplementedError(f"schedule class {type(self).__name__} does not define factor(...)")

    def to_config(self) -> dict[str, Any]:
        """JSON-compatible description; :func:`get` reads it back for built-in schedules."""
        if type(self) not in _BUILT_IN.values():
            return {"class": type(self).__name__, "custom": True}
        return {"class": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class Constant(Schedule):
    """Learning rates stay as they are."""

    def factor(
        self, step: Number, total_steps: Number | None = None, steps_per_epoch: Number | None = None
    ) -> Number:
        """See :meth:`Schedule.factor`."""
        return jnp.ones(jnp.shape(step))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 down to ``final``, over the whole run unless told otherwise.

    Args:
        steps: number of updates that the decay takes.
        epochs: the same in epochs; give one or none of the two.
        final: factor at the end, from 0 to 1.
        warmup: share of that time, from 0 to below 1, in which the factor rises to 1 in proportion first.

    Example:
        >>> round(float(Cosine(steps=10, final=0.1).factor(5)), 6)
        0.55
        >>> [round(float(Cosine(steps=10, warmup=0.4).factor(s)), 2) for s in (0, 1, 3, 4, 7)]
        [0.25, 0.5, 1.0, 1.0, 0.5]
    """

    steps: int | None = None
    epochs: float | None = None
    final: float = 0.0
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if self.steps is not None and self.epochs is not None:
            raise ValueError(
                f"Cosine(steps={self.steps!r}, epochs={self.epochs!r}). Expected one of the two."
            )
        for what in ("steps", "epochs"):
            value = getattr(self, what)
            if value is not None and not _positive(value):
                raise ValueError(f"Cosine({what}={value!r}). Expected a number above zero, or None.")
        if isinstance(self.final, bool) or not isinstance(self.final, Real) or not 0 <= self.final <= 1:
            raise ValueError(f"Cosine(final={self.final!r}). Expected a fraction from 0 to 1.")
        if isinstance(self.warmup, bool) or not isinstance(self.warmup, Real) or not 0 <= self.warmup < 1:
            raise ValueError(f"Cosine(warmup={self.warmup!r}). Expected a fraction from 0 to below 1.")

    def factor(
        self, step: Number, total_steps: Number | None = None, steps_per_epoch: Number | None = None
    ) -> Number:
        """See :meth:`Schedule.factor`."""
        if self.steps is not None:
            span: Number = self.steps
        elif self.epochs is not None:
            span = self.epochs * _given(steps_per_epoch, "steps_per_epoch", self)
        else:
            span = _given(total_steps, "total_steps", self)
        rise = self.warmup * span
        done = jnp.clip((step - rise) / (span - rise), 0.0, 1.0)
        falling = self.final + (1.0 - self.final) * (1.0 + jnp.cos(jnp.pi * done)) / 2
        return falling if not self.warmup else jnp.minimum((step + 1.0) / rise, falling)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Learning rates times ``decay`` each epoch.

    Args:
        decay: factor of one epoch, above 0 and at most 1.
        smooth: decay a little with each update instead of at the end of each epoch.

    Example:
        >>> float(Exponential(0.5).factor(25, steps_per_epoch=10))
        0.25
    """

    decay: float = 0.99
    smooth: bool = False

    def __post_init__(self) -> None:
        if not _positive(self.decay) or self.decay > 1:
            raise ValueError(f"Exponential(decay={self.decay!r}). Expected a factor above 0 and at most 1.")

    def factor(
        self, step: Number, total_steps: Number | None = None, steps_per_epoch: Number | None = None
    ) -> Number:
        """See :meth:`Schedule.factor`."""
        per_epoch = _given(steps_per_epoch, "steps_per_epoch", self)
        return self.decay ** (step / per_epoch if self.smooth else jnp.floor_divide(step, per_epoch))


@dataclass(frozen=True)
class FromFunction(Schedule):
    """A function of the step, such as any schedule of optax, as a factor."""

    function: Callable[..., Any]

    def factor(
        self, step: Number, total_steps: Number | None = None, steps_per_epoch: Number | None = None
    ) -> Number:
        """See :meth:`Schedule.factor`."""
        return self.function(step)


class LearningRateSchedule:
    """A learning rate that changes with the number of updates: what ``lr=`` takes in place of a number.

    State :meth:`__call__`; any function of the number of updates will do as well.

    Example:
        >>> class Halving(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 1e-7 if step < 100 else 5e-8
        >>> rate_at(Halving(), np.array([99, 100])).tolist()
        [1e-07, 5e-08]
    """

    def __call__(self, step: int) -> Any:
        """The learning rate after so many updates, in the parameter's unit (see :class:`~ebana.Optimizer`)."""
        raise NotImplementedError(f"schedule class {type(self).__name__} does not define __call__(step)")


@dataclass(frozen=True)
class Scheduled(LearningRateSchedule):
    """A learning rate times a schedule's factor.

    Args:
        lr: the learning rate, at least 0.
        schedule: the factor, as :func:`get` takes it.

    Example:
        >>> round(float(Scheduled(1e-7, Cosine(steps=10))(5)), 10)
        5e-08
    """

    lr: float
    schedule: Any = None

    def __post_init__(self) -> None:
        if (
            isinstance(self.lr, bool)
            or not isinstance(self.lr, Real)
            or not 0 <= float(self.lr) < float("inf")
        ):
            raise ValueError(f"Scheduled(lr={self.lr!r}). Expected a number of at least 0.")
        object.__setattr__(self, "schedule", get(self.schedule))

    def __call__(
        self, step: Number, total_steps: Number | None = None, steps_per_epoch: Number | None = None
    ) -> Any:
        """See :meth:`LearningRateSchedule.__call__`; the other arguments are those of :meth:`Schedule.factor`."""
        return self.lr * self.schedule.factor(step, total_steps, steps_per_epoch)


def CosineDecay(initial_learning_rate: float, decay_steps: int, alpha: float = 0.0) -> Scheduled:
    """A learning rate that falls along half a cosine, as Keras and the EBANA framework of 2025 spell it.

    Args:
        initial_learning_rate: the learning rate to start from.
        decay_steps: number of updates that the decay takes.
        alpha: share of it that is left at the end.

    Example:
        >>> CosineDecay(1e-7, 200, alpha=0.1)
        Scheduled(lr=1e-07, schedule=Cosine(steps=200, epochs=None, final=0.1, warmup=0.0))
    """
    return Scheduled(initial_learning_rate, Cosine(steps=decay_steps, final=alpha))


def ConstantLearningRateSchedule(learning_rate: float) -> Scheduled:
    """A learning rate that stays, as the EBANA framework of 2025 spells the number.

    Example:
        >>> ConstantLearningRateSchedule(1e-7)
        Scheduled(lr=1e-07, schedule=Constant())
    """
    return Scheduled(learning_rate)


def rate_at(
    lr: Any, step: Any = 0, total_steps: Number | None = None, steps_per_epoch: Number | None = None
) -> Any:
    """A learning rate, a number or a schedule of its own, after numbers of updates.

    Raises:
        ValueError: for a schedule that gives no number of at least 0.
    """
    if isinstance(lr, Scheduled):
        return lr(step, total_steps, steps_per_epoch)
    if not callable(lr):
        return float(lr)
    rates = np.array([lr(int(n)) for n in np.ravel(step)], dtype=np.float64).reshape(np.shape(step))
    if not (np.isfinite(rates) & (rates >= 0)).all():
        raise ValueError(
            f"lr={lr!r} gives {rates.min():g} to {rates.max():g}. Expected numbers of at least 0."
        )
    return rates


def rate_config(lr: Any) -> Any:
    """A learning rate as JSON holds it; :func:`get_rate` reads it back. Of a user's own it only holds the name."""
    if isinstance(lr, Scheduled):
        return {"class": "Scheduled", "lr": lr.lr, "schedule": lr.schedule.to_config()}
    if callable(lr):
        return {"class": getattr(lr, "__name__", type(lr).__name__), "custom": True}
    return lr


def get_rate(spec: Any) -> Any:
    """Resolve a learning rate: a number, None, a schedule of its own, a function of the step, or a description."""
    if not isinstance(spec, Mapping):
        return spec
    if spec.get("custom") or spec.get("class") != "Scheduled" or spec.keys() - {"class", "lr", "schedule"}:
        raise ValueError(
            f"learning rate {spec.get('class')!r} is not built in, so a file cannot bring it back. "
            "Pass the object itself."
        )
    return Scheduled(spec["lr"], spec["schedule"])


_BUILT_IN: dict[str, Any] = {"Constant": Constant, "Cosine": Cosine, "Exponential": Exponential}

NAMES: dict[str, Any] = {"constant": Constant, "cosine": Cosine, "exponential": Exponential}
"""Accepted names of schedules."""


def get(spec: object = None) -> Schedule:
    """Resolve a schedule: a name, a :class:`Schedule`, a function of the step, a description, or None.

    Example:
        >>> get("cosine")
        Cosine(steps=None, epochs=None, final=0.0, warmup=0.0)
        >>> get(None)
        Constant()
    """
    if spec is None:
        return Constant()
    if isinstance(spec, str) and spec.lower() in NAMES:
        return NAMES[spec.lower()]()
    if isinstance(spec, type) and issubclass(spec, Schedule):
        return spec()
    if isinstance(spec, Schedule):
        return spec
    if isinstance(spec, Mapping):
        return _from_config(spec)
    if callable(spec):
        return FromFunction(spec)
    raise ValueError(
        f"unknown schedule {spec!r}. Expected one of {', '.join(map(repr, NAMES))}, a Schedule object, "
        "or a function of the step."
    )


def _from_config(config: Mapping[str, Any]) -> Schedule:
    options = dict(config)
    name = options.pop("class", None)
    if options.pop("custom", False) or name not in _BUILT_IN:
        raise ValueError(
            f"schedule {name!r} is not built in, so a file cannot bring it back. Pass the object itself."
        )
    unknown = sorted(set(options) - {f.name for f in fields(_BUILT_IN[name])})
    if unknown:
        raise ValueError(f"schedule {name!r} has no options {unknown}.")
    return _BUILT_IN[name](**options)


def _positive(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and 0 < float(value) < float("inf")


def _given(value: Number | None, what: str, schedule: Schedule) -> Number:
    if value is None:
        raise ValueError(
            f"{schedule!r} needs {what}. Pass {what}=..., or give the schedule a length of its own."
        )
    return value

"""Schedules: one factor for all learning rates, as training goes on.

    constant        f = 1
    cosine          f = final + (1 - final) (1 + cos(pi t / T)) / 2    up to T, then final
    exponential     f = decay^n after n epochs

and every schedule of optax by its name, ``get("polynomial_schedule", ...)``: see :class:`Optax`.

A factor is made of JAX operations on traced numbers, so a step compiled once serves a whole run,
whatever its length.

A learning rate of its own course, for a layer or for an optimizer, is a :class:`LearningRateSchedule` in place of
the number: ``lr=Scheduled(1e-7, Cosine())``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from inspect import Parameter, signature
from numbers import Real
from typing import Any

import jax
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


OPTAX = (
    "constant_schedule", "cosine_decay_schedule", "cosine_onecycle_schedule", "exponential_decay",
    "linear_onecycle_schedule", "linear_schedule", "piecewise_constant_schedule", "piecewise_interpolate_schedule",
    "polynomial_schedule", "sgdr_schedule", "warmup_constant_schedule", "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
)  # fmt: skip
"""Names of the schedules of optax that are made of numbers alone; ``_schedule`` may be left out."""

ONES = ("value", "init_value", "peak_value")
"""Arguments of theirs that are 1 where they are left out: what they make is a factor here."""


@dataclass(frozen=True)
class Optax(Schedule):
    """A schedule of optax by its name, as a factor: values that it needs and are left out are 1.

    Of a schedule with a warm-up the factor begins at 0 and the peak is 1.

    Args:
        name: one of :data:`OPTAX`.
        options: its arguments, as optax has them; steps are updates.

    Raises:
        ValueError: for a name and arguments that there are not.

    Example:
        >>> halving = get("exponential_decay", transition_steps=10, decay_rate=0.5)
        >>> float(halving.factor(20)), halving.factor(np.array([0, 10])).tolist()
        (0.25, [1.0, 0.5])
    """

    name: str
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        known = signature(self._made_by()).parameters
        if unknown := sorted(set(self.options) - set(known)):
            raise ValueError(f"schedule {self.name!r} has no options {unknown}. It has: {', '.join(known)}.")
        given = {"init_value": 0.0} if "peak_value" in known and "init_value" in known else {}
        given |= {name: 1.0 for name in ONES if name in known and name not in given}
        options = given | {name: _with_steps(option) for name, option in self.options.items()}
        if missing := [n for n, p in known.items() if p.default is Parameter.empty and n not in options]:
            raise ValueError(f"schedule {self.name!r} needs {' and '.join(missing)}.")
        object.__setattr__(self, "options", options)

    def _made_by(self) -> Callable[..., Any]:
        import optax

        if self.name not in OPTAX:
            raise ValueError(f"optax has no schedule {self.name!r} of numbers. It has: {', '.join(OPTAX)}.")
        return vars(optax.schedules)[self.name]

    def factor(
        self, step: Number, total_steps: Number | None = None, steps_per_epoch: Number | None = None
    ) -> Number:
        """See :meth:`Schedule.factor`."""
        made = self._made_by()(**self.options)
        # one by one: some take no arrays of steps
        return jnp.reshape(jax.vmap(made)(jnp.ravel(jnp.asarray(step))), jnp.shape(step))


def _with_steps(option: Any) -> Any:
    """Numbers of steps are the keys of some; JSON has made texts of them."""
    return {int(step): v for step, v in option.items()} if isinstance(option, Mapping) else option


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


_BUILT_IN: dict[str, Any] = {
    "Constant": Constant,
    "Cosine": Cosine,
    "Exponential": Exponential,
    "Optax": Optax,
}

NAMES: dict[str, Any] = {"constant": Constant, "cosine": Cosine, "exponential": Exponential}
"""Accepted names of schedules."""


def get(spec: object = None, **options: Any) -> Schedule:
    """Resolve a schedule: a name, a :class:`Schedule`, a function of the step, a description, or None.

    Args:
        spec: that; a name is one of :data:`NAMES`, or of :data:`OPTAX`.
        options: arguments of the schedule, beside a name or a class.

    Raises:
        ValueError: for what is none, and for options that it has not.

    Example:
        >>> get("cosine")
        Cosine(steps=None, epochs=None, final=0.0, warmup=0.0)
        >>> get(None)
        Constant()
        >>> get("cosine", steps=100, final=0.1)
        Cosine(steps=100, epochs=None, final=0.1, warmup=0.0)
    """
    if spec is None and not options:
        return Constant()
    if isinstance(spec, str):
        return _by_name(spec, options)
    if isinstance(spec, type) and issubclass(spec, Schedule):
        return _with_options(spec, options)
    if options:
        raise ValueError(
            f"schedules.get({spec!r}) got the options {sorted(options)}. Expected a name or a class beside them."
        )
    if isinstance(spec, Schedule):
        return spec
    if isinstance(spec, Mapping):
        return _from_config(spec)
    if callable(spec):
        return FromFunction(spec)
    raise _unknown(spec)


def _by_name(name: str, options: Mapping[str, Any]) -> Schedule:
    lower = name.lower()
    if lower in NAMES:
        return _with_options(NAMES[lower], options)
    for known in (lower, f"{lower}_schedule"):
        if known in OPTAX:
            return Optax(known, options)
    raise _unknown(name)


def _with_options(schedule: type[Schedule], options: Mapping[str, Any]) -> Schedule:
    known = list(signature(schedule).parameters)
    if unknown := sorted(set(options) - set(known)):
        raise ValueError(
            f"schedule {schedule.__name__!r} has no options {unknown}. It has: {', '.join(known) or 'none'}."
        )
    return schedule(**options)


def _unknown(spec: object) -> ValueError:
    return ValueError(
        f"unknown schedule {spec!r}. Expected one of {', '.join(map(repr, (*NAMES, *OPTAX)))}, a Schedule object, "
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

"""Schedules: one factor for all learning rates, as training goes on.

    constant        f = 1
    cosine          f = final + (1 - final) (1 + cos(pi t / T)) / 2    up to T, then final
    exponential     f = decay^n after n epochs

A factor is made of JAX operations on traced numbers, so a step compiled once serves a whole run,
whatever its length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Real
from typing import Any

import jax.numpy as jnp

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

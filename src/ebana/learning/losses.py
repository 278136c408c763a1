"""Losses: the cost C(y, target) that nudges the outputs.

    squared error           C = sum_k (Y_k - y_k)^2 / 2                        dC/dy = y - Y
    cross-entropy           C = -sum_k Y_k log softmax(y)_k                    dC/dy = softmax(y) - Y
    binary cross-entropy    C = -sum_k Y_k log s(y_k) + (1-Y_k) log s(-y_k)    dC/dy = s(y) - Y

with s the logistic function and y in volts (one volt is one unit of the logarithm's argument). A loss
states its cost and nothing else: slopes follow by derivation. The unit of the squared error is V^2, so
that a nudging strength beta in siemens gives a current; that of the other two is 1.

An output may have an activation f (:mod:`ebana.activations`): what is predicted is f(y). All of the above have the
slope "prediction less target", and keep it: the nudge is by ``f(y) - Y``, and their formula of the predictions is
what curves and tables show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from numbers import Real
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebana import activations
from ebana._types import Array
from ebana.activations import Activation


class Loss:
    """A cost of the outputs. A new loss states :meth:`cost` and nothing more.

    Losses are compared by class and attributes, and must not be changed once they are in use: a compiled
    training step depends on them. With attributes, declare the subclass as a frozen dataclass.

    Attributes:
        name: short name, for tables and files.
        quadratic: whether the cost is a squared error, whose clamped nudge is a conductance.
        residual: whether the slope is the prediction less the target, and stays that behind an activation.
        smoothness: upper bound on the curvature of the cost in each direction of y; None if unknown.
        midpoint: threshold between 0 and 1 for outputs that are decided one by one, volts.
        beta: nudging strength to train with, or None.

    Example:
        >>> class Huber(Loss):
        ...     def cost(self, y, target):
        ...         d = jnp.abs(y - target)
        ...         return jnp.where(d < 1, d * d / 2, d - 0.5).sum(-1)
        >>> get(Huber()).slope(jnp.array([[3.0, 0.5]]), jnp.array([[0.0, 0.0]])).tolist()
        [[1.0, 0.5]]
    """

    name: ClassVar[str] = "loss"
    quadratic: ClassVar[bool] = False
    residual: ClassVar[bool] = False
    smoothness: ClassVar[float | None] = None
    smallest: ClassVar[int] = 1
    """Least number of units of an output that the loss makes sense for."""

    beta: float | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    def cost(self, y: Array, target: Array) -> Array:
        """Cost of each sample, made of JAX operations.

        Args:
            y: outputs, ``(B, units)``, volts.
            target: targets, ``(B, units)``.

        Returns:
            Costs, ``(B,)``.
        """
        raise NotImplementedError(f"loss class {type(self).__name__} does not define cost(y, target)")

    def slope(self, y: Array, target: Array) -> Array:
        """``dC/dy``, ``(B, units)``."""
        return jax.grad(lambda y: self.cost(y, target).sum())(y)

    def shown(self, y: Array, target: Array) -> Array:
        """What curves and tables show of each sample, ``(B,)``: the cost, unless a loss shows something else."""
        return self.cost(y, target)

    def of_predictions(self, p: Array, target: Array) -> Array:
        """The formula of predictions that an activation made, ``(B,)``; that of outputs unless a loss differs."""
        return self.cost(p, target)

    def behind(self, activation: Activation | None) -> Loss:
        """The loss of an output with an activation, as a function of its volts."""
        return self if activation is None else Activated(self, activation)

    @property
    def midpoint(self) -> float:
        """Threshold of a decision between 0 and 1, volts."""
        return 0.5

    def accuracy(self, y: Array, target: Array, exclusive: bool | None = None) -> Array:
        """Which samples are right: 1 or 0 each, ``(B,)``.

        Args:
            y: outputs, ``(B, units)``, volts.
            target: targets, ``(B, units)``, or integer classes, ``(B,)`` or ``(B, 1)``.
            exclusive: True if one unit of several is on in each sample (the largest output decides),
                False if each unit is on or off by itself (all must lie on the right side of
                :attr:`midpoint`), None to tell from these targets. For several batches of one data
                set, decide once with :func:`exclusive`.
        """
        target = _one_hot(target, y.shape[-1])
        largest = jnp.argmax(y, -1) == jnp.argmax(target, -1)
        each = jnp.all((y > self.midpoint) == (target > self._target_midpoint), -1)
        if y.shape[-1] == 1:
            right = each
        elif exclusive is None:
            right = jnp.where(_exclusive(target), largest, each)
        else:
            right = largest if exclusive else each
        return right.astype(y.dtype)

    @property
    def _target_midpoint(self) -> float:
        return self.midpoint

    def check(self, output: str, units: int) -> None:
        """Raise ValueError where the loss makes no sense for an output of that many units."""
        if units < self.smallest:
            raise ValueError(
                f"loss {self.name!r} on output {output!r}, which has {units} unit(s). Expected at least "
                f"{self.smallest}; use 'binary_cross_entropy' or 'mse' for a single unit."
            )

    def check_targets(self, output: str, target: np.ndarray) -> None:
        """Raise ValueError for targets that the loss cannot mean; any are taken unless a loss says otherwise.

        Args:
            output: name of the output.
            target: all its targets, ``(samples, units)``.
        """

    def in_program(self) -> Loss:
        """The loss as compiled programs know it: without the nudging strength, which they take as an argument."""
        if type(self).__name__ in _BUILT_IN and is_dataclass(self):
            return replace(self, beta=None)
        return self

    def to_config(self) -> dict[str, Any]:
        """JSON-compatible description. That of a user's own loss only holds its name."""
        if type(self).__name__ not in _BUILT_IN or not is_dataclass(self):
            return {"class": type(self).__name__, "custom": True}
        return {"class": type(self).__name__, **{f.name: getattr(self, f.name) for f in fields(self)}}

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> Loss:
        """The inverse of :meth:`to_config`, for built-in losses."""
        options = dict(config)
        name, activation = options.pop("class", None), options.pop("activation", None)
        if options.get("custom") or name not in _BUILT_IN:
            raise ValueError(
                f"loss {name!r} is not built in, so a file cannot bring it back. Pass the object itself."
            )
        return _BUILT_IN[name](**options).behind(activations.get(activation))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _key(vars(self)) == _key(vars(other))

    def __hash__(self) -> int:
        return hash((type(self), _key(vars(self))))


@dataclass(frozen=True)
class MSE(Loss):
    """Half the squared error, ``sum_k (Y_k - y_k)^2 / 2``, in V^2.

    Args:
        output_midpoint: threshold in volts between 0 and 1 for the accuracy; 0.5 V if None.
        beta: nudging strength in siemens to train with, if ``fit`` is given none.

    Example:
        >>> MSE().cost(jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 0.0]])).tolist()
        [0.5]
    """

    output_midpoint: float | None = None
    beta: float | None = None

    name: ClassVar[str] = "mse"
    quadratic: ClassVar[bool] = True
    residual: ClassVar[bool] = True
    smoothness: ClassVar[float | None] = 1.0

    def __post_init__(self) -> None:
        _check_number(self, "output_midpoint", self.output_midpoint)
        _check_beta(self, self.beta)

    def cost(self, y: Array, target: Array) -> Array:
        """See :meth:`Loss.cost`."""
        return jnp.sum((y - target) ** 2, -1) / 2

    @property
    def midpoint(self) -> float:
        """See :attr:`Loss.midpoint`."""
        return 0.5 if self.output_midpoint is None else self.output_midpoint


@dataclass(frozen=True)
class MSEProb(MSE):
    """:class:`MSE` of several units, of which the largest decides, as one that predicts probabilities does.

    Made for outputs with ``activation="softmax"`` or ``"sparsemax"``.

    Args:
        output_midpoint, beta: see :class:`MSE`; there is nothing to decide for a midpoint.

    Example:
        >>> MSEProb().accuracy(jnp.array([[0.4, 0.3, 0.3]]), jnp.array([[1.0, 0.0, 0.0]])).tolist()
        [1.0]
    """

    name: ClassVar[str] = "mse_prob"
    smallest: ClassVar[int] = 2

    def accuracy(self, y: Array, target: Array, exclusive: bool | None = None) -> Array:
        """See :meth:`Loss.accuracy`."""
        return super().accuracy(y, target, True)


@dataclass(frozen=True)
class CrossEntropyLoss(Loss):
    """Cross-entropy of the softmax over an output's units, or of what its activation predicts.

    Args:
        beta: nudging strength in watts (a slope of 1/V nudges by ``beta`` amperes), if ``fit`` is given none.

    Example:
        >>> c = CrossEntropyLoss().cost(jnp.zeros((1, 2)), jnp.array([[1.0, 0.0]]))
        >>> round(float(c[0]), 4)
        0.6931
    """

    beta: float | None = None

    name: ClassVar[str] = "cross_entropy"
    residual: ClassVar[bool] = True
    smoothness: ClassVar[float | None] = 0.5
    smallest: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _check_beta(self, self.beta)

    def check_targets(self, output: str, target: np.ndarray) -> None:
        """Refuse targets that are no probabilities: each of at least 0, and 1 together."""
        _refuse_no_probabilities(self.name, output, target)

    def cost(self, y: Array, target: Array) -> Array:
        """See :meth:`Loss.cost`."""
        return optax.softmax_cross_entropy(y, target)

    def of_predictions(self, p: Array, target: Array) -> Array:
        """See :meth:`Loss.of_predictions`; a probability of zero counts as one of 2.2e-16."""
        return -(target * jnp.log(p + ROUNDING)).sum(-1)


@dataclass(frozen=True)
class SparsemaxLoss(Loss):
    """The loss whose slope is the sparsemax over an output's units less the target.

    Zero as soon as the right unit leads by one volt (Martins, Astudillo, ICML 2016, equation 16):
    ``C = F(y) - Y . y + |Y|^2 / 2`` with the potential F of :class:`~ebana.activations.Sparsemax`.

    Args:
        beta: nudging strength in watts (a slope of 1/V nudges by ``beta`` amperes), if ``fit`` is given none.

    Example:
        >>> SparsemaxLoss().cost(jnp.array([[1.5, 0.5], [0.0, 0.0]]), jnp.array([[1.0, 0.0]])).tolist()
        [0.0, 0.25]
    """

    beta: float | None = None

    name: ClassVar[str] = "sparsemax"
    smoothness: ClassVar[float | None] = activations.Sparsemax.smoothness
    smallest: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _check_beta(self, self.beta)

    def check_targets(self, output: str, target: np.ndarray) -> None:
        """Refuse targets that are no probabilities: each of at least 0, and 1 together."""
        _refuse_no_probabilities(self.name, output, target)

    def cost(self, y: Array, target: Array) -> Array:
        """See :meth:`Loss.cost`."""
        return activations.Sparsemax().potential(y) + (target * (target / 2 - y)).sum(-1)

    def behind(self, activation: Activation | None) -> Loss:
        """See :meth:`Loss.behind`: the sparsemax is its own, and needs no second one."""
        own = isinstance(activation, activations.Sparsemax)
        return self if activation is None or own else _refuse_activation(self, activation)


@dataclass(frozen=True)
class BCE(Loss):
    """Binary cross-entropy of the logistic function of each unit, summed over the units.

    A unit says 1 above 0 V.

    Args:
        beta: nudging strength in watts (a slope of 1/V nudges by ``beta`` amperes), if ``fit`` is given none.

    Example:
        >>> BCE().slope(jnp.array([[0.0]]), jnp.array([[1.0]])).tolist()
        [[-0.5]]
    """

    beta: float | None = None

    name: ClassVar[str] = "binary_cross_entropy"
    smoothness: ClassVar[float | None] = 0.25

    def __post_init__(self) -> None:
        _check_beta(self, self.beta)

    def check_targets(self, output: str, target: np.ndarray) -> None:
        """Refuse targets outside of 0 to 1."""
        bad = np.argwhere((target < 0) | (target > 1))
        if bad.size:
            row, unit = map(int, bad[0])
            raise ValueError(
                f"loss {self.name!r} on output {output!r}: the target of sample {row}, unit {unit} is "
                f"{target[row, unit]:.3g}. Expected probabilities, 0 to 1; for other values use 'mse'."
            )

    def cost(self, y: Array, target: Array) -> Array:
        """See :meth:`Loss.cost`."""
        return optax.sigmoid_binary_cross_entropy(y, target).sum(-1)

    def behind(self, activation: Activation | None) -> Loss:
        """See :meth:`Loss.behind`: each unit has a logistic function of its own."""
        return self if activation is None else _refuse_activation(self, activation)

    @property
    def midpoint(self) -> float:
        """See :attr:`Loss.midpoint`."""
        return 0.0

    @property
    def _target_midpoint(self) -> float:
        return 0.5


@dataclass(frozen=True)
class Activated(Loss):
    """A loss of what an activation predicts, as a function of the output's volts.

    For a loss with a slope of its own making (a user's), the slope follows by the chain rule. The built-in ones keep
    theirs, "prediction less target" (:attr:`Loss.residual`): what is minimised is the activation's own cost,
    ``F(y) - Y . y``, and what is shown is the loss's formula of the predictions.

    Args:
        loss: the loss of the predictions.
        activation: what makes them of the volts.

    Example:
        >>> loss = Activated(MSEProb(), activations.Softmax())
        >>> y, target = jnp.zeros((1, 2)), jnp.array([[1.0, 0.0]])
        >>> loss.slope(y, target).tolist(), loss.shown(y, target).tolist()
        ([[-0.5, 0.5]], [0.25])
    """

    loss: Loss
    activation: Activation

    name: ClassVar[str] = "activated"

    @property
    def beta(self) -> float | None:  # type: ignore[override]
        """The nudging strength of the loss."""
        return self.loss.beta

    @property
    def smoothness(self) -> float | None:  # type: ignore[override]
        """That of the activation's own cost; unknown behind the chain rule."""
        return self.activation.smoothness if self.loss.residual else None

    @property
    def midpoint(self) -> float:
        """See :attr:`Loss.midpoint`."""
        return self.loss.midpoint

    def check(self, output: str, units: int) -> None:
        """See :meth:`Loss.check`."""
        self.loss.check(output, units)
        if units < self.activation.smallest:
            raise ValueError(
                f"output {output!r} has the activation {self.activation.name!r} and {units} unit(s). Expected at "
                f"least {self.activation.smallest}: of one unit it always predicts 1."
            )

    def check_targets(self, output: str, target: np.ndarray) -> None:
        """See :meth:`Loss.check_targets`; one scale on all targets only makes the nudge stronger, and is taken."""
        total = target.sum(-1)
        scaled = len(target) and total[0] > 0 and np.allclose(total, total[0], rtol=1e-3, atol=0)
        self.loss.check_targets(output, target / total[0] if scaled else target)

    def cost(self, y: Array, target: Array) -> Array:
        """See :meth:`Loss.cost`."""
        if not self.loss.residual:
            return self.loss.cost(self.activation(y), target)
        return self.activation.potential(y) - (target * y).sum(-1)

    def shown(self, y: Array, target: Array) -> Array:
        """See :meth:`Loss.shown`."""
        return self.loss.of_predictions(self.activation(y), target)

    def accuracy(self, y: Array, target: Array, exclusive: bool | None = None) -> Array:
        """See :meth:`Loss.accuracy`."""
        return self.loss.accuracy(self.activation(y), target, exclusive)

    def behind(self, activation: Activation | None) -> Loss:
        """See :meth:`Loss.behind`; an activation is applied once."""
        return self.loss.behind(activation)

    def in_program(self) -> Loss:
        """See :meth:`Loss.in_program`."""
        return Activated(self.loss.in_program(), self.activation)

    def to_config(self) -> dict[str, Any]:
        """See :meth:`Loss.to_config`."""
        return self.loss.to_config() | {"activation": self.activation.name}


CrossEntropy = CrossEntropyLoss
BinaryCrossEntropy = BCE

ROUNDING = float(np.finfo(float).eps)
"""Keeps the logarithm of a probability of zero finite."""

_BUILT_IN: dict[str, Any] = {
    one.__name__: one for one in (MSE, MSEProb, CrossEntropyLoss, SparsemaxLoss, BCE)
}

NAMES: dict[str, Any] = {
    "mse": MSE,
    "mean_squared_error": MSE,
    "mse_prob": MSEProb,
    "sparsemax": SparsemaxLoss,
    "cross_entropy": CrossEntropyLoss,
    "crossentropy": CrossEntropyLoss,
    "categorical_crossentropy": CrossEntropyLoss,
    "bce": BCE,
    "binary_cross_entropy": BCE,
    "binary_crossentropy": BCE,
}
"""Accepted names of losses."""


def get(spec: object) -> Loss:
    """Resolve a loss: a name, a :class:`Loss`, a class of losses, or a description.

    Example:
        >>> get("bce")
        BCE(beta=None)
    """
    if isinstance(spec, str) and spec.lower() in NAMES:
        return NAMES[spec.lower()]()
    if isinstance(spec, type) and issubclass(spec, Loss):
        return get(spec())
    if isinstance(spec, Mapping):
        return Loss.from_config(spec)
    if isinstance(spec, Loss):
        _require_hash(spec)
        return spec
    known = ", ".join(map(repr, NAMES))
    raise ValueError(f"unknown loss {spec!r}. Expected one of {known}, or a Loss object.")


def _refuse_no_probabilities(name: str, output: str, target: np.ndarray) -> None:
    total = target.sum(-1)
    bad = np.flatnonzero((target < 0).any(-1) | ~np.isclose(total, 1.0, rtol=0, atol=1e-3))
    if bad.size:
        row = int(bad[0])
        raise ValueError(
            f"loss {name!r} on output {output!r}: the targets of {bad.size} of {len(target)} samples are no "
            f"probabilities. Sample {row} has {np.array2string(target[row], threshold=6)}, with a sum of "
            f"{total[row]:.3g}. Expected numbers of at least 0 that add up to 1, or class numbers; "
            "for other values use 'mse'."
        )


def _refuse_activation(loss: Loss, activation: Activation) -> Any:
    raise ValueError(
        f"loss {loss.name!r} on an output with activation={activation.name!r}: it predicts by a function of its own. "
        "Leave the activation out, or use 'mse', 'mse_prob' or 'cross_entropy'."
    )


def as_targets(target: Any, units: int, name: str = "output") -> np.ndarray:
    """Targets as an array ``(B, units)``, float64; integer classes become one-hot rows.

    Args:
        target: ``(B, units)``, or classes 0 to ``units - 1`` as ``(B,)`` or ``(B, 1)`` when there are
            several units, or ``(B,)`` values when there is one.
        units: number of units of the output.
        name: name of the output, for messages.

    Raises:
        ValueError: where shape or classes do not fit.

    Example:
        >>> as_targets([2, 0], 3).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    array = np.asarray(target, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2 and array.shape[1] == units:
        return array
    if array.ndim != 2 or array.shape[1] != 1:
        raise ValueError(
            f"targets of {name!r} have the shape {np.shape(target)}. Expected (samples, {units})"
            + (", or one class number a sample." if units > 1 else ".")
        )
    classes = array[:, 0]
    wrong = np.flatnonzero(~np.isin(classes, np.arange(units)))
    if wrong.size:
        raise ValueError(
            f"targets of {name!r}: sample {wrong[0]} has the class {classes[wrong[0]]:g}. "
            f"Expected whole numbers from 0 to {units - 1}."
        )
    return np.eye(units)[classes.astype(int)]


def exclusive(target: object) -> bool:
    """Whether exactly one of several units is on in every sample of a data set, ``(B, units)``."""
    target = np.asarray(target)
    return bool(target.ndim == 2 and target.shape[1] > 1 and _exclusive(target))


def _exclusive(target: Array) -> Array:
    """One entry of each row at the common maximum, all others at the common minimum."""
    on, off = target == target.max(), target == target.min()
    return ((on.sum(-1) == 1) & (on | off).all(-1) & (target.max() > target.min())).all()


def _one_hot(target: Array, units: int) -> Array:
    target = jnp.asarray(target)
    if target.ndim == 1:
        target = target[:, None]
    if units > 1 and target.shape[-1] == 1:
        target = jax.nn.one_hot(target[:, 0].astype(int), units)
    return target


def _key(value: object) -> Any:
    """A hashable stand-in for a value: equal values have equal keys."""
    if isinstance(value, Mapping):
        return tuple(sorted((name, _key(item)) for name, item in value.items()))
    if isinstance(value, list | tuple):
        return tuple(map(_key, value))
    if isinstance(value, np.ndarray | jax.Array):
        array = np.asarray(value)
        return (array.shape, str(array.dtype), array.tobytes())
    return value


def _require_hash(loss: Loss) -> None:
    try:
        hash(loss)
    except TypeError as error:
        raise ValueError(
            f"loss {type(loss).__name__} cannot be compared by value ({error}). Declare it with "
            "@dataclass(frozen=True) and keep arrays out of its fields, or write a plain class."
        ) from None


def _check_number(loss: Loss, what: str, value: Any) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if value is not None and not (number and math.isfinite(value)):
        raise ValueError(f"{type(loss).__name__}({what}={value!r}). Expected a finite number, or None.")


def _check_beta(loss: Loss, beta: Any) -> None:
    _check_number(loss, "beta", beta)
    if beta is not None and beta <= 0:
        raise ValueError(f"{type(loss).__name__}(beta={beta!r}). Expected a nudging strength above zero.")

"""Optimizers: from gradients to the next values, within bounds.

One update of a parameter theta, with direction d made of the gradients, learning rate r and schedule f:

    theta <- clip(theta - r f d, low, high)

    SGD         d = gradient, or its running sum with momentum m: d <- m d + gradient
    Adam        d = (mean of gradients) / (root of the mean of squares + eps), unbiased, so |d| is about 1
                and r is the largest change of one update, in the parameter's own unit (siemens)

The raw rule of the EBANA paper, equation (4), ``g <- g - (lr / beta) [dv_b^2 - dv_0^2]``, leaves out
the 1/2 of the co-content and the factors of the stages: it is SGD on the true gradient with the learning
rate ``2 lr c_out / c_l``.

Conductances span decades, so a step may also be taken in another coordinate u of them, with the gradient
``dL/du = (dg/du) dL/dg``: ``g = u^2`` ("sqrt": small conductances move little, none crosses zero) or
``g = exp(u)`` ("log": the learning rate is a relative change).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebana import schedules
from ebana._types import Array, Number, Values
from ebana.compilation import arithmetic
from ebana.learning.system import Staged
from ebana.parameters import Parameter
from ebana.spellings import also

Parametrization = Literal["linear", "sqrt", "log"]
Rate = float | Callable[[int], Any]
"""A learning rate: a number, or a schedule of its own (:class:`~ebana.schedules.LearningRateSchedule`)."""


_CHAIN = "Give an optax transformation, such as {}, as transform= of Optimizer."
KERAS = {
    "amsgrad": _CHAIN.format("optax.scale_by_amsgrad()"),
    "clipnorm": _CHAIN.format("optax.chain(optax.clip_by_global_norm(c), optax.scale_by_adam())"),
    "global_clipnorm": _CHAIN.format("optax.chain(optax.clip_by_global_norm(c), optax.scale_by_adam())"),
    "clipvalue": _CHAIN.format("optax.chain(optax.clip(c), optax.scale_by_adam())"),
    "weight_decay": _CHAIN.format("optax.chain(optax.scale_by_adam(), optax.add_decayed_weights(d))"),
    "use_ema": "Average model.values in a callback of your own.",
    "jit_compile": "Steps are always compiled.",
}
"""Arguments of Keras' optimizers that have another form here."""

EBANA = {"gamma_v": "b1", "gamma_s": "b2", "beta1": "b1", "beta2": "b2"}
"""Decays of Adam as the EBANA framework of 2025 and that of 2022 call them."""


class Optimizer:
    """Turns gradients into new values. SGD and Adam are built in; anything of optax fits in.

    An update rule of one's own is an optax transformation, or a subclass with :meth:`direction`.

    Args:
        model: the model that :meth:`step` changes and whose values :meth:`save_state` stores with the
            state. ``fit`` sets it.
        beta: nudging strength to train with, if ``fit`` is given none.
        lr: learning rate of parameters whose layer states none, in the parameter's unit for Adam, in
            its unit squared over V^2 for SGD on a squared error (also spelled ``learning_rate``): a number, or
            a :class:`~ebana.schedules.LearningRateSchedule` of the number of updates. None
            for the default: :attr:`share` of the conductances that a layer starts with, ``default_lr``
            for what is no conductance.
        schedule: factor for all learning rates (:mod:`ebana.schedules`).
        transform: an optax transformation that makes a direction of gradients, without a learning rate
            and without a minus sign, such as ``optax.scale_by_lion()``.
        parametrization: coordinate in which values that are bounded above zero (conductances) take their
            steps: ``"linear"``, ``"sqrt"`` or ``"log"``. Learning rates are in that coordinate's unit.

    Example:
        >>> clipped = Optimizer(lr=1e-6, transform=optax.chain(optax.clip(1.0), optax.scale_by_lion()))
        >>> class SignDescent(Optimizer):
        ...     def direction(self, gradients, state, values):
        ...         return {name: jnp.sign(g) for name, g in gradients.items()}, state
        >>> rule = SignDescent(lr=0.1)
        >>> values = {"g": np.array([1.0, 2.0])}
        >>> new, _ = rule.update({"g": np.array([-3.0, 3.0])}, rule.init(values), values, {"g": 0.1})
        >>> [round(float(g), 6) for g in new["g"]]
        [1.1, 1.9]
    """

    name: ClassVar[str] = "optimizer"
    default_lr: ClassVar[float] = 1e-4
    """Learning rate of what is no conductance, where none is given."""
    share: ClassVar[float] = 0.02
    """The largest step of a conductance by default, in means of those that its layer starts with."""

    def __init__(
        self,
        model: object = None,
        beta: float | None = None,
        lr: Rate | None = None,
        *,
        learning_rate: Rate | None = None,
        schedule: object = None,
        transform: optax.GradientTransformation | None = None,
        parametrization: Parametrization = "linear",
    ) -> None:
        if isinstance(model, int | float):
            raise TypeError(
                f"{type(self).__name__}({model!r}): the first argument is the model. Write lr={model!r}."
            )
        if lr is not None and learning_rate is not None:
            raise ValueError(f"{type(self).__name__} got both lr and learning_rate. Give one of them.")
        self.model = model
        lr = learning_rate if lr is None else lr
        self.beta = None if beta is None else _number(self, "beta", beta, above=0.0)
        lr = schedules.get_rate(lr)
        self.lr = lr if lr is None or callable(lr) else _number(self, "lr", lr, least=0.0)
        self.schedule = schedules.get(schedule)
        if parametrization not in _COORDINATES:
            raise ValueError(
                f"{type(self).__name__}(parametrization={parametrization!r}). "
                f"Expected one of {', '.join(map(repr, _COORDINATES))}."
            )
        self.parametrization: Parametrization = parametrization
        if transform is not None:
            _check_direction(transform)
        self.transform = optax.identity() if transform is None else transform
        self.state: Any = None
        """State of the update rule, arrays in a pytree; None before the first update."""
        self.steps = 0
        """Number of updates done."""
        self.restored = False
        """True after :meth:`load_state`, until ``fit`` goes on from that state (which else starts anew)."""

    # -- the pure part, which a compiled training step uses -----------------------------------------

    def init(self, values: Values) -> Any:
        """The state to start from, for the values that will be trained (name to array)."""
        return self.transform.init({name: jnp.asarray(value) for name, value in values.items()})

    def start(self, values: Values, parameters: Mapping[str, Parameter]) -> Any:
        """The state to start from for some of a model's parameters: what training calls; :meth:`init` of the values.

        An update rule that asks what the values are (their kind, their bounds) overrides this.
        """
        return self.init(values)

    def direction(self, gradients: Values, state: object, values: Values) -> tuple[dict[str, Array], Any]:
        """What to go down along, by parameter, and the next state. A new update rule overrides this."""
        return self.transform.update(dict(gradients), state, dict(values))  # type: ignore[return-value]

    def update(
        self,
        gradients: Values,
        state: object,
        values: Values,
        rates: Mapping[str, Number],
        factor: Number = 1.0,
        bounds: Mapping[str, tuple[Number, Number]] | None = None,
        scale: Mapping[str, Number] | None = None,
    ) -> tuple[dict[str, Array], Any]:
        """One update, as a pure function; every number may be traced.

        Args:
            gradients: gradients of the loss by parameter, for exactly the parameters of :meth:`init`.
            state: the state of the last update.
            values: values by parameter; those without a gradient are handed on as they are.
            rates: learning rate by parameter (:meth:`rates`).
            factor: the schedule's factor.
            bounds: ``(low, high)`` by parameter (:meth:`bounds`); none for a parameter left out.
            scale: factor on the gradient by parameter, 1 for one left out (:meth:`scale`).

        Returns:
            New values of all parameters, and the next state.
        """
        scale, bounds = scale or {}, bounds or {}
        trained = {name: jnp.asarray(values[name]) for name in gradients}
        lows = {name: jnp.asarray(bounds.get(name, (-jnp.inf,))[0], v.dtype) for name, v in trained.items()}
        coordinate = _COORDINATES[self.parametrization]
        scaled = {
            name: (g * scale.get(name, 1.0) * coordinate.slope(trained[name], lows[name])).astype(
                trained[name].dtype
            )
            for name, g in gradients.items()
        }
        direction, state = self.direction(scaled, state, trained)
        # Stored before use: else XLA computes the state twice, and then copies what it must not overwrite.
        direction, state = jax.lax.optimization_barrier((direction, state))
        new = dict(values)
        for name, old in trained.items():
            moved = coordinate.move(
                old, (rates[name] * factor * direction[name]).astype(old.dtype), lows[name]
            )
            high = bounds.get(name, (-jnp.inf, jnp.inf))[1]
            new[name] = jnp.clip(moved, lows[name], jnp.asarray(high, old.dtype))
        return new, state

    def rates(
        self,
        parameters: Mapping[str, Parameter],
        step: Any = 0,
        total_steps: Number | None = None,
        steps_per_epoch: Number | None = None,
    ) -> dict[str, Any]:
        """Learning rate of each trainable parameter: its layer's own, else ``lr``, else the default.

        Args:
            parameters: the parameters.
            step, total_steps, steps_per_epoch: as for :meth:`ebana.schedules.Schedule.factor`, for rates with a
                schedule of their own; with an array of steps these are arrays, and the others numbers.
        """
        at = (step, total_steps, steps_per_epoch)
        return {name: schedules.rate_at(self._rate(p), *at) for name, p in parameters.items() if p.trainable}

    def _rate(self, parameter: Parameter) -> Rate:
        given = parameter.learning_rate
        if given is None and not parameter.default_rate:
            given = self.lr
        if given is not None:
            return given
        if parameter.kind != "conductance" or not parameter.initial.size:
            return self.default_lr
        return self.default_rate(
            float(parameter.initial.mean() if parameter.mean is None else parameter.mean)
        )

    def default_rate(self, mean: float) -> float:
        """Learning rate of conductances where none is given.

        Args:
            mean: of those that the layer starts with, siemens.
        """
        return self.share * self._in_coordinate(mean)

    def _in_coordinate(self, mean: float) -> float:
        """A change of a conductance by as much as itself, in the coordinate that takes the steps."""
        with arithmetic():
            return mean / float(_COORDINATES[self.parametrization].slope_of(np.float64(mean)))

    @staticmethod
    def bounds(parameters: Mapping[str, Parameter]) -> dict[str, tuple[float, float]]:
        """``(low, high)`` of each trainable parameter, in its unit."""
        return {name: (float(p.low), float(p.high)) for name, p in parameters.items() if p.trainable}

    def scale(self, system: object, values: Values) -> Mapping[str, Number] | None:
        """Factors on the gradients of a system's parameters, for :meth:`update`; None for none."""
        return None

    @property
    def signature(self) -> Any:
        """A hashable that is equal for optimizers whose compiled update is the same.

        It does not cover learning rates, schedule, bounds and scale, which a step takes as arguments.
        """
        built_in = type(self) is Optimizer or type(self) in _BUILT_IN.values()
        return (type(self), self.transform if built_in else self, self.parametrization)

    # -- loops written by hand ----------------------------------------------------------------------

    def step(
        self,
        model: Any,
        gradients: Values,
        *,
        total_steps: int | None = None,
        steps_per_epoch: int | None = None,
        scale: Mapping[str, Number] | None = None,
    ) -> None:
        """Update the model's values by gradients from ``model.gradients``, for loops written by hand.

        Args:
            model: the model; it has ``system``, ``values`` and ``set_values``.
            gradients: gradient by parameter, for some or all of the trainable parameters; the same ones
                in each call.
            total_steps, steps_per_epoch: for schedules that need them.
            scale: see :meth:`update`.

        Raises:
            ValueError: for gradients that are not finite, of the wrong shape or of unknown parameters.
        """
        values = {name: np.asarray(value) for name, value in model.values.items()}
        parameters = model.system.parameters
        _check_gradients(gradients, values, parameters)
        with arithmetic():
            if self.state is None:
                self.state = self.start({name: values[name] for name in gradients}, parameters)
            factor = self.schedule.factor(self.steps, total_steps, steps_per_epoch)
            if scale is None:
                scale = self.scale(model.system, values)
            new, state = self.update(
                {name: np.asarray(g) for name, g in gradients.items()},
                self.state,
                values,
                self.rates(parameters, self.steps, total_steps, steps_per_epoch),
                factor,
                self.bounds(parameters),
                scale,
            )
            self.state = jax.tree.map(np.asarray, state)
            model.set_values({name: np.array(new[name]) for name in gradients})
        self.steps += 1

    # -- files ----------------------------------------------------------------------------------------

    def save_state(self, path: str | os.PathLike[str]) -> None:
        """Write the state and the model's values, in the safe format, under exactly this name.

        Raises:
            ValueError: if the optimizer has no model.
        """
        from ebana.storage.optimizers import write_state  # files are training's; it imports this module

        write_state(path, self, self._model("save_state"))

    def load_state(self, path: str | os.PathLike[str], layers: Any = None) -> tuple[str, ...]:
        """Bring back a state and the values saved with it; a model may reuse some layers of another.

        The next :meth:`step` or ``fit`` goes on from that state; schedules start anew in ``fit``.

        Args:
            path: file written by :meth:`save_state`.
            layers: names of the layers to take; None for all that the model has too. The others keep
                their values and start with a fresh state.

        Returns:
            Names of the parameters that were taken.

        Raises:
            CorruptFile: if the file is damaged or of another kind.
            ValueError: if nothing fits the model, or a parameter has another shape there.
        """
        from ebana.storage.optimizers import read_state

        return read_state(path, self, self._model("load_state"), layers)

    def check_file(self, config: Mapping[str, Any]) -> None:
        """Refuse the state of an optimizer of this class by its description, where it does not fit this one.

        Raises:
            ValueError: saying what differs.
        """

    def _model(self, verb: str) -> Any:
        if self.model is None:
            raise ValueError(f"{type(self).__name__}.{verb} needs a model. Make it with the model: "
                             f"{type(self).__name__}(model), or fit first.")  # fmt: skip
        return self.model

    # -- configuration --------------------------------------------------------------------------------

    def options(self) -> dict[str, Any]:
        """The rule's own arguments, for :meth:`to_config`."""
        return {}

    def to_config(self) -> dict[str, Any]:
        """JSON-compatible description. That of a user's own rule only holds its name."""
        common = {
            "beta": self.beta,
            "lr": schedules.rate_config(self.lr),
            "schedule": self.schedule.to_config(),
        }
        if self.parametrization != "linear":
            common["parametrization"] = self.parametrization
        custom = {} if type(self) in _BUILT_IN.values() else {"custom": True}
        return {"class": type(self).__name__, **custom, **common, **self.options()}

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> Optimizer:
        """The inverse of :meth:`to_config`, for built-in optimizers with built-in schedules."""
        options = dict(config)
        name = options.pop("class", None)
        if name == "Pulsed":
            from ebana.learning.programming.optimizer import (
                Pulsed,
            )  # it is one of these, and imports this module

            return Pulsed.of_config(**options)
        if options.get("custom") or name not in _BUILT_IN:
            raise ValueError(
                f"optimizer {name!r} is not built in, so a file cannot bring it back. Pass the object itself."
            )
        return _BUILT_IN[name](**options)

    def __repr__(self) -> str:
        shown = {"lr": self.lr, **self.options(), "schedule": self.schedule}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    Gradients by conductances are of the order of V^2 over the total conductance of a node, so the right
    learning rate follows the circuit's scale: conductances ten times smaller want one a hundred times
    smaller. The default is the squared mean of those that a layer starts with, less with momentum.

    Args:
        model, beta, lr, schedule, parametrization: see :class:`Optimizer`.
        momentum: from 0 (none) to below 1.
        rule: ``"gradient"``, or ``"paper"`` for the EBANA paper's equation (4), which multiplies the
            gradients by conductances with ``2 c_out / c_l``; other parameters follow the true gradient.

    Example:
        >>> SGD(lr=1e-6, momentum=0.9).options()
        {'momentum': 0.9, 'rule': 'gradient'}
    """

    name: ClassVar[str] = "sgd"
    default_lr: ClassVar[float] = 1e-5
    share: ClassVar[float] = 1.0

    @also(refused=KERAS | {"nesterov": "Give optax.trace(decay, nesterov=True) as transform= of Optimizer."})
    def __init__(
        self,
        model: object = None,
        beta: float | None = None,
        lr: Rate | None = None,
        momentum: float = 0.0,
        rule: Literal["gradient", "paper"] = "gradient",
        schedule: object = None,
        *,
        learning_rate: Rate | None = None,
        parametrization: Parametrization = "linear",
    ) -> None:
        super().__init__(
            model, beta, lr, learning_rate=learning_rate, schedule=schedule, parametrization=parametrization
        )
        if rule not in ("gradient", "paper"):
            raise ValueError(f"{type(self).__name__}(rule={rule!r}). Expected 'gradient' or 'paper'.")
        self.rule = rule
        self.momentum = _number(self, "momentum", momentum, least=0.0, below=1.0)
        self.transform = _momentum(self.momentum)

    def default_rate(self, mean: float) -> float:
        """See :meth:`Optimizer.default_rate`; gradients of ``V^2 / S`` want siemens squared."""
        return self.share * (1.0 - self.momentum) * self._in_coordinate(mean) ** 2

    def scale(self, system: object, values: Values) -> Mapping[str, Number] | None:
        """``2 c_out / c_l`` by name of conductances under ``rule="paper"``.

        Raises:
            TypeError: for a system that has no stages.
        """
        if self.rule != "paper":
            return None
        if not isinstance(system, Staged):
            raise TypeError(
                f"{type(self).__name__}(rule='paper') is the EBANA paper's rule for conductances, and "
                f"{type(system).__name__} has none. Use rule='gradient'."
            )
        return system.gradient_scale(values)

    @property
    def signature(self) -> Any:
        """See :attr:`Optimizer.signature`."""
        return (*super().signature, self.rule)

    def update(
        self,
        gradients: Values,
        state: object,
        values: Values,
        rates: Mapping[str, Number],
        factor: Number = 1.0,
        bounds: Mapping[str, tuple[Number, Number]] | None = None,
        scale: Mapping[str, Number] | None = None,
    ) -> tuple[dict[str, Array], Any]:
        """See :meth:`Optimizer.update`."""
        if self.rule == "paper" and scale is None:
            raise ValueError(
                "SGD(rule='paper') needs the factors of the stages: pass scale=rule.scale(model.system, values), that "
                "is 2 c_out / c_l by name, or rule='gradient'."
            )
        return super().update(gradients, state, values, rates, factor, bounds, scale)

    def options(self) -> dict[str, Any]:
        """See :meth:`Optimizer.options`."""
        return {"momentum": self.momentum, "rule": self.rule}


class Momentum(SGD):
    """:class:`SGD` with a momentum of 0.9 unless told otherwise."""

    name: ClassVar[str] = "momentum"

    def __init__(
        self,
        model: object = None,
        beta: float | None = None,
        lr: Rate | None = None,
        momentum: float = 0.9,
        rule: Literal["gradient", "paper"] = "gradient",
        schedule: object = None,
        *,
        learning_rate: Rate | None = None,
        parametrization: Parametrization = "linear",
    ) -> None:
        super().__init__(
            model,
            beta,
            lr,
            momentum,
            rule,
            schedule,
            learning_rate=learning_rate,
            parametrization=parametrization,
        )


SGDMomentum = Momentum


class Adam(Optimizer):
    """Adam: steps of about one learning rate, whatever the scale of the gradients.

    The learning rate is in the parameter's own unit: 1e-7 moves a conductance by at most about 1e-7 S an
    update. The default is 2 % of the mean of those that a layer starts with, 1e-4 for what is no conductance.

    Args:
        model, beta, lr, schedule, parametrization: see :class:`Optimizer`.
        b1, b2: decays of the running means of gradients and of their squares.
        eps: added to the root of the mean of squares, in units of the gradient (V^2/S for conductances
            and a squared error). Such gradients are of the order of 1 to 1e9, so 1e-8 only guards
            against a division by zero. Raise it to slow parameters whose gradients are mere noise.

    Example:
        >>> rule = Adam(lr=1e-4)
        >>> values = {"g": np.array([1e-3])}
        >>> new, state = rule.update({"g": np.array([5e6])}, rule.init(values), values, {"g": 1e-4})
        >>> round(float(new["g"][0]), 8)
        0.0009
    """

    name: ClassVar[str] = "adam"
    default_lr: ClassVar[float] = 1e-4

    @also({"beta_1": "b1", "beta_2": "b2", "epsilon": "eps"} | EBANA, KERAS)
    def __init__(
        self,
        model: object = None,
        beta: float | None = None,
        lr: Rate | None = None,
        b1: float = 0.9,
        b2: float = 0.999,
        eps: float = 1e-8,
        schedule: object = None,
        *,
        learning_rate: Rate | None = None,
        parametrization: Parametrization = "linear",
    ) -> None:
        super().__init__(
            model, beta, lr, learning_rate=learning_rate, schedule=schedule, parametrization=parametrization
        )
        self.b1 = _number(self, "b1", b1, least=0.0, below=1.0)
        self.b2 = _number(self, "b2", b2, least=0.0, below=1.0)
        self.eps = _number(self, "eps", eps, above=0.0)
        self.transform = _adam(self.b1, self.b2, self.eps)

    def options(self) -> dict[str, Any]:
        """See :meth:`Optimizer.options`."""
        return {"b1": self.b1, "b2": self.b2, "eps": self.eps}


_BUILT_IN: dict[str, Any] = {"SGD": SGD, "Momentum": Momentum, "Adam": Adam}

NAMES: dict[str, Any] = {"sgd": SGD, "momentum": Momentum, "adam": Adam}
"""Accepted names of optimizers."""


def get(spec: object = "adam") -> Optimizer:
    """Resolve an optimizer: a name, an :class:`Optimizer`, a class of them, an optax transformation that
    makes directions, or a description.

    Example:
        >>> get("sgd")
        SGD(lr=None, momentum=0.0, rule='gradient', schedule=Constant())
    """
    if isinstance(spec, str) and spec.lower() in NAMES:
        return NAMES[spec.lower()]()
    if isinstance(spec, type) and issubclass(spec, Optimizer):
        return spec()
    if isinstance(spec, Optimizer):
        return spec
    if isinstance(spec, optax.GradientTransformation):
        return Optimizer(transform=spec)
    if isinstance(spec, Mapping):
        return Optimizer.from_config(spec)
    known = ", ".join(map(repr, NAMES))
    raise ValueError(f"unknown optimizer {spec!r}. Expected one of {known}, or an Optimizer object.")


@dataclass(frozen=True)
class _Coordinate:
    """A coordinate u of values g: ``slope`` is dg/du, ``move`` takes a step in u; both given the lower bound.

    Values whose lower bound is not above zero keep their own coordinate.
    """

    slope_of: Callable[..., Any]
    moved: Callable[[Array, Array], Array]

    def slope(self, g: Array, low: Number) -> Array:
        return jnp.where(low > 0, self.slope_of(jnp.maximum(g, low)), 1.0)

    def move(self, g: Array, step: Array, low: Number) -> Array:
        return jnp.where(low > 0, self.moved(jnp.maximum(g, low), step), g - step)


class _Linear(_Coordinate):
    def slope(self, g: Array, low: Number) -> Array:
        return jnp.ones((), g.dtype)

    def move(self, g: Array, step: Array, low: Number) -> Array:
        return g - step


_COORDINATES: dict[str, _Coordinate] = {
    "linear": _Linear(lambda g: 1.0, jnp.subtract),
    "sqrt": _Coordinate(
        lambda g: 2.0 * jnp.sqrt(g), lambda g, step: jnp.square(jnp.maximum(jnp.sqrt(g) - step, 0.0))
    ),
    "log": _Coordinate(lambda g: g, lambda g, step: g * jnp.exp(-step)),
}


def _number(
    owner: Optimizer,
    what: str,
    value: Any,
    above: float = -np.inf,
    least: float = -np.inf,
    below: float = np.inf,
) -> float:
    """The value as a float, checked to lie within limits."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if number and above < value and least <= value < below:
        return float(value)
    limits = [f"above {above:g}"] * (above > -np.inf) + [f"of at least {least:g}"] * (least > -np.inf)
    limits += [f"below {below:g}"] * (below < np.inf)
    raise ValueError(
        f"{type(owner).__name__}({what}={value!r}). Expected a finite number {' and '.join(limits)}."
    )


@lru_cache(maxsize=64)
def _momentum(decay: float) -> optax.GradientTransformation:
    """The same object for the same number, so that compiled steps are found again."""
    return optax.trace(decay=decay) if decay else optax.identity()


@lru_cache(maxsize=64)
def _adam(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
    return optax.scale_by_adam(b1=b1, b2=b2, eps=eps)


def _check_direction(transform: optax.GradientTransformation) -> None:
    """Refuse whole optimizers, whose minus sign would turn descent into ascent."""
    if not isinstance(transform, optax.GradientTransformation):
        raise TypeError(
            f"transform={transform!r}. Expected an optax transformation, as optax.scale_by_lion()."
        )
    one = {"probe": jnp.ones(1)}
    direction, _ = transform.update(one, transform.init(one), one)
    if float(direction["probe"][0]) < 0:  # type: ignore[index, call-overload]
        raise ValueError(
            "the optax transformation answers a positive gradient with a negative step, as whole optimizers "
            "(optax.adamw(...)) do. Expected a direction: use the optax.scale_by_... form and give lr=, or "
            "append optax.scale(-1.0) and give lr=1.0."
        )


def _check_gradients(gradients: Values, values: Values, parameters: Mapping[str, Parameter]) -> None:
    trained = [name for name, parameter in parameters.items() if parameter.trainable]
    unknown = sorted(set(gradients) - set(trained))
    if unknown or not gradients:
        raise ValueError(f"gradients of {unknown}. Expected some of the trainable {trained}.")
    for name, gradient in gradients.items():
        if np.shape(gradient) != values[name].shape:
            raise ValueError(
                f"gradient of {name!r} has the shape {np.shape(gradient)}. Expected {values[name].shape}."
            )
        if not np.all(np.isfinite(gradient)):
            raise ValueError(f"gradient of {name!r} is not finite. Leave out samples that did not converge.")

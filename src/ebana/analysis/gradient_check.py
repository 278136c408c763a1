"""Are the gradients of equilibrium propagation those of the loss?

Three gradients of the mean loss L are compared, parameter by parameter:

    equilibrium propagation     from states nudged by +beta and -beta, on the model's own engine
    adjoint                     exact, by implicit differentiation at the free state
    finite differences          [L(theta + h) - L(theta - h)] / 2h, the circuit solved again each time

The last two are computed on the built-in engine, independently of the engine that is checked, and share
nothing but the circuit's equations: they also hold each other. Agreement is stated by the cosine of the
angle between two gradients and by the relative error ``|a - b| / |b|``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from ebana._types import ModelLike
from ebana.compilation import compiled
from ebana.engines.base import NotConverged
from ebana.inference import cast, estimate, exact
from ebana.learning.adjoint import Adjoint
from ebana.learning.estimators import Composite
from ebana.learning.losses import Loss
from ebana.learning.system import as_argument, from_argument, scope, trainable
from ebana.learning.systems.circuit import REFERENCE_TOLERANCE, CircuitSystem
from ebana.training.data import as_dataset

Array = np.ndarray

COSINE = 0.9999
"""Least cosine that passes."""

RELATIVE_ERROR = 1e-3
"""Largest relative error that passes."""

BETA_SHARE = 0.15
"""The nudging strength of a check, as a share of the model's default: weak, but well above rounding."""

STEP = 1e-5
"""Step of the finite differences, as a share of the values' size."""

NOTHING = 1e-9
"""A parameter counts as without effect if its part of the loss's sensitivity is smaller than this share."""

NOISE = 1e-6
"""Largest share of the sensitivity that an estimate may show for a parameter without effect."""

UNIT_SIZES = {"conductance": 1e-6, "current": 1e-6}
"""Size of values that are all zero, by kind of parameter; 1 for the others."""


@dataclass(frozen=True)
class Agreement:
    """How well an estimate agrees with a reference.

    Args:
        cosine: of the angle between the two; 1 where both vanish.
        relative_error: ``|estimate - reference| / |reference|``; 0 where both vanish.
        entries: number of entries that were compared.
        zero: whether the reference vanishes, as does the estimate if it is right.
    """

    cosine: float
    relative_error: float
    entries: int
    zero: bool = False

    def passed(self, cosine: float = COSINE, relative_error: float = RELATIVE_ERROR) -> bool:
        """Whether it lies within limits."""
        return self.cosine >= cosine and self.relative_error <= relative_error


@dataclass(frozen=True)
class ParameterCheck:
    """The gradient of one parameter, held to both references.

    Args:
        name: name of the parameter, ``"<layer>/<quantity>"``.
        adjoint: agreement with the adjoint; that with finite differences where there is no adjoint.
        finite_differences: agreement with finite differences.
    """

    name: str
    adjoint: Agreement
    finite_differences: Agreement

    @property
    def layer(self) -> str:
        """Layer (or element) that the parameter belongs to."""
        return self.name.rsplit("/", 1)[0]

    @property
    def cosine(self) -> float:
        """The smaller of the two cosines."""
        return min(self.adjoint.cosine, self.finite_differences.cosine)

    @property
    def relative_error(self) -> float:
        """The larger of the two relative errors."""
        return max(self.adjoint.relative_error, self.finite_differences.relative_error)

    @property
    def zero(self) -> bool:
        """Whether the loss does not depend on the parameter."""
        return self.adjoint.zero and self.finite_differences.zero

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values."""
        return {
            "adjoint": _plain(self.adjoint),
            "finite_differences": _plain(self.finite_differences),
            "zero": self.zero,
        }


@dataclass(frozen=True)
class GradientCheck:
    """Result of :func:`check_gradients`.

    Args:
        parameters: the check of each trainable parameter.
        beta: nudging strength, siemens.
        samples: number of samples.
        cosine, relative_error: limits.
    """

    parameters: tuple[ParameterCheck, ...]
    beta: float
    samples: int
    cosine: float = COSINE
    relative_error: float = RELATIVE_ERROR

    @property
    def layers(self) -> dict[str, dict[str, Any]]:
        """For each layer the worst ``cosine`` and ``relative_error`` of its parameters, against both
        references; ``zero`` where the loss depends on none of them."""
        groups: dict[str, list[ParameterCheck]] = {}
        for parameter in self.parameters:
            groups.setdefault(parameter.layer, []).append(parameter)
        return {
            layer: {
                "cosine": _finite(min(p.cosine for p in group)),
                "relative_error": _finite(max(p.relative_error for p in group)),
                "zero": all(p.zero for p in group),
            }
            for layer, group in groups.items()
        }

    @property
    def failures(self) -> tuple[ParameterCheck, ...]:
        """The parameters whose gradients are wrong."""
        limits = self.cosine, self.relative_error
        return tuple(
            p
            for p in self.parameters
            if not (p.adjoint.passed(*limits) and p.finite_differences.passed(*limits))
        )

    @property
    def passed(self) -> bool:
        """Whether all gradients are right."""
        return bool(self.parameters) and not self.failures

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values, without NaN and infinity."""
        return {
            "passed": self.passed,
            "beta": self.beta,
            "samples": self.samples,
            "limits": {"cosine": self.cosine, "relative_error": self.relative_error},
            "layers": self.layers,
            "parameters": {p.name: p.to_dict() for p in self.parameters},
        }


def check_gradients(
    model: ModelLike,
    x: Any,
    y: Any = None,
    loss_fn: Any = "mse",
    beta: float | None = None,
    *,
    estimator: str = "centered",
    nudge: str = "current",
    entries: int = 64,
    step: float = STEP,
    cosine: float = COSINE,
    relative_error: float = RELATIVE_ERROR,
    seed: int = 0,
) -> GradientCheck:
    """Compare a model's gradients by equilibrium propagation with two references.

    Args:
        model: the model of a circuit, whose engine finds the states of equilibrium propagation; or a
            :class:`~ebana.hybrid.HybridModel`, whose loss is computed in double precision with every block at rest, in
            training mode. Parts that know single precision alone, and blocks of one's own, are used as they are.
        x, y: data, as for ``model.fit``; a dozen samples will do.
        loss_fn: a loss or its name.
        beta: nudging strength, siemens, or the factor on the nudges of a hybrid model's blocks; :data:`BETA_SHARE` of
            the model's default if not given, all of it for a hybrid model of single precision.
        estimator, nudge: as for ``model.gradients``.
        entries: finite differences are taken at so many entries of each parameter, drawn by ``seed``;
            at all of a smaller one.
        step: step of the finite differences, as a share of the size of the parameter's values.
        cosine, relative_error: limits.

    Raises:
        NotConverged: if an operating point is not found.
        ValueError: for a model without trainable parameters, and for bad data.

    Example:
        >>> from ebana.recipes import probe
        >>> stack3 = probe("stack3")
        >>> check_gradients(stack3.build(0, "native"), stack3.data(0, 4), entries=4).passed
        True
    """
    system: Any = model.system
    parts = isinstance(system, Composite)
    if not parts and not isinstance(system, CircuitSystem):
        raise TypeError(
            f"check_gradients({model.name!r}): there is no reference for a {type(system).__name__}. Expected the model "
            "of a circuit, or a HybridModel, of which it may be a part."
        )
    names = trainable(model.system)
    if not names:
        raise ValueError(
            f"model {model.name!r} has no trainable parameters, so there are no gradients to check."
        )
    data = as_dataset(x, y, model.input_columns, model.output_units)
    loss = model.checked_loss(loss_fn)
    strength = float(_share(system) * model.default_beta() if beta is None else beta)
    estimates = model.gradients(data, loss_fn=loss, beta=strength, estimator=estimator, nudge=nudge)
    reference = PartsReference(model, data, loss) if parts else Reference(model, data, loss)
    exact = reference.adjoint()
    sizes_of = estimates if exact is None else exact
    size = {name: _size(model.system.parameters[name], model.values[name]) for name in estimates}
    largest = max(size[name] * float(np.linalg.norm(sizes_of[name])) for name in estimates)
    rng = np.random.default_rng(seed)
    checks = []
    for name in names:
        found = estimates[name]
        at = np.sort(rng.permutation(found.size)[:entries])
        differences = reference.finite_differences(name, at, step * size[name])
        floor = largest / size[name]
        by_differences = _agreement(found.ravel()[at], differences, floor)
        by_adjoint = (
            by_differences if exact is None else _agreement(found.ravel(), exact[name].ravel(), floor)
        )
        checks.append(ParameterCheck(name, by_adjoint, by_differences))
    return GradientCheck(tuple(checks), strength, len(data), cosine, relative_error)


class Reference:
    """The loss of a model on the built-in engine, and its derivatives.

    Args:
        model: the model; its circuit and values are used, not its engine.
        data: inputs and targets.
        loss: the loss.
    """

    def __init__(self, model: ModelLike, data: Any, loss: Any) -> None:
        self.name = model.name
        self.loss, self.data = loss, data
        circuit: Any = model.system
        self.system: Any = circuit.reference()
        self.values = model.values
        with scope(self.system.traits):
            self.inputs, self.targets = (cast(self.system, a) for a in (data.inputs, data.outputs))

    def adjoint(self) -> dict[str, Array] | None:
        """The exact gradients; None where there is no adjoint."""
        _, v = self._solve(self.values)
        return exact(self.system, self.values, self.data, self.loss, v)

    def finite_differences(self, name: str, at: Array, h: float) -> Array:
        """Central differences by some entries of a parameter, ``(len(at),)``."""
        value = np.asarray(self.values[name])
        result = np.empty(len(at))
        for i, entry in enumerate(at):
            up, down = value.copy(), value.copy()
            up.flat[entry] += h
            down.flat[entry] -= h
            width = up.flat[entry] - down.flat[entry]  # what rounding left of 2 h
            result[i] = (
                self.cost({**self.values, name: up}) - self.cost({**self.values, name: down})
            ) / width
        return result

    def cost(self, values: Mapping[str, Any]) -> float:
        """The mean loss."""
        return float(self._solve(values)[0])

    def _solve(self, values: Mapping[str, Any]) -> tuple[Any, Array]:
        """The mean loss, and the free states."""
        with scope(self.system.traits):
            arrays = cast(self.system, values), self.inputs, self.targets
            cost, v, found = _mean_cost(self.system, *arrays, self.loss.in_program())
            if not np.asarray(found).all():
                raise NotConverged(
                    f"gradient check of model {self.name!r}: an operating point of the reference did not "
                    f"converge to {REFERENCE_TOLERANCE:g} V. Check fewer samples, or other ones."
                )
            return cost, np.asarray(v)


class PartsReference(Reference):
    """The same for a model made of parts: its loss in training, with blocks settled in double precision.

    Args:
        model, data, loss: as for :class:`Reference`; the system states ``reference`` and ``training_outputs``.
    """

    def __init__(self, model: ModelLike, data: Any, loss: Any) -> None:
        composite: Any = model.system
        self.name = model.name
        self.loss, self.data = loss, data
        self.system = composite.reference()
        self.values = model.values
        with scope(self.system.traits):
            self.inputs, self.targets = (cast(self.system, a) for a in (data.inputs, data.outputs))

    def adjoint(self) -> dict[str, Array] | None:
        """The exact gradients, by the adjoint in every block; None where one of them states no equations."""
        try:
            self.system.check_estimator(Adjoint())
        except TypeError:
            return None
        found = estimate(self.system, self.values, self.data, self.loss, Adjoint(), 1.0)
        return found.gradients

    def _solve(self, values: Mapping[str, Any]) -> tuple[Any, Any]:
        with scope(self.system.traits):
            arrays = cast(self.system, values), self.inputs, self.targets
            run = _cost_of_parts_jit if self.system.traits.traceable else _cost_of_parts
            cost, found = run(as_argument(self.system), *arrays, self.loss.in_program())
            if not np.asarray(found).all():
                raise NotConverged(
                    f"gradient check of model {self.name!r}: a block of the reference did not settle. Check fewer "
                    "samples, or other ones."
                )
            return cost, None


def _cost_of_parts(argument: Any, values: Any, inputs: Any, targets: Any, loss: Loss) -> tuple[Any, Any]:
    outputs, found = from_argument(argument).training_outputs(values, inputs)
    return sum(loss.cost(y, targets[name]).mean() for name, y in outputs.items()), found


_cost_of_parts_jit = compiled(_cost_of_parts, 4)


def _share(system: Any) -> float:
    """The nudging strength of a check, as a share of the default: rounding of single precision leaves no less."""
    single = isinstance(system, Composite) and system.traits.dtype == "float32"  # type: ignore[attr-defined]
    return 1.0 if single else BETA_SHARE


@partial(jax.jit, static_argnums=4)
def _mean_cost(
    system: CircuitSystem, values: Any, inputs: Any, targets: Any, loss: Loss
) -> tuple[Any, Any, Any]:
    state = system.relax(values, inputs, None, None)
    outputs = system.outputs(state)
    cost = sum(loss.cost(y, targets[name]).mean() for name, y in outputs.items())
    return cost, system.unknowns(state), system.converged(state)


def _size(parameter: Any, value: Array) -> float:
    """Root mean square of the values, or a usual size where all are zero."""
    size = float(np.sqrt(np.mean(np.square(value)))) if value.size else 0.0
    return size or UNIT_SIZES.get(parameter.kind, 1.0)


def _agreement(estimate: Array, reference: Array, floor: float) -> Agreement:
    """Compare two gradients; ``floor`` is the size of a gradient that would be the loss's largest."""
    a, b = float(np.linalg.norm(estimate)), float(np.linalg.norm(reference))
    if not np.isfinite(a) or not np.isfinite(b):
        return Agreement(0.0, float("inf"), estimate.size)
    if b <= NOTHING * floor:
        small = a <= NOISE * floor
        return Agreement(float(small), 0.0 if small else float("inf"), estimate.size, zero=True)
    cosine = float(estimate @ reference) / (a * b) if a else 0.0
    return Agreement(cosine, float(np.linalg.norm(estimate - reference)) / b, estimate.size)


def _plain(agreement: Agreement) -> dict[str, Any]:
    return {
        "cosine": _finite(agreement.cosine),
        "relative_error": _finite(agreement.relative_error),
        "entries": agreement.entries,
        "zero": agreement.zero,
    }


def _finite(x: float) -> float | None:
    """JSON has no infinity: None where a number is not finite."""
    return x if np.isfinite(x) else None

"""Where the contrast of equilibrium propagation drowns in noise.

A rule compares ``dv^2 / 2`` of each conductance between relaxed states. Each state's ``dv`` is read with the noise of
the circuit, of variance ``sigma^2``, and averaged over independent reads: ``s^2 = sigma^2 / reads``. Of Gaussian noise

    Var[(dv + n)^2 / 2] = dv^2 s^2 + s^4 / 2

so that a gradient ``g_j = sum_states k (dv_j^2 / 2)``, with the weights k of the rule, has the variance
``sum_states k^2 (dv^2 s^2 + s^4 / 2)``. The signal to noise of a layer is the root of the sum of its squared gradients
over that of its variances. The gradient does not depend on a small nudging strength, its noise falls as one over it:
the layer drowns below the strength at which the two are equal. ``sigma`` is that of the free state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from ebana._types import DatasetLike, LossLike, LossOrName, ModelLike
from ebana.circuit.elements import Branches
from ebana.compilation import compiled
from ebana.engines.base import NotConverged
from ebana.frozen import FrozenMapping
from ebana.inference import cast
from ebana.learning import estimators
from ebana.learning.contrastive import ContrastiveEstimator
from ebana.learning.estimators import Objective
from ebana.learning.system import scope
from ebana.learning.systems.circuit import CircuitSystem
from ebana.physics import energy

Array = np.ndarray

STEPS = tuple(10.0 ** (0.5 * k) for k in range(-4, 7))
"""Strengths at which the contrast is measured, in the one that is asked for."""

LARGEST = 8000
"""Most nodes of a circuit whose gradients are looked at."""

ASKED = STEPS.index(1.0)
"""Place of the one that is asked for."""


@dataclass(frozen=True, eq=False)
class ContrastNoise:
    """Noise of the gradients of a batch.

    Args:
        beta: the nudging strength, in the rule's unit (siemens for circuits that are nudged).
        betas: strengths around it, ``(K,)``.
        snr: signal to noise of the gradient of each layer's conductances, ``{layer: (K,)}``; NaN where a nudged state
            was not found.
        drowns: strength at which that is 1, by layer; infinite where it stays below.
        gradients: the gradient by each conductance at ``beta``, by parameter.
        noise: its standard deviation.
        reads: independent reads of each state that are averaged.
        samples: samples in the batch.
        unit: of the strengths.
    """

    beta: float
    betas: Array
    snr: Mapping[str, Array]
    drowns: Mapping[str, float]
    gradients: Mapping[str, Array] = field(repr=False)
    noise: Mapping[str, Array] = field(repr=False)
    reads: int
    samples: int
    unit: str

    def at_beta(self, layer: str) -> float:
        """Signal to noise of a layer at ``beta``."""
        return float(self.snr[layer][ASKED])

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values."""
        return {
            "reads": self.reads,
            "samples": self.samples,
            "unit": self.unit,
            "beta": self.beta,
            "betas": self.betas.tolist(),
            "snr": {n: [v if math.isfinite(v) else None for v in s.tolist()] for n, s in self.snr.items()},
            "drowns": {n: v if math.isfinite(v) else None for n, v in self.drowns.items()},
        }


@dataclass(frozen=True)
class _State:
    """One state that a rule compares: potentials ``(B, N + 1)``, and the weight of ``dv^2 / 2`` there, ``(B,)``."""

    p: Array
    weight: Array


@dataclass(frozen=True)
class _Strength:
    """What is compared at one strength, and the gradients; None where a state was not found."""

    states: tuple[_State, ...]
    gradients: Mapping[str, Array]
    found: bool


@dataclass(frozen=True)
class Contrasts:
    """Collects the noise of gradients, sample by sample. Made by :meth:`of`.

    Args:
        model: the model.
        betas: strengths.
        strengths: what is compared at each.
        elements: the conductances that are trained.
        factors: of the stage of each.
        variances: of their gradients so far, ``{element: (K, *shape)}``.
        reads: that are averaged.
        unit: of the strengths.
        samples: in the batch.
    """

    model: ModelLike
    betas: Array
    strengths: tuple[_Strength, ...]
    elements: tuple[Branches, ...]
    factors: Mapping[str, float]
    variances: dict[str, Array]
    reads: int
    unit: str
    samples: int

    @staticmethod
    def of(
        model: ModelLike,
        data: DatasetLike,
        loss_fn: LossOrName,
        beta: float | None,
        estimator: object,
        nudge: str | None,
        reads: int,
        strict: bool,
    ) -> Contrasts:
        """The states that a rule compares, at several strengths.

        Raises:
            ValueError: for rules that compare no states, reads below 1, and circuits without trained conductances.
            NotConverged: where a nudged state at that strength is not found and ``strict`` holds.
        """
        model.require_outputs()
        rule, loss = estimators.get(estimator, nudge), model.checked_loss(loss_fn)
        rule.check(model.system, loss)
        if not isinstance(rule, ContrastiveEstimator) or rule.displaces:
            raise ValueError(
                f"noise(estimator={estimator!r}): this rule compares no nudged states, whose contrast could drown. "
                "Expected 'centered', 'one_sided' or 'negative'; or leave the targets out."
            )
        if isinstance(reads, bool) or not isinstance(reads, int) or reads < 1:
            raise ValueError(f"noise(reads={reads!r}). Expected a whole number above zero.")
        elements = tuple(
            e for e in model.circuit.each(Branches) if e.linear and e.conductance in model.circuit.trainable
        )
        if not elements:
            raise ValueError(f"noise of model {model.name!r}: it has targets, but no conductance is trained.")
        if model.circuit.size > LARGEST:
            raise ValueError(
                f"noise of gradients of a circuit of {model.circuit.size} nodes: the covariance of all pairs of up to "
                f"{LARGEST} is held in memory. Leave the targets out."
            )
        first = model.check_beta(model.default_beta(rule) if beta is None else beta, rule, loss)
        betas = np.array([first * step for step in STEPS])
        strengths = tuple(_compared(model, data, loss, rule, value) for value in betas)
        if strict and not strengths[ASKED].found:
            raise NotConverged(
                f"noise of model {model.name!r}: a nudged state at beta={first:g} was not found. Choose a smaller one, "
                "or pass strict=False."
            )
        values = model.values
        shapes = {e.name: np.shape(values[e.conductance]) for e in elements}
        return Contrasts(
            model,
            betas,
            strengths,
            elements,
            _factors(model),
            {name: np.zeros((len(betas), *shape)) for name, shape in shapes.items()},
            reads,
            rule.unit(model.system),
            len(next(iter(data.inputs.values()))) if data.inputs else 1,
        )

    def add(self, number: int, covariance: Array) -> None:
        """Count one sample, by the covariance of its nodes and ground, ``(N + 1, N + 1)``, V^2."""
        own = np.diag(covariance)
        for element in self.elements:
            a, b = element.ends()
            pairs = np.ix_(a, b) if element.outer else (a, b)
            sides = (own[a][:, None], own[b][None, :]) if element.outer else (own[a], own[b])
            s2 = (sides[0] + sides[1] - 2.0 * covariance[pairs]) / self.reads
            for k, strength in enumerate(self.strengths):
                for state in strength.states:
                    dv = np.asarray(element.drop(state.p[number : number + 1]))[0]
                    weight = (self.factors[element.name] * state.weight[number]) ** 2
                    variance = self.variances[element.name][k]
                    variance += (weight * (dv * dv * s2 + 0.5 * s2 * s2)).reshape(variance.shape)

    def result(self) -> ContrastNoise:
        """What all samples together amount to."""
        layers: dict[str, list[Branches]] = {}
        for element in self.elements:
            layers.setdefault(element.layer, []).append(element)
        snr = {layer: self._snr(own) for layer, own in layers.items()}
        noise: dict[str, Array] = {}
        for element in self.elements:
            noise[element.conductance] = (
                noise.get(element.conductance, 0.0) + self.variances[element.name][ASKED]
            )
        gradients = self.strengths[ASKED].gradients
        return ContrastNoise(
            float(self.betas[ASKED]),
            self.betas,
            FrozenMapping(snr),
            FrozenMapping({layer: drowning(self.betas, ratio) for layer, ratio in snr.items()}),
            FrozenMapping({name: np.asarray(gradients[name]) for name in noise}),
            FrozenMapping({name: np.sqrt(variance) for name, variance in noise.items()}),
            self.reads,
            self.samples,
            self.unit,
        )

    def _snr(self, elements: list[Branches]) -> Array:
        names = dict.fromkeys(e.conductance for e in elements)
        signal = np.array([
            math.sqrt(sum(float((np.asarray(s.gradients[n]) ** 2).sum()) for n in names)) if s.found else np.nan
            for s in self.strengths
        ])  # fmt: skip
        power = sum(self.variances[e.name].reshape(len(self.betas), -1).sum(1) for e in elements)
        with np.errstate(divide="ignore", invalid="ignore"):
            return signal / np.sqrt(power)


def drowning(betas: Array, snr: Array) -> float:
    """The strength at which a signal to noise, given at several strengths, is 1; infinite where it stays below.

    Below the first strength it is proportional to the strength; between others a monotone cubic of the logarithms.

    Example:
        >>> drowning(np.array([1e-6, 1e-5]), np.array([10.0, 100.0]))
        1e-07
    """
    if not snr[0] < 1.0:
        return float(betas[0] / snr[0])
    known = len(snr) if np.isfinite(snr).all() else int(np.argmin(np.isfinite(snr)))
    above = np.flatnonzero(snr[:known] >= 1.0)
    if not above.size:
        return math.inf
    course = PchipInterpolator(np.log(betas[:known]), np.log(snr[:known]))
    ends = np.log(betas[above[0] - 1 : above[0] + 1])
    root: Any = brentq(course, ends[0], ends[1], xtol=1e-12)
    return math.exp(root)


def _factors(model: ModelLike) -> dict[str, float]:
    with scope(model.system.traits):
        found = energy.element_factors(model.circuit, cast(model.system, model.values))
        return {name: float(np.max(np.asarray(c))) for name, c in found.items()}


def _compared(
    model: ModelLike, data: DatasetLike, loss: LossLike, rule: ContrastiveEstimator, beta: float
) -> _Strength:
    system = model.system
    with scope(system.traits):
        values, inputs, targets = (
            cast(system, dict(part)) for part in (model.values, data.inputs, data.outputs or {})
        )
        run = _states_jit if model.engine.traceable else _states
        p, weights, gradients, found = jax.tree.map(
            np.asarray, run(system, values, inputs, targets, beta, loss, rule)
        )
    states = tuple(_State(p[name], weights[name]) for name in weights)
    return _Strength(states, gradients, bool(found.all()))


def _states(
    system: CircuitSystem,
    values: Any,
    inputs: Any,
    targets: Any,
    beta: Any,
    loss: LossLike,
    rule: ContrastiveEstimator,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], Any]:
    """Potentials of each state that is compared, its weight in each sample, gradients, and which were found."""
    objective = Objective(inputs, targets, loss)
    free = objective.relaxed(system, values)
    compared = rule.contrast(system, values, objective, free, beta)
    states = {"free": free, **compared.states}
    found = jnp.stack([system.converged(state) for state in states.values()])
    used = objective.weights(found.all(0))
    weights: dict[str, Any] = {}
    gradients: dict[str, Any] = {}
    for first, second, factor in compared.differences:
        weight = used * factor
        for name, sign in ((first, 1.0), (second, -1.0)):
            weights[name] = weights.get(name, 0.0) + sign * weight
        for name, value in system.contrast(values, states[first], states[second], weight).items():
            gradients[name] = gradients.get(name, 0.0) + value
    return {name: states[name].phase.p for name in weights}, weights, gradients, found


_states_jit = compiled(_states, (5, 6))

"""Equilibrium propagation: gradients from two relaxed states.

Free phase: the state of least energy. Nudged phase at strength b: the state of least ``E + b C``
(clamped nudge), or with the current ``-b dC/do`` of the free state held at the outputs (current
nudge). The gradient of the loss by a parameter theta is then

    dL/dtheta = lim_{b -> 0} [dE/dtheta(v_b) - dE/dtheta(v_0)] / b.

Three estimators take the difference between strengths (b, 0), (0, -b) or (b, -b); the centered one has
an error of order b^2. Outputs whose stages carry factors c_k are nudged by ``b c_min / c_k``, so that
no output is nudged harder than b, and the difference is divided by ``b c_min``.

Nothing here knows of resistors: an :class:`EnergySystem` relaxes under a nudge and tells differences of
the partial derivatives of its energy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp

Array = Any
Values = Mapping[str, Array]

Estimator = Literal["centered", "one_sided", "negative"]
NudgeKind = Literal["current", "clamped"]

STRENGTHS: dict[str, tuple[float, float]] = {
    "centered": (1.0, -1.0),
    "one_sided": (1.0, 0.0),
    "negative": (0.0, -1.0),
}
"""The two nudging strengths of each estimator, in units of beta."""


class EnergySystem(Protocol):
    """Anything with an energy: a circuit on an engine, a Hopfield network, a chip."""

    def relax(self, values: Values, inputs: Values, nudge: Any, start: Any | None) -> Any:
        """Settle a batch under a nudge (None: free), from a start state or from rest."""
        ...

    def outputs(self, state: Any) -> dict[str, Array]:
        """Output values of a state, ``{name: (B, units)}``."""
        ...

    def factors(self, values: Values) -> dict[str, Array]:
        """The factor c_k of each output's stage."""
        ...

    def current_nudge(self, slopes: Values) -> Any:
        """A nudge that holds minus the given slopes (``{name: (B, units)}``) at the outputs."""
        ...

    def clamped_nudge(self, strength: Values, targets: Values, loss: Any) -> Any:
        """A nudge by ``strength * loss`` itself; strengths ``{name: (B,)}``."""
        ...

    def contrast(self, values: Values, plus: Any, minus: Any, weight: Array) -> dict[str, Array]:
        """``sum_b weight_b [dE/dtheta(plus_b) - dE/dtheta(minus_b)]`` by parameter name."""
        ...

    def gradient_scale(self, values: Values) -> dict[str, Array]:
        """Factors that turn gradients into the raw published update, by parameter name."""
        ...

    def converged(self, state: Any) -> Array:
        """Mask of the samples whose state was found, ``(B,)``."""
        ...

    def join(self, first: Any, second: Any) -> Any:
        """Two states (or batches of inputs) one after the other along the batch."""
        ...

    def split(self, state: Any, at: int) -> tuple[Any, Any]:
        """The inverse of :meth:`join`."""
        ...


@dataclass(frozen=True)
class Rule:
    """How gradients are estimated.

    Args:
        estimator: ``"centered"``, ``"one_sided"`` or ``"negative"``.
        nudge: ``"current"`` or ``"clamped"``.
    """

    estimator: Estimator = "centered"
    nudge: NudgeKind = "current"

    def __post_init__(self) -> None:
        if self.estimator not in STRENGTHS:
            raise ValueError(f"estimator={self.estimator!r}. Expected one of {sorted(STRENGTHS)}.")
        if self.nudge not in ("current", "clamped"):
            raise ValueError(f"nudge={self.nudge!r}. Expected 'current' or 'clamped'.")


class Estimate(NamedTuple):
    """Result of one batch.

    Args:
        gradients: ``{parameter: array}``, mean over the samples that converged in all phases.
        outputs: outputs of the free phase, ``{name: (B, units)}``.
        free: the free state.
        used: mask of the samples that entered the gradients, ``(B,)``.
        unconverged: number of operating points, over all phases, that did not converge.
    """

    gradients: dict[str, Array]
    outputs: dict[str, Array]
    free: Any
    plus: Any
    minus: Any
    used: Array
    unconverged: Array


def estimate(
    system: EnergySystem,
    values: Values,
    inputs: Values,
    targets: Values,
    beta: Array,
    loss: Any,
    rule: Rule,
    valid: Array | None = None,
) -> Estimate:
    """Gradients of the mean loss of a batch by equilibrium propagation.

    Args:
        system: what is trained.
        values: parameter values by name.
        inputs: ``{name: (B, columns)}``.
        targets: ``{output: (B, units)}``.
        beta: nudging strength, above zero (siemens for a circuit and a loss in V^2).
        loss: the loss, an object with ``slope(y, target)`` and ``cost(y, target)``.
        rule: estimator and kind of nudge.
        valid: mask of real samples, ``(B,)``; the others pad the batch and never count.
    """
    free = system.relax(values, inputs, None, None)
    outputs = system.outputs(free)
    batch = next(iter(outputs.values())).shape[0]
    c = system.factors(values)
    least = jnp.min(jnp.stack(list(c.values())))
    upper, lower = STRENGTHS[rule.estimator]

    slope = loss.slope if getattr(system, "traceable", True) else partial(_slope, loss)

    def nudge(strength: Array) -> Any:
        """``strength``: in units of beta, ``(B,)``."""
        scaled = {name: strength * beta * least / c[name] for name in outputs}
        repeats = strength.shape[0] // batch
        wanted = {name: jnp.tile(targets[name], (repeats, 1)) for name in outputs}
        if rule.nudge == "clamped":
            return system.clamped_nudge(scaled, wanted, loss)
        read = {name: jnp.tile(value, (repeats, 1)) for name, value in outputs.items()}
        return system.current_nudge(
            {name: scaled[name][:, None] * slope(read[name], wanted[name]) for name in outputs}
        )

    ones = jnp.ones(batch)
    if rule.estimator == "centered" and getattr(system, "phases_apart", False):
        plus, minus = (system.relax(values, inputs, nudge(s * ones), free) for s in (upper, lower))
        ok = system.converged(plus) & system.converged(minus)
        nudged_failures = jnp.stack([~system.converged(plus), ~system.converged(minus)])
    elif rule.estimator == "centered":  # both nudged phases side by side, as one batch
        doubled = system.join(inputs, inputs)
        strength = jnp.concatenate([upper * ones, lower * ones])
        both = system.relax(values, doubled, nudge(strength), system.join(free, free))
        plus, minus = system.split(both, batch)
        ok = system.converged(plus) & system.converged(minus)
        nudged_failures = jnp.stack([~system.converged(plus), ~system.converged(minus)])
    else:
        nudged = system.relax(values, inputs, nudge((upper + lower) * ones), free)
        plus, minus = (nudged, free) if upper else (free, nudged)
        ok = system.converged(nudged)
        nudged_failures = (~ok)[None]
    real = jnp.ones(batch, bool) if valid is None else valid
    used = ok & system.converged(free) & real
    count = jnp.maximum(used.sum(), 1)
    weight = used / (count * beta * least * (upper - lower))
    gradients = system.contrast(values, plus, minus, weight)
    failures = (~system.converged(free) & real).sum() + (nudged_failures & real).sum()
    return Estimate(gradients, outputs, free, plus, minus, used, failures)


@partial(jax.jit, static_argnums=0)
def _slope(loss: Any, y: Array, target: Array) -> Array:
    """For engines outside JAX, which would differentiate operation by operation."""
    return loss.slope(y, target)


def adjoint(
    system: Any, values: Values, inputs: Values, targets: Values, loss: Any, v: Array | None = None
) -> dict[str, Array]:
    """The exact gradient of the mean loss by implicit differentiation at the free state.

    ``dL/dtheta = -(dC/dv)^T (dF/dv)^-1 dF/dtheta`` with F Kirchhoff's current law: the reference that
    equilibrium propagation is held to. ``system`` must offer ``residual`` (see
    :class:`~ebana.engines.system.CircuitSystem`). ``v``: the free state, where it is known.
    """
    v = system.relax(values, inputs, None, None).v if v is None else v

    def cost(v: Array, values: Values) -> Array:
        outputs = system.read(values, inputs, v)
        return sum(loss.cost(outputs[name], targets[name]).sum() for name in outputs) / v.shape[0]

    by_state, direct = jax.grad(cost, argnums=(0, 1))(v, values)
    sensitivity = system.solve_transposed(values, inputs, v, by_state)
    _, pull = jax.vjp(lambda values: system.residual(values, inputs, v), values)
    (indirect,) = pull(-sensitivity)
    return {name: direct[name] + indirect[name] for name in system.trainable}

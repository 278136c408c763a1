"""The layered Hopfield network with hard-sigmoid states, as an energy system.

    E = sum_k |s_k|^2 / 2 - sum_k s_{k-1} W_k s_k - sum_k b_k s_k,      s_0 = x,  s_k in [0, 1]^{n_k}

Relaxing goes down the gradient of ``E`` (and of the nudge) by steps of ``epsilon``, each clipped to [0, 1]: a fixed
number of steps, or as many as a tolerance takes. At a free state ``s = clip(W_k^T s_{k-1} + W_{k+1} s_{k+1} + b_k)``.
The last layer may be linear instead: free of bounds.

Source: B. Scellier, Y. Bengio, Front. Comput. Neurosci. 11:24 (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, LossLike, Values
from ebana.learning.system import Footprint, Precision, Traits
from ebana.learning.systems.layered import INPUT, OUTPUT, OutputNudge, lost_as_zero
from ebana.parameters import Parameter, Slot

DEFAULT_BETA = 0.5
"""The nudging strength of the paper."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HopfieldState:
    """States of a batch.

    Args:
        x: inputs, ``(B, n_0)``.
        layers: states of each layer, ``(B, n_k)``.
        change: largest change of a state in the last step, ``(B,)``.
    """

    x: Array
    layers: tuple[Array, ...]
    change: Array


@dataclass(frozen=True)
class HopfieldSystem:
    """The :class:`~ebana.learning.system.EnergySystem` of a layered Hopfield network.

    Two networks of the same layers share every compiled program, whatever their values and ``epsilon``.

    Args:
        units: units of each layer, the inputs first.
        parameters: weights ``dense_k/weight`` of shape ``(n_{k-1}, n_k)`` and biases ``dense_k/bias``.
        epsilon: size of a step of the states.
        free_steps, nudged_steps: steps of the two kinds of phases; the most, where there is a tolerance.
        tolerance: largest change of a state in the last step of a state that counts as found; None for a fixed
            number of steps, whose states count as found wherever they are finite.
        dtype: ``"float32"`` or ``"float64"``.
        linear_output: whether the last layer has no bounds.
    """

    units: tuple[int, ...]
    parameters: Mapping[str, Parameter] = field(repr=False)
    epsilon: Any = 0.5
    free_steps: int = 20
    nudged_steps: int = 4
    tolerance: float | None = None
    dtype: Precision = "float32"
    linear_output: bool = False

    @property
    def input_columns(self) -> dict[str, int]:
        """The one input."""
        return {INPUT: self.units[0]}

    @property
    def output_units(self) -> dict[str, int]:
        """The one output."""
        return {OUTPUT: self.units[-1]}

    @property
    def traits(self) -> Traits:
        """Made of JAX operations; small enough to be compiled quickly."""
        return Traits("hopfield", dtype=self.dtype, phases_together=False)

    def footprint(self, samples: int, *, clamped: bool, loss: LossLike) -> Footprint:
        """Three phases' states, their drive and its gradient."""
        return Footprint(8.0 * samples * sum(self.units[1:]))

    def identity(self) -> dict[str, Any]:
        """How states are relaxed."""
        return {
            "relaxation": [float(self.epsilon), self.free_steps, self.nudged_steps, self.tolerance],
            **({"output": "linear"} if self.linear_output else {}),
        }

    def default_beta(self, values: Values) -> float:
        """The paper's."""
        return DEFAULT_BETA

    def check_beta(
        self, values: Values, beta: float, loss: LossLike, *, clamped: bool, reverses: bool
    ) -> None:
        """Refuse a clamped nudge that would turn the last layer's energy upside down."""
        if clamped and reverses and loss.smoothness and beta * loss.smoothness >= 1:
            raise ValueError(
                f"beta={beta:g} is too strong for a clamped nudge of strength -beta: the energy of output {OUTPUT!r} "
                f"would have no minimum within its bounds. Choose beta below {1 / loss.smoothness:g}."
            )

    # -- relaxing -----------------------------------------------------------------------------------

    def relax(
        self, values: Values, inputs: Values, nudge: OutputNudge | None, start: HopfieldState | None
    ) -> HopfieldState:
        """Go down the gradient, from rest or from a state."""
        x = jnp.asarray(inputs[INPUT])
        layers = self._rest(x) if start is None else start.layers
        steps = self.free_steps if nudge is None else self.nudged_steps
        return self._descended(values, x, layers, steps, lambda moved, _: moved, nudge)

    def check_clamps(self, displacement: float | None = None) -> None:
        """The last layer can be held at any values."""

    def clamp(
        self, values: Values, inputs: Values, outputs: Values, start: HopfieldState | None
    ) -> HopfieldState:
        """Go down the gradient with the last layer left as it is given, also outside [0, 1]."""
        x = jnp.asarray(inputs[INPUT])
        layers = self._rest(x) if start is None else start.layers
        layers = (*layers[:-1], jnp.asarray(outputs[OUTPUT]))
        steps = self.free_steps if start is None else self.nudged_steps
        return self._descended(values, x, layers, steps, lambda moved, given: (*moved[:-1], given[-1]), None)

    def displace(self, values: Values, inputs: Values, shifts: Values, state: HopfieldState) -> HopfieldState:
        """As :meth:`clamp`, at the last layer of a state and a shift."""
        return self.clamp(values, inputs, {OUTPUT: state.layers[-1] + shifts[OUTPUT]}, state)

    def _descended(
        self,
        values: Values,
        x: Array,
        layers: tuple[Array, ...],
        steps: int,
        keep: Callable[[tuple[Array, ...], tuple[Array, ...]], tuple[Array, ...]],
        nudge: OutputNudge | None,
    ) -> HopfieldState:
        """So many steps, or as many as the tolerance takes; ``keep`` has the last word on each."""
        drive = x @ _weight(values, 1) + _bias(values, 1)  # the same in all steps
        largest = jnp.full(x.shape[0], jnp.inf, drive.dtype)

        def step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
            count, layers, _ = carry
            moved = keep(self._moved(values, drive, layers, nudge), layers)
            change = jnp.stack([jnp.abs(a - b).max(1) for a, b in zip(moved, layers, strict=True)]).max(0)
            return count + 1, moved, change

        if self.tolerance is None:
            state = jax.lax.fori_loop(0, steps, lambda _, carry: step(carry), (0, layers, largest))
        else:
            limit = self.tolerance
            state = jax.lax.while_loop(
                lambda carry: (carry[0] < steps) & (carry[2] > limit).any(), step, (0, layers, largest)
            )
        return HopfieldState(x, state[1], state[2])

    def _rest(self, x: Array) -> tuple[Array, ...]:
        return tuple(jnp.zeros((x.shape[0], n), x.dtype) for n in self.units[1:])

    def _moved(
        self, values: Values, drive: Array, layers: tuple[Array, ...], nudge: OutputNudge | None
    ) -> tuple[Array, ...]:
        """All layers one step down the gradient."""
        forces = [push - s for push, s in zip(self._pushes(values, drive, layers), layers, strict=True)]
        if nudge is not None:
            forces[-1] = forces[-1] + nudge.force(layers[-1])
        return self._bounded([s + self.epsilon * f for s, f in zip(layers, forces, strict=True)])

    def _bounded(self, layers: Sequence[Array]) -> tuple[Array, ...]:
        """Layers within their bounds."""
        free = len(layers) - 1 if self.linear_output else len(layers)
        return tuple(_clipped(s) if k < free else s for k, s in enumerate(layers))

    def _pushes(self, values: Values, drive: Array, layers: tuple[Array, ...]) -> list[Array]:
        """What the neighbours and the bias push each layer to."""
        pushes = []
        for k in range(1, len(self.units)):
            push = drive if k == 1 else layers[k - 2] @ _weight(values, k) + _bias(values, k)
            if k < len(self.units) - 1:
                push = push + layers[k] @ _weight(values, k + 1).T
            pushes.append(push)
        return pushes

    # -- reading and nudging ----------------------------------------------------------------------------

    def outputs(self, state: HopfieldState) -> dict[str, Array]:
        """The last layer."""
        return {OUTPUT: state.layers[-1]}

    def solution(self, state: HopfieldState) -> HopfieldState:
        """The state itself."""
        return state

    def unknowns(self, state: HopfieldState) -> Array:
        """All layers in a row, ``(B, n_1 + ... + n_L)``."""
        return jnp.concatenate(state.layers, axis=1)

    def converged(self, state: HopfieldState) -> Array:
        """Samples whose states are finite, and settled where there is a tolerance."""
        finite = jnp.isfinite(state.layers[-1]).all(1)
        return finite if self.tolerance is None else finite & (state.change <= self.tolerance)

    def factors(self, values: Values) -> dict[str, Array]:
        """One: there are no stages."""
        return {OUTPUT: jnp.ones((), self.dtype)}

    def current_nudge(self, slopes: Values) -> OutputNudge:
        """A constant force on the last layer."""
        return OutputNudge(jnp.asarray(slopes[OUTPUT]))

    def clamped_nudge(self, strength: Values, targets: Values, loss: LossLike) -> OutputNudge:
        """The loss itself, added to the energy."""
        return OutputNudge(None, jnp.asarray(strength[OUTPUT]), jnp.asarray(targets[OUTPUT]), loss)

    def contrast(
        self, values: Values, plus: HopfieldState, minus: HopfieldState, weight: Array
    ) -> dict[str, Array]:
        """``dE/dW_k = -s_{k-1} s_k`` and ``dE/db_k = -s_k`` in differences, taken before the products."""
        total: dict[str, Array] = {}
        up, down = (plus.x, *plus.layers), (minus.x, *minus.layers)
        pairs = list(zip(up, down, strict=True))
        means = [lost_as_zero(0.5 * (a + b), weight) for a, b in pairs]
        changes = [weight[:, None] * lost_as_zero(a - b, weight) for a, b in pairs]
        for k in range(1, len(self.units)):
            product = means[k - 1].T @ changes[k]
            if k > 1:
                product = product + changes[k - 1].T @ means[k]
            total[_name(k, "weight")] = -product
            total[_name(k, "bias")] = -changes[k].sum(0)
        return total

    def input_contrast(
        self, values: Values, plus: HopfieldState, minus: HopfieldState, weight: Array
    ) -> dict[str, Array]:
        """``dE/dx = -W_1 s_1`` in differences."""
        change = weight[:, None] * lost_as_zero(plus.layers[0] - minus.layers[0], weight)
        return {INPUT: -change @ _weight(values, 1).T}

    # -- what the exact adjoint needs ------------------------------------------------------------------

    def read(self, values: Values, inputs: Values, v: Array) -> dict[str, Array]:
        """The last layer of the states in a row."""
        return {OUTPUT: v[:, -self.units[-1] :]}

    def _layers(self, v: Array) -> tuple[Array, ...]:
        """The layers of the states in a row."""
        return tuple(jnp.split(v, np.cumsum(self.units[1:])[:-1], axis=1))

    def residual(self, values: Values, inputs: Values, v: Array) -> Array:
        """``s - clip(what pushes it)``, ``(B, F)``; zero at a free state."""
        layers = self._layers(v)
        drive = jnp.asarray(inputs[INPUT]) @ _weight(values, 1) + _bias(values, 1)
        pushes = self._pushes(values, drive, layers)
        settled = self._bounded(pushes)
        return jnp.concatenate([s - p for s, p in zip(layers, settled, strict=True)], axis=1)

    def solve_transposed(self, values: Values, inputs: Values, v: Array, rhs: Array) -> Array:
        """``(dF/dv)^-T rhs`` for each sample, with the Jacobian by automatic differentiation."""

        def one(v: Array, x: Array) -> Array:
            return self.residual(values, {INPUT: x[None]}, v[None])[0]

        jacobian = jax.vmap(jax.jacfwd(one))(v, jnp.asarray(inputs[INPUT]))
        return jnp.linalg.solve(jnp.swapaxes(jacobian, 1, 2), rhs[..., None])[..., 0]

    # -- what backpropagation through the relaxation needs -----------------------------------------------

    def check_sweeps(self) -> None:
        """A step down the gradient is differentiable."""

    def sweeping(self, values: Values, inputs: Values, nudge: OutputNudge | None) -> Callable[[Array], Array]:
        """One step of all layers down the gradient, as a function of the states in a row."""
        drive = jnp.asarray(inputs[INPUT]) @ _weight(values, 1) + _bias(values, 1)
        return lambda v: jnp.concatenate(self._moved(values, drive, self._layers(v), nudge), axis=1)


def glorot(units: tuple[int, ...], seed: int, rates: tuple[float | None, ...]) -> dict[str, Parameter]:
    """Parameters that start by Glorot's uniform rule, biases at 0.

    Args:
        units: units of each layer, the inputs first.
        rates: learning rate of each layer, None for the optimizer's.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, Parameter] = {}
    for k, ((rows, columns), rate) in enumerate(zip(pairwise(units), rates, strict=True), start=1):
        bound = np.sqrt(6 / (rows + columns))
        start = {"weight": rng.uniform(-bound, bound, (rows, columns)), "bias": np.zeros(columns)}
        for kind, initial in start.items():
            name = _name(k, kind)
            found[name] = Parameter(name, kind, initial, trainable=True, learning_rate=rate)  # type: ignore[arg-type]
    return found


def _name(k: int, kind: str) -> str:
    return f"dense_{k}/{kind}"


def _weight(values: Values, k: int) -> Array:
    return values[_name(k, "weight")]


def _bias(values: Values, k: int) -> Array:
    return values[_name(k, "bias")]


def _clipped(push: Array) -> Array:
    """The hard sigmoid."""
    return jnp.clip(push, 0.0, 1.0)


def _flatten(system: HopfieldSystem) -> tuple[tuple[Any], tuple[Any, ...]]:
    slots = tuple(Slot.of(parameter) for parameter in system.parameters.values())
    kept = system.units, slots, system.free_steps, system.nudged_steps, system.tolerance, system.dtype
    return (system.epsilon,), (*kept, system.linear_output)


def _unflatten(kept: tuple[Any, ...], children: tuple[Any]) -> HopfieldSystem:
    units, slots, *rest = kept
    return HopfieldSystem(units, {slot.name: slot for slot in slots}, children[0], *rest)


jax.tree_util.register_pytree_node(HopfieldSystem, _flatten, _unflatten)

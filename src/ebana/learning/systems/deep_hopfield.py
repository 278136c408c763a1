"""Deep Hopfield networks: layers of states with dense and convolutional couplings, as an energy system.

    E = sum_l |s_l|^2 / (2 a_l) - sum_l s_l . pool(W_l s_{l-1} + b_l)

with ``s_0 = x`` the input, or ``- x . s_1`` in place of the first coupling where the input drives the first layer
directly. States lie in [0, 1], or are free where a layer is linear; ``a_l`` is the layer's slope. A sweep sets one
layer after the other to the least energy that its neighbours allow,

    s_l <- clip(a_l (up_l(s_{l-1}) + down_{l+1}(s_{l+1}) - nudge), 0, 1).

Without pooling each such step minimises the energy over one layer. A chain of n layers has one minimum while every
coupling, slopes included, has a norm below ``1 / (2 cos(pi / (n + 1)))``: 1, 0.71, 0.56 for n = 2, 3, 6. With
``coupling = 0.9`` each W is scaled to at most 0.9 of that bound (spectral normalisation), as a part of the energy.

Source: T. Nest, M. Ernoult, arXiv 2409.03306 (2024); M. Ernoult et al., NeurIPS 2019; A. Laborieux et al., Front.
Neurosci. 15:633674 (2021).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, LossLike, Values
from ebana.compilation import compiled
from ebana.learning.system import Footprint, LearningWarning, Precision, Traits, scope
from ebana.learning.systems.convexity import convex_bound, linear_rows
from ebana.learning.systems.convolution import Winners
from ebana.learning.systems.couplings import Coupling, Weights
from ebana.learning.systems.deep_states import DeepState, Layer, Relaxation
from ebana.learning.systems.layered import INPUT, OUTPUT, OutputNudge, lost_as_zero
from ebana.parameters import Parameter, Slot

Order = Literal["sequential", "even-odd"]

REFERENCE_SWEEPS, REFERENCE_TOLERANCE = 4000, 1e-13
"""Sweeps and tolerance of a reference."""


@dataclass(frozen=True)
class DeepHopfieldSystem:
    """The :class:`~ebana.learning.system.EnergySystem` of a deep Hopfield network.

    Args:
        input_shape: shape of a sample of the input.
        layers: layers of states, the one next to the input first.
        couplings: the coupling below each layer; None for a first layer that the input drives directly.
        parameters: ``<layer>/weight`` and ``<layer>/bias`` of each coupling.
        slopes: ``a_l`` of each layer.
        relaxation: sweeps and tolerance.
        coupling: share of the convex bound that every W is scaled to at most; None for no scaling.
        order: ``"sequential"`` (in the direction of the signal) or ``"even-odd"`` (every other layer at once).
        start: states that a free phase starts from, ``"forward"`` (one pass without feedback) or ``"zeros"``.
        dtype: ``"float32"`` or ``"float64"``.
    """

    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    couplings: tuple[Coupling | None, ...]
    parameters: Mapping[str, Parameter] = field(repr=False)
    slopes: tuple[Any, ...]
    relaxation: Relaxation = field(default_factory=Relaxation)
    coupling: Any = 0.9
    order: Order = "sequential"
    start: Literal["forward", "zeros"] = "forward"
    dtype: Precision = "float32"

    @property
    def input_columns(self) -> dict[str, int]:
        """The one input."""
        return {INPUT: int(np.prod(self.input_shape))}

    @property
    def output_units(self) -> dict[str, int]:
        """The one output."""
        return {OUTPUT: int(np.prod(self.layers[-1].shape))}

    @property
    def traits(self) -> Traits:
        """Made of JAX operations; worth an optimised program where there are convolutions."""
        heavy = any(c is not None and c.kernel is not None for c in self.couplings)
        return Traits("hopfield", dtype=self.dtype, phases_together=False, optimise_compilation=heavy)

    def footprint(self, samples: int, *, clamped: bool, loss: LossLike) -> Footprint:
        """States, pushes, and patches of the largest convolution."""
        states = sum(int(np.prod(layer.shape)) for layer in self.layers)
        patches = max(
            (c.kernel**2 * int(np.prod(c.below)) for c in self.couplings if c is not None and c.kernel),
            default=0,
        )
        return Footprint(float(samples * (10 * states + 2 * patches)))

    def identity(self) -> dict[str, Any]:
        """How states are relaxed."""
        relaxation = [float(n) for n in jax.tree.leaves(self.relaxation)]
        return {
            "relaxation": [*relaxation, self.order, self.start],
            "coupling": None if self.coupling is None else float(self.coupling),
            "slopes": [float(a) for a in self.slopes],
            "couplings": [repr(c) for c in self.couplings],
        }

    def default_beta(self, values: Values) -> float:
        """Strong enough for the rounding of two states that are compared, too weak to push many over a bound."""
        return 1e-3 if self.dtype == "float32" else 1e-5

    def check_beta(
        self, values: Values, beta: float, loss: LossLike, *, clamped: bool, reverses: bool
    ) -> None:
        """Refuse clamped nudges that turn the last layer's energy upside down, and nudges that rounding swallows."""
        slope = float(self.slopes[-1])
        self._check_move(beta, beta * slope)
        if clamped and reverses and loss.smoothness and beta * loss.smoothness * slope >= 1:
            raise ValueError(
                f"beta={beta:g} is too strong for a clamped nudge of strength -beta: the energy of output {OUTPUT!r} "
                f"would have no minimum within its bounds. Choose beta below {1 / (loss.smoothness * slope):g}."
            )

    def _check_move(self, beta: float, moved: float) -> None:
        """Refuse a nudge that rounding swallows, warn of one that the tolerance does."""
        rounding = float(np.finfo(self.dtype).eps)
        told = f"beta={beta:g} moves states of output {OUTPUT!r}, which lie in [0, 1], by about {moved:.1g}"
        advice = f"Choose one nearer to {self.default_beta({}):g}, the default in {self.dtype}."
        if moved < rounding:
            raise ValueError(f"{told}: less than their rounding, {rounding:.1g}. {advice}")
        tolerance = self.relaxation.tolerance_of(False)
        if tolerance is not None and moved < tolerance:
            warnings.warn(
                f"{told}, and nudged states settle to a tolerance of {tolerance:.1g}: gradients are mostly what it "
                f"leaves. {advice}",
                LearningWarning,
                stacklevel=6,
            )

    # -- weights ------------------------------------------------------------------------------------------

    @property
    def bound(self) -> float:
        """Norm of couplings, slopes included, below which the energy has one minimum."""
        return convex_bound(len(self.layers))

    def weights(self, values: Values) -> tuple[Weights | None, ...]:
        """W and b of each coupling as the energy has them, scaled to their share of the convex bound."""
        found: list[Weights | None] = []
        for k, c in enumerate(self.couplings):
            if c is None:
                found.append(None)
                continue
            weight, bias = values[f"{c.name}/weight"], values[f"{c.name}/bias"]
            if self.coupling is not None and k > 0:
                most = self.coupling * self.bound / self._gain(k)
                # the smaller of 1 and most / norm, in a form that has a derivative where the norm is zero
                weight = weight * (most / jnp.maximum(c.norm(weight), most)).astype(weight.dtype)
            found.append(Weights(weight, bias))
        return tuple(found)

    def _gain(self, k: int) -> Array:
        """What the slopes on both sides of coupling k make of its norm."""
        return jnp.sqrt(jnp.asarray(self.slopes[k] * self.slopes[k - 1]))

    def _by_name(self, weights: list[Weights | None]) -> dict[str, Array]:
        named: dict[str, Array] = {}
        for c, w in zip(self.couplings, weights, strict=True):
            if c is not None and w is not None:
                named |= {f"{c.name}/weight": w.weight, f"{c.name}/bias": w.bias}
        return named

    def require_minimum(self, values: Values) -> None:
        """Raise ValueError where linear layers next to each other have no least energy.

        States in [0, 1] always have one; neighbours without bounds need couplings below the convex bound of their row.
        """
        with scope(self.traits):
            for first, last in linear_rows(self.layers):
                bound = convex_bound(last - first + 1)
                for k in range(first + 1, last + 1):
                    norm = self._norm(k, values)
                    if not norm < bound:
                        names = " and ".join(repr(self.layers[i].name) for i in (k - 1, k))
                        raise ValueError(
                            f"the linear layers {names} are coupled with the norm {norm:.3g} (slopes included), and "
                            f"the energy has no minimum from {bound:.3g} on. Clamp one of them, start smaller "
                            "weights, or give coupling=0.9."
                        )

    def _norm(self, k: int, values: Values) -> float:
        """Norm of a coupling between two layers as the energy has it, slopes included."""
        c = self.couplings[k]
        assert c is not None
        weight = jnp.asarray(values[f"{c.name}/weight"], self.dtype)
        norm = float(_coupling_norm(c, weight) * self._gain(k))
        return norm if self.coupling is None else min(norm, float(self.coupling) * self.bound)

    def reference(self) -> DeepHopfieldSystem:
        """The same in double precision, relaxed until hardly a rounding is left: what a check of gradients holds to."""
        factor = self.relaxation.factor
        relaxation = Relaxation(REFERENCE_SWEEPS, REFERENCE_SWEEPS, REFERENCE_TOLERANCE, factor)
        return replace(self, relaxation=relaxation, dtype="float64")

    # -- relaxing -----------------------------------------------------------------------------------------

    def relax(
        self, values: Values, inputs: Values, nudge: OutputNudge | None, start: DeepState | None
    ) -> DeepState:
        """Sweep over the layers, from a forward pass or from a state."""
        weights = self.weights(values)
        x = jnp.asarray(inputs[INPUT]).reshape(-1, *self.input_shape)
        free = nudge is None
        at = self._start(weights, x) if start is None else (start.layers, start.ups)
        return self._relaxed(weights, x, at, self.relaxation.limits(free), self._order(free), nudge)

    def check_clamps(self, displacement: float | None = None) -> None:
        """The last layer can be held at any values."""

    def clamp(self, values: Values, inputs: Values, outputs: Values, start: DeepState | None) -> DeepState:
        """Sweep over the layers but for the last one, which is left as it is given, also outside its bounds."""
        weights = self.weights(values)
        x = jnp.asarray(inputs[INPUT]).reshape(-1, *self.input_shape)
        layers, ups = self._start(weights, x) if start is None else (start.layers, start.ups)
        layers = (*layers[:-1], jnp.asarray(outputs[OUTPUT]).reshape(layers[-1].shape))
        order = tuple(k for k in self._order(False) if k < len(layers) - 1)
        return self._relaxed(weights, x, (layers, ups), self.relaxation.limits(False), order, None)

    def displace(self, values: Values, inputs: Values, shifts: Values, state: DeepState) -> DeepState:
        """As :meth:`clamp`, at the last layer of a state and a shift."""
        at = {OUTPUT: _rows(state.layers[-1]) + shifts[OUTPUT]}
        return self.clamp(values, inputs, at, state)

    def _relaxed(
        self,
        weights: Any,
        x: Array,
        at: tuple[tuple[Array, ...], tuple[Any, ...]],
        limits: tuple[Any, Any],
        order: tuple[int, ...],
        nudge: OutputNudge | None,
    ) -> DeepState:
        """So many sweeps in an order, or as many as the tolerance takes, from states and what each pushes up."""
        layers, ups = at
        sweeps, tolerance = limits
        upwards = order == self._order(True)

        def step(carry: Any) -> Any:
            count, layers, ups, change = carry
            moved, after = self._sweep(weights, layers, ups, nudge, order)
            if tolerance is not None:
                change = _largest_change(moved, layers)
            return count + 1, moved, after, change

        def unsettled(carry: Any) -> Array:
            more = carry[0] < sweeps - 1
            return more if tolerance is None else more & (carry[3] > tolerance).any()

        change = jnp.full(x.shape[0], jnp.inf, layers[0].dtype)
        carry = (jnp.zeros((), jnp.int32), layers, ups, change)
        count, last, before, _ = jax.lax.while_loop(unsettled, step, carry)
        # The last sweep stands apart: what only a next one would need is not computed.
        moved, after = self._sweep(weights, last, before, nudge, order)
        change, done = _largest_change(moved, last), jnp.full(x.shape[0], count + 1)
        winners = tuple(up[1] for up in (after if upwards else before))
        return DeepState(x, moved, after, winners, change, done, _within(change, tolerance))

    def _start(self, weights: Any, x: Array) -> tuple[tuple[Array, ...], tuple[Any, ...]]:
        """States that a free phase starts from, and what each pushes up."""
        layers: list[Array] = []
        ups = [self._up(weights, 0, x)]
        for k, layer in enumerate(self.layers):
            if self.start == "zeros":
                layers.append(jnp.zeros((x.shape[0], *layer.shape), x.dtype))
            else:
                layers.append(self._settled(k, ups[k][0]))
            if k + 1 < len(self.layers):
                ups.append(self._up(weights, k + 1, layers[k]))
        return tuple(layers), tuple(ups)

    def _up(self, weights: Any, k: int, s: Array) -> tuple[Array, Winners | None]:
        coupling = self.couplings[k]
        return (s, None) if coupling is None else coupling.up(weights[k], s)

    def _down(self, weights: Any, k: int, t: Array, winners: Winners | None) -> Array:
        coupling = self.couplings[k]
        return t if coupling is None else coupling.down(weights[k], t, winners)

    def _settled(self, k: int, push: Array, before: Array | None = None) -> Array:
        """The states of least energy of one layer under a push; beyond them where there were others before."""
        led = jnp.asarray(self.slopes[k], push.dtype) * push
        if before is not None:
            led = before + jnp.asarray(self.relaxation.factor, push.dtype) * (led - before)
        return jnp.clip(led, 0.0, 1.0) if self.layers[k].clamped else led

    def _order(self, free: bool) -> tuple[int, ...]:
        """In which order layers are set: with the signal, so that a sweep carries it all the way."""
        count = len(self.layers)
        if self.order == "sequential":
            return tuple(range(count)) if free else tuple(reversed(range(count)))
        even, odd = tuple(range(0, count, 2)), tuple(range(1, count, 2))
        return even + odd if free else odd + even

    def _sweep(
        self,
        weights: Any,
        layers: tuple[Array, ...],
        ups: tuple[Any, ...],
        nudge: OutputNudge | None,
        order: tuple[int, ...],
    ) -> tuple[tuple[Array, ...], tuple[Any, ...]]:
        """Set each layer once; ``ups`` are those of the present states below."""
        states, pushes = list(layers), list(ups)
        for k in order:
            push = pushes[k][0]
            if k + 1 < len(states):
                push = push + self._down(weights, k + 1, states[k + 1], pushes[k + 1][1])
            elif nudge is not None:
                push = push + nudge.force(states[k])
            states[k] = self._settled(k, push, states[k])
            if k + 1 < len(states):
                pushes[k + 1] = self._up(weights, k + 1, states[k])
        return tuple(states), tuple(pushes)

    def sweep(self, values: Values, inputs: Values, nudge: OutputNudge | None, state: DeepState) -> DeepState:
        """One differentiable sweep from a state."""
        weights = self.weights(values)
        x = jnp.asarray(inputs[INPUT]).reshape(-1, *self.input_shape)
        ups = tuple(self._up(weights, k, s) for k, s in enumerate((x, *state.layers[:-1])))
        layers, ups = self._sweep(weights, state.layers, ups, nudge, self._order(nudge is None))
        change = _largest_change(layers, state.layers)
        settled = _within(change, self.relaxation.limits(nudge is None)[1])
        return DeepState(x, layers, ups, tuple(up[1] for up in ups), change, state.sweeps + 1, settled)

    # -- what backpropagation through the relaxation needs -----------------------------------------------

    def check_sweeps(self) -> None:
        """A sweep is differentiable."""

    def read(self, values: Values, inputs: Values, v: Array) -> dict[str, Array]:
        """The last layer of the states in a row."""
        return {OUTPUT: v[:, -self.output_units[OUTPUT] :]}

    def sweeping(self, values: Values, inputs: Values, nudge: OutputNudge | None) -> Callable[[Array], Array]:
        """One sweep in the direction of the signal, as a function of the states in a row."""
        weights = self.weights(values)
        x = jnp.asarray(inputs[INPUT]).reshape(-1, *self.input_shape)
        first = self._up(weights, 0, x)
        edges = np.cumsum([int(np.prod(layer.shape)) for layer in self.layers])[:-1]

        def sweep(v: Array) -> Array:
            rows = jnp.split(v, edges, axis=1)
            layers = tuple(r.reshape(-1, *layer.shape) for r, layer in zip(rows, self.layers, strict=True))
            ups = (first, *(self._up(weights, k, s) for k, s in enumerate(layers[:-1], start=1)))
            moved, _ = self._sweep(weights, layers, ups, nudge, self._order(True))
            return jnp.concatenate([_rows(s) for s in moved], axis=1)

        return sweep

    def forward(self, values: Values, inputs: Values) -> dict[str, Array]:
        """Outputs of the feedforward network of the same weights: no feedback, differentiable."""
        weights = self.weights(values)
        s = jnp.asarray(inputs[INPUT]).reshape(-1, *self.input_shape)
        for k in range(len(self.layers)):
            s = self._settled(k, self._up(weights, k, s)[0])
        return {OUTPUT: s.reshape(s.shape[0], -1)}

    # -- reading and nudging --------------------------------------------------------------------------------

    def outputs(self, state: DeepState) -> dict[str, Array]:
        """The last layer, in rows."""
        return {OUTPUT: _rows(state.layers[-1])}

    def solution(self, state: DeepState) -> DeepState:
        """The states of each layer, without what the next sweep would use."""
        return replace(state, ups=(), winners=())

    def unknowns(self, state: DeepState) -> Array:
        """All layers in a row, ``(B, n_1 + ... + n_L)``."""
        return jnp.concatenate([_rows(s) for s in state.layers], axis=1)

    def converged(self, state: DeepState) -> Array:
        """Samples whose states are finite, and settled where there is a tolerance."""
        return jnp.isfinite(_rows(state.layers[-1])).all(1) & state.settled

    def factors(self, values: Values) -> dict[str, Array]:
        """One: there are no stages."""
        return {OUTPUT: jnp.ones((), self.dtype)}

    def current_nudge(self, slopes: Values) -> OutputNudge:
        """A constant force on the last layer."""
        return OutputNudge(jnp.asarray(slopes[OUTPUT]))

    def clamped_nudge(self, strength: Values, targets: Values, loss: LossLike) -> OutputNudge:
        """The loss itself, added to the energy."""
        return OutputNudge(None, jnp.asarray(strength[OUTPUT]), jnp.asarray(targets[OUTPUT]), loss)

    # -- learning -------------------------------------------------------------------------------------------

    def contrast(self, values: Values, plus: DeepState, minus: DeepState, weight: Array) -> dict[str, Array]:
        """``dE/dW_l = -s_{l-1} s_l`` and ``dE/db_l = -s_l`` in differences, taken before the products."""

        def scaled(values: Values) -> dict[str, Array]:
            return self._by_name(list(self.weights(values)))

        own = {name: values[name] for name in self.parameters}
        found = self._by_name(self._weight_contrast(plus, minus, weight))
        if self.coupling is None:
            return found
        _, pull = jax.vjp(scaled, own)
        return pull({name: found[name].astype(own[name].dtype) for name in own})[0]

    def _weight_contrast(self, plus: DeepState, minus: DeepState, weight: Array) -> list[Weights | None]:
        above, below = (plus.x, *plus.layers), (minus.x, *minus.layers)
        found: list[Weights | None] = []
        for k, c in enumerate(self.couplings):
            if c is None:
                found.append(None)
                continue
            up, down = (
                c.spread(lost_as_zero(s[k + 1], weight), state.winners[k])
                for s, state in ((above, plus), (below, minus))
            )
            change = _weighted(up - down, weight)
            low, lower = (lost_as_zero(s[k], weight) for s in (above, below))
            product = c.outer(0.5 * (low + lower), change)
            if k > 0:
                product = product + c.outer(_weighted(low - lower, weight), 0.5 * (up + down))
            found.append(Weights(-product, -c.total(change)))
        return found

    def input_contrast(
        self, values: Values, plus: DeepState, minus: DeepState, weight: Array
    ) -> dict[str, Array]:
        """``dE/dx``, minus what the first layer pushes down, in differences."""
        first = self.couplings[0]
        ups = [lost_as_zero(state.layers[0], weight) for state in (plus, minus)]
        if first is None:
            return {INPUT: -_rows(_weighted(ups[0] - ups[1], weight))}
        weights = self.weights(values)[0]
        assert weights is not None
        spread = [first.spread(t, state.winners[0]) for t, state in zip(ups, (plus, minus), strict=True)]
        change = _weighted(spread[0] - spread[1], weight)
        return {INPUT: -_rows(first.down(weights, change, None))}

    def linear_response(
        self, values: Values, free: DeepState, nudge: OutputNudge
    ) -> tuple[DeepState, DeepState]:
        """Two states about the free one whose differences are the derivative along a nudge.

        States at a bound and winners of windows stay what they are; what is left is linear, and relaxed by the same
        sweeps as a nudged phase.
        """
        weights = self.weights(values)
        gains = [
            jnp.asarray(a, s.dtype) * (((s > 0) & (s < 1)) if layer.clamped else jnp.ones((), bool))
            for a, s, layer in zip(self.slopes, free.layers, self.layers, strict=True)
        ]
        force = nudge.force(free.layers[-1])
        winners, last = free.winners, len(self.layers) - 1

        def down(k: int, states: list[Array]) -> Array:
            return self._down(weights, k + 1, states[k + 1], winners[k + 1]) if k < last else force

        def along(k: int, states: list[Array]) -> Array:
            coupling, own = self.couplings[k], weights[k]
            assert coupling is not None
            assert own is not None
            return coupling.along(own, states[k - 1], winners[k])

        def sweep(_: int, moved: tuple[Array, ...]) -> tuple[Array, ...]:
            states = list(moved)
            for k in reversed(range(last + 1)):
                push = down(k, states)
                led = gains[k] * (push if k == 0 else push + along(k, states))
                states[k] = states[k] + jnp.asarray(self.relaxation.factor, led.dtype) * (led - states[k])
            return tuple(states)

        # From rest, nothing comes from below: the first sweep costs half.
        states: list[Array] = [jnp.zeros_like(s) for s in free.layers]
        for k in reversed(range(last + 1)):
            states[k] = gains[k] * down(k, states)
        moved = jax.lax.fori_loop(1, self.relaxation.nudged_sweeps, sweep, tuple(states))
        plus, minus = (
            tuple(s + sign * 0.5 * d for s, d in zip(free.layers, moved, strict=True)) for sign in (1, -1)
        )
        return replace(free, layers=plus), replace(free, layers=minus)


_coupling_norm = compiled(lambda coupling, weight: coupling.norm(weight), 0)


def _largest_change(after: tuple[Array, ...], before: tuple[Array, ...]) -> Array:
    each = [jnp.abs(_rows(a - b)).max(1) for a, b in zip(after, before, strict=True)]
    return jnp.stack(each).max(0)


def _within(change: Array, tolerance: Any) -> Array:
    """Samples whose largest change is within a tolerance, see :meth:`Relaxation.limits`."""
    if tolerance is None:
        return jnp.ones(change.shape, bool)
    return (change <= tolerance) | (tolerance < 0)


def _rows(s: Array) -> Array:
    return s.reshape(s.shape[0], -1)


def _weighted(value: Array, weight: Array) -> Array:
    return value * weight.reshape(-1, *(1,) * (value.ndim - 1)).astype(value.dtype)


def _flatten(system: DeepHopfieldSystem) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    slots = tuple(Slot.of(parameter) for parameter in system.parameters.values())
    kept = (
        system.input_shape, system.layers, system.couplings, slots, system.order, system.start, system.dtype,
    )  # fmt: skip
    return (system.slopes, system.relaxation, system.coupling), kept


def _unflatten(kept: tuple[Any, ...], children: tuple[Any, ...]) -> DeepHopfieldSystem:
    shape, layers, couplings, slots, order, start, dtype = kept
    slopes, relaxation, coupling = children
    parameters = {slot.name: slot for slot in slots}
    return DeepHopfieldSystem(
        shape, layers, couplings, parameters, slopes, relaxation, coupling, order, start, dtype
    )


jax.tree_util.register_pytree_node(DeepHopfieldSystem, _flatten, _unflatten)

"""A hybrid model as learning sees it: parts in a row, of which some settle.

Its gradient is one backward pass: automatic differentiation through digital parts, and a gradient estimator through
each part that settles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, LossLike, Mask, Values
from ebana.hybrid.blocks import Block
from ebana.hybrid.directions import LinearLoss
from ebana.hybrid.function import check_rule
from ebana.hybrid.identity import identities
from ebana.hybrid.loops import is_slow_in_loops
from ebana.hybrid.parts import Built, Context, Shape, naming, own_values
from ebana.learning.estimators import Estimate, GradientEstimator, Objective, without
from ebana.learning.system import Bounded, Footprint, Precision, Traits, as_argument, scope
from ebana.parameters import Parameter, Slot

INPUT, OUTPUT = "x", "y"
"""Names of the one input and the one output."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HybridState:
    """What a forward pass leaves.

    Args:
        y: outputs, ``(B, units)``.
        found: samples that settled in every block, ``(B,)``.
        by_block: samples that settled by block, ``(B,)``; those lost in an earlier block are not lost again.
    """

    y: Array
    found: Mask
    by_block: dict[str, Mask] = field(default_factory=dict)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Forward:
    """Results of a forward pass.

    Args:
        y: outputs, ``(B, units)``.
        statistics: new values of statistics, by parameter.
        found: samples that settled, by block, ``(B,)``; those lost in an earlier block are not lost again.
        given: what came in to each part, where it is kept.
    """

    y: Array
    statistics: dict[str, Array]
    found: dict[str, Mask]
    given: dict[str, Array]


@dataclass(frozen=True)
class HybridSystem:
    """Parts in a row.

    Args:
        input_shape: shape of a sample that comes in.
        parts: built parts by name, in order.
        parameters: all of theirs, named ``<part>/<parameter>``.
        dtype: precision of the digital parts.
    """

    input_shape: Shape
    parts: Mapping[str, Built]
    parameters: Mapping[str, Parameter] = field(repr=False)
    dtype: Precision = "float32"

    @property
    def input_columns(self) -> dict[str, int]:
        """The one input."""
        return {INPUT: int(np.prod(self.input_shape))}

    @property
    def output_units(self) -> dict[str, int]:
        """The one output."""
        return {OUTPUT: int(np.prod(self._last.shape))}

    @property
    def _last(self) -> Built:
        return list(self.parts.values())[-1]

    @cached_property
    def blocks(self) -> dict[str, Block]:
        """The parts that settle, by name."""
        return {name: part for name, part in self.parts.items() if isinstance(part, Block)}

    @cached_property
    def idle(self) -> frozenset[str]:
        """Blocks that no derivative is asked of: they learn nothing, and nothing before them does."""
        found = []
        for name, part in self.parts.items():
            if any(p.trainable for n, p in self.parameters.items() if n.startswith(f"{name}/")):
                break
            if isinstance(part, Block):
                found.append(name)
        return frozenset(found)

    @property
    def traits(self) -> Traits:
        """Compiled as a whole unless some block runs outside JAX: a program would call it back on its own threads."""
        traits = {name: block.block.system.traits for name, block in self.blocks.items()}
        outside = [f"block {n!r} on engine {t.name!r}" for n, t in traits.items() if not t.traceable]
        images = 3 in map(len, (self.input_shape, *(part.shape for part in self.parts.values())))
        return Traits(
            "hybrid",
            traceable=not outside,
            dtype=self.dtype,
            optimise_compilation=images or any(t.optimise_compilation for t in traits.values()),
            steps_apart=self._is_slow_in_loops or any(t.steps_apart for t in traits.values()),
            outside=", ".join(outside),
        )

    @cached_property
    def _is_slow_in_loops(self) -> bool:
        shapes = [self.input_shape, *(part.shape for part in self.parts.values())]
        given = zip(self.parts.values(), shapes, strict=False)
        return any(is_slow_in_loops(part, shape) for part, shape in given if not isinstance(part, Block))

    def footprint(self, samples: int, *, clamped: bool, loss: LossLike) -> Footprint:
        """Results of each part and their derivatives, and what blocks need."""
        results = sum(int(np.prod(part.shape)) for part in self.parts.values())
        blocks = [b.block.system.footprint(samples, clamped=False, loss=loss) for b in self.blocks.values()]
        return Footprint(
            4.0 * samples * results + sum(one.batch for one in blocks), sum(one.values for one in blocks)
        )

    def identity(self) -> dict[str, Any]:
        """The parts, and what each block tells of itself."""
        told = {
            name: {**block.block.system.identity(), "nudge": float(block.block.nudge)}
            for name, block in self.blocks.items()
        }
        with scope(self.traits):
            return {"parts": identities(self.parts, self.input_shape, self.dtype), "blocks": told}

    def default_beta(self, values: Values) -> float:
        """One: every block is nudged by its own default."""
        return 1.0

    def check_beta(
        self, values: Values, beta: float, loss: LossLike, *, clamped: bool, reverses: bool
    ) -> None:
        """Refuse clamped nudges, as blocks know the slope of the loss alone, and nudges that cannot be seen."""
        if clamped:
            raise ValueError(
                "a clamped nudge follows the loss, and a block of a hybrid model knows the slope of its loss alone. "
                "Use nudge='current'."
            )
        for name, block in self.blocks.items():
            if name not in self.idle:
                strength = beta * float(block.block.nudge)
                with naming(name):
                    block.block.system.check_beta(
                        own_values(values, name), strength, LinearLoss(), clamped=False, reverses=reverses
                    )

    def require_minimum(self, values: Values) -> None:
        """Raise ValueError where the energy of a block has no minimum, with its name."""
        for name, block in self.blocks.items():
            if isinstance(block.block.system, Bounded):
                with naming(name):
                    block.block.system.require_minimum(own_values(values, name))

    # -- forward ----------------------------------------------------------------------------------------

    def run(
        self,
        values: Values,
        x: Array,
        context: Context,
        probes: Mapping[str, Any] | None = None,
        keep: bool = False,
    ) -> Forward:
        """A forward pass of a batch ``(B, columns)``.

        Args:
            probes: numbers by block whose derivatives count what was not found on the way back.
            keep: whether what comes in to each part is kept.
        """
        y = jnp.asarray(x).reshape(-1, *self.input_shape)
        statistics: dict[str, Array] = {}
        found: dict[str, Mask] = {}
        given: dict[str, Array] = {}
        lost = jnp.zeros(y.shape[0], bool)
        for name, part in self.parts.items():
            if keep:
                given[name] = y
            probe = (probes or {}).get(name, 0.0)
            passed = part.apply(own_values(values, name), y, replace(context, probe=probe))
            y = passed.y
            statistics |= {f"{name}/{n}": v for n, v in passed.statistics.items()}
            if passed.found is not None:
                found[name] = passed.found | lost
                lost = lost | ~passed.found
                y = jnp.where(
                    passed.found.reshape(-1, *(1,) * (y.ndim - 1)), y, 0.0
                )  # NaN reaches no other sample
                valid = ~lost if context.valid is None else context.valid & ~lost
                context = replace(context, valid=valid)
        return Forward(y.reshape(y.shape[0], -1), statistics, found, given)

    def relax(self, values: Values, inputs: Values, nudge: None, start: Any) -> HybridState:
        """A forward pass by the running statistics."""
        done = self.run(values, jnp.asarray(inputs[INPUT]), Context())
        return HybridState(done.y, _all(done), done.found)

    def outputs(self, state: HybridState) -> dict[str, Array]:
        """The results of the last part."""
        return {OUTPUT: state.y}

    def solution(self, state: HybridState) -> HybridState:
        """The state itself."""
        return state

    def unknowns(self, state: HybridState) -> Array:
        """The outputs."""
        return state.y

    def converged(self, state: HybridState) -> Mask:
        """Samples that settled in every block."""
        return state.found

    def check_estimator(self, estimator: GradientEstimator) -> None:
        """Refuse what a block cannot do, and rules whose estimates are no derivatives of a loss."""
        for name, block in self.blocks.items():
            with naming(name):
                check_rule(estimator, block.block.system)

    # -- what a check of gradients needs -----------------------------------------------------------------

    def reference(self) -> HybridSystem:
        """The same in double precision, with blocks that settle all the way on engines of our own."""
        parts: dict[str, Built] = {}
        for name, part in self.parts.items():
            system = getattr(part.block.system, "reference", None) if isinstance(part, Block) else None
            if system is None:
                parts[name] = part
            else:
                assert isinstance(part, Block)
                parts[name] = replace(part, block=replace(part.block, argument=as_argument(system())))
        return replace(self, parts=parts, dtype="float64")

    def training_outputs(self, values: Values, inputs: Values) -> tuple[dict[str, Array], Mask]:
        """Outputs of a batch in training mode, and the samples that settled."""
        done = self.run(values, inputs[INPUT], Context(training=True))
        return {OUTPUT: done.y}, _all(done)

    # -- learning -----------------------------------------------------------------------------------------

    def estimate(
        self, estimator: GradientEstimator, values: Values, objective: Objective, *, beta: Array
    ) -> Estimate:
        """Gradients by one backward pass, with ``estimator`` in every block; ``beta`` is a factor on their nudges."""
        context = Context(
            training=True,
            valid=objective.valid,
            beta=beta if estimator.nudges else 1.0,
            estimator=estimator,
        )
        trained = {name: values[name] for name, p in self.parameters.items() if p.trainable}
        x = jnp.asarray(objective.inputs[INPUT])
        target = objective.targets[OUTPUT]

        def cost(trained: Values, x: Array, probes: Mapping[str, Array]) -> tuple[Array, Any]:
            done = self.run({**values, **trained}, x, context, probes)
            found = _all(done)
            used = found & objective.real(found)
            weight = objective.weights(used)
            counted = without({"y": done.y, "target": target}, used)
            each = objective.loss.cost(counted["y"], counted["target"])
            return (weight * each).sum(), (done, found, used)

        probes = {name: jnp.zeros((), jnp.float32) for name in self.blocks if name not in self.idle}
        argnums = (0, 1, 2) if objective.sensitivities else (0, 2)
        (*by, lost), (done, found, used) = jax.grad(cost, argnums, has_aux=True)(trained, x, probes)
        real = objective.real(found)
        counts = {
            name: (~mask & real).sum() + (lost[name].astype(jnp.int32) if name in lost else 0)
            for name, mask in done.found.items()
        }
        unconverged = sum(counts.values(), jnp.zeros((), jnp.int32))
        state = HybridState(done.y, found, done.found)
        return Estimate(
            by[0], {OUTPUT: done.y}, {"free": state}, {}, used, unconverged,
            {INPUT: by[1]} if objective.sensitivities else {}, done.statistics, counts,
        )  # fmt: skip


def _all(done: Forward) -> Mask:
    """Samples that settled in every block."""
    found = jnp.ones(done.y.shape[0], bool)
    for mask in done.found.values():
        found = found & mask
    return found


def _flatten(system: HybridSystem) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    slots = tuple(Slot.of(parameter) for parameter in system.parameters.values())
    digital = tuple(None if isinstance(p, Block) else p for p in system.parts.values())
    kept = system.input_shape, tuple(system.parts), digital, slots, system.dtype
    return tuple(system.blocks.values()), kept


def _unflatten(kept: tuple[Any, ...], children: tuple[Any, ...]) -> HybridSystem:
    shape, names, digital, slots, dtype = kept
    blocks = iter(children)
    parts = {n: next(blocks) if p is None else p for n, p in zip(names, digital, strict=True)}
    return HybridSystem(shape, parts, {slot.name: slot for slot in slots}, dtype)


jax.tree_util.register_pytree_node(HybridSystem, _flatten, _unflatten)

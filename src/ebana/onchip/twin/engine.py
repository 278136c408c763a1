"""Trainings of twin networks in continuous time, seeds side by side as lanes of one program, one call an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic, compiled
from ebana.numbers import positive
from ebana.onchip.twin import learning
from ebana.onchip.twin.description import Twin
from ebana.onchip.twin.learning import Memory, Point
from ebana.onchip.twin.stimulus import Stimulus
from ebana.onchip.twin.wiring import Numbers, Wiring, numbers, wiring


def _begin(structure: Wiring, gates: jax.Array) -> Memory:
    return jax.vmap(partial(learning.begin, structure))(gates)


def _learn(
    structure: Wiring, values: Numbers, step: jax.Array, memory: Memory, points: Point
) -> tuple[Memory, jax.Array]:
    each = jax.vmap(partial(learning.learn, structure), (0, None, 0, 0))
    return jax.lax.scan(lambda m, p: each(values, step, m, p), memory, points)


def _infer(structure: Wiring, values: Numbers, memory: Memory, held: jax.Array) -> tuple[Memory, jax.Array]:
    each = jax.vmap(partial(learning.infer, structure))
    return jax.lax.scan(lambda m, h: each(values, m, h), memory, held)


begin, learn, infer = (compiled(f, static_argnums=0) for f in (_begin, _learn, _infer))


@dataclass(frozen=True, eq=False)
class Lanes:
    """Twin networks side by side.

    Args:
        structure: of all of them.
        values: their numbers.
        memory: gates and nodes.
    """

    structure: Wiring
    values: Numbers
    memory: Memory

    @property
    def gates(self) -> np.ndarray:
        """Gate voltages, ``(lanes, edges)``."""
        return np.asarray(self.memory.gates)

    @property
    def lost(self) -> np.ndarray:
        """Points without an operating point so far, ``(lanes,)``."""
        return np.asarray(self.memory.lost)


@dataclass(frozen=True)
class ContinuousTime:
    """Operating points of both networks at all times, gates by Heun's method.

    Args:
        step: most that a step of the integrator changes a gate, volts; a point takes one step at least.

    Example:
        >>> ContinuousTime(step=0.01)
        ContinuousTime(step=0.01)
    """

    step: float = 0.02

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", positive("ContinuousTime", "step", self.step))

    def start(self, twins: Sequence[Twin], gates: np.ndarray) -> Lanes:
        """Charge the gates.

        Args:
            twins: descriptions of one structure, one for each lane.
            gates: volts, ``(lanes, edges)``.
        """
        structures = {wiring(twin) for twin in twins}
        if len(structures) != 1:
            raise ValueError(
                f"twin networks of {len(structures)} structures are given. Expected the same edges and roles of nodes "
                "in all lanes."
            )
        structure = structures.pop()
        values: Any = jax.tree.map(lambda *v: np.asarray(v, float), *[numbers(twin) for twin in twins])
        with arithmetic():
            return Lanes(structure, values, begin(structure, jnp.asarray(gates)))

    def learn(self, lanes: Lanes, stimulus: Stimulus) -> tuple[Lanes, np.ndarray]:
        """Learn points; returns the free outputs at the beginning of each, ``(points, lanes, outputs)``, volts."""
        with arithmetic():
            points: Any = Point(stimulus.held, stimulus.targets, stimulus.rate, stimulus.hold)
            points = jax.tree.map(jnp.asarray, points)
            memory, out = learn(lanes.structure, lanes.values, jnp.asarray(self.step), lanes.memory, points)
            return replace(lanes, memory=memory), np.asarray(out)

    def infer(self, lanes: Lanes, held: np.ndarray) -> tuple[Lanes, np.ndarray]:
        """Apply points without learning; the same for held voltages ``(points, lanes, held nodes)``."""
        with arithmetic():
            memory, out = infer(lanes.structure, lanes.values, lanes.memory, jnp.asarray(held))
            return replace(lanes, memory=memory), np.asarray(out)

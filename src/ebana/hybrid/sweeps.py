"""Whether deep Hopfield networks are given enough sweeps. Too few lie silently: gradients of states that are not at
rest may point the other way, and training goes on.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from ebana._types import Data
from ebana.compilation import compiled
from ebana.hybrid.blocks import Block
from ebana.hybrid.parts import own_values
from ebana.hybrid.settling import follow, most_sweeps
from ebana.learning.system import LearningWarning, as_argument, from_argument, scope
from ebana.learning.systems.deep_hopfield import DeepHopfieldSystem
from ebana.learning.systems.deep_states import DeepState
from ebana.learning.systems.layered import INPUT, OUTPUT

if TYPE_CHECKING:
    from ebana.hybrid.model import HybridModel

NEAR = 0.02
"""Free states count as settled where they are so near to rest, root mean square over states in [0, 1]."""

NEAR_NUDGED = 0.15
"""Nudged states count as settled where what is missing is this share of how far the nudge moves them."""


@dataclass(frozen=True)
class Sweeps:
    """What the sweeps of a block leave.

    Args:
        free, nudged: sweeps that it is given.
        free_error: distance of free states from rest, root mean square; NaN where states become NaN or infinite.
        nudged_error: the same of nudged states, as a share of how far the nudge moves them.
        free_needed, nudged_needed: sweeps that would do: those that are given, doubled until they do; None where
            :data:`~ebana.hybrid.settling.MOST` times as many do not.
    """

    free: int
    nudged: int
    free_error: float
    nudged_error: float
    free_needed: int | None
    nudged_needed: int | None

    @property
    def enough(self) -> bool:
        """Whether both phases settle."""
        return self.free_error <= NEAR and self.nudged_error <= NEAR_NUDGED


def measure_sweeps(model: HybridModel, x: Data) -> dict[str, Sweeps]:
    """What the sweeps of each block with a fixed number of them leave, for a batch.

    It costs four times the sweeps that are given where they are enough, and at most
    :data:`~ebana.hybrid.settling.MOST` times as many.

    Args:
        x: inputs of a few samples.
    """
    counted = {name: block for name, block in model.blocks.items() if _is_counted(block.block.system)}
    given = model.given(x) if counted else {}
    return {
        name: _measure(block, own_values(model.values, name), given[name]) for name, block in counted.items()
    }


def _is_counted(system: object) -> bool:
    """Whether a system relaxes by a fixed number of sweeps."""
    return isinstance(system, DeepHopfieldSystem) and system.relaxation.tolerance is None


def warn_of_sweeps(model: HybridModel, x: Data, when: str) -> None:
    """Warn of each block that is given too few sweeps, with the number that would do."""
    for name, sweeps in measure_sweeps(model, x).items():
        if not sweeps.enough:
            warnings.warn(_told(model.name, name, sweeps, when), LearningWarning, stacklevel=7)


def _told(model: str, name: str, sweeps: Sweeps, when: str) -> str:
    left, advice = _lost(sweeps) if _is_lost(sweeps) else _missed(sweeps)
    return (
        f"block {name!r} of model {model!r} does not settle {when}: {left}. Its gradients are not those of its energy. "
        f"{advice}."
    )


def _is_lost(sweeps: Sweeps) -> bool:
    """Whether states are not even finite."""
    return not (math.isfinite(sweeps.free_error) and math.isfinite(sweeps.nudged_error))


def _lost(sweeps: Sweeps) -> tuple[str, str]:
    free = not math.isfinite(sweeps.free_error)
    phase, count = ("free", sweeps.free) if free else ("nudged", sweeps.nudged)
    return (
        f"its states become NaN or infinite within {most_sweeps(count)} {phase} sweeps",
        "Look for NaN in model.values, keep its couplings within the convex bound (coupling=0.9), and give "
        "Relaxation(factor=...) a factor below 2",
    )


def _missed(sweeps: Sweeps) -> tuple[str, str]:
    """What is missing, and what would do."""
    left = []
    if sweeps.free_error > NEAR:
        left.append(f"{sweeps.free} free sweeps leave its states {sweeps.free_error:.2g} from rest")
    if sweeps.nudged_error > NEAR_NUDGED:
        left.append(f"{sweeps.nudged} nudged sweeps miss {sweeps.nudged_error:.0%} of what a nudge moves")
    needed = sweeps.free_needed, sweeps.nudged_needed
    if None not in needed:
        return " and ".join(left), f"Relaxation({needed[0]}, {needed[1]}) would do"
    phase, count = ("free", sweeps.free) if needed[0] is None else ("nudged", sweeps.nudged)
    advice = (
        f"{most_sweeps(count) // 2} {phase} sweeps would not do either: keep its couplings within the convex bound "
        "(coupling=0.9)"
    )
    return " and ".join(left), advice


def _measure(block: Block, values: Mapping[str, Any], given: np.ndarray) -> Sweeps:
    system = block.block.system
    assert isinstance(system, DeepHopfieldSystem)
    counts = int(system.relaxation.free_sweeps), int(system.relaxation.nudged_sweeps)
    with scope(system.traits):
        own = {n: jnp.asarray(v, system.dtype) for n, v in values.items()}
        x = block.split(jnp.asarray(given, system.dtype))[INPUT]
        nudge = jnp.asarray(block.block.nudge, system.dtype)

        def freely(sweeps: int, state: DeepState | None) -> DeepState:
            return _settled(_swept(system, free_sweeps=sweeps), own, x, state)

        def nudged(sweeps: int, state: DeepState) -> DeepState:
            return _pushed(_swept(system, nudged_sweeps=sweeps), own, x, nudge, state)

        free = follow(freely, None, counts[0], system, NEAR)
        if not free.finite:
            return Sweeps(*counts, math.nan, math.nan, None, None)
        pushed = follow(nudged, free.state, counts[1], system, NEAR_NUDGED, free.visited[-1])
    errors = free.errors()[0], pushed.errors()[0]
    return Sweeps(*counts, *errors, free.needed(NEAR), pushed.needed(NEAR_NUDGED))


def _swept(system: DeepHopfieldSystem, **counts: int) -> Any:
    """The system with other numbers of sweeps, as an argument of programs."""
    return as_argument(replace(system, relaxation=replace(system.relaxation, **counts)))


def _free(argument: Any, values: Any, x: Any, state: DeepState | None) -> DeepState:
    """Free states, from others or from the start."""
    return from_argument(argument).relax(values, {INPUT: x}, None, state)


def _nudged(argument: Any, values: Any, x: Any, nudge: Any, state: DeepState) -> DeepState:
    """States under a nudge of alternating sign, from others."""
    system = from_argument(argument)
    units = system.output_units[OUTPUT]
    slopes = nudge * jnp.where(jnp.arange(units) % 2 == 0, 1.0, -1.0) * jnp.ones((x.shape[0], 1), x.dtype)
    return system.relax(values, {INPUT: x}, system.current_nudge({OUTPUT: slopes.astype(x.dtype)}), state)


_settled, _pushed = compiled(_free), compiled(_nudged)

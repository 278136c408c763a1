"""Whether deep Hopfield networks are given enough sweeps. Too few lie silently: gradients of states that are not at
rest may point the other way, and training goes on.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
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
        free_error: distance of free states from rest, root mean square; NaN where states become NaN or infinite, None
            for a phase that a tolerance ends.
        nudged_error: the same of nudged states, as a share of how far the nudge moves them; NaN also where no sample
            is left to be nudged.
        free_needed, nudged_needed: sweeps that would do: those that are given, doubled until they do; None where
            :data:`~ebana.hybrid.settling.MOST` times as many do not, and for a phase that a tolerance ends.
        lost: share of the samples whose free states are not finite, or not within their tolerance. Nothing is learned
            from them, and nudged sweeps are measured on the others.
    """

    free: int
    nudged: int
    free_error: float | None
    nudged_error: float | None
    free_needed: int | None
    nudged_needed: int | None
    lost: float = 0.0

    @property
    def enough(self) -> bool:
        """Whether both phases settle."""
        return not (self._few_free or self._few_nudged)

    @property
    def _few_free(self) -> bool:
        return self.free_error is not None and not self.free_error <= NEAR

    @property
    def _few_nudged(self) -> bool:
        return self.nudged_error is not None and not self.nudged_error <= NEAR_NUDGED


def measure_sweeps(model: HybridModel, x: Data) -> dict[str, Sweeps]:
    """What sweeps leave, for a batch, of each block that takes a fixed number of them in one of its phases or in both.

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
    """Whether a system relaxes by a fixed number of sweeps in one of its phases."""
    if not isinstance(system, DeepHopfieldSystem):
        return False
    return None in (system.relaxation.tolerance_of(free) for free in (True, False))


def warn_of_sweeps(model: HybridModel, x: Data, when: str) -> None:
    """Warn of each block that is given too few sweeps, with the number that would do."""
    for name, sweeps in measure_sweeps(model, x).items():
        if not sweeps.enough:
            warnings.warn(_told(model.name, name, sweeps, when), LearningWarning, stacklevel=7)


def _told(model: str, name: str, sweeps: Sweeps, when: str) -> str:
    none_left = sweeps.lost == 1 and sweeps.free_error is None
    tell = _none_left if none_left else _lost if _is_lost(sweeps) else _missed
    left, advice = tell(sweeps)
    return (
        f"block {name!r} of model {model!r} does not settle {when}: {left}. Its gradients are not those of its energy. "
        f"{advice}."
    )


def _none_left(sweeps: Sweeps) -> tuple[str, str]:
    return (
        f"{sweeps.free} free sweeps bring none of its samples within their tolerance",
        "Give Relaxation(...) more of them, or a larger tolerance",
    )


def _is_lost(sweeps: Sweeps) -> bool:
    """Whether states are not even finite."""
    return any(error is not None and math.isnan(error) for error in (sweeps.free_error, sweeps.nudged_error))


def _lost(sweeps: Sweeps) -> tuple[str, str]:
    free = sweeps.free_error is not None and math.isnan(sweeps.free_error)
    phase, count = ("free", sweeps.free) if free else ("nudged", sweeps.nudged)
    return (
        f"its states become NaN or infinite within {most_sweeps(count)} {phase} sweeps",
        "Look for NaN in model.values, keep its couplings within the convex bound (coupling=0.9), and give "
        "Relaxation(factor=...) a factor below 2",
    )


def _missed(sweeps: Sweeps) -> tuple[str, str]:
    """What is missing, and what would do."""
    left = []
    if sweeps._few_free:
        left.append(f"{sweeps.free} free sweeps leave its states {sweeps.free_error:.2g} from rest")
    if sweeps._few_nudged:
        left.append(f"{sweeps.nudged} nudged sweeps miss {sweeps.nudged_error:.0%} of what a nudge moves")
    phases = (
        ("free", sweeps.free, sweeps.free_error, sweeps.free_needed),
        ("nudged", sweeps.nudged, sweeps.nudged_error, sweeps.nudged_needed),
    )
    for phase, count, error, needed in phases:
        if error is not None and needed is None:
            return " and ".join(left), (
                f"{most_sweeps(count) // 2} {phase} sweeps would not do either: keep its couplings within the convex "
                "bound (coupling=0.9)"
            )
    enough = ", ".join(str(count if error is None else needed) for _, count, error, needed in phases)
    return " and ".join(left), f"Relaxation({enough}) would do"


def _measure(block: Block, values: Mapping[str, Any], given: np.ndarray) -> Sweeps:
    system = block.block.system
    assert isinstance(system, DeepHopfieldSystem)
    counts = int(system.relaxation.free_sweeps), int(system.relaxation.nudged_sweeps)
    with scope(system.traits):
        own = {n: jnp.asarray(v, system.dtype) for n, v in values.items()}
        x = block.split(jnp.asarray(given, system.dtype))[INPUT]
        state, free = _measure_free(system, own, x)
        found = np.asarray(system.converged(state))
        if not found.any() or (free.error is not None and math.isnan(free.error)):
            return Sweeps(*counts, free.error, math.nan, None, None, float(1 - found.mean()))
        kept = state if found.all() else jax.tree.map(lambda each: each[found], state)
        nudged = _measure_nudged(system, own, jnp.asarray(block.block.nudge, system.dtype), kept)
    return Sweeps(*counts, free.error, nudged.error, free.needed, nudged.needed, float(1 - found.mean()))


class _Phase(NamedTuple):
    """What the sweeps of a phase leave, and how many would do; None where a tolerance ends it."""

    error: float | None = None
    needed: int | None = None


def _measure_free(system: DeepHopfieldSystem, own: Any, x: Any) -> tuple[DeepState, _Phase]:
    """Free states as near to rest as they are followed, or within their tolerance."""

    def swept(sweeps: int, state: DeepState | None) -> DeepState:
        return _settled(_swept(system, free_sweeps=sweeps), own, x, state)

    count = int(system.relaxation.free_sweeps)
    if system.relaxation.tolerance_of(True) is not None:
        return swept(count, None), _Phase()
    course = follow(swept, None, count, system, NEAR)
    return course.state, _Phase(course.errors()[0], course.needed(NEAR))


def _measure_nudged(system: DeepHopfieldSystem, own: Any, nudge: Any, free: DeepState) -> _Phase:
    """What nudged sweeps from free states leave."""

    def swept(sweeps: int, state: DeepState) -> DeepState:
        return _pushed(_swept(system, nudged_sweeps=sweeps), own, free.x, nudge, state)

    if system.relaxation.tolerance_of(False) is not None:
        return _Phase()
    origin = np.asarray(system.unknowns(free))
    course = follow(swept, free, int(system.relaxation.nudged_sweeps), system, NEAR_NUDGED, origin)
    return _Phase(course.errors()[0], course.needed(NEAR_NUDGED))


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

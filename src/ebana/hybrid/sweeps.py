"""Whether deep Hopfield networks are given enough sweeps. Too few lie silently: gradients of states that are not at
rest may point the other way, and training goes on.
"""

from __future__ import annotations

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
from ebana.learning.system import LearningWarning, as_argument, from_argument, scope
from ebana.learning.systems.deep_hopfield import INPUT, OUTPUT, DeepHopfieldSystem, DeepState

if TYPE_CHECKING:
    from ebana.hybrid.model import HybridModel

NEAR = 0.02
"""Free states count as settled where they are so near to rest, root mean square over states in [0, 1]."""

NEAR_NUDGED = 0.15
"""Nudged states count as settled where what is missing is this share of how far the nudge moves them."""

MOST = 1024
"""Sweeps that are tried."""


@dataclass(frozen=True)
class Sweeps:
    """What the sweeps of a block leave.

    Args:
        free, nudged: sweeps that it is given.
        free_error: distance of free states from rest, root mean square.
        nudged_error: the same of nudged states, as a share of how far the nudge moves them.
        free_needed, nudged_needed: sweeps that would do, powers of two where it is given fewer; None where
            :data:`MOST` do not.
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
    needed = (sweeps.free_needed, sweeps.nudged_needed)
    left = []
    if sweeps.free_error > NEAR:
        left.append(f"{sweeps.free} free sweeps leave its states {sweeps.free_error:.2g} from rest")
    if sweeps.nudged_error > NEAR_NUDGED:
        left.append(f"{sweeps.nudged} nudged sweeps miss {sweeps.nudged_error:.0%} of what a nudge moves")
    if None in needed:
        advice = f"{MOST} would not do either: keep its couplings within the convex bound (coupling=0.9)"
    else:
        advice = f"Relaxation({needed[0]}, {needed[1]}) would do"
    return (
        f"block {name!r} of model {model!r} does not settle {when}: {' and '.join(left)}. Its gradients are not those "
        f"of its energy. {advice}."
    )


def _measure(block: Block, values: Mapping[str, Any], given: np.ndarray) -> Sweeps:
    system = block.block.system
    assert isinstance(system, DeepHopfieldSystem)
    relaxation = system.relaxation
    with scope(system.traits):
        own = {n: jnp.asarray(v, system.dtype) for n, v in values.items()}
        x = block.split(jnp.asarray(given, system.dtype))[INPUT]
        nudge = jnp.asarray(block.block.nudge, system.dtype)

        def swept(**counts: int) -> Any:
            return as_argument(replace(system, relaxation=replace(relaxation, **counts)))

        settled = _settled(swept(free_sweeps=2 * MOST), own, x)
        rest = _unknowns(system, settled)
        moved = _unknowns(system, _pushed(swept(nudged_sweeps=2 * MOST), own, x, nudge, settled))
        far = _rms(moved - rest) or 1.0

        def errors(free: int, nudged: int) -> tuple[float, float]:
            near = _unknowns(system, _settled(swept(free_sweeps=free), own, x))
            pushed = _unknowns(system, _pushed(swept(nudged_sweeps=nudged), own, x, nudge, settled))
            return _rms(near - rest), _rms(pushed - moved) / far

        counts = int(relaxation.free_sweeps), int(relaxation.nudged_sweeps)
        free, nudged = errors(*counts)
        needed = [counts[0] if free <= NEAR else None, counts[1] if nudged <= NEAR_NUDGED else None]
        tried = 2
        while None in needed and tried <= MOST:
            for k, (error, near) in enumerate(zip(errors(tried, tried), (NEAR, NEAR_NUDGED), strict=True)):
                if needed[k] is None and error <= near and tried > counts[k]:
                    needed[k] = tried
            tried *= 2
    return Sweeps(*counts, free, nudged, *needed)


def _rms(a: np.ndarray) -> float:
    return float(np.sqrt(np.mean(a**2)))


def _unknowns(system: DeepHopfieldSystem, state: DeepState) -> np.ndarray:
    return np.asarray(system.unknowns(state))


def _free(argument: Any, values: Any, x: Any) -> DeepState:
    """Free states."""
    return from_argument(argument).relax(values, {INPUT: x}, None, None)


def _nudged(argument: Any, values: Any, x: Any, nudge: Any, free: DeepState) -> DeepState:
    """States under a nudge of alternating sign, from free ones."""
    system = from_argument(argument)
    units = system.output_units[OUTPUT]
    slopes = nudge * jnp.where(jnp.arange(units) % 2 == 0, 1.0, -1.0) * jnp.ones((x.shape[0], 1), x.dtype)
    return system.relax(values, {INPUT: x}, system.current_nudge({OUTPUT: slopes.astype(x.dtype)}), free)


_settled, _pushed = compiled(_free), compiled(_nudged)

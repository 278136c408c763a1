"""What a deep Hopfield network is described by: its layers, how they are relaxed, and their states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array
from ebana.learning.systems.convolution import Winners
from ebana.numbers import is_unknown, known_number, real, whole


@dataclass(frozen=True)
class Relaxation:
    """How states are relaxed. Numbers are arguments of compiled programs: other ones compile nothing.

    Args:
        free_sweeps, nudged_sweeps: sweeps of the free and of the nudged phases; the most, with a tolerance.
        tolerance: largest change of a state in the last sweep of a sample that counts as settled; None for a fixed
            number of sweeps, whose states count wherever they are finite.
        factor: how far each layer goes to what is best for it, 1 for just there. Somewhat more saves sweeps (successive
            over-relaxation); from 2 on nothing settles.
        nudged_tolerance: the tolerance of nudged phases where it is another one; 0 for a fixed number of sweeps, whose
            states count wherever they are finite.

    Raises:
        ValueError: for numbers that cannot be meant; those of a program that is traced are not known.
    """

    free_sweeps: Any = 20
    nudged_sweeps: Any = 10
    tolerance: Any = None
    factor: Any = 1.1
    nudged_tolerance: Any = None

    def __post_init__(self) -> None:
        # Numbers of Python's: one type each, so that programs are not compiled anew.
        for name in ("free_sweeps", "nudged_sweeps"):
            object.__setattr__(self, name, _sweeps(name, getattr(self, name)))
        for name in ("tolerance", "nudged_tolerance"):
            value = getattr(self, name)
            if value is not None:
                least = real("Relaxation", name, value, "a number of at least 0, or None", least=0.0)
                object.__setattr__(self, name, least)
        factor = real(
            "Relaxation", "factor", self.factor, "a number above 0 and below 2", above=0.0, below=2.0
        )
        object.__setattr__(self, "factor", factor)

    def limits(self, free: bool) -> tuple[Any, Any]:
        """Sweeps and tolerance of a phase; a tolerance below zero lets everything count."""
        if free:
            return self.free_sweeps, self.tolerance
        own = self.nudged_tolerance
        return self.nudged_sweeps, self.tolerance if own is None else jnp.where(own > 0, own, -1.0)

    def tolerance_of(self, free: bool) -> float | None:
        """The tolerance that a phase ends by; None for a fixed number of sweeps. Not within programs."""
        tolerance = self.limits(free)[1]
        return None if tolerance is None or tolerance < 0 else float(tolerance)


RELAXATION = tuple(one.name for one in fields(Relaxation))


def _relaxation_of(_: None, numbers: Iterable[Any]) -> Relaxation:
    """Numbers of a pytree, whatever they are: derivatives, shapes and marks stand there too."""
    made = object.__new__(Relaxation)
    for name, number in zip(RELAXATION, numbers, strict=True):
        object.__setattr__(made, name, number)
    return made


jax.tree_util.register_pytree_with_keys(
    Relaxation,
    lambda one: ([(jax.tree_util.GetAttrKey(name), getattr(one, name)) for name in RELAXATION], None),
    _relaxation_of,
    lambda one: ([getattr(one, name) for name in RELAXATION], None),
)


def _sweeps(name: str, value: Any) -> Any:
    """A number of sweeps as one of Python's, or ValueError."""
    if is_unknown(value):
        return value
    return whole("Relaxation", name, known_number(value))


@dataclass(frozen=True)
class Layer:
    """One layer of states.

    Args:
        name: its name.
        shape: of the states of a sample.
        clamped: whether states are kept within [0, 1].
    """

    name: str
    shape: tuple[int, ...]
    clamped: bool = True


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DeepState:
    """States of a batch.

    Args:
        x: inputs, ``(B, *shape)``.
        layers: states of each layer, ``(B, *shape)``.
        ups: what pushes each layer from below, with the places that won in pooled windows (else None).
        winners: the places that the last step down used, from which learning measures.
        change: largest change of a state in the last sweep, ``(B,)``.
        sweeps: sweeps done, ``(B,)``.
        settled: samples within the tolerance of their phase, ``(B,)``; all of them where there is none.
    """

    x: Array
    layers: tuple[Array, ...]
    ups: tuple[tuple[Array, Winners | None], ...]
    winners: tuple[Winners | None, ...]
    change: Array
    sweeps: Array
    settled: Array

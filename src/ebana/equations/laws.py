"""The law of an array of devices: a form and its numbers, one number for all of them or a column of one for each.

Terms take parts of an array, and families join arrays; both work on the numbers. A law made of columns is never
separated again: what its fields were when it was stated, one for each unit or a table, would be guessed a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.devices import Device
from ebana.devices.forms import Form, constants, separate
from ebana.equations.arrays import take


@dataclass(frozen=True)
class ArrayLaw:
    """The law of ``size`` devices at voltages ``(size, B)``.

    Args:
        numbers: its numbers: scalars, columns ``(size, 1)`` of what differs between the devices, ``(1, 1)`` of what
            does not, or tables that belong to all.
        form: makes the law of them.
        size: number of devices.
        joinable: whether the law takes other numbers than these, traced ones too.
    """

    numbers: tuple[Any, ...]
    form: Form
    size: int
    joinable: bool = True

    @classmethod
    def of(cls, device: Any, units: int, at: np.ndarray | None = None) -> Self:
        """The law of an array of ``units`` devices, or of those at some places.

        Example:
            >>> from ebana import BehavioralDiode
            >>> law = ArrayLaw.of(BehavioralDiode(vth=np.array([0.1, 0.2, 0.3])), 3, np.array([0, 2]))
            >>> [np.shape(number) for number in law.numbers], law.size
            ([(2, 1), (), ()], 2)
        """
        numbers, form = separate(device, units)
        joinable = bool(numbers)
        if not joinable:
            numbers, form = constants(device, units)
            joinable = not numbers
        columns = tuple(_column(number, units) for number in numbers)
        law = cls(columns, form, units, joinable and all(_fits(number, units) for number in columns))
        return law if at is None else law.part(at)

    @cached_property
    def device(self) -> Device:
        """What computes currents."""
        return self.form.rebuild(list(self.numbers))

    def part(self, at: np.ndarray) -> Self:
        """The law of some of the devices."""
        if np.array_equal(at, np.arange(self.size)):
            return self
        numbers = tuple(take(n, at) if np.shape(n) == (self.size, 1) else n for n in self.numbers)
        return replace(self, numbers=numbers, size=len(at))

    @staticmethod
    def join(laws: Sequence[ArrayLaw]) -> ArrayLaw:
        """One law for the devices of several arrays, which are joinable and of one form."""
        sizes = [law.size for law in laws]
        together = zip(*(law.numbers for law in laws), strict=True)
        return replace(laws[0], numbers=tuple(columns(values, sizes) for values in together), size=sum(sizes))


def _column(number: Any, units: int) -> Any:
    """A number for each unit, or one in an array, as a column."""
    return number[:, None] if np.shape(number) in ((units,), (1,)) else number


def _fits(number: Any, size: int) -> bool:
    """Whether a number can stand in a column beside those of other arrays."""
    return np.shape(number) in ((), (1, 1), (size, 1))


def columns(values: Sequence[Array], sizes: Sequence[int]) -> Array:
    """Numbers of several arrays in one column, one for each device."""
    return jnp.concatenate(
        [jnp.broadcast_to(jnp.reshape(v, (-1, 1)), (n, 1)) for v, n in zip(values, sizes, strict=True)]
    )

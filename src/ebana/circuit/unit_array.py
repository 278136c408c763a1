"""Arrays of elements whose nodes and numbers are one for each unit, or one for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ebana.circuit.element import Element


@dataclass(frozen=True, eq=False)
class UnitArray(Element):
    """``k`` elements; fields of nodes and of numbers hold one for each, given as such or as one for all.

    A subclass names its fields: ``index_fields`` those of nodes, ``number_fields`` those of numbers, and
    ``positive_fields`` the numbers that must be above zero. A number that is None, or the name of a parameter, stays
    what it is.
    """

    index_fields: ClassVar[tuple[str, ...]] = ()
    number_fields: ClassVar[tuple[str, ...]] = ()
    positive_fields: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        nodes = {name: np.ravel(getattr(self, name)) for name in self.index_fields}
        count = max((array.size for array in nodes.values()), default=0)
        for name, array in nodes.items():
            object.__setattr__(self, name, self._spread(name, array, count, "nodes"))
        for name in self.number_fields:
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                array = np.ravel(np.asarray(value, np.float64))
                object.__setattr__(self, name, self._spread(name, array, count, "numbers"))
        self._check_numbers()

    def _spread(self, name: str, array: np.ndarray, count: int, what: str) -> np.ndarray:
        """One for each unit."""
        if array.size not in (1, count):
            raise ValueError(
                f"element {self.name!r} ({type(self).__name__}) of {count} units has {array.size} {what} as {name}. "
                f"Expected {count}, or one for all."
            )
        return np.full(count, array[0], array.dtype) if array.size == 1 else array

    def _check_numbers(self) -> None:
        for name in self.number_fields:
            value = getattr(self, name)
            if value is None or isinstance(value, str):
                continue
            positive = name in self.positive_fields
            wrong = np.flatnonzero(~np.isfinite(value) | ((value <= 0) if positive else False))
            if wrong.size:
                raise ValueError(
                    f"element {self.name!r} ({type(self).__name__}) has {name}={float(value[wrong[0]])!r} for unit "
                    f"{int(wrong[0])}. Expected a finite number{' above 0' if positive else ''}."
                )

    def terminals(self) -> tuple[np.ndarray, ...]:
        """See :meth:`Element.terminals`: the fields of nodes, in their order."""
        return tuple(getattr(self, name) for name in self.index_fields)

    def title(self) -> str:
        """See :meth:`Element.title`."""
        return f"an array of {self.kind}"

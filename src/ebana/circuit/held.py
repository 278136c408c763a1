"""What elements have in common that hold a voltage between their ends, or are controlled by something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ebana.circuit.element import Reference, with_ground
from ebana.circuit.relations import Control, Linear, Relation
from ebana.circuit.unit_array import UnitArray

if TYPE_CHECKING:
    from ebana._types import Values

Pairs = Iterator[tuple[np.ndarray, np.ndarray]]


def joined_pairs(among: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those pairs of nodes of which both may join."""
    a, b = with_ground(first, among), with_ground(second, among)
    both = among[a] & among[b]
    return a[both], b[both]


class HoldsEnds(UnitArray):
    """Elements that hold a voltage between their first two nodes."""

    def joined(self, among: np.ndarray, *, amplified: bool) -> Pairs:
        """See :meth:`~ebana.circuit.element.Element.joined`."""
        first, second, *_ = self.terminals()
        yield joined_pairs(among, first, second)

    def fixed(self) -> Pairs:
        """See :meth:`~ebana.circuit.element.Element.fixed`."""
        first, second, *_ = self.terminals()
        yield first, second


class ControlledSource(UnitArray):
    """Sources from ``minus[i]`` to ``plus[i]`` of a gain times a control, which a subclass states.

    The gains are numbers of the circuit, or the name of a parameter.
    """

    number_fields: ClassVar = ("gain",)
    letter: ClassVar[str]
    """Its first letter in SPICE."""
    holds: ClassVar[bool]
    """Whether it holds a voltage."""

    plus: np.ndarray
    minus: np.ndarray
    gain: np.ndarray | str

    def control(self) -> Control:
        """What the gain multiplies."""
        raise NotImplementedError(
            f"element {self.name!r}: {type(self).__name__} does not state its control()"
        )

    def references(self) -> Iterator[Reference]:
        """See :meth:`~ebana.circuit.element.Element.references`."""
        if isinstance(self.gain, str):
            yield Reference(self.gain, (self.plus.shape,))

    def gains(self, parameters: Values) -> Any:
        """Gain of each."""
        return parameters[self.gain] if isinstance(self.gain, str) else self.gain

    def relations(self) -> Iterator[Relation]:
        """See :meth:`~ebana.circuit.element.Element.relations`."""
        law = Linear(lambda p: (self.gains(p),))
        yield Relation(self.plus, self.minus, law, (self.control(),), self.holds)

    def numbers(self, parameters: Values) -> np.ndarray:
        """Gains, ``(1, k)``."""
        return np.asarray(self.gains(parameters), np.float64)[None]

    def label(self, values: Values, k: int) -> str:
        """See :meth:`~ebana.circuit.element.Element.label`."""
        return f"×{float(self.gains(values)[k]):.4g}"

"""Branch relations: what modified nodal analysis asks of an element (Ho, Ruehli and Brennan 1975).

A branch lies between two nodes, ``plus`` and ``minus``. Its relation gives the current that flows through it from
``plus`` to ``minus``, or the voltage that it holds between them, as a function of its *controls*: voltages between
pairs of nodes, and currents of branches that hold a voltage::

    i = f(u_1, ..., u_c)                 a current relation: resistors, devices, current sources, G and F sources
    v(plus) - v(minus) = f(u_1, ...)     a held relation, whose current is an unknown: V, E and H sources, inductors

Kirchhoff's law at the nodes, the Jacobian by the slopes ``df/du``, power, and the derivatives by the parameters that
``f`` reads follow from these two lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ebana._types import Array, Values


class Voltage(NamedTuple):
    """A control: the voltage from nodes ``plus`` to nodes ``minus``, ``(k,)`` each."""

    plus: np.ndarray
    minus: np.ndarray


class Current(NamedTuple):
    """A control: currents of the held branches of an element; ``units`` ``(k,)`` are their places among them."""

    element: str
    units: np.ndarray


Control = Voltage | Current


@dataclass(frozen=True)
class Linear:
    """``f = constant + sum_c slope_c u_c``.

    Args:
        slopes: of each control, from the values of parameters: a number, or numbers ``(k,)``.
        constant: from the values of parameters and the inputs: a number, numbers ``(k,)``, or ``(B, k)``.
        thermal: whether the slope is that of a resistance, which adds thermal noise; ideal sources add none.
    """

    slopes: Callable[[Values], tuple[Any, ...]] = lambda _: ()
    constant: Callable[[Values, Values], Any] = lambda _, __: 0.0
    thermal: bool = False

    def value(self, controls: tuple[Array, ...], parameters: Values, inputs: Values) -> Any:
        """``f`` at controls ``(B, k)`` each."""
        total = self.constant(parameters, inputs)
        for slope, u in zip(self.slopes(parameters), controls, strict=True):
            total = total + slope * u
        return total


@dataclass(frozen=True)
class Nonlinear:
    """``f`` by a model with numbers of its own, made of JAX operations.

    Args:
        model: a :class:`~ebana.devices.Device`, or a :class:`~ebana.devices.ports.PortDevice` of several controls.
        own: values of the model's parameters, by its names for them, from those of the circuit.
    """

    model: Any
    own: Callable[[Values], dict[str, Array]] = field(default=lambda _: {})


@dataclass(frozen=True, eq=False)
class Relation:
    """The relations of ``k`` branches of an element.

    Args:
        plus, minus: nodes of each, ``(k,)``.
        law: ``f``.
        controls: what ``f`` depends on.
        holds: whether it gives the voltage, not the current.
    """

    plus: np.ndarray
    minus: np.ndarray
    law: Linear | Nonlinear
    controls: tuple[Control, ...] = ()
    holds: bool = False

    @property
    def own(self) -> bool:
        """Whether it is a current that depends on the branch's own voltage alone, or on nothing."""
        return not self.holds and all(
            isinstance(c, Voltage)
            and np.array_equal(c.plus, self.plus)
            and np.array_equal(c.minus, self.minus)
            for c in self.controls
        )

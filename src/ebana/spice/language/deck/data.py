"""A deck as data: its elements, and what it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from ebana.spice.language.deck.elements import Element
from ebana.spice.language.deck.expression import Expression
from ebana.spice.language.deck.grammar import Dialect
from ebana.spice.language.deck.places import Place


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """``.op``."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One variable of ``.dc`` and its values.

    Args:
        kind: what is swept: the DC value of a source (volts or amperes), a resistor (ohms), a parameter of the deck's
            top, the temperature (degrees Celsius), or a number of an element's line or of a card.
        name: the element's full name or the parameter's, in lower case; ``"temp"`` for the temperature; of a number its
            owner and its key, ``"m1:w"`` or ``"dmod:is"``.
        values: in the order of the sweep.
        table: the ``.data`` of whose columns it is one, all of which advance together; empty for a sweep of its own.
    """

    kind: Literal["source", "resistor", "parameter", "temperature", "number"]
    name: str
    values: tuple[float, ...]
    table: str = ""


@dataclass(frozen=True, slots=True)
class DcSweep:
    """``.dc`` and ``.step``: operating points over one variable or several, of which the first runs fastest."""

    sweeps: tuple[Sweep, ...]

    def points(self) -> Iterator[dict[tuple[str, str], float]]:
        """Values by kind and name of all combinations.

        Example:
            >>> two = DcSweep((Sweep("source", "v1", (0.0, 1.0)), Sweep("parameter", "r", (5.0, 6.0))))
            >>> [list(point.values()) for point in two.points()]
            [[0.0, 5.0], [1.0, 5.0], [0.0, 6.0], [1.0, 6.0]]
        """
        axes: dict[str, list[Sweep]] = {}
        for number, sweep in enumerate(self.sweeps):
            axes.setdefault(sweep.table or f"#{number}", []).append(sweep)
        rows = [list(zip(*(sweep.values for sweep in axis), strict=True)) for axis in axes.values()]
        keys = [(sweep.kind, sweep.name) for axis in axes.values() for sweep in axis]
        for chosen in product(*reversed(rows)):
            yield dict(zip(keys, (value for row in reversed(chosen) for value in row), strict=True))


Analysis = OperatingPoint | DcSweep


@dataclass(frozen=True, slots=True)
class PrintItem:
    """What ``.print``, ``.plot``, ``.save`` or ``.probe`` asks for.

    Args:
        text: as it is written.
        quantity: a potential, a current, an expression of them, or all there is.
        names: full names: of one or two nodes, or of one element; empty otherwise.
        expression: an expression of the circuit; None for ``all``, and for text that is not understood.
    """

    text: str
    quantity: Literal["v", "i", "expression", "all"]
    names: tuple[str, ...] = ()
    expression: Expression | None = None


@dataclass(frozen=True)
class Deck:
    """A deck that was read.

    Args:
        title: its first line.
        elements: all of them, subcircuits written out.
        temperature: of the circuit, degrees Celsius.
        tnom: at which cards without one were measured, degrees Celsius.
        options: numbers of ``.options``, by name in lower case.
        nodesets: volts to start from, by node.
        analyses: in order.
        prints: what is asked for, in order.
        parameters: values at the top of the deck.
        ignored: statements that say nothing at DC and were passed over.
        dialect: in whose language it was read.
    """

    title: str
    elements: tuple[Element, ...] = field(repr=False)
    temperature: float = 27.0
    tnom: float = 27.0
    options: Mapping[str, float] = field(default_factory=dict)
    nodesets: Mapping[str, float] = field(default_factory=dict)
    analyses: tuple[Analysis, ...] = ()
    prints: tuple[PrintItem, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    ignored: tuple[Place, ...] = field(default=(), repr=False)
    dialect: Dialect = "ngspice"

    @property
    def nodes(self) -> tuple[str, ...]:
        """Full names of the nodes of its elements, in the order in which they appear, without ground."""
        found = dict.fromkeys(node for element in self.elements for node in element.nodes)
        found.pop("0", None)
        return tuple(found)

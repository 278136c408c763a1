"""Wires of a crossbar that have a resistance: each crossing joins a node of its row's wire with one of its column's.

::

    row 0     driver      r_00  --row--  r_01  --row--  r_02
    x_0 o----[      ]-----o--------------o--------------o
                          | g_00         | g_01         | g_02
                          o c_00         o c_01         o c_02
                          | column       | column       | column
    row 1     driver      |  r_10        |  r_11        |  r_12
    x_1 o----[      ]-----|--o-----------|--o-----------|--o
                          |  | g_10      |  | g_11      |  | g_12
                          o--+ c_10      o--+ c_11      o--+ c_12
                          [contact]      [contact]      [contact]
                          o y_0          o y_1          o y_2

Rows are driven at their first column, columns are read below their last row: the ports ``x`` and ``y`` are the nodes
that the crossbar joins, and all others stand within it. The nodes within follow from the ports by Kirchhoff's laws
(:mod:`ebana.physics.wires`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ebana.circuit.element import Branches, Place, Reference, named
from ebana.circuit.elements import Resistors, ohms
from ebana.spice.language import statements as spice
from ebana.spice.language.statements import Statement
from ebana.units import quantity, si

if TYPE_CHECKING:
    from ebana._types import Array, Values

WIRE = "_wire"
"""What the names of the wires' parameters end in, ``"d1/row_wire"``."""

PARTS = ("driver", "row", "column", "contact")
"""Kinds of wires of a crossbar, from its rows' sources to what its columns lead to."""


@dataclass(frozen=True)
class Wires:
    """Resistances of a crossbar's wires, ohms; also as texts such as ``"2.5"`` or ``"1k"``.

    A part of zero ohms is no resistor: the nodes at its ends are one.

    Args:
        row: of a row's wire between two crossings.
        column: of a column's wire between two crossings.
        driver: between the node that drives a row and its first crossing.
        contact: between a column's last crossing and the node that it leads to.

    Raises:
        ValueError: for a resistance that is negative or not finite.

    Example:
        >>> Wires(row=1.0, column="2.5")
        Wires(row=1.0, column=2.5, driver=0.0, contact=0.0)
        >>> Wires.of(1.0) == Wires(row=1.0, column=1.0)
        True
    """

    row: float = 0.0
    column: float = 0.0
    driver: float = 0.0
    contact: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            given = getattr(self, item.name)
            value = quantity(given, "Ω", f"Wires({item.name}=)") if _is_quantity(given) else np.nan
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(
                    f"Wires({item.name}={given!r}). Expected ohms, a finite number that is zero or more; 0 stands for "
                    "an ideal wire."
                )
            object.__setattr__(self, item.name, float(value))

    @classmethod
    def of(
        cls, given: Wires | Mapping[str, Any] | float | str | None, owner: str = "crossbar"
    ) -> Wires | None:
        """What ``wire_resistance=`` stands for; None where no wire has a resistance.

        Args:
            given: ohms of each wire between two crossings, of rows and of columns; or all parts; or None.
            owner: whose wires they are, for messages.

        Raises:
            ValueError: for what is no resistance.
        """
        if given is None:
            return None
        try:
            if isinstance(given, Mapping):
                wires = cls(**given)
            else:
                wires = given if isinstance(given, Wires) else cls(row=given, column=given)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{owner} has wire_resistance={given!r}. Expected ohms between two crossings, zero or more and finite, "
                f"or Wires(row=1.0, column=1.0, driver=0.0, contact=0.0). ({error})"
            ) from error
        return wires if any(asdict(wires).values()) else None

    def config(self) -> dict[str, float]:
        """The resistances by name, as a file holds them."""
        return asdict(self)


def _is_quantity(value: object) -> bool:
    return isinstance(value, int | float | str | np.number) and not isinstance(value, bool)


@dataclass(frozen=True, eq=False)
class WiredCells(Branches):
    """The conductances at the crossings of a crossbar whose wires have resistances; parameter shape ``(m, n)``.

    Args:
        a, b: the nodes of the row's and of the column's wire at each crossing, row by row, ``(m n,)``.
        conductance: name of the parameter.
        rows, columns: the nodes that the crossbar joins, its ports, ``(m,)`` and ``(n,)``.
        wires: the parameter of each part of the wires, by its name (:data:`PARTS`); none of ideal ones.
        inside: the nodes that stand within.
    """

    a: np.ndarray
    b: np.ndarray
    conductance: str
    rows: np.ndarray
    columns: np.ndarray
    wires: Mapping[str, str]
    inside: np.ndarray

    linear = True
    alterable = True
    index_fields = ("a", "b", "rows", "columns", "inside")
    kind = "crossbars"
    symbol = "resistor"

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return len(self.rows), len(self.columns)

    @property
    def parameters(self) -> Mapping[str, str]:  # type: ignore[override]
        """See :class:`Branches`."""
        return {"conductance": self.conductance}

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Crossings of the rows and of the columns."""
        return self.a, self.b

    def references(self) -> Iterator[Reference]:
        """See :meth:`~ebana.circuit.element.Element.references`."""
        yield Reference(self.conductance, (self.shape,))

    def values(self, parameters: Values) -> dict[str, Array]:
        """See :class:`Branches`: the conductances, crossing by crossing."""
        return {"conductance": parameters[self.conductance].reshape(-1)}

    def numbers(self, parameters: Values) -> np.ndarray:
        """Ohms, ``(1, m n)``."""
        return ohms(np.ravel(np.asarray(parameters[self.conductance], dtype=np.float64)))[None]

    def handles(self, block: str, nodes: Sequence[str]) -> list[str]:
        """See :meth:`~ebana.circuit.element.Element.handles`."""
        return [f"r.x{block}.r{i}" for i in range(self.units)]

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`~ebana.circuit.element.Element.statements`."""
        ends = zip(named(nodes, self.a), named(nodes, self.b), numbers[0].tolist(), strict=True)
        return (spice.Resistor(f"R{i}", *values) for i, values in enumerate(ends))

    def part(self, place: Place) -> Self:
        """See :meth:`~ebana.circuit.element.Element.part`: some of the crossings, without the ports."""
        return replace(self, a=self.a[place[1]], b=self.b[place[1]], labels=self.labels[place[1]])

    def describe(self) -> str:
        """See :meth:`~ebana.circuit.element.Element.describe`."""
        return (
            f"crossings of a wired crossbar of {len(self.rows)} x {len(self.columns)}: {self.units} resistors"
        )

    def caption(self) -> str:
        """See :meth:`~ebana.circuit.element.Element.caption`."""
        return f"wired crossbar {len(self.rows)} x {len(self.columns)}"

    def label(self, values: Values, k: int) -> str:
        """See :meth:`~ebana.circuit.element.Element.label`."""
        return si(float(np.ravel(values[self.conductance])[k]), "S", 3)

    def resistances(self, values: Values) -> dict[str, Any]:
        """Ohms of the wires' parts, zero where they are ideal, in the shapes of :data:`PARTS`' resistors.

        Returns:
            ``driver`` (m,), ``row`` (m, n - 1), ``column`` (m - 1, n) and ``contact`` (n,).
        """
        m, n = self.shape
        shapes = {"driver": (m,), "row": (m, n - 1), "column": (m - 1, n), "contact": (n,)}
        return {
            part: 1.0 / values[self.wires[part]].reshape(shape) if part in self.wires else np.zeros(shape)
            for part, shape in shapes.items()
        }

    def port_conductances(self, values: Values) -> tuple[np.ndarray, np.ndarray]:
        """About what each row ``(m,)`` and each column ``(n,)`` sees of the crossbar, the other ports held, siemens.

        Never more than that: each crossing counts in series with the whole wire between it and the port beyond, as if
        it had that wire to itself.
        """
        g = np.asarray(values[self.conductance], np.float64)
        r = {part: np.asarray(ohms, np.float64) for part, ohms in self.resistances(values).items()}
        along_rows = np.cumsum(np.concatenate([r["driver"][:, None], r["row"]], axis=1), axis=1)
        down = np.concatenate([r["column"], r["contact"][None]])
        along_columns = np.cumsum(down[::-1], axis=0)[::-1]
        columns = _seen(g / (1.0 + g * along_rows), down)
        across = np.concatenate([r["driver"][:, None], r["row"]], axis=1)[:, ::-1].T
        return _seen((g / (1.0 + g * along_columns))[:, ::-1].T, across), columns


def _seen(g: np.ndarray, ohms: np.ndarray) -> np.ndarray:
    """Conductance at the end of wires with a cell ``g`` to ground before each of their resistors, ``(k,)``."""
    total = np.zeros(g.shape[1])
    for cells, wire in zip(g, ohms, strict=True):
        total = total + cells
        total = total / (1.0 + total * wire)
    return total


@dataclass(frozen=True, eq=False)
class WireResistors(Resistors):
    """Resistors of the wires of one crossbar; ``cells`` names its crossings (:class:`WiredCells`)."""

    cells: str = ""

    kind = "wires"

    def describe(self) -> str:
        """See :meth:`~ebana.circuit.element.Element.describe`."""
        return f"{self.units} resistors of the wires of {self.cells!r}"


@dataclass(frozen=True)
class Grid:
    """The nodes of a wired crossbar.

    Args:
        a, b: nodes of the rows' and of the columns' wires at the crossings, ``(m, n)``.
        ends: of each part of the wires, the nodes that its resistors join.
        inside: the nodes that stand within.
    """

    a: np.ndarray
    b: np.ndarray
    ends: Mapping[str, tuple[np.ndarray, np.ndarray]]
    inside: np.ndarray


def row_nodes(wires: Wires, m: int, n: int) -> int:
    """Number of nodes that the wires of rows have within a crossbar."""
    if wires.row:
        return m * (n if wires.driver else n - 1)
    return m if wires.driver else 0


def column_nodes(wires: Wires, m: int, n: int) -> int:
    """Number of nodes that the wires of columns have within a crossbar."""
    return row_nodes(Wires(row=wires.column, driver=wires.contact), n, m)


def grid(
    wires: Wires, rows: np.ndarray, columns: np.ndarray, on_rows: np.ndarray, on_columns: np.ndarray
) -> Grid:
    """Place the nodes of a wired crossbar.

    Args:
        wires: the resistances.
        rows, columns: the ports, ``(m,)`` and ``(n,)``.
        on_rows: nodes for the rows' wires, as many as :func:`row_nodes` says.
        on_columns: nodes for the columns' wires, as many as :func:`column_nodes` says.
    """
    m, n = len(rows), len(columns)
    a = _lines(bool(wires.row), bool(wires.driver), rows, n, on_rows)
    b = _lines(
        bool(wires.column), bool(wires.contact), columns, m, np.ravel(on_columns).reshape(-1, n)[::-1].T
    )
    b = b.T[::-1]
    ends = {
        "driver": (rows, a[:, 0]),
        "row": (a[:, :-1], a[:, 1:]),
        "column": (b[:-1], b[1:]),
        "contact": (b[-1], columns),
    }
    present = {
        part: (first.ravel(), second.ravel())
        for part, (first, second) in ends.items()
        if getattr(wires, part) and first.size
    }
    return Grid(a, b, present, np.concatenate([np.ravel(on_rows), np.ravel(on_columns)]))


def _lines(along: bool, end: bool, ports: np.ndarray, count: int, nodes: np.ndarray) -> np.ndarray:
    """Nodes of wires from their ports on, ``(ports, count)``: own ones, or one for all crossings where it is ideal."""
    own = np.asarray(nodes).reshape(len(ports), -1)
    if not along:
        return np.repeat(own if end else ports[:, None], count, axis=1)
    return own if end else np.concatenate([ports[:, None], own], axis=1)

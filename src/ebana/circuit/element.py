"""What every array of circuit elements answers for itself, and what its kinds have in common.

A consumer (solver, energy, netlist, power, drawing, summary) asks an element; whoever adds a kind of element writes
one class that answers:

* :meth:`Element.terminals`, :meth:`Element.references` and :meth:`Element.joined`: its nodes, the parameters that it
  reads, and the nodes that it joins;
* for a two-terminal law, :class:`Branches`: the current, the conductance, the co-content and the charge of each;
* :meth:`Element.numbers`, :meth:`Element.handles` and :meth:`Element.statements`: its SPICE form;
* ``kind``, ``symbol``, :meth:`Element.label` and :meth:`Element.caption`: its place in tables and drawings.

An element whose currents do not follow from the potentials of its nodes alone keeps ``solvable`` False. Where it states
:meth:`Element.relations`, :class:`~ebana.engines.SparseEngine` solves it; else SPICE alone, and what needs its current
refuses it by name.

Every terminal is an integer array of node indices in the circuit's numbering; :data:`GROUND` is the reference node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np

from ebana.circuit.relations import Linear, Nonlinear, Relation, Voltage
from ebana.spice.language.statements import Statement
from ebana.spice.language.subcircuit import NeedsSpice
from ebana.units import si

if TYPE_CHECKING:
    from ebana._types import Array, Values

INDEX = np.int32
"""Type of all node indices: JAX mixes its precision scopes up over 64-bit index arrays that both see."""

GROUND = -1
"""Index of the reference node, 0 V."""

REVERSED = "#out"
"""Mark in the label of a unit whose current counts the other way: the end of a current source that it leaves."""


def _is_index(value: object) -> bool:
    """Whether a field whose kind names none holds indices."""
    if not isinstance(value, np.ndarray | list):
        return False
    array = np.asarray(value)
    return array.dtype.kind in "iu" or array.size == 0


Place = tuple[slice, slice]
"""Where a part of an element array lies in its table of numbers."""


def as_slice(index: np.ndarray) -> slice | np.ndarray:
    """The indices as a slice where they are consecutive, which is free in compiled code; else as they are."""
    if index.size and index[0] >= 0 and np.array_equal(index, np.arange(index[0], index[0] + index.size)):
        return slice(int(index[0]), int(index[0]) + index.size)
    return index.astype(INDEX)


def named(nodes: Sequence[str], indices: np.ndarray) -> list[str]:
    """Names of nodes, from those of all nodes, ground last."""
    return [str(nodes[i]) for i in indices.tolist()]


def at_nodes(p: Array, nodes: np.ndarray) -> Array:
    """Columns of an array over all nodes, ``(B, N + 1)``."""
    return p[:, as_slice(nodes)]


def per_unit(value: object, size: int) -> np.ndarray:
    """A parameter of shape ``(1,)`` or ``(size,)`` as one number for each unit."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (size,))


class Reference(NamedTuple):
    """A parameter that an element reads, and the shapes that fit it."""

    name: str
    shapes: tuple[tuple[int, ...], ...]


class DeviceModel(Protocol):
    """The law of a two-terminal element; :class:`ebana.devices.Device` implements it."""

    ideal: bool
    own: ClassVar[Any]
    law: Any
    pick: Any
    current: Any
    conductance: Any
    cocontent: Any
    charge: Any
    noise_law: Any
    states_noise: Any
    piecewise_linear: Any
    statements: Any
    card_statements: Any
    at_temperature: Any
    symbol: ClassVar[str]
    caption: Any


@dataclass(frozen=True, eq=False)
class Element:
    """An array of elements of one kind.

    Args:
        name: name of the array, unique in its circuit.
        owner: the layer that made it; empty for one that stands for itself.
        labels: names of its units, where they have their own.
    """

    name: str
    owner: str = field(default="", kw_only=True)
    labels: tuple[str, ...] = field(default=(), kw_only=True)

    solvable: ClassVar[bool] = False
    """Whether Python knows its currents from the potentials of its nodes alone."""

    blocks_direct_current: ClassVar[bool] = False
    """Whether no direct current flows through it, so that operating points are the same without it."""

    constrains: ClassVar[bool] = False
    """Whether it holds voltages between nodes and has no energy of its own."""

    inline: ClassVar[bool] = False
    """Whether its SPICE form stands in the deck itself, not in a subcircuit of its own."""

    alterable: ClassVar[bool] = False
    """Whether a simulator can change its numbers in a circuit that is loaded, by :meth:`handles`."""

    unilateral: ClassVar[bool] = False
    """Whether it carries signals one way, so that the energies on its two sides have factors of their own."""

    kind: ClassVar[str] = "elements"
    """What tables of power count it as."""

    symbol: ClassVar[str] = ""
    """How a schematic draws each of its units; empty for one that cannot be drawn."""

    index_fields: ClassVar[tuple[str, ...] | None] = None
    """Names of the fields that hold indices, mostly of nodes; None for all arrays and lists of whole numbers."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if _is_index(value) if self.index_fields is None else item.name in self.index_fields:
                object.__setattr__(self, item.name, self._indices(item.name, value))

    def _indices(self, what: str, value: Any) -> np.ndarray:
        """A field's indices in their type, from whatever holds whole numbers."""
        given = np.asarray(value)
        if given.size and (given.dtype.kind not in "iuf" or not (given == np.trunc(given)).all()):
            mask = " A mask's nodes are np.flatnonzero(mask)." if given.dtype.kind == "b" else ""
            raise ValueError(
                f"element {self.name!r} has {what}={value!r}. Expected whole numbers, the indices that nodes(), "
                f"input() or bias() returned.{mask}"
            )
        return given.astype(INDEX, copy=False)

    @property
    def layer(self) -> str:
        """The layer that it belongs to, or its own name."""
        return self.owner or self.name

    def unit_name(self, k: int) -> str:
        """Readable name of unit k, its label or ``name[k]``."""
        return self.labels[k] if self.labels else f"{self.name}[{k}]"

    # -- nodes and values ------------------------------------------------------------------------------

    def terminals(self) -> tuple[np.ndarray, ...]:
        """The arrays of node indices that it touches."""
        raise NotImplementedError(
            f"element {self.name!r}: {type(self).__name__} does not state its terminals()"
        )

    @property
    def units(self) -> int:
        """Number of equal elements in the array."""
        return len(self.terminals()[0])

    def references(self) -> Iterator[Reference]:
        """The parameters that it reads."""
        yield from ()

    def check(self) -> None:
        """Raise ValueError where it is not consistent in itself."""

    def joined(self, among: np.ndarray, *, amplified: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of nodes that it joins, enough of them to tell what is connected; ground is the last node.

        Args:
            among: mask of the nodes that may join, shape ``(N + 1,)``.
            amplified: whether an amplifier joins its input to its output.
        """
        yield from ()

    def sources(self) -> np.ndarray:
        """The source nodes that it holds; none of most kinds."""
        return np.zeros(0, INDEX)

    def fixed(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of nodes, neither of them a source node, between which it holds a voltage."""
        yield from ()

    @property
    def has_relations(self) -> bool:
        """Whether it states the relations of its branches, or has none."""
        return self.blocks_direct_current or type(self).relations is not Element.relations

    def relations(self) -> Iterator[Relation]:
        """The relations of its branches (:mod:`ebana.circuit.relations`); none where no direct current flows."""
        if not self.blocks_direct_current:
            raise NeedsSpice(
                f"element {self.name!r}, {self.title()}, states no relations of its branches: SPICE alone knows its "
                "currents. Solve the circuit with engine='ngspice'."
            )
        yield from ()

    def at_temperature(self, celsius: float) -> Self:
        """The element at a temperature, degrees Celsius.

        Raises:
            ValueError: where SPICE alone knows its currents, and so how they change.
        """
        if not (self.solvable or self.has_relations):
            raise ValueError(
                f"element {self.name!r}, {self.title()}, has no law in Python that could be moved to {celsius:g} "
                "degrees Celsius. Write the deck and state .temp in it, or write the block as a Device."
            )
        model = next((getattr(self, f.name) for f in fields(self) if f.name == "model"), None)
        if model is None:
            return self
        return replace(self, model=model.at_temperature(celsius))  # type: ignore[call-arg]

    # -- SPICE ----------------------------------------------------------------------------------------

    def definitions(self) -> Iterator[Statement]:
        """Statements that a deck holds once for all arrays that share them, such as cards of models."""
        yield from ()

    def numbers(self, parameters: Values) -> np.ndarray:
        """The numbers in its SPICE form, a table: kinds by units (rows by columns of a crossbar)."""
        return np.zeros((0, self.units))

    def handles(self, block: str, nodes: Sequence[str]) -> list[str]:
        """What ngspice's ``alter`` calls each of the numbers of an alterable element, row by row.

        Args:
            block: name of its subcircuit, in lower case.
            nodes: name of each node, ground last.
        """
        return []

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """Its SPICE form.

        Args:
            nodes: name of each node, ground last.
            numbers: of :meth:`numbers`.
        """
        raise NotImplementedError(f"element {self.name!r} ({type(self).__name__}) has no SPICE form")

    def places(self, most_nodes: int) -> list[Place]:
        """Places of parts that touch at most so many nodes each."""
        length = max(1, most_nodes // max(2, len(self.terminals())))
        return [(slice(None), slice(start, start + length)) for start in range(0, self.units, length)]

    def part(self, place: Place) -> Self:
        """The units at a place, as an element; arrays with a row for each unit are cut, others belong to all."""
        arrays = {f.name: a for f in fields(self) if isinstance(a := getattr(self, f.name), np.ndarray)}
        rows = {name: array for name, array in arrays.items() if array.shape[:1] == (self.units,)}
        return replace(
            self, labels=self.labels[place[1]], **{n: array[place[1]] for n, array in rows.items()}
        )

    # -- tables and drawings ---------------------------------------------------------------------------

    def describe(self) -> str:
        """What it is, in a line."""
        return f"{self.units} {self.kind}"

    def title(self) -> str:
        """What it is, within a sentence."""
        return f"of kind {type(self).__name__}"

    def caption(self) -> str:
        """What a schematic says of it below its name."""
        return self.kind

    def label(self, values: Values, k: int) -> str:
        """The value of unit k with its unit, for a schematic."""
        return ""


class Branches(Element):
    """Two-terminal elements with a law: the current from ``ends()[0]`` to ``ends()[1]`` by the voltage between them.

    A subclass states ``ends()``, ``parameters`` (circuit parameters by the law's names for them), and either
    ``linear = True`` (a conductance, named by ``conductance``) or a field ``model`` with the law.
    """

    outer: ClassVar[bool] = False
    """Whether there is one between each first and each second end (a crossbar), or between pairs."""

    linear: ClassVar[bool] = False
    solvable = True

    conductance: str
    model: DeviceModel
    parameters: Mapping[str, str]

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """First and second ends."""
        raise NotImplementedError(f"element {self.name!r}: {type(self).__name__} does not state its ends()")

    def terminals(self) -> tuple[np.ndarray, ...]:
        """See :meth:`Element.terminals`."""
        return self.ends()

    @property
    def law(self) -> Any:
        """The law of each, an :class:`ebana.devices.Device` or what computes like one."""
        return OHM if self.linear else self.model

    @property
    def units(self) -> int:
        """Number of branches."""
        first, second = self.ends()
        return len(first) * len(second) if self.outer else len(first)

    def places(self, most_nodes: int) -> list[Place]:
        """See :meth:`Element.places`; of a crossbar, blocks of rows and columns."""
        if not self.outer:
            return super().places(most_nodes)
        length = max(1, most_nodes // 2)
        rows, columns = (
            [slice(k, k + length) for k in range(0, len(nodes), length)] for nodes in self.ends()
        )
        return [(r, c) for r in rows for c in columns]

    def part(self, place: Place) -> Self:
        """See :meth:`Element.part`; a law with numbers for each unit has those of the part."""
        if self.outer:
            return replace(self, **self._block(place))
        model = {} if self.linear else {"model": self.model.pick(place[1], self.units)}
        return replace(super().part(place), **model)

    def _block(self, place: Place) -> dict[str, np.ndarray]:
        """The fields that hold the rows and the columns of a crossbar, cut."""
        names = [[f.name for f in fields(self) if getattr(self, f.name) is nodes] for nodes in self.ends()]
        if not all(names):
            rows, columns = map(len, self.ends())
            raise NotImplementedError(
                f"element {self.name!r} of {rows} x {columns} branches has more nodes than a simulator takes in one "
                f"block, and {type(self).__name__} does not say how it is cut: its ends() are no fields of it. Return "
                "two fields from ends(), or define part(place)."
            )
        first, second = names[0][0], names[1][-1]  # one array may be both
        return {first: self.ends()[0][place[0]], second: self.ends()[1][place[1]]}

    def values(self, parameters: Values) -> dict[str, Array]:
        """The values of its parameters, by the law's names."""
        return {own: parameters[name] for own, name in self.parameters.items()}

    def relations(self) -> Iterator[Relation]:
        """See :meth:`Element.relations`: of a crossbar, row by row."""
        a, b = self.ends()
        if self.outer:
            a, b = np.repeat(a, len(b)), np.tile(b, len(a))
        law = (
            Linear(lambda p: (p[self.conductance].reshape(-1),), thermal=True)
            if self.linear
            else Nonlinear(self.model, self.values)
        )
        yield Relation(a, b, law, (Voltage(a, b),))

    def drop(self, p: Array) -> Array:
        """Voltage over each, ``(B, k)`` (of a crossbar ``(B, m, n)``), from the potentials of all nodes."""
        a, b = (at_nodes(p, nodes) for nodes in self.ends())
        return a[:, :, None] - b[:, None, :] if self.outer else a - b

    def current(self, dv: Array, parameters: Values) -> Array:
        """Current through each, amperes, from :meth:`drop`."""
        return self.law.current(dv, self.values(parameters))

    def cocontent(self, dv: Array, parameters: Values) -> Array:
        """Co-content of each, watts."""
        return self.law.cocontent(dv, self.values(parameters))

    def incremental(self, dv: Array, parameters: Values) -> Array:
        """Incremental conductance of each, siemens."""
        return self.law.conductance(dv, self.values(parameters))

    def charge(self, dv: Array, parameters: Values) -> Array | None:
        """Charge on the first end of each, coulombs; None for elements that store none."""
        return self.law.charge(dv, self.values(parameters))

    def drawn(self, p: Array, parameters: Values) -> tuple[Array, Array]:
        """Currents drawn from its two arrays of ends, each ``(B, k)``, amperes."""
        i = self.current(self.drop(p), parameters)
        return (i.sum(2), -i.sum(1)) if self.outer else (i, -i)

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`: of a conductance, its value."""
        if not self.linear:
            return ""
        return si(float(np.ravel(values[self.conductance])[k]), "S", 3)

    def joined(self, among: np.ndarray, *, amplified: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See :meth:`Element.joined`."""
        a, b = (with_ground(nodes, among) for nodes in self.ends())
        if not self.outer:
            both = among[a] & among[b]
            yield a[both], b[both]
            return
        a, b = a[among[a]], b[among[b]]
        if a.size and b.size:  # all rows with one column and all columns with one row will do
            yield a, np.full(len(a), b[0])
            yield np.full(len(b), a[0]), b


def with_ground(nodes: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Node indices with ground in the last place of a mask over all nodes."""
    return np.where(nodes == GROUND, len(among) - 1, nodes)


class _Ohm:
    """The law of a conductance."""

    ideal: ClassVar[bool] = False

    def current(self, dv: Array, p: Values) -> Array:
        return p["conductance"] * dv

    def conductance(self, dv: Array, p: Values) -> Array:
        return p["conductance"] + np.zeros(np.shape(dv), dv.dtype)

    def least_conductance(self, dv: Array, p: Values, radius: float) -> Array:
        return self.conductance(dv, p)

    def cocontent(self, dv: Array, p: Values) -> Array:
        return 0.5 * p["conductance"] * dv * dv

    def charge(self, dv: Array, p: Values) -> None:
        return None


OHM = _Ohm()

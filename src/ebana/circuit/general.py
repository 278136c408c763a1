"""Elements of circuits at large: floating and current-controlled sources, inductors, transistors, behavioural sources.

They state the relations of their branches (:mod:`ebana.circuit.relations`), by which
:class:`~ebana.engines.SparseEngine` solves them. Those that carry signals one way leave a circuit without an energy:
it is trained by the adjoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ebana.circuit.element import GROUND, INDEX, Element, named
from ebana.circuit.held import ControlledSource, HoldsEnds, Pairs, joined_pairs
from ebana.circuit.relations import Control, Current, Linear, Nonlinear, Relation, Voltage
from ebana.circuit.unit_array import UnitArray
from ebana.spice.language import statements as spice
from ebana.spice.language.statements import Statement
from ebana.units import si

if TYPE_CHECKING:
    from ebana._types import Values


def branch_name(letter: str, element: str, k: int) -> str:
    """What a deck calls branch k of an element that others refer to.

    Example:
        >>> branch_name("V", "net-(d1)", 0)
        'Vnet__d1__0'
    """
    return f"{letter}{re.sub(r'[^A-Za-z0-9_]', '_', element)}_{k}"


class _Drawn(Element):
    """Elements that a schematic draws as blocks with their terminals."""

    symbol = "block"

    def port_names(self) -> Sequence[str]:
        """Names of its terminals."""
        raise NotImplementedError(f"element {self.name!r}: {type(self).__name__} does not name its terminals")

    @property
    def block_name(self) -> str:
        """What a schematic calls each unit."""
        return self.kind

    def ports(self) -> tuple[Sequence[str], np.ndarray]:
        """Names of its terminals, and the nodes at those of each unit, ``(k, ports)``."""
        return self.port_names(), np.stack(self.terminals(), 1)


@dataclass(frozen=True, eq=False)
class FloatingSources(_Drawn, HoldsEnds):
    """``k`` sources that hold ``v(plus[i]) - v(minus[i])`` at the potential of the held node ``drivers[i]``.

    A driver carries an input or a bias; ground makes an ammeter of 0 V.
    """

    plus: np.ndarray
    minus: np.ndarray
    drivers: np.ndarray

    index_fields: ClassVar = ("plus", "minus", "drivers")
    inline = True
    constrains = True
    kind = "floating sources"

    def relations(self) -> Iterator[Relation]:
        """See :meth:`Element.relations`."""
        ground = np.full(self.units, GROUND, INDEX)
        yield Relation(
            self.plus, self.minus, Linear(lambda _: (1.0,)), (Voltage(self.drivers, ground),), holds=True
        )

    def port_names(self) -> Sequence[str]:
        """See :class:`_Drawn`."""
        return ("+", "-", "set")

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """A source of the driver's potential, and one of 0 V that measures the current."""
        for k, (plus, minus, driver) in enumerate(
            zip(*(named(nodes, n) for n in self.terminals()), strict=True)
        ):
            meter = branch_name("V", self.name, k)
            if driver == "0":
                yield spice.VoltageSource(meter, plus, minus, 0.0)
                continue
            yield spice.VoltageSource(meter, plus, f"{meter}_m", 0.0)
            yield spice.VoltageControlled(
                branch_name("E", self.name, k), f"{meter}_m", minus, driver, "0", 1.0
            )

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return "0 V" if self.drivers[k] == GROUND else "×1"


@dataclass(frozen=True, eq=False)
class Inductors(_Drawn, HoldsEnds):
    """``k`` inductors from ``a[i]`` to ``b[i]``; at an operating point no voltage is over them.

    Args:
        a, b: nodes.
        henries: a number or one for each.
    """

    a: np.ndarray
    b: np.ndarray
    henries: np.ndarray

    index_fields: ClassVar = ("a", "b")
    number_fields: ClassVar = ("henries",)
    positive_fields: ClassVar = ("henries",)
    inline = True
    constrains = True
    kind = "inductors"

    def relations(self) -> Iterator[Relation]:
        """See :meth:`Element.relations`."""
        yield Relation(self.a, self.b, Linear(), holds=True)

    def port_names(self) -> Sequence[str]:
        """See :class:`_Drawn`."""
        return ("a", "b")

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        ends = zip(named(nodes, self.a), named(nodes, self.b), self.henries.tolist(), strict=True)
        for k, (a, b, henries) in enumerate(ends):
            yield spice.Inductor(branch_name("L", self.name, k), a, b, henries)

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return si(float(self.henries[k]), "H", 3)


@dataclass(frozen=True, eq=False)
class _CurrentControlled(_Drawn, ControlledSource):
    """A source from ``minus[i]`` to ``plus[i]`` of a gain times the current through a branch that is measured.

    Args:
        plus, minus: nodes.
        meter: name of the floating sources that measure.
        branches: which of its branches.
        gain: numbers, or the name of a parameter.
    """

    plus: np.ndarray
    minus: np.ndarray
    meter: str
    branches: np.ndarray
    gain: np.ndarray | str

    index_fields: ClassVar = ("plus", "minus", "branches")
    inline = True

    def terminals(self) -> tuple[np.ndarray, ...]:
        """``plus`` and ``minus``."""
        return self.plus, self.minus

    def control(self) -> Current:
        """See :meth:`ControlledSource.control`."""
        return Current(self.meter, self.branches)

    def port_names(self) -> Sequence[str]:
        """See :class:`_Drawn`."""
        return ("+", "-")

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        ends = zip(named(nodes, self.plus), named(nodes, self.minus), numbers[0].tolist(), strict=True)
        for k, (plus, minus, gain) in enumerate(ends):
            meter = branch_name("V", self.meter, int(self.branches[k]))
            name = branch_name(self.letter, self.name, k)
            yield spice.CurrentControlled(name, plus, minus, meter, gain)


@dataclass(frozen=True, eq=False)
class CurrentControlledCurrents(_CurrentControlled):
    """Amperes ``gain i(meter)`` that flow from ``plus`` through the source to ``minus``."""

    kind = "current-controlled currents"
    letter = "F"
    holds = False


@dataclass(frozen=True, eq=False)
class CurrentControlledVoltages(HoldsEnds, _CurrentControlled):
    """``v(plus) - v(minus) = gain i(meter)``, the gain in ohms."""

    kind = "current-controlled voltages"
    letter = "H"
    holds = True


@dataclass(frozen=True, eq=False)
class Mosfets(UnitArray):
    """``k`` equal MOSFETs of level 1 with four terminals.

    Args:
        drain, gate, source, bulk: nodes.
        model: a :class:`~ebana.devices.FourTerminal`, the transistor at its temperature.
    """

    drain: np.ndarray
    gate: np.ndarray
    source: np.ndarray
    bulk: np.ndarray
    model: Any

    index_fields: ClassVar = ("drain", "gate", "source", "bulk")
    kind = "transistors"

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """``"nmos"`` or ``"pmos"``."""
        return f"{self.model.channel}mos"

    def relations(self) -> Iterator[Relation]:
        """The channel, by the voltages from gate, drain and bulk to the source, and the two junctions of the bulk."""
        to_source = tuple(Voltage(n, self.source) for n in (self.gate, self.drain, self.bulk))
        yield Relation(self.drain, self.source, Nonlinear(self.model.port("channel")), to_source)
        anode, cathode = (self.bulk, self.drain) if self.model.channel == "n" else (self.drain, self.bulk)
        yield Relation(anode, cathode, Nonlinear(self.model.port("drain")), (Voltage(anode, cathode),))
        anode, cathode = (self.bulk, self.source) if self.model.channel == "n" else (self.source, self.bulk)
        yield Relation(anode, cathode, Nonlinear(self.model.port("source")), (Voltage(anode, cathode),))

    def joined(self, among: np.ndarray, *, amplified: bool) -> Pairs:
        """See :meth:`Element.joined`: the channel, and the junction to the bulk; a gate is insulated."""
        yield joined_pairs(among, self.drain, self.source)
        yield joined_pairs(among, self.source, self.bulk)

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """The model card, and a line for each transistor."""
        yield from self.model.card_statements()
        for k, ends in enumerate(zip(*(named(nodes, n) for n in self.terminals()), strict=True)):
            yield self.model.line(str(k), ends)

    def describe(self) -> str:
        """See :meth:`Element.describe`."""
        return f"{self.units} transistors: {self.model!r}"

    def caption(self) -> str:
        """See :meth:`Element.caption`."""
        return f"transistors {self.model.name}"


@dataclass(frozen=True, eq=False)
class BehaviouralSources(_Drawn):
    """Sources of a current or a voltage by an expression of others, from ``minus[i]`` to ``plus[i]``.

    Args:
        plus, minus: nodes, ``(k,)``.
        model: a :class:`~ebana.devices.expression.Formula`, the same for all.
        volts: pairs of nodes whose voltages it reads, ``(variables, 2, k)``.
        meters: names of the floating sources whose currents it reads after those, and which of them.
        holds: whether it gives the voltage.
    """

    plus: np.ndarray
    minus: np.ndarray
    model: Any
    volts: np.ndarray
    meters: tuple[tuple[str, int], ...] = ()
    holds: bool = False

    index_fields: ClassVar = ("plus", "minus", "volts")
    inline = True
    kind = "behavioural sources"

    def terminals(self) -> tuple[np.ndarray, ...]:
        """``plus``, ``minus`` and the nodes that are read."""
        return self.plus, self.minus, *self.volts.reshape(-1, len(self.plus))

    def _controls(self) -> tuple[Control, ...]:
        voltages = [Voltage(plus, minus) for plus, minus in self.volts]
        return *voltages, *(Current(name, np.full(len(self.plus), unit)) for name, unit in self.meters)

    def relations(self) -> Iterator[Relation]:
        """See :meth:`Element.relations`."""
        yield Relation(self.plus, self.minus, Nonlinear(self.model), self._controls(), self.holds)

    def port_names(self) -> Sequence[str]:
        """See :class:`_Drawn`."""
        return "+", "-", *(f"v{k // 2}{'+-'[k % 2]}" for k in range(2 * len(self.volts)))

    def joined(self, among: np.ndarray, *, amplified: bool) -> Pairs:
        """See :meth:`Element.joined`."""
        yield joined_pairs(among, self.plus, self.minus)

    def fixed(self) -> Pairs:
        """See :meth:`Element.fixed`."""
        if self.holds:
            yield self.plus, self.minus

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        currents = [f"I({branch_name('V', name, unit)})" for name, unit in self.meters]
        for k, (plus, minus) in enumerate(
            zip(named(nodes, self.plus), named(nodes, self.minus), strict=True)
        ):
            names = [_potential(*named(nodes, pair[:, k])) for pair in self.volts]
            text = self.model.text((*names, *currents))
            yield spice.Behavioural(
                branch_name("B", self.name, k), plus, minus, text, "V" if self.holds else "I"
            )

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return "f(v)"


def _potential(plus: str, minus: str) -> str:
    """A voltage in an expression."""
    if minus == "0":
        return "0" if plus == "0" else f"V({plus})"
    return f"(-V({minus}))" if plus == "0" else f"V({plus},{minus})"

"""Elements of a deck as arrays of a circuit, kind by kind; those that are trained one array for each pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from ebana.circuit.element import GROUND, INDEX, REVERSED
from ebana.circuit.general import (
    BehaviouralSources,
    CurrentControlledCurrents,
    CurrentControlledVoltages,
    Inductors,
    Mosfets,
)
from ebana.decks.devices import diode, series_resistances, transistor
from ebana.decks.selection import Drive, Selection
from ebana.decks.wiring import Wiring
from ebana.devices import Formula
from ebana.spice.language.deck.building import LEAST_OHMS
from ebana.spice.language.deck.data import Deck
from ebana.spice.language.deck.elements import (
    Behavioural,
    Capacitor,
    CurrentControlled,
    CurrentSource,
    Diode,
    Inductor,
    Resistor,
    Transistor,
    VoltageControlled,
)
from ebana.spice.language.deck.expression import Current, Expression, Potential, variables
from ebana.spice.language.deck.places import located

E = TypeVar("E", Diode, Transistor)


class Arrays:
    """Adds the elements of a deck to a circuit whose nodes are there, and its sources of volts.

    Args:
        deck: the deck.
        chosen: what data drives, what is trained.
        wiring: of the deck.
    """

    def __init__(self, deck: Deck, chosen: Selection, wiring: Wiring) -> None:
        self.deck, self.chosen, self.wiring, self.build = deck, chosen, wiring, wiring.build
        self.gmin = float(deck.options.get("gmin", 1e-12))

    def add(self) -> None:
        """Add all but sources of volts."""
        by_kind: dict[type, list[Any]] = {}
        for element in self.deck.elements:
            by_kind.setdefault(type(element), []).append(element)
        makers = {
            Resistor: self._resistors,
            Capacitor: self._capacitors,
            Inductor: self._inductors,
            CurrentSource: self._current_sources,
            VoltageControlled: self._voltage_controlled,
            CurrentControlled: self._current_controlled,
            Diode: self._diodes,
            Transistor: self._transistors,
            Behavioural: self._behavioural,
        }
        for kind, maker in makers.items():
            if kind in by_kind:
                maker(by_kind[kind])

    def _resistors(self, elements: Sequence[Resistor]) -> None:
        for drive, members in self.chosen.grouped([e for e in elements if e.ohms >= 0]):
            g = np.array([1.0 / (e.ohms or LEAST_OHMS) for e in members])
            name = self.wiring.called(f"R {drive.pattern}" if drive.pattern else "R")
            low, high = drive.conductances(g)
            a, b = self.wiring.ends(members)
            self.build.resistors(name, a, b, g, trainable=bool(drive.pattern), low=low, high=high)
            self.wiring.label(members)
        if negative := [e for e in elements if e.ohms < 0]:
            self._negative_resistors(negative)

    def _negative_resistors(self, elements: Sequence[Resistor]) -> None:
        for element in elements:
            with located(element.place):
                self.chosen.refuse_training(
                    element, "a negative resistance is no conductance that is trained"
                )
        a, b = self.wiring.ends(elements)
        siemens = [1.0 / e.ohms for e in elements]
        self.build.voltage_controlled_currents(self.wiring.called("negative R"), a, b, a, b, siemens)
        self.wiring.label(elements)

    def _capacitors(self, elements: Sequence[Capacitor]) -> None:
        used = [e for e in elements if e.farads > 0]
        if used:
            a, b = self.wiring.ends(used)
            self.build.capacitors(self.wiring.called("C"), a, b, [e.farads for e in used])
            self.wiring.label(used)

    def _inductors(self, elements: Sequence[Inductor]) -> None:
        a, b = self.wiring.ends(elements)
        henries = np.array([max(e.henries, 1e-30) for e in elements])
        self.wiring.add(Inductors(self.wiring.called("L"), a, b, henries), elements)

    def _current_sources(self, elements: Sequence[CurrentSource]) -> None:
        for drive, members in self.chosen.grouped(elements):
            if drive == Drive():
                self._fixed_currents(members)
            else:
                self._driven_currents(drive, members)

    def _fixed_currents(self, members: Sequence[CurrentSource]) -> None:
        """Currents into second nodes, and out of first ones; none at ground."""
        plus, minus = self.wiring.ends(members)
        amperes = np.array([e.amperes for e in members])
        out, into = plus != GROUND, minus != GROUND
        if into.any():
            self.build.current_sources(self.wiring.called("I"), minus[into], amperes[into])
            self.wiring.label([e for e, ends in zip(members, into, strict=True) if ends])
        if out.any():
            self.build.current_sources(self.wiring.called("I out"), plus[out], -amperes[out])
            leaving = [e for e, ends in zip(members, out, strict=True) if ends]
            self.build.label_last([f"{e.name}{REVERSED}" for e in leaving])
            self.build.wrote_last(leaving)

    def _driven_currents(self, drive: Drive, members: Sequence[CurrentSource]) -> None:
        """Currents by the potentials of nodes that an input, or training, holds at as many volts."""
        names = [f"{e.name}#amperes" for e in members]
        amperes, copies = [e.amperes / e.copies for e in members], np.array([e.copies for e in members])
        drivers = self.wiring.hold(drive, amperes, np.ones(len(members)), names, "amperes")
        title = self.wiring.called(f"I {drive.input or drive.pattern}")
        ground = self.build.ground(len(members))
        self.build.voltage_controlled_currents(title, *self.wiring.ends(members), drivers, ground, copies)
        self.wiring.label(members)

    def _voltage_controlled(self, elements: Sequence[VoltageControlled]) -> None:
        for letter, add in (
            ("e", self.build.voltage_controlled_voltages),
            ("g", self.build.voltage_controlled_currents),
        ):
            for drive, members in self.chosen.grouped([e for e in elements if e.letter == letter]):
                name, gain = self._gain(letter.upper(), drive, [e.gain for e in members])
                plus, minus = self.wiring.ends(members)
                over, under = (self.wiring.nodes(e.controls[k] for e in members) for k in (0, 1))
                add(name, plus, minus, over, under, gain)
                self.wiring.label(members)

    def _gain(self, letter: str, drive: Drive, gains: Sequence[float]) -> tuple[str, Any]:
        """Name of an array of controlled sources, and the parameter of their gains."""
        name = self.wiring.called(f"{letter} {drive.pattern}" if drive.pattern else letter)
        options = {"trainable": bool(drive.pattern), **drive.limits}
        return name, self.build.parameter(f"{name}/gain", "gain", np.asarray(gains, float), **options)

    def _current_controlled(self, elements: Sequence[CurrentControlled]) -> None:
        for letter, kind in (("f", CurrentControlledCurrents), ("h", CurrentControlledVoltages)):
            chosen = [e for e in elements if e.letter == letter]
            for meter in dict.fromkeys(self._meter(e)[0] for e in chosen):
                some = [e for e in chosen if self._meter(e)[0] == meter]
                for drive, members in self.chosen.grouped(some):
                    name, gain = self._gain(
                        f"{letter.upper()} {meter.removeprefix(self.wiring.prefix)}",
                        drive,
                        [e.gain for e in members],
                    )
                    at = np.array([self._meter(e)[1] for e in members])
                    plus, minus = self.wiring.ends(members)
                    self.wiring.add(kind(name, plus, minus, meter, at, gain), members)

    def _meter(self, element: CurrentControlled) -> tuple[str, int]:
        return self.wiring.branches[element.source]

    def _diodes(self, elements: Sequence[Diode]) -> None:
        for name, model, members in self._by_model("D", elements, diode):
            self.build.devices(name, *self.wiring.ends(members), model)
            self.wiring.label(members)

    def _transistors(self, elements: Sequence[Transistor]) -> None:
        for name, model, members in self._by_model("M", elements, transistor):
            drain, gate, source, bulk = (
                self.wiring.nodes(_terminals(e)[k] for e in members) for k in range(len(TERMINALS))
            )
            self.wiring.add(Mosfets(name, drain, gate, source, bulk, model), members)
        self._series_resistors(elements)

    def _by_model(
        self, letter: str, elements: Sequence[E], law: Callable[[E, Deck, float], Any]
    ) -> Iterator[tuple[str, Any, list[E]]]:
        """Elements of one card and one law together: the name of their array, the law, and they."""
        groups: dict[Any, list[E]] = {}
        for element in elements:
            with located(element.place):
                model = law(element, self.deck, self.gmin)
            groups.setdefault((element.card.name, model), []).append(element)
        for number, ((_, model), members) in enumerate(groups.items()):
            yield self.wiring.called(_numbered(letter, model.name, number)), model, members

    def _series_resistors(self, elements: Sequence[Transistor]) -> None:
        """Resistors between the ends of transistors and their channels."""
        found = [(element, *one) for element in elements for one in series_resistances(element)]
        if found:
            a = self.wiring.nodes(element.nodes[TERMINALS.index(end)] for element, _, end, _ in found)
            b = self.wiring.nodes(name for _, name, _, _ in found)
            g = np.array([1.0 / ohms for *_, ohms in found])
            self.build.resistors(self.wiring.called("series R of M"), a, b, g, low=1e-30, high=np.inf)
            self.build.wrote_last([element for element, *_ in found])

    def _behavioural(self, elements: Sequence[Behavioural]) -> None:
        for element in elements:
            self.build.add(self._formula(element, element.expression))
            self.build.wrote_last([element])

    def _formula(self, element: Behavioural, expression: Expression) -> BehaviouralSources:
        known = variables(expression) or (Potential("0"),)  # a constant: of the voltage from ground to ground
        volts = [v for v in known if isinstance(v, Potential)]
        amperes = [v for v in known if isinstance(v, Current)]
        (plus,), (minus,) = self.wiring.ends([element])
        pairs = [[[self.wiring.index[v.a]], [self.wiring.index[v.b]]] for v in volts]
        return BehaviouralSources(
            self.wiring.called(element.name),
            np.array([plus], INDEX),
            np.array([minus], INDEX),
            Formula.of(expression, (*volts, *amperes)),
            np.array(pairs, INDEX).reshape(len(volts), 2, 1),
            tuple(self.wiring.branches[v.source] for v in amperes),
            element.quantity == "v",
            labels=(element.written,),
        )


TERMINALS = ("drain", "gate", "source", "bulk")


def _terminals(element: Transistor) -> list[str]:
    """Its nodes, those behind series resistances in place of the ends of the channel; a bulk is at its source."""
    inner = {end: name for name, end, _ in series_resistances(element)}
    nodes = [*element.nodes, element.nodes[-1]][: len(TERMINALS)]
    return [inner.get(which, node) for which, node in zip(TERMINALS, nodes, strict=True)]


def _numbered(letter: str, model: str, number: int) -> str:
    return f"{letter} {model}" if number == 0 else f"{letter} {model} {number + 1}"

"""From a deck that was read to a circuit: which nodes sources hold, what is driven, trained and read.

Elements of one kind become one array, those that are trained one array for each pattern that names them. A voltage
source between a node and ground holds the node; others, and those whose current is read, are floating sources. Where
the current of another element is read, an ammeter of 0 V stands in series with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ebana.circuit import Circuit, CircuitBuilder
from ebana.circuit.element import GROUND, INDEX, REVERSED
from ebana.circuit.general import (
    BehaviouralSources,
    CurrentControlledCurrents,
    CurrentControlledVoltages,
    FloatingSources,
    Inductors,
    Mosfets,
)
from ebana.decks.devices import diode, series_resistances, transistor
from ebana.decks.selection import Drive, Selection
from ebana.decks.source import Dialect, deck_of
from ebana.devices import Formula
from ebana.spice.language.deck import DeckError
from ebana.spice.language.deck.data import Deck
from ebana.spice.language.deck.elements import (
    Behavioural,
    Capacitor,
    CurrentControlled,
    CurrentSource,
    Diode,
    Element,
    Inductor,
    Resistor,
    Transistor,
    VoltageControlled,
    VoltageSource,
)
from ebana.spice.language.deck.expression import Current, Expression, Potential, variables
from ebana.spice.language.deck.places import located

LEAST_OHMS = 1e-3
"""What ngspice takes for a resistance of zero."""


def from_netlist(
    source: str | Path,
    *,
    inputs: Sequence[str] | Mapping[str, Any] = (),
    outputs: Sequence[Any] | Mapping[str, Any] = (),
    trainable: Sequence[str] = (),
    bounds: Mapping[str, tuple[Any, Any]] | None = None,
    dialect: Dialect = "auto",
) -> Circuit:
    """A circuit from a SPICE deck.

    Args:
        source: the path of a file (UTF-8, UTF-16 or Windows-1252), or the text of a deck. The first line is its title.
        inputs: names of the sources that data drives: a sequence, whose sources are the columns of one input ``"x"`` in
            its order, or a mapping from names of sources to names of inputs. Their values in the deck do not count.
        outputs: what is read: a sequence of nodes, or of pairs of nodes between which voltages are read, as one output
            ``"y"``; or a mapping from names of outputs to such sequences.
        trainable: names of the elements that are trained, or patterns of them such as ``"RW*"``: resistors, voltage and
            current sources, and gains of controlled sources.
        bounds: of what each of ``trainable`` names, in its unit (ohms for resistors), as numbers or as text such as
            ``"4.7k"``; a factor of a thousand either way of the deck's values where none are stated for resistors.
        dialect: whose meaning counts where simulators differ; ``"auto"`` is LTspice's where the deck says that it wrote
            it, else ngspice's.

    Returns:
        The circuit, its nodes named as in the deck. Give it to :meth:`Model.from_circuit` to solve and train it.

    Raises:
        DeckError: for what is not read, with file, line and text.
        ValueError: for names that are not in the deck, nodes that float, loops of sources.
        OSError: for a file that cannot be read.

    Example:
        >>> circuit = from_netlist('''divider
        ... Vin in 0 1
        ... R1 in out 1k
        ... R2 out 0 3k
        ... .end''', inputs=["Vin"], outputs=["out"], trainable=["R1"])
        >>> from ebana import Model
        >>> Model.from_circuit(circuit).predict([[2.0]]).round(6)
        array([[1.5]])
    """
    deck = deck_of(source, dialect=dialect)
    if not deck.elements:
        raise ValueError(
            f"the deck {deck.title!r} has no elements. Expected its title, then a line for each element."
        )
    return assembled(deck, inputs=inputs, outputs=outputs, trainable=trainable, bounds=bounds)


def assembled(
    deck: Deck,
    *,
    inputs: Sequence[str] | Mapping[str, Any] = (),
    outputs: Sequence[Any] | Mapping[str, Any] = (),
    trainable: Sequence[str] = (),
    bounds: Mapping[str, tuple[Any, Any]] | None = None,
) -> Circuit:
    """The circuit of a deck; arguments as in :func:`from_netlist`."""
    chosen = Selection.of(deck, inputs, outputs, trainable, bounds or {})
    return Assembly(deck, chosen, CircuitBuilder()).build()


class Assembly:
    """Adds the nodes and elements of a deck to a circuit that is being built: nodes first, then elements, kind by kind.

    Args:
        deck: the deck.
        chosen: what data drives, what is trained and read.
        build: where to add them.
        known: nodes that are there already, by the deck's names for them.
        prefix: of the names of arrays.
    """

    def __init__(
        self,
        deck: Deck,
        chosen: Selection,
        build: CircuitBuilder,
        known: Mapping[str, int] | None = None,
        prefix: str = "",
    ) -> None:
        self.deck, self.chosen, self.build_, self.prefix = deck, chosen, build, prefix
        self.index: dict[str, int] = {"0": GROUND, **(known or {})}
        self.given = frozenset(self.index)
        self.branches: dict[str, tuple[str, int]] = {}
        self.measured = _measured(deck.elements)
        self.gmin = float(deck.options.get("gmin", 1e-12))

    def build(self) -> Circuit:
        """The circuit, with its outputs."""
        self.add()
        for name, (nodes, folded) in self.chosen.outputs.items():
            self.build_.output(name, self._nodes(nodes), folded=folded)
        return self.build_.build()

    def add(self) -> None:
        """Add nodes and elements."""
        self._check_read()
        sources = [e for e in self.deck.elements if isinstance(e, VoltageSource)]
        holding = self._holding(sources)
        floating = [e for e in sources if e.name not in holding]
        self._held_nodes(holding)
        drivers = self._drivers(floating)
        meters = [
            e for e in self.deck.elements if e.name in self.measured and not isinstance(e, VoltageSource)
        ]
        self._free_nodes(meters)
        self._floating(floating, drivers, meters)
        self._elements()

    def _check_read(self) -> None:
        """Refuse elements that read the potential of a node to which nothing is connected."""
        known = {*self.given, *self.deck.nodes}
        for element in self.deck.elements:
            for node in _read(element):
                if node not in known:
                    raise DeckError(
                        element.place,
                        f"it reads the potential of {node!r}, to which nothing is connected. Connect the node, or "
                        "correct its name.",
                    )

    def _called(self, name: str) -> str:
        """What an array is called in the circuit."""
        return f"{self.prefix}{name}"

    # -- nodes -----------------------------------------------------------------------------------------------

    def _holding(self, sources: Iterable[VoltageSource]) -> dict[str, tuple[VoltageSource, str, float]]:
        """Sources that hold a node of their own against ground: the node, and the sign of its potential."""
        found: dict[str, tuple[VoltageSource, str, float]] = {}
        taken: set[str] = set(self.given)
        read = {node for nodes, _ in self.chosen.outputs.values() for node in nodes}
        for source in sources:
            plus, minus = source.nodes
            if source.name in self.measured or "0" not in (plus, minus):
                continue
            node, sign = (plus, 1.0) if minus == "0" else (minus, -1.0)
            if node not in taken and node not in read:
                taken.add(node)
                found[source.name] = (source, node, sign)
        return found

    def _held_nodes(self, holding: Mapping[str, tuple[VoltageSource, str, float]]) -> None:
        for drive, members in self.chosen.grouped([source for source, _, _ in holding.values()]):
            nodes = [holding[source.name][1] for source in members]
            signs = np.array([holding[source.name][2] for source in members])
            self._name(nodes, self._hold(drive, [s.volts for s in members], signs, nodes, "sources"))
            self._label(members)

    def _hold(
        self, drive: Drive, volts: Sequence[float], signs: np.ndarray, labels: Sequence[str], name: str
    ) -> np.ndarray:
        """Nodes that an input, trained voltages or fixed ones hold."""
        if drive.input:
            title = self._called(f"{name} {drive.input}")
            nodes = self.build_.held(title, labels)
            self.build_.drive(title, nodes, drive.input, drive.columns, signs)
            return nodes
        title = self._called(f"{name} {drive.pattern}" if drive.pattern else name)
        low, high = drive.bounds or (-np.inf, np.inf)
        return self.build_.bias(
            title,
            np.asarray(volts, float),
            scale=signs,
            labels=labels,
            trainable=bool(drive.pattern),
            low=low,
            high=high,
        )

    def _drivers(self, floating: Sequence[VoltageSource]) -> dict[str, int]:
        """Nodes whose potentials floating sources hold between theirs; ground for ammeters."""
        found: dict[str, int] = {}
        driven = []
        for source in floating:
            if self.chosen.drive(source) == Drive() and source.volts == 0.0:
                found[source.name] = GROUND
            else:
                driven.append(source)
        for drive, members in self.chosen.grouped(driven):
            labels = [f"{source.name}#volts" for source in members]
            volts = [source.volts for source in members]
            nodes = self._hold(drive, volts, np.ones(len(members)), labels, "drivers")
            found |= dict(zip((s.name for s in members), nodes.tolist(), strict=True))
        return found

    def _free_nodes(self, meters: Sequence[Element]) -> None:
        names = [n for n in self.deck.nodes if n not in self.index] + [f"{e.name}#series" for e in meters]
        for element in self.deck.elements:
            if isinstance(element, Transistor):
                names += [name for name, _, _ in series_resistances(element)]
        if names:
            self._name(
                names, self.build_.nodes(self._called("nodes"), len(names), [self._called(n) for n in names])
            )

    def _name(self, names: Sequence[str], nodes: np.ndarray) -> None:
        self.index |= dict(zip(names, nodes.tolist(), strict=True))

    def _nodes(self, names: Iterable[str]) -> np.ndarray:
        return np.array([self.index[name] for name in names], INDEX)

    def _ends(self, elements: Sequence[Element]) -> tuple[np.ndarray, np.ndarray]:
        """First and second nodes; behind the ammeter of those that are measured."""
        first = [
            e.nodes[0] if e.name not in self.measured or isinstance(e, VoltageSource) else f"{e.name}#series"
            for e in elements
        ]
        return self._nodes(first), self._nodes(e.nodes[1] for e in elements)

    # -- elements --------------------------------------------------------------------------------------------

    def _floating(
        self, floating: Sequence[VoltageSource], drivers: Mapping[str, int], meters: Sequence[Element]
    ) -> None:
        if floating:
            plus, minus = self._ends(floating)
            at = np.array([drivers[source.name] for source in floating], INDEX)
            self._branches(self._called("V"), floating)
            self._add(FloatingSources(self._called("V"), plus, minus, at, labels=_labels(floating)), floating)
        if meters:
            self.branches |= {e.name: (self._called("meters"), k) for k, e in enumerate(meters)}
            plus = self._nodes(e.nodes[0] for e in meters)
            minus = self._nodes(f"{e.name}#series" for e in meters)
            ground = np.array([GROUND], INDEX)
            self._add(
                FloatingSources(self._called("meters"), plus, minus, ground, labels=_labels(meters)), meters
            )

    def _branches(self, array: str, elements: Sequence[Element]) -> None:
        self.branches |= {e.name: (array, k) for k, e in enumerate(elements)}

    def _elements(self) -> None:
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
        negative = [e for e in elements if e.ohms < 0]
        positive = [e for e in elements if e.ohms >= 0]
        for drive, members in self.chosen.grouped(positive):
            g = np.array([1.0 / (e.ohms or LEAST_OHMS) for e in members])
            name = self._called(f"R {drive.pattern}" if drive.pattern else "R")
            low, high = drive.conductances(g)
            a, b = self._ends(members)
            self.build_.resistors(name, a, b, g, trainable=bool(drive.pattern), low=low, high=high)
            self._label(members)
        if negative:
            a, b = self._ends(negative)
            for element in negative:
                with located(element.place):
                    self.chosen.refuse_training(
                        element, "a negative resistance is no conductance that is trained"
                    )
            self.build_.voltage_controlled_currents(
                self._called("negative R"), a, b, a, b, [1.0 / e.ohms for e in negative]
            )
            self._label(negative)

    def _label(self, members: Sequence[Element]) -> None:
        """Give the array that was added last the names of its elements, and messages their lines."""
        self.build_.label_last(_labels(members))
        self.build_.wrote_last(members)

    def _add(self, array: Any, members: Sequence[Element]) -> None:
        """Add an array that has the names of its elements already, and give messages their lines."""
        self.build_.add(array)
        self.build_.wrote_last(members)

    def _capacitors(self, elements: Sequence[Capacitor]) -> None:
        used = [e for e in elements if e.farads > 0]
        if used:
            a, b = self._ends(used)
            self.build_.capacitors(self._called("C"), a, b, [e.farads for e in used])
            self._label(used)

    def _inductors(self, elements: Sequence[Inductor]) -> None:
        a, b = self._ends(elements)
        henries = np.array([max(e.henries, 1e-30) for e in elements])
        self._add(Inductors(self._called("L"), a, b, henries, labels=_labels(elements)), elements)

    def _current_sources(self, elements: Sequence[CurrentSource]) -> None:
        for drive, members in self.chosen.grouped(elements):
            plus, minus = self._ends(members)
            if drive == Drive():
                amperes = np.array([e.amperes for e in members])
                out, into = plus != GROUND, minus != GROUND
                if into.any():
                    self.build_.current_sources(self._called("I"), minus[into], amperes[into])
                    self._label([e for e, ends in zip(members, into, strict=True) if ends])
                if out.any():
                    self.build_.current_sources(self._called("I out"), plus[out], -amperes[out])
                    leaving = [e for e, ends in zip(members, out, strict=True) if ends]
                    self.build_.label_last([f"{e.name}{REVERSED}" for e in leaving])
                    self.build_.wrote_last(leaving)
                continue
            labels = [f"{e.name}#amperes" for e in members]
            drivers = self._hold(
                drive, [e.amperes for e in members], np.ones(len(members)), labels, "amperes"
            )
            name = self._called(f"I {drive.input or drive.pattern}")
            ground = self.build_.ground(len(members))
            self.build_.voltage_controlled_currents(name, plus, minus, drivers, ground, 1.0)
            self._label(members)

    def _voltage_controlled(self, elements: Sequence[VoltageControlled]) -> None:
        for letter, add in (
            ("e", self.build_.voltage_controlled_voltages),
            ("g", self.build_.voltage_controlled_currents),
        ):
            for drive, members in self.chosen.grouped([e for e in elements if e.letter == letter]):
                name, gain = self._gain(letter.upper(), drive, [e.gain for e in members])
                plus, minus = self._ends(members)
                over, under = (self._nodes(e.controls[k] for e in members) for k in (0, 1))
                add(name, plus, minus, over, under, gain)
                self._label(members)

    def _gain(self, letter: str, drive: Drive, gains: Sequence[float]) -> tuple[str, Any]:
        """Name of an array of controlled sources, and the parameter of their gains."""
        name = self._called(f"{letter} {drive.pattern}" if drive.pattern else letter)
        options = {"trainable": bool(drive.pattern), **drive.limits}
        return name, self.build_.parameter(f"{name}/gain", "gain", np.asarray(gains, float), **options)

    def _current_controlled(self, elements: Sequence[CurrentControlled]) -> None:
        for letter, kind in (("f", CurrentControlledCurrents), ("h", CurrentControlledVoltages)):
            chosen = [e for e in elements if e.letter == letter]
            for meter in dict.fromkeys(self._meter(e)[0] for e in chosen):
                some = [e for e in chosen if self._meter(e)[0] == meter]
                for drive, members in self.chosen.grouped(some):
                    name, gain = self._gain(
                        f"{letter.upper()} {meter.removeprefix(self.prefix)}",
                        drive,
                        [e.gain for e in members],
                    )
                    at = np.array([self._meter(e)[1] for e in members])
                    plus, minus = self._ends(members)
                    self._add(kind(name, plus, minus, meter, at, gain, labels=_labels(members)), members)

    def _meter(self, element: CurrentControlled) -> tuple[str, int]:
        return self.branches[element.source]

    def _diodes(self, elements: Sequence[Diode]) -> None:
        groups: dict[Any, list[Diode]] = {}
        for element in elements:
            with located(element.place):
                model = diode(element, self.deck, self.gmin)
            groups.setdefault((element.card.name, model), []).append(element)
        for number, ((_, model), members) in enumerate(groups.items()):
            self.build_.devices(self._called(_numbered("D", model.name, number)), *self._ends(members), model)
            self._label(members)

    def _transistors(self, elements: Sequence[Transistor]) -> None:
        groups: dict[Any, list[Transistor]] = {}
        resistors: list[tuple[str, str, float]] = []
        for element in elements:
            with located(element.place):
                model = transistor(element, self.deck, self.gmin)
            groups.setdefault((element.card.name, model), []).append(element)
            resistors += series_resistances(element)
        for number, ((_, model), members) in enumerate(groups.items()):
            name = self._called(_numbered("M", model.name, number))
            drain, gate, source, bulk = (
                self._nodes(_terminals(e)[k] for e in members) for k in range(len(TERMINALS))
            )
            self._add(Mosfets(name, drain, gate, source, bulk, model, labels=_labels(members)), members)
        if resistors:
            outer = {e.name: e for e in elements}
            a = self._nodes(
                outer[name.rsplit("#", 1)[0]].nodes[TERMINALS.index(end)] for name, end, _ in resistors
            )
            b = self._nodes(name for name, _, _ in resistors)
            g = np.array([1.0 / ohms for _, _, ohms in resistors])
            self.build_.resistors(self._called("series R of M"), a, b, g, low=1e-30, high=np.inf)
            self.build_.wrote_last([outer[name.rsplit("#", 1)[0]] for name, _, _ in resistors])

    def _behavioural(self, elements: Sequence[Behavioural]) -> None:
        for element in elements:
            self._add(self._formula(element, element.expression), [element])

    def _formula(self, element: Behavioural, expression: Expression) -> BehaviouralSources:
        known = variables(expression) or (Potential("0"),)  # a constant: of the voltage from ground to ground
        volts = [v for v in known if isinstance(v, Potential)]
        amperes = [v for v in known if isinstance(v, Current)]
        (plus,), (minus,) = self._ends([element])
        pairs = [[[self.index[v.a]], [self.index[v.b]]] for v in volts]
        return BehaviouralSources(
            self._called(element.name),
            np.array([plus], INDEX),
            np.array([minus], INDEX),
            Formula.of(expression, (*volts, *amperes)),
            np.array(pairs, INDEX).reshape(len(volts), 2, 1),
            tuple(self.branches[v.source] for v in amperes),
            element.quantity == "v",
            labels=(element.written,),
        )


TERMINALS = ("drain", "gate", "source", "bulk")


def _terminals(element: Transistor) -> list[str]:
    """Its nodes, those behind series resistances in place of the ends of the channel; a bulk is at its source."""
    inner = {end: name for name, end, _ in series_resistances(element)}
    nodes = [*element.nodes, element.nodes[-1]][: len(TERMINALS)]
    return [inner.get(which, node) for which, node in zip(TERMINALS, nodes, strict=True)]


def _read(element: Element) -> Iterator[str]:
    """The nodes whose potentials an element reads."""
    if isinstance(element, VoltageControlled):
        yield from element.controls
    elif isinstance(element, Behavioural):
        for variable in variables(element.expression):
            if isinstance(variable, Potential):
                yield from (variable.a, variable.b)


def _labels(elements: Iterable[Element]) -> tuple[str, ...]:
    return tuple(e.name for e in elements)


def _numbered(letter: str, model: str, number: int) -> str:
    return f"{letter} {model}" if number == 0 else f"{letter} {model} {number + 1}"


def _measured(elements: Iterable[Element]) -> frozenset[str]:
    """Names of the elements whose currents others read."""
    found: set[str] = set()
    for element in elements:
        if isinstance(element, CurrentControlled):
            found.add(element.source)
        elif isinstance(element, Behavioural):
            found |= {v.source for v in variables(element.expression) if isinstance(v, Current)}
    return frozenset(found)

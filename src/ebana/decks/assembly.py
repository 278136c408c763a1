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
from ebana.circuit.element import GROUND, INDEX
from ebana.circuit.general import FloatingSources
from ebana.decks.arrays import Arrays
from ebana.decks.devices import series_resistances
from ebana.decks.selection import Drive, Selection
from ebana.decks.source import Dialect, deck_of
from ebana.decks.wiring import Wiring
from ebana.spice.language.deck import DeckError
from ebana.spice.language.deck.data import Deck
from ebana.spice.language.deck.elements import (
    Behavioural,
    Element,
    Transistor,
    VoltageControlled,
    VoltageSource,
)
from ebana.spice.language.deck.expression import Potential, variables


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
        The circuit, its nodes named as in the deck. Give it to :meth:`ebana.Model.from_circuit` to solve and train it.

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
        self.deck, self.chosen, self.circuit = deck, chosen, build
        self.wiring = Wiring(deck.elements, build, known, prefix)

    def build(self) -> Circuit:
        """The circuit, with its outputs."""
        self.add()
        for name, (nodes, folded) in self.chosen.outputs.items():
            self.circuit.output(name, self.wiring.nodes(nodes), folded=folded)
        return self.circuit.build()

    def add(self) -> None:
        """Add nodes and elements."""
        self._check_read()
        sources = [e for e in self.deck.elements if isinstance(e, VoltageSource)]
        holding = self._holding(sources)
        floating = [e for e in sources if e.name not in holding]
        self._held_nodes(holding)
        drivers = self._drivers(floating)
        meters = [
            e
            for e in self.deck.elements
            if e.name in self.wiring.measured and not isinstance(e, VoltageSource)
        ]
        self._free_nodes(meters)
        self._floating(floating, drivers, meters)
        Arrays(self.deck, self.chosen, self.wiring).add()

    def _check_read(self) -> None:
        """Refuse elements that read the potential of a node to which nothing is connected."""
        known = {*self.wiring.given, *self.deck.nodes}
        for element in self.deck.elements:
            for node in _read(element):
                if node not in known:
                    raise DeckError(
                        element.place,
                        f"it reads the potential of {node!r}, to which nothing is connected. Connect the node, or "
                        "correct its name.",
                    )

    def _holding(self, sources: Iterable[VoltageSource]) -> dict[str, tuple[VoltageSource, str, float]]:
        """Sources that hold a node of their own against ground: the node, and the sign of its potential."""
        found: dict[str, tuple[VoltageSource, str, float]] = {}
        taken: set[str] = set(self.wiring.given)
        read = {node for nodes, _ in self.chosen.outputs.values() for node in nodes}
        for source in sources:
            plus, minus = source.nodes
            if source.name in self.wiring.measured or "0" not in (plus, minus):
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
            self.wiring.name(
                nodes, self.wiring.hold(drive, [s.volts for s in members], signs, nodes, "sources")
            )
            self.wiring.label(members)

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
            nodes = self.wiring.hold(drive, volts, np.ones(len(members)), labels, "drivers")
            found |= dict(zip((s.name for s in members), nodes.tolist(), strict=True))
        return found

    def _free_nodes(self, meters: Sequence[Element]) -> None:
        names = [n for n in self.deck.nodes if n not in self.wiring.index] + [
            f"{e.name}#series" for e in meters
        ]
        for element in self.deck.elements:
            if isinstance(element, Transistor):
                names += [name for name, _, _ in series_resistances(element)]
        if names:
            self.wiring.name(
                names,
                self.circuit.nodes(
                    self.wiring.called("nodes"), len(names), [self.wiring.called(n) for n in names]
                ),
            )

    def _floating(
        self, floating: Sequence[VoltageSource], drivers: Mapping[str, int], meters: Sequence[Element]
    ) -> None:
        if floating:
            plus, minus = self.wiring.ends(floating)
            at = np.array([drivers[source.name] for source in floating], INDEX)
            self.wiring.note_branches(self.wiring.called("V"), floating)
            self.wiring.add(FloatingSources(self.wiring.called("V"), plus, minus, at), floating)
        if meters:
            self.wiring.branches |= {e.name: (self.wiring.called("meters"), k) for k, e in enumerate(meters)}
            plus = self.wiring.nodes(e.nodes[0] for e in meters)
            minus = self.wiring.nodes(f"{e.name}#series" for e in meters)
            ground = np.array([GROUND], INDEX)
            self.wiring.add(
                FloatingSources(self.wiring.called("meters"), plus, minus, ground),
                meters,
            )


def _read(element: Element) -> Iterator[str]:
    """The nodes whose potentials an element reads."""
    if isinstance(element, VoltageControlled):
        yield from element.controls
    elif isinstance(element, Behavioural):
        for variable in variables(element.expression):
            if isinstance(variable, Potential):
                yield from (variable.a, variable.b)

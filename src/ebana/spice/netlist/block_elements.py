"""Elements of a circuit as statements of its subcircuit, under names that stand for them alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.element import Element
from ebana.circuit.elements import Devices, VoltageSources
from ebana.circuit.general import Mosfets
from ebana.spice.language import statements as spice
from ebana.spice.language.cards import ModelCard
from ebana.spice.language.statements import Comment, Definition, DeviceLine, Instance, Statement
from ebana.spice.netlist.block_values import formulas_of, parameter_names
from ebana.spice.netlist.names import node_names, subcircuit_names
from ebana.spice.netlist.parts import parts_of
from ebana.spice.netlist.pins import Pin, first_sources, held_columns

RENAMED = (
    spice.Resistor,
    spice.Capacitor,
    spice.VoltageSource,
    spice.CurrentSource,
    spice.VoltageControlled,
    spice.CurrentControlled,
    DeviceLine,
)
"""Statements whose names an array's become."""

ENDS = ("a", "b", "plus", "minus", "control_plus", "control_minus")
"""Fields of nodes, which may be an array's own."""


class Writer:
    """Writes elements into the body, and what has names of its own into subcircuits before it."""

    def __init__(self, circuit: Circuit, values: Mapping[str, Any], name: str, pins: Sequence[Pin]) -> None:
        self.circuit, self.values, self.name = circuit, values, name
        self.nodes = [*node_names(circuit), "0"]
        for pin in pins:
            self.nodes[pin.node] = pin.name
        self.pins = {pin.node for pin in pins}
        self.blocks = subcircuit_names(circuit)
        self.parameters = parameter_names(circuit)
        self.cards = _card_counts(circuit)
        self.first = first_sources(circuit)
        self.used: set[str] = set()
        self.taken: set[str] = set()
        self.helpers: list[Statement] = []

    def body(self) -> list[Statement]:
        """Statements of all elements, under a comment for each array."""
        found: list[Statement] = []
        for element in sorted(self.circuit.elements, key=lambda element: not element.inline):
            own = list(self._element(element))
            if own:
                found += [Comment(f"{element.name!r}: {element.describe()}"), *own]
        return found

    def _element(self, element: Element) -> Iterator[Statement]:
        if isinstance(element, VoltageSources):
            return self._sources(element)
        formulas, numbers = formulas_of(element, self.parameters), element.numbers(self.values)
        if formulas is not None:
            self.used |= {reference.name for reference in element.references()}
        if element.inline:  # its names stand for it alone in every deck
            return iter(element.statements(self.nodes, numbers if formulas is None else formulas))
        if formulas is not None:
            return self._renamed(element, element.statements(self.nodes, formulas))
        lines = list(element.statements(self.nodes, numbers))
        if all(isinstance(line, (ModelCard, *RENAMED)) for line in lines) and self._own_cards(lines):
            return self._renamed(element, lines)
        return self._apart(element, numbers)

    def _own_cards(self, lines: Iterable[Statement]) -> bool:
        """Whether the cards' names stand for them alone."""
        return all(self.cards.get(line.name.lower()) == 1 for line in lines if isinstance(line, ModelCard))

    def _sources(self, element: VoltageSources) -> Iterator[Statement]:
        """Biases as they are, and what follows data that another pin carries, controlled by that."""
        if element.parameter is not None:
            formulas = formulas_of(element, self.parameters)
            for node, statement in zip(
                element.nodes.tolist(), element.statements(self.nodes, np.asarray(formulas)), strict=True
            ):
                if node not in self.pins:
                    self.used.add(element.parameter)
                    yield statement
            return
        for node, column, scale in held_columns(element):
            first = self.first[element.input or "", column]
            if node in self.pins:
                continue
            gain = scale / self._scale(element.input, column)
            yield spice.VoltageControlled(
                f"E{self.nodes[node]}", self.nodes[node], "0", self.nodes[first], "0", gain
            )

    def _scale(self, name: str | None, column: int) -> float:
        """With which factor the pin of a column follows data."""
        first = self.first[name or "", column]
        for element in self.circuit.each(VoltageSources):
            for node, own, scale in held_columns(element):
                if (element.input, node, own) == (name, first, column):
                    return scale
        raise KeyError(f"circuit has no source of {name!r}[{column}]")

    def _renamed(self, element: Element, statements: Iterable[Statement]) -> Iterator[Statement]:
        """Statements whose names, of elements and of nodes of their own, stand for this array alone."""
        block = self.blocks["element", element.name][0]
        known = set(self.nodes)
        for statement in statements:
            if not isinstance(statement, RENAMED):
                yield statement
                continue
            own: dict[str, Any] = {"name": self._called(element, block, statement.name)}
            stated = {item.name: getattr(statement, item.name) for item in fields(statement)}
            own |= {
                end: f"{block}_{stated[end]}" for end in ENDS if end in stated and stated[end] not in known
            }
            if isinstance(statement, DeviceLine):
                own["nodes"] = tuple(n if n in known else f"{block}_{n}" for n in statement.nodes)
            if isinstance(statement, spice.CurrentControlled):
                own["source"] = f"{statement.source[0]}{block}_{statement.source[1:]}"
            yield replace(statement, **own)

    def _called(self, element: Element, block: str, name: str) -> str:
        """``Rblock_0_3``, or the label of a unit."""
        letter, rest = name[0], name[1:]
        if element.labels and rest.isdigit() and int(rest) < len(element.labels):
            label = re.sub(r"[^A-Za-z0-9_]", "_", element.labels[int(rest)])
            own = letter + (label[1:] if label[:1].upper() == letter else label)
            if own.lower() not in self.taken:
                self.taken.add(own.lower())
                return own
        return f"{letter}{block}_{rest}"

    def _apart(self, element: Element, numbers: np.ndarray) -> Iterator[Statement]:
        """In subcircuits of their own."""
        for block, (part, place) in zip(self.blocks["element", element.name], parts_of(element), strict=True):
            ports = [self.nodes[i] for ends in part.terminals() for i in ends.tolist()]
            ports = tuple(node for node in dict.fromkeys(ports) if node != "0")
            body = tuple(part.statements(self.nodes, numbers[place]))
            self.helpers += [Definition(f"{self.name}_{block}", ports, body), Comment()]
            yield Instance(f"X{block}", ports, f"{self.name}_{block}")


def _card_counts(circuit: Circuit) -> dict[str, int]:
    """How many arrays bring a card of each name, in lower case."""
    cards = (card for element in circuit.each(Devices, Mosfets) for card in element.model.card_statements())
    return Counter(card.name.lower() for card in cards if isinstance(card, ModelCard))

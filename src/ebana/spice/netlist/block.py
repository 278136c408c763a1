"""A circuit as one subcircuit with pins, to put under sources of one's own in LTspice, KiCad or ngspice.

Its values are parameters of the subcircuit, with readable names::

    .subckt iris x_0 x_1 y_0p y_0n
    .param hidden_0_0_ohm=4.7k
    Rhidden_0_0 x_0 hidden_0 {hidden_0_0_ohm}
    ...
    .ends iris

Sources that carry data are left out: their nodes are pins. Where several sources follow one column of data (an input
and its negative), the first is a pin and the others are controlled by it. Biases stay inside unless their nodes are
pins. Devices stand with their cards, those of which one name stands for several cards, and all that has names of its
own inside, in subcircuits of their own before it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.dynamic import VoltageControlledCurrents, VoltageControlledVoltages
from ebana.circuit.element import Element
from ebana.circuit.elements import Amplifiers, Branches, CurrentSources, Devices, VoltageSources, ohms
from ebana.circuit.general import CurrentControlledCurrents, CurrentControlledVoltages, Mosfets
from ebana.parameters import Parameter
from ebana.spice.language import statements as spice
from ebana.spice.language.cards import ModelCard
from ebana.spice.language.statements import Comment, Definition, DeviceLine, Formula, Instance, Statement
from ebana.spice.netlist import dialects
from ebana.spice.netlist.deck import check_blocks, check_finite, definitions, gmin_of
from ebana.spice.netlist.dialects.ngspice import options_line
from ebana.spice.netlist.names import node_names, subcircuit_names, unique_names
from ebana.spice.netlist.parts import MAX_PORTS, parts_of

Pins = Sequence[Any] | Mapping[str, Any] | None
"""Pins as users state them: nodes, or nodes by the names of pins; a node is a name or an index."""

ENDINGS = {
    "conductance": "ohm",
    "voltage": "volt",
    "current": "ampere",
    "gain": "gain",
    "shift": "shift",
    "backward_gain": "backward",
}
"""Ends of the names of parameters, by kind."""

CONTROLLED = (
    VoltageControlledVoltages,
    VoltageControlledCurrents,
    CurrentControlledVoltages,
    CurrentControlledCurrents,
)

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

_PIN = re.compile(r"[A-Za-z0-9_]+")
_TAKEN = ("0", "gnd", "temper", "time", "hertz")
"""Words that simulators do not take for names of nodes."""


@dataclass(frozen=True)
class Pin:
    """A pin: its name, its node, and what it is, in words."""

    name: str
    node: int
    role: str


# -- pins ------------------------------------------------------------------------------------------------


def pins_of(circuit: Circuit, stated: Pins = None, *, bias_pins: bool = False) -> tuple[Pin, ...]:
    """The pins of a circuit's subcircuit.

    Args:
        circuit: the circuit.
        stated: nodes by name or index, or a mapping from names of pins to them; every input and every output if None.
        bias_pins: whether the nodes of biases are pins too.

    Raises:
        ValueError: for a name that no simulator takes, a node with two pins, and an input without one.
        KeyError: for a node that is not there.

    Example:
        >>> from ebana.circuit import CircuitBuilder
        >>> build = CircuitBuilder()
        >>> x, y = build.input("x", 1), build.nodes("h", 2)
        >>> build.crossbar("d", x, y, 1e-3)
        >>> build.output("y", y)
        >>> [pin.name for pin in pins_of(build.build())]
        ['x_0', 'y_0p', 'y_0n']
    """
    own = node_names(circuit)
    roles = _roles(circuit)
    biases = [int(n) for e in _biases(circuit) for n in e.nodes]
    if stated is None:
        wanted = _standard(circuit, own, biases if bias_pins else [])
    else:
        wanted = _stated(circuit, own, stated)
        if bias_pins:
            wanted += [(own[node], node) for node in biases if node not in [n for _, n in wanted]]
    pins = tuple(Pin(name, node, roles.get(node, "node")) for name, node in wanted)
    _check_pins(circuit, own, pins)
    return pins


def _standard(circuit: Circuit, own: list[str], biases: Sequence[int]) -> list[tuple[str, int]]:
    found = {node: _plain(circuit, own, node) for node in _first_sources(circuit).values()}
    found |= {node: _plain(circuit, own, node) for node in biases}
    for port in circuit.outputs:
        for k, node in enumerate(port.nodes.tolist()):
            plain = f"{port.name}_{k}" if not port.folded else f"{port.name}_{k // 2}{'pn'[k % 2]}"
            labelled = bool(circuit.group_of(node).labels)
            found.setdefault(node, _plain(circuit, own, node) if labelled else plain)
    return _apart(own, found)


def _plain(circuit: Circuit, own: list[str], node: int) -> str:
    """Name of a pin: the label of a node without the path of a sheet, ``"/y+"`` as ``"yp"``; else its name in decks."""
    if not circuit.group_of(node).labels:
        return own[node]
    label = circuit.node_name(node).strip("/")
    stem, sign = (label[:-1], label[-1:]) if label[-1:] in ("+", "-") else (label, "")
    return stem + {"+": "p", "-": "n"}.get(sign, "")


def _apart(own: list[str], wanted: Mapping[int, str]) -> list[tuple[str, int]]:
    """Names of pins that no other node has."""
    others = [name for node, name in enumerate(own) if node not in wanted]
    names = unique_names([*others, *wanted.values()])[len(others) :]
    return list(zip(names, wanted, strict=True))


def _stated(circuit: Circuit, own: list[str], stated: Any) -> list[tuple[str, int]]:
    if isinstance(stated, str):
        raise ValueError(f"pins={stated!r}. Expected a list of nodes, or a dict from names of pins to nodes.")
    if isinstance(stated, Mapping):
        return [(str(name), _node(circuit, own, node)) for name, node in stated.items()]
    nodes = [_node(circuit, own, node) for node in stated]
    if len(set(nodes)) < len(nodes):
        raise ValueError(f"pins={list(stated)!r} names a node twice. Expected one pin a node.")
    return _apart(own, {node: _plain(circuit, own, node) for node in nodes})


def _node(circuit: Circuit, own: list[str], node: Any) -> int:
    """Index of a node by its index, its name, or its name in decks."""
    if isinstance(node, str):
        lower = [name.lower() for name in own]
        found = lower.index(node.lower()) if node.lower() in lower else circuit.node(node)
    elif isinstance(node, int | np.integer) and not isinstance(node, bool):
        found = int(node)
    else:
        raise ValueError(f"pins has the node {node!r}. Expected a name or an index.")
    if not 0 <= found < circuit.size:
        raise ValueError(
            f"pins has the node {node!r}, which is ground or not there. Expected one of {circuit.size} nodes; "
            "ground is node 0 of every subcircuit."
        )
    return found


def _roles(circuit: Circuit) -> dict[int, str]:
    """What nodes are, in words; of several the first."""
    found: dict[int, str] = {}
    for (name, column), node in _first_sources(circuit).items():
        found[node] = f"input {name}[{column}]"
    for port in circuit.outputs:
        for k, node in enumerate(port.nodes.tolist()):
            sign = ("+", "-")[k % 2] if port.folded else ""
            found.setdefault(node, f"output {sign}{port.name}[{k // 2 if port.folded else k}]")
    for element in _biases(circuit):
        for node in element.nodes.tolist():
            found.setdefault(node, "bias")
    return found


def _check_pins(circuit: Circuit, own: list[str], pins: Sequence[Pin]) -> None:
    if not 0 < len(pins) <= MAX_PORTS:
        raise ValueError(
            f"a subcircuit with {len(pins)} pins. Expected 1 to {MAX_PORTS}; name some: pins=[...]."
        )
    nodes = [pin.node for pin in pins]
    inner = {name.lower() for node, name in enumerate(own) if node not in nodes}
    seen: set[str] = set()
    for pin in pins:
        name = pin.name.lower()
        if not _PIN.fullmatch(pin.name) or name in _TAKEN:
            raise ValueError(
                f"pins has the name {pin.name!r}. Expected letters, digits and underscores, and none of "
                f"{', '.join(_TAKEN)}."
            )
        if name in seen or name in inner or nodes.count(pin.node) > 1:
            where = circuit.node_name(pin.node)
            raise ValueError(
                f"pins has {pin.name!r} at the node {where}, and the name or the node is taken already, by a pin or by "
                "a node inside. Expected one pin a node, and names of their own."
            )
        seen.add(name)
    for (name, column), node in _first_sources(circuit).items():
        if node not in nodes:
            raise ValueError(
                f"pins leaves out {circuit.node_name(node)}, the node of input {name}[{column}], whose source is not "
                "part of a subcircuit: it would float. Add it."
            )


def _first_sources(circuit: Circuit) -> dict[tuple[str, int], int]:
    """The node that stands for each column of data: the first that it holds as it is, else the first."""
    found: dict[tuple[str, int], tuple[bool, int]] = {}
    for element in circuit.each(VoltageSources):
        if element.input is None:
            continue
        for node, column, scale in _held(element):
            key, plain = (element.input, column), scale == 1.0
            if key not in found or (plain and not found[key][0]):
                found[key] = plain, node
    return {key: node for key, (_, node) in sorted(found.items(), key=lambda item: _order(circuit, item[0]))}


def _order(circuit: Circuit, key: tuple[str, int]) -> tuple[int, int]:
    return list(circuit.inputs).index(key[0]), key[1]


def _held(element: VoltageSources) -> Iterator[tuple[int, int, float]]:
    yield from zip(element.nodes.tolist(), element.columns.tolist(), element.scale.tolist(), strict=True)


def _biases(circuit: Circuit) -> Iterator[VoltageSources]:
    return (e for e in circuit.each(VoltageSources) if e.parameter is not None)


# -- values ----------------------------------------------------------------------------------------------


def _parameter_names(circuit: Circuit) -> dict[str, np.ndarray]:
    """Names of the values of every parameter that stands in the text, in its shape."""
    labels = {e.parameter: _bias_labels(circuit, e) for e in _biases(circuit)}
    labels |= {e.conductance: e.labels for e in circuit.each(Branches) if e.linear and e.labels}
    labels |= {e.current: e.labels for e in circuit.each(CurrentSources) if e.labels}
    labels |= {e.gain: e.labels for e in circuit.each(*CONTROLLED) if e.labels and isinstance(e.gain, str)}
    shown = [p for p in circuit.parameters.values() if p.kind in ENDINGS]
    flat = [f"{unit}_{ENDINGS[p.kind]}" for p in shown for unit in _units(p, labels.get(p.name, ()))]
    names = iter(unique_names(flat))
    return {
        p.name: np.array([next(names) for _ in range(p.initial.size)], object).reshape(p.shape) for p in shown
    }


def _bias_labels(circuit: Circuit, element: VoltageSources) -> Sequence[str]:
    """Names of voltages where their sources, or the nodes that stand for them, have names."""
    if element.labels:
        return element.labels
    labelled = all(circuit.group_of(node).labels for node in element.nodes.tolist())
    return [circuit.node_name(node).split("#")[0] for node in element.nodes.tolist()] if labelled else ()


def _units(parameter: Parameter, labels: Sequence[str]) -> list[str]:
    if len(labels) == parameter.initial.size:
        return list(labels)
    if parameter.shape == (1,):
        return [parameter.layer]
    return [f"{parameter.layer}_{'_'.join(map(str, at))}" for at in np.ndindex(parameter.shape)]


def _formulas(element: Element, names: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """What stands for the numbers of an element's SPICE form; None where they are its own."""

    def of(parameter: str) -> np.ndarray:
        return np.broadcast_to(names[parameter], (element.units,))

    match element:
        case Branches(linear=True):
            shown = names[element.conductance]
            return _as_formulas(shown if shown.ndim == 2 else shown[None])
        case VoltageSources():
            own = [names[element.parameter][c] for c in element.columns] if element.parameter else []
            scaled = zip(own, element.scale.tolist(), strict=False)
            return _as_formulas([[name if scale == 1 else f"{scale!r}*{name}" for name, scale in scaled]])
        case CurrentSources():
            return _as_formulas([of(element.current)])
        case Amplifiers():
            gain, shift = of(element.gain), of(element.shift)
            offset = [f"{s}*(1-{a})" for a, s in zip(gain, shift, strict=True)]
            back = [f"1/{a}" for a in gain] if element.backward is None else of(element.backward)
            return _as_formulas([gain, offset, back])
        case _ if isinstance(element, CONTROLLED) and isinstance(element.gain, str):
            return _as_formulas([of(element.gain)])
        case _:
            return None


def _as_formulas(table: Any) -> np.ndarray:
    table = np.asarray(table, object)
    cells = [Formula(str(cell)) for cell in table.ravel()]
    result = np.empty(len(cells), object)
    result[:] = cells
    return result.reshape(table.shape)


def _parameters(
    circuit: Circuit, values: Mapping[str, Any], names: Mapping[str, np.ndarray]
) -> Iterator[Statement]:
    for name, shown in names.items():
        value = np.asarray(values[name], np.float64)
        numbers = ohms(value) if circuit.parameters[name].kind == "conductance" else value
        yield from (
            spice.Parameter(str(own), float(number))
            for own, number in zip(shown.ravel(), numbers.ravel(), strict=True)
        )


# -- elements --------------------------------------------------------------------------------------------


class _Writer:
    """Writes elements into the body, and what has names of its own into subcircuits before it."""

    def __init__(self, circuit: Circuit, values: Mapping[str, Any], name: str, pins: Sequence[Pin]) -> None:
        self.circuit, self.values, self.name = circuit, values, name
        self.nodes = [*node_names(circuit), "0"]
        for pin in pins:
            self.nodes[pin.node] = pin.name
        self.pins = {pin.node for pin in pins}
        self.blocks = subcircuit_names(circuit)
        self.parameters = _parameter_names(circuit)
        self.cards = _card_counts(circuit)
        self.first = _first_sources(circuit)
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
        formulas, numbers = _formulas(element, self.parameters), element.numbers(self.values)
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
            formulas = _formulas(element, self.parameters)
            for node, statement in zip(
                element.nodes.tolist(), element.statements(self.nodes, np.asarray(formulas)), strict=True
            ):
                if node not in self.pins:
                    self.used.add(element.parameter)
                    yield statement
            return
        for node, column, scale in _held(element):
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
            for node, own, scale in _held(element):
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


# -- the text --------------------------------------------------------------------------------------------


def subcircuit(
    circuit: Circuit,
    parameters: Mapping[str, Any] | None = None,
    *,
    name: str,
    pins: Pins = None,
    bias_pins: bool = False,
    farads: np.ndarray | None = None,
    dialect: str = "ngspice",
) -> str:
    """A circuit as the text of a ``.subckt``, a library that decks of others include.

    Args:
        circuit: the circuit.
        parameters: values by parameter name in SI units; the initial ones when left out.
        name: of the subcircuit: letters, digits and underscores.
        pins, bias_pins: as for :func:`pins_of`.
        farads: capacitance from each free node to ground, ``(F,)``, or None for none.
        dialect: ``"ngspice"``, ``"ltspice"`` or ``"xyce"``.

    Raises:
        ValueError: for a name or pins that no simulator takes, values that are not finite, and what has no form in the
            dialect.

    Example:
        >>> from ebana.circuit import CircuitBuilder
        >>> build = CircuitBuilder()
        >>> x, y = build.input("x", 1), build.nodes("y", 1)
        >>> build.resistors("r", x, y, ohms="4.7k")
        >>> build.output("y", y, folded=False)
        >>> print(*subcircuit(build.build(), name="load").splitlines()[-5:], sep="\\n")
        .subckt load x_0 y_0
        .param r_ohm=4.7k
        * 'r': 1 resistors
        Rr_0 x_0 y_0 {r_ohm}
        .ends load
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", str(name)):
        raise ValueError(
            f"as_subckt={name!r}. Expected a name of letters, digits and underscores that starts with a letter."
        )
    writer = dialects.get(dialect)
    check_blocks(circuit, writer)
    values = circuit.initial() if parameters is None else parameters
    check_finite(circuit, values, {})
    found = pins_of(circuit, pins, bias_pins=bias_pins)
    parts = _Writer(circuit, values, name, found)
    body = parts.body()
    shown = {key: names for key, names in parts.parameters.items() if key in parts.used}
    inside = (*_parameters(circuit, values, shown), *body, *node_capacitors(circuit, farads, parts.nodes))
    head = [Comment(line) for line in _head(circuit, name, found, writer.name)]
    main = Definition(name, tuple(pin.name for pin in found), inside)
    return writer.library([*head, *definitions(circuit), *parts.helpers, main])


def node_capacitors(circuit: Circuit, farads: np.ndarray | None, nodes: list[str]) -> Iterator[Statement]:
    """Capacitors from free nodes to ground, where they have some.

    Args:
        circuit: the circuit.
        farads: of each free node, ``(F,)``, or None.
        nodes: names of all nodes in the deck.
    """
    if farads is None:
        return
    yield Comment("capacitances of the nodes")
    for node, value in zip(circuit.free.tolist(), farads.tolist(), strict=True):
        if value:
            yield spice.Capacitor(f"Cnode_{nodes[node]}", nodes[node], "0", value)


def _head(circuit: Circuit, name: str, pins: Sequence[Pin], dialect: str) -> Iterator[str]:
    yield f"Subcircuit {name!r}, written for {dialect}: {len(pins)} pins"
    yield from (f"  {pin.name}: {pin.role}" for pin in pins)
    yield f"To use it: .include <this file>, and X1 <nodes> {name}"
    if dialect == "ngspice":
        yield f"Tolerances of the decks that it is compared in: {options_line(gmin_of(circuit))}"


__all__ = ["Pin", "node_capacitors", "pins_of", "subcircuit"]

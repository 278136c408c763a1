"""From the blocks of a deck to its elements: instances of subcircuits written out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from ebana.spice.language.deck.building import (
    Line,
    Settings,
    capacitor,
    diode,
    inductor,
    resistor,
    transistor,
)
from ebana.spice.language.deck.driving import behavioural, current_controlled, independent, voltage_controlled
from ebana.spice.language.deck.elements import (
    Behavioural,
    CurrentControlled,
    Element,
    Resistor,
    VoltageControlled,
    carries_current,
)
from ebana.spice.language.deck.expression import (
    Binary,
    Call,
    Conditional,
    Current,
    Expression,
    Number,
    Potential,
    Unary,
    walk,
)
from ebana.spice.language.deck.frames import Frame
from ebana.spice.language.deck.places import Place, located
from ebana.spice.language.deck.scopes import Definition, Scope
from ebana.spice.language.deck.sources import Statement
from ebana.spice.language.deck.structure import Block, Choice, Item, instance_words

ELEMENTS = 1_000_000
"""Elements and instances that a deck may have when it is written out."""

LEVELS = 50
"""Instances inside each other that are followed."""

_BUILD: dict[str, Callable[[Line], list[Element]]] = {
    "r": resistor, "c": capacitor, "l": inductor, "d": diode, "m": transistor,
    "v": independent, "i": independent, "b": behavioural,
    "e": voltage_controlled, "g": voltage_controlled, "f": current_controlled, "h": current_controlled,
}  # fmt: skip
"""What reads an element, by the first letter of its name."""

_REFUSED = {
    "q": "bipolar transistor", "j": "junction field-effect transistor", "z": "MESFET",
    "s": "switch, voltage controlled", "w": "switch, current controlled",
    "t": "transmission line", "o": "lossy transmission line", "u": "uniform RC line",
    "y": "device of Xyce or single transmission line", "a": "code model", "p": "coupled transmission lines or port",
    "n": "Verilog-A device",
}  # fmt: skip
"""Elements that are known and not read."""


@dataclass
class Flattener:
    """Writes out the instances of a deck.

    Args:
        settings: of the deck.
        elements: what was found, in order.
        passed: places of couplings of inductors, which say nothing at DC.
        instances: frames of instances that state more than elements.
        ports: nodes behind the pins of instances, by their prefix.
        models: full names of cards.
        made: elements and instances so far.
    """

    settings: Settings
    elements: list[Element] = field(default_factory=list)
    passed: list[Place] = field(default_factory=list)
    instances: list[Frame] = field(default_factory=list)
    ports: dict[str, dict[str, str]] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    made: int = 0

    def write(self, frame: Frame, opened: tuple[Block, ...] = ()) -> None:
        """Add the elements of a frame, and of the instances in it.

        Raises:
            ValueError: for what cannot be read, with its place.
        """
        names: set[str] = set()
        self.models |= {frame.scope.prefix + name for name in frame.models}
        for statement in frame.elements:
            with located(statement.place):
                self._one(frame, statement, names, opened)

    def _one(self, frame: Frame, statement: Statement, names: set[str], opened: tuple[Block, ...]) -> None:
        self.made += 1
        if self.made > ELEMENTS:
            raise ValueError(
                f"the deck has more than {ELEMENTS:,} elements and instances when it is written out."
            )
        line = Line.of(frame, statement, self.settings)
        letter, own = line.word[0].lower(), line.word.lower()
        if own in names:
            raise ValueError(
                f"there is another element of the name {line.word!r}. Give each a name of its own."
            )
        names.add(own)
        if letter == "x":
            self._instance(line, opened)
        elif letter == "k":
            self.passed.append(statement.place)
        elif letter in _BUILD:
            self.elements += _BUILD[letter](line)
        else:
            raise ValueError(_unknown(line.word))

    def _instance(self, line: Line, opened: tuple[Block, ...]) -> None:
        found, given = instance_words(line.after)
        if not found:
            raise ValueError("it names no subcircuit. Expected Xname node ... subcircuit [KEY=value ...].")
        *ends, name = found
        block, holder = line.frame.subcircuit(name)
        if block in opened or len(opened) >= LEVELS:
            why = "stands inside itself" if block in opened else f"is {LEVELS} instances deep"
            raise ValueError(f"the subcircuit {name!r} {why}.")
        ends = (
            [end for word in ends for end in word.strip("(),").split(",") if end]
            if _in_brackets(ends)
            else ends
        )
        if len(ends) != len(block.pins):
            raise ValueError(
                f"it has {len(ends)} nodes, and the subcircuit {block.name!r} {len(block.pins)} pins: "
                f"{' '.join(block.pins)}."
            )
        scope = line.frame.scope
        _check_doubled(block, [scope.node(end) for end in ends], scope.shared.is_ground)
        frame = instance(line, block, holder, ends, given)
        self.ports[frame.scope.prefix] = frame.scope.ports
        if frame.directives:
            self.instances.append(frame)
        self.write(frame, (*opened, block))


def _check_doubled(block: Block, ends: list[str], ground: Callable[[str], bool]) -> None:
    """A pin that a definition names twice must be connected to one node, and one that is ground to ground."""
    seen: dict[str, str] = {}
    for pin, end in zip(block.pins, ends, strict=True):
        wanted = "0" if ground(pin) else seen.setdefault(pin, end)
        if wanted != end:
            raise ValueError(
                f"the subcircuit {block.name!r} has the pin {pin!r}, which would join {wanted!r} and {end!r}. "
                "Connect it to one node; ground is the same everywhere."
            )


def _in_brackets(ends: list[str]) -> bool:
    return bool(ends) and ends[0].startswith("(") and ends[-1].endswith(")")


def instance(line: Line, block: Block, holder: Frame, ends: list[str], given: dict[str, str]) -> Frame:
    """The frame of an instance: its parameters evaluated where it stands, its defaults where it is defined."""
    caller = line.frame.scope
    copies = line.frame.multiplier
    if "m" in given and "m" not in block.defaults:
        copies = line.copies(given)
    for name in given:
        if name not in block.defaults and name != "m" and not _mentions(block.items, name):
            known = ", ".join(block.defaults) or "none"
            raise ValueError(f"the subcircuit {block.name!r} has no parameter {name!r}. It has: {known}.")
    scope = Scope(
        caller.shared,
        caller,
        holder.scope,
        f"{caller.prefix}{line.word.lower()}.",
        dict(zip(block.pins, [caller.node(end) for end in ends], strict=True)),
        caller.shared_nodes,
    )
    scope.parameters |= {name: Definition(text, block.place) for name, text in block.defaults.items()}
    scope.values |= {name: caller.number(text) for name, text in given.items()}
    scope.given = frozenset(given)
    frame = Frame(block, scope, holder, copies)
    frame.take(block.items)
    return frame


def _mentions(items: Iterable[Item], name: str) -> bool:
    """Whether a name stands anywhere in a definition."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w.])", re.IGNORECASE)
    open_ones: list[Item] = list(items)
    while open_ones:
        item = open_ones.pop()
        if isinstance(item, Block):
            open_ones.extend(item.items)
        elif isinstance(item, Choice):
            open_ones.extend(one for branch in item.branches for one in branch.items)
        elif pattern.search(item.text):
            return True
    return False


def _unknown(word: str) -> str:
    what = _REFUSED.get(word[0].lower())
    if what is None:
        return (
            f"element {word!r} begins with {word[0]!r}, which is no element. Expected one of "
            f"{', '.join(letter.upper() for letter in [*_BUILD, 'k', 'x'])}."
        )
    return (
        f"element {word!r} ({what}) is not read: operating points are computed of resistors, capacitors, inductors, "
        "sources, diodes and MOSFETs of level 1. Replace it, or give the deck to ngspice."
    )


# -- nodes and currents that others refer to -----------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """Elements by name, the nodes behind pins of instances (``x1:in`` is what that pin is connected to), and cards."""

    elements: dict[str, Element]
    ports: dict[str, dict[str, str]]
    models: frozenset[str] = frozenset()

    @cached_property
    def nodes(self) -> frozenset[str]:
        """Full names of the nodes to which elements are connected."""
        return frozenset(node for element in self.elements.values() for node in element.nodes)

    def node(self, name: str) -> str:
        """The full name of a node that may be stated as a pin of an instance, or by colons as Xyce does."""
        if ":" in name and name not in self.nodes:
            name = name.replace(":", ".")
        start = name.rfind(".") + 1
        return self.ports.get(name[:start], {}).get(name[start:], name)


def with_currents(elements: list[Element], known: Known) -> tuple[Element, ...]:
    """The elements, expressions with currents of resistors as voltages over ohms, and nodes in place of pins.

    Raises:
        ValueError: for a current of an element that is not there, or that has none of its own.
    """
    asked: dict[str, str] = {}
    for element in elements:
        for name in _currents_of(element):
            asked.setdefault(name, str(element))
    written = (_with_currents(element, known) for element in elements)
    return tuple(
        [
            replace(one, asked=asked[one.name]) if isinstance(one, Resistor) and one.name in asked else one
            for one in written
        ]
    )


def _currents_of(element: Element) -> list[str]:
    """Names of the elements whose currents an element computes with."""
    if isinstance(element, CurrentControlled):
        return [element.source]
    if isinstance(element, Behavioural):
        return [one.source for one in walk(element.expression) if isinstance(one, Current)]
    return []


def _with_currents(element: Element, known: Known) -> Element:
    if isinstance(element, CurrentControlled):
        with located(element.place):
            found = _carrier(element.source, known)
            if isinstance(found, Resistor):
                return _by_voltage(element, found)
            if not carries_current(found):
                raise ValueError(_no_current(found))
        return element
    if not isinstance(element, Behavioural):
        return element
    with located(element.place):
        expression = currents_resolved(element.expression, known)
    if expression is element.expression:
        return element
    return Behavioural(
        element.name, element.written, element.nodes, element.place, element.quantity, expression
    )


def _by_voltage(element: CurrentControlled, of: Resistor) -> VoltageControlled:
    """A source controlled by the current of a resistor, as one controlled by the voltage across it."""
    letter: Literal["e", "g"] = "g" if element.letter == "f" else "e"
    controls = (of.nodes[0], of.nodes[1])
    return VoltageControlled(
        element.name, element.written, element.nodes, element.place, letter, controls, element.gain / of.ohms
    )


def _carrier(name: str, known: Known) -> Element:
    if name not in known.elements:
        raise ValueError(f"there is no element {name!r}, whose current it needs.")
    return known.elements[name]


def _no_current(element: Element) -> str:
    return (
        f"the current of {element.written!r} is none of the circuit's unknowns. Put a source of 0 V in series with it, "
        "and name that."
    )


def currents_resolved(expression: Expression, known: Known) -> Expression:
    """An expression whose currents are those of sources of volts and inductors, and whose nodes are no pins.

    Raises:
        ValueError: for currents of elements other than these and resistors.
    """
    others = any(_is_other(one, known) for one in walk(expression))
    return _rewritten(expression, known) if others else expression


def _rewritten(expression: Expression, known: Known) -> Expression:
    match expression:
        case Potential(a, b):
            return Potential(known.node(a), known.node(b))
        case Current(name):
            element = _carrier(name, known)
            if carries_current(element):
                return expression
            if isinstance(element, Resistor):
                return Binary("/", Potential(*element.nodes), Number(element.ohms))
            raise ValueError(_no_current(element))
        case Unary(sign, operand):
            return Unary(sign, _rewritten(operand, known))
        case Binary(sign, left, right):
            return Binary(sign, _rewritten(left, known), _rewritten(right, known))
        case Call(name, arguments):
            return Call(name, tuple([_rewritten(one, known) for one in arguments]))
        case Conditional(condition, yes, no):
            c, y, n = (_rewritten(one, known) for one in (condition, yes, no))
            return Conditional(c, y, n)
        case _:
            return expression


def _is_other(one: Expression, known: Known) -> bool:
    """Whether a part of an expression has to be written otherwise."""
    if isinstance(one, Potential):
        return known.node(one.a) != one.a or known.node(one.b) != one.b
    return isinstance(one, Current) and not (
        one.source in known.elements and carries_current(known.elements[one.source])
    )

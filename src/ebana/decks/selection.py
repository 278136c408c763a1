"""What a user says of a deck at import: which sources data drives, what is trained, what is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import numpy as np

from ebana.spice.language.deck.data import Deck
from ebana.spice.language.deck.elements import (
    CurrentControlled,
    CurrentSource,
    Element,
    Resistor,
    VoltageControlled,
    VoltageSource,
    asked_text,
)
from ebana.units import quantity

E = TypeVar("E", bound=Element)

TRAINABLE = (Resistor, VoltageSource, CurrentSource, VoltageControlled, CurrentControlled)
"""Kinds of elements with a value that is trained."""

DECADES = 1e3
"""How far a trained resistance may move from its value in the deck where no bounds are stated, as a factor."""


@dataclass(frozen=True)
class Drive:
    """What the value of an element follows: an input, training, or neither.

    Args:
        input: name of the input.
        columns: of the members of a group, their columns of it.
        pattern: the pattern by which it is trained.
        bounds: of its value, in the element's unit.
    """

    input: str = ""
    columns: tuple[int, ...] = ()
    pattern: str = ""
    bounds: tuple[float, float] | None = None

    @property
    def limits(self) -> dict[str, float]:
        """Bounds as options of a parameter."""
        return {} if self.bounds is None else {"low": float(self.bounds[0]), "high": float(self.bounds[1])}

    def conductances(self, g: np.ndarray) -> tuple[float, float]:
        """Bounds of conductances, siemens."""
        if not self.pattern:
            return 1e-30, np.inf
        if self.bounds is None:
            return float(g.min()) / DECADES, float(g.max()) * DECADES
        low, high = self.bounds
        return 1.0 / float(high), 1.0 / float(low)


@dataclass(frozen=True)
class Selection:
    """What was said of a deck's elements and nodes.

    Args:
        inputs: of each driven source by its full name, the input and its column.
        patterns: of each trained element, the pattern that names it.
        bounds: of each pattern, where stated.
        outputs: of each output, its nodes (of pairs, one after the other) and whether they are pairs.
    """

    inputs: Mapping[str, tuple[str, int]]
    patterns: Mapping[str, str]
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[tuple[str, ...], bool]] = field(default_factory=dict)

    @staticmethod
    def of(
        deck: Deck,
        inputs: Sequence[str] | Mapping[str, Any],
        outputs: Sequence[Any] | Mapping[str, Any],
        trainable: Sequence[str],
        bounds: Mapping[str, tuple[Any, Any]],
    ) -> Selection:
        """The selection, its names found in the deck.

        Raises:
            ValueError: for names that are not in the deck, and for what cannot be driven or trained.
        """
        if isinstance(trainable, str) or isinstance(inputs, str) or isinstance(outputs, str):
            raise ValueError(
                f"inputs={inputs!r}, outputs={outputs!r}, trainable={trainable!r}. Expected lists of names, such as "
                "trainable=['R1', 'RW*']."
            )
        elements = {e.name: e for e in deck.elements}
        driven = _inputs(elements, inputs)
        patterns = _patterns(elements, trainable, driven)
        return Selection(driven, patterns, _bounds(elements, patterns, bounds), _outputs(deck, outputs))

    def drive(self, element: Element) -> Drive:
        """What the value of an element follows."""
        if element.name in self.inputs:
            name, column = self.inputs[element.name]
            return Drive(input=name, columns=(column,))
        if element.name in self.patterns:
            pattern = self.patterns[element.name]
            return Drive(pattern=pattern, bounds=self.bounds.get(pattern))
        return Drive()

    def grouped(self, elements: Sequence[E]) -> Iterator[tuple[Drive, list[E]]]:
        """Elements that follow the same, in the order in which they appear."""
        groups: dict[tuple[str, str], list[E]] = {}
        for element in elements:
            drive = self.drive(element)
            groups.setdefault((drive.input, drive.pattern), []).append(element)
        for (name, pattern), members in groups.items():
            columns = tuple(self.inputs[e.name][1] for e in members) if name else ()
            yield Drive(name, columns, pattern, self.bounds.get(pattern)), members

    def refuse_training(self, element: Element, why: str) -> None:
        """Raise ValueError where an element is to be trained."""
        if element.name in self.patterns:
            raise ValueError(f"{why}. Leave {element.written!r} out of trainable=.")


def _inputs(
    elements: Mapping[str, Element], stated: Sequence[str] | Mapping[str, Any]
) -> dict[str, tuple[str, int]]:
    pairs = stated.items() if isinstance(stated, Mapping) else ((name, "x") for name in stated)
    found: dict[str, tuple[str, int]] = {}
    width: dict[str, int] = {}
    for written, name in pairs:
        element = _element(elements, str(written), "inputs")
        if not isinstance(element, VoltageSource | CurrentSource):
            raise ValueError(
                f"inputs names {written!r}, which is no source: {element.place!s}. Expected sources of voltage or "
                "current."
            )
        if element.name in found:
            raise ValueError(f"inputs names {written!r} twice. Expected each source once.")
        if not isinstance(name, str):
            raise ValueError(f"inputs={{{written!r}: {name!r}}}. Expected the name of an input, such as 'x'.")
        found[element.name] = (name, width.setdefault(name, 0))
        width[name] += 1
    return found


def _element(elements: Mapping[str, Element], written: str, what: str) -> Element:
    name = written.strip().lower()
    if name not in elements:
        near = get_close_matches(name, elements, 6) or list(elements)[:8]
        raise ValueError(
            f"{what} names {written!r}, which the deck does not have. It has, among others: {', '.join(near)}."
        )
    return elements[name]


def _patterns(
    elements: Mapping[str, Element], trainable: Sequence[str], driven: Mapping[str, Any]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for pattern in trainable:
        own = str(pattern).lower()
        names = [own] if own in elements else [name for name in elements if fnmatchcase(name, own)]
        if not names:
            _element(elements, str(pattern), "trainable")
        fits = [name for name in names if isinstance(elements[name], TRAINABLE) and name not in driven]
        if not fits:
            one = elements[names[0]]
            why = "is driven by an input" if one.name in driven else "has no value that is trained"
            raise ValueError(
                f"trainable names {pattern!r}, and {one.written!r} {why}: {one.place}. Expected resistors, sources, or "
                "gains of controlled sources."
            )
        for name in fits:
            one = elements[name]
            if isinstance(one, Resistor) and one.asked:
                why = f"{one.written!r} cannot be trained: {one.place}. {asked_text(one)}"
                raise ValueError(f"trainable names {pattern!r}, and {why}")
            found.setdefault(name, str(pattern))
    return found


def _bounds(
    elements: Mapping[str, Element], patterns: Mapping[str, str], stated: Mapping[str, tuple[Any, Any]]
) -> dict[str, tuple[float, float]]:
    known = {pattern.lower(): pattern for pattern in patterns.values()}
    found = {}
    units = {pattern.lower(): _unit(elements[name]) for name, pattern in patterns.items()}
    for name, (lower, upper) in stated.items():
        if name.lower() not in known:
            raise ValueError(
                f"bounds names {name!r}. Expected one of trainable: {', '.join(known.values()) or 'none'}."
            )
        unit = units[name.lower()]
        low, high = (quantity(end, unit) if isinstance(end, str) else float(end) for end in (lower, upper))
        if not low < high or (unit == "Ω" and not low > 0):
            above = " above zero" if unit == "Ω" else ""
            raise ValueError(
                f"bounds of {name!r} are ({lower!r}, {upper!r}). Expected the lower one first{above}."
            )
        found[known[name.lower()]] = (low, high)
    return found


def _unit(element: Element) -> str:
    """The unit of an element's value."""
    match element:
        case Resistor():
            return "Ω"
        case VoltageSource():
            return "V"
        case CurrentSource():
            return "A"
        case _:
            return ""


def _outputs(
    deck: Deck, stated: Sequence[Any] | Mapping[str, Any]
) -> dict[str, tuple[tuple[str, ...], bool]]:
    ports = dict(stated) if isinstance(stated, Mapping) else ({"y": stated} if len(stated) else {})
    known = {"0", *deck.nodes}
    found = {}
    for port, given in ports.items():
        entries = [given] if isinstance(given, str) else list(given)
        pairs = [entry for entry in entries if not isinstance(entry, str)]
        if pairs and len(pairs) != len(entries):
            raise ValueError(
                f"output {port!r} has nodes and pairs of nodes: {entries!r}. Expected one or the other."
            )
        flat = [node for pair in pairs for node in pair] if pairs else entries
        names = [str(node).strip().lower() for node in flat]
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, 6) or sorted(known)[:8]
                raise ValueError(f"output {port!r} names the node {name!r}. The deck has: {', '.join(near)}.")
        found[port] = (tuple(names), bool(pairs))
    return found

"""Which nodes of a block written in SPICE direct current and voltage sources join.

Each definition is read once, the inner ones first, and stands for its groups of pins where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from ebana.spice.language.lines import shorten

GROUND = -1
"""Stands for ground among the positions of pins."""

Groups = tuple[tuple[int, ...], ...]
"""Positions of pins that are joined with each other, or with ground (:data:`GROUND`)."""

PARAMETER = re.compile(r"\s(?:params:|[A-Za-z_]\w*\s*=)", re.IGNORECASE)
"""Where parameters begin, on a line of a definition or an instance."""

ELEMENTS = {
    "r": 2, "c": 2, "l": 2, "v": 2, "i": 2, "e": 2, "f": 2, "g": 2, "h": 2, "b": 2, "d": 2, "w": 2, "k": 0,
    "j": 3, "q": 3, "m": 4, "s": 4, "t": 4, "x": 1,
}  # fmt: skip
"""Letters of the elements that a block may hold, and how many nodes each has at least."""

DEPTH = 100
"""Subcircuits inside each other that are read."""

_PATHS = {
    "m": ((0, 2), (0, 3), (2, 3)),
    "j": ((0, 1), (0, 2)),
    "q": ((0, 1), (1, 2)),
    "t": ((0, 1), (0, 2), (0, 3)),
    **dict.fromkeys("rlvehbdsw", ((0, 1),)),
}
"""Pairs of nodes between which an element carries direct current."""

_POTENTIAL = re.compile(r"\bv\s*\(\s*([^\s,()]+)\s*(?:,\s*([^\s,()]+)\s*)?\)", re.IGNORECASE)
_VOLTS = re.compile(r"\bv\s*=", re.IGNORECASE)


@dataclass
class Definition:
    """A ``.subckt``: its pins, the lines of its elements and their places in the text, its models and the
    definitions inside it."""

    name: str
    pins: tuple[str, ...]
    outer: Definition | None = None
    lines: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    models: set[str] = field(default_factory=set)
    inside: dict[str, Definition] = field(default_factory=dict)
    groups: tuple[Groups, Groups] | None = None

    def find(self, name: str) -> Definition | None:
        """The definition that a name means here: the innermost one."""
        return self.inside.get(name.lower()) or (self.outer.find(name) if self.outer else None)

    def has_model(self, name: str) -> bool:
        """Whether a name is that of a model here."""
        return name.lower() in self.models or (self.outer is not None and self.outer.has_model(name))


def definitions(lines: Iterable[str]) -> Definition:
    """All definitions of a text, inside one without a name."""
    body = top = Definition("", ())
    depth = 0
    for place, line in enumerate(lines):
        words = line.split()
        card = words[0].lower()
        if card == ".subckt":
            words = _before_parameters(line)
            if len(words) < 2:
                raise ValueError(f"the line {shorten(line)!r} names no subcircuit.")
            depth = _deeper(depth, words[1])
            inner = Definition(words[1], tuple(words[2:]), body)
            body.inside[words[1].lower()] = inner
            body = inner
        elif card == ".ends":
            body, depth = body.outer or top, depth - 1
        elif card == ".model" and len(words) > 1:
            body.models.add(words[1].lower())
        elif not card.startswith("."):
            body.lines.append(line)
            body.places.append(place)
    return top


def _deeper(depth: int, name: str) -> int:
    if depth >= DEPTH:
        raise ValueError(f"subcircuit {name!r} is inside more than {DEPTH} others. Expected fewer levels.")
    return depth + 1


def _before_parameters(line: str) -> list[str]:
    match = PARAMETER.search(line)
    return (line[: match.start()] if match else line).split()


class _Nets:
    """Nodes joined by pairs (union-find)."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def root(self, node: str) -> str:
        self.parent.setdefault(node, node)
        while self.parent[node] != node:
            self.parent[node] = node = self.parent[self.parent[node]]
        return node

    def join(self, a: str, b: str) -> bool:
        """Join two nodes; False where they were joined before."""
        a, b = self.root(a), self.root(b)
        self.parent[a] = b
        return a != b

    def groups(self, pins: list[str]) -> Groups:
        found: dict[str, list[int]] = {self.root("0"): [GROUND]}
        for position, pin in enumerate(pins):
            found.setdefault(self.root(pin), []).append(position)
        return tuple(tuple(group) for group in found.values() if len(group) > 1)


def groups(block: Definition, opened: tuple[Definition, ...] = ()) -> tuple[Groups, Groups]:
    """Pins that direct current joins, and pins that voltage sources alone join.

    Raises:
        ValueError: for nodes without a path of direct current to a pin or ground, loops of voltage sources,
            instances of unknown or recursive subcircuits, and lines with too few nodes; all named.
    """
    if block.groups is None:
        if block in opened:
            raise ValueError(f"subcircuit {block.name!r} holds itself. Remove that instance.")
        _deeper(len(opened), block.name)
        block.groups = _joined(block, (*opened, block))
    return block.groups


def _joined(block: Definition, opened: tuple[Definition, ...]) -> tuple[Groups, Groups]:
    direct, fixed = _Nets(), _Nets()
    for line in block.lines:
        nodes = _nodes(block, line)
        for node in nodes:
            direct.root(node)
        for a, b in _paths(block, line, nodes, opened):
            direct.join(a, b)
        for a, b in _fixed(block, line, nodes, opened):
            if not fixed.join(a, b):
                raise ValueError(
                    f"subcircuit {block.name!r} has a loop of voltage sources or inductances between the nodes "
                    f"{a!r} and {b!r}, closed by the line {shorten(line)!r}. Put a resistance into it, or remove one."
                )
    pins = [_node(pin) for pin in block.pins]
    held = {direct.root(node) for node in (*pins, "0")}
    floating = [node for node in direct.parent if direct.root(node) not in held]
    if floating:
        raise ValueError(
            f"subcircuit {block.name!r} has nodes that float, with no path of direct current to a pin or to ground: "
            f"{', '.join(floating[:8])}. Connect each, for example by a large resistance."
        )
    return direct.groups(pins), fixed.groups(pins)


def _node(name: str) -> str:
    name = name.lower()
    return "0" if name == "gnd" else name


def _nodes(block: Definition, line: str) -> list[str]:
    """The nodes of an element, those that only control it after its own."""
    words = _before_parameters(line)[1:]
    letter = line[0].lower()
    if letter == "x":
        return [_node(word) for word in words[:-1]]
    count = ELEMENTS[letter]
    if len(words) < count:
        raise ValueError(
            f"subcircuit {block.name!r} has the line {shorten(line)!r} with less than {count} nodes."
        )
    nodes = words[:count]
    if letter == "q" and len(words) > 4 and not block.has_model(words[3]):
        nodes.append(words[3])
    if letter in "eg" and _is_linear(line):
        nodes += words[2:4]
    if letter in "beg":
        nodes += [node for pair in _POTENTIAL.findall(line) for node in pair if node]
    return [_node(node) for node in nodes]


def _is_linear(line: str) -> bool:
    """Whether a controlled source is of the form ``name + - control control gain``."""
    words = line.split()
    return len(words) >= 6 and not re.search(r"[=({]", " ".join(words[:5]))


Pairs = Iterator[tuple[str, str]]


def _paths(block: Definition, line: str, nodes: list[str], opened: tuple[Definition, ...]) -> Pairs:
    """Pairs of nodes between which direct current flows.

    A G source pulls an end that controls it to the other control, and carries none elsewhere.
    """
    letter = line[0].lower()
    if letter == "x":
        yield from _of_instance(block, line, nodes, opened, 0)
    elif letter == "g":
        if not _is_linear(line):
            yield nodes[0], nodes[1]
        elif (set(nodes[:2]) - {"0"}) & set(nodes[2:]):
            yield nodes[2], nodes[3]
    else:
        for a, b in _PATHS.get(letter, ()):
            yield nodes[a], nodes[b]
        if letter == "q" and len(nodes) > 3:
            yield nodes[0], nodes[3]


def _fixed(block: Definition, line: str, nodes: list[str], opened: tuple[Definition, ...]) -> Pairs:
    """Pairs of nodes whose difference a line fixes, whatever the current."""
    letter = line[0].lower()
    if letter == "x":
        yield from _of_instance(block, line, nodes, opened, 1)
    elif letter in "vehl" or (letter == "b" and _VOLTS.search(line)):
        yield nodes[0], nodes[1]


def _of_instance(
    block: Definition, line: str, nodes: list[str], opened: tuple[Definition, ...], kind: int
) -> Pairs:
    name = _before_parameters(line)[-1]
    inner = block.find(name)
    if inner is None:
        raise ValueError(
            f"subcircuit {block.name!r} has the line {shorten(line)!r}, and there is no subcircuit {name!r}. "
            "Add its definition to the text."
        )
    if len(inner.pins) != len(nodes):
        raise ValueError(
            f"subcircuit {block.name!r} has the line {shorten(line)!r} with {len(nodes)} nodes. Expected "
            f"{len(inner.pins)}, as {name!r} has pins."
        )
    for group in groups(inner, opened)[kind]:
        for a, b in pairwise(group):
            yield tuple("0" if pin == GROUND else nodes[pin] for pin in (a, b))  # type: ignore[misc]

"""Pins of a circuit's subcircuit: which nodes they are, what they are called, and which are left out.

Where several sources follow one column of data (an input and its negative), the first is a pin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import VoltageSources
from ebana.spice.netlist.names import node_names, unique_names
from ebana.spice.netlist.parts import MAX_PORTS

Pins = Sequence[Any] | Mapping[str, Any] | None
"""Pins as users state them: nodes, or nodes by the names of pins; a node is a name or an index."""

_PIN = re.compile(r"[A-Za-z0-9_]+")
_TAKEN = ("0", "gnd", "temper", "time", "hertz")
"""Words that simulators do not take for names of nodes."""


@dataclass(frozen=True)
class Pin:
    """A pin: its name, its node, and what it is, in words."""

    name: str
    node: int
    role: str


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
    biases = [int(n) for e in biases_of(circuit) for n in e.nodes]
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
    found = {node: _plain(circuit, own, node) for node in first_sources(circuit).values()}
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
    for (name, column), node in first_sources(circuit).items():
        found[node] = f"input {name}[{column}]"
    for port in circuit.outputs:
        for k, node in enumerate(port.nodes.tolist()):
            sign = ("+", "-")[k % 2] if port.folded else ""
            found.setdefault(node, f"output {sign}{port.name}[{k // 2 if port.folded else k}]")
    for element in biases_of(circuit):
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
    for (name, column), node in first_sources(circuit).items():
        if node not in nodes:
            raise ValueError(
                f"pins leaves out {circuit.node_name(node)}, the node of input {name}[{column}], whose source is not "
                "part of a subcircuit: it would float. Add it."
            )


def first_sources(circuit: Circuit) -> dict[tuple[str, int], int]:
    """The node that stands for each column of data: the first that it holds as it is, else the first."""
    found: dict[tuple[str, int], tuple[bool, int]] = {}
    for element in circuit.each(VoltageSources):
        if element.input is None:
            continue
        for node, column, scale in held_columns(element):
            key, plain = (element.input, column), scale == 1.0
            if key not in found or (plain and not found[key][0]):
                found[key] = plain, node
    return {key: node for key, (_, node) in sorted(found.items(), key=lambda item: _order(circuit, item[0]))}


def _order(circuit: Circuit, key: tuple[str, int]) -> tuple[int, int]:
    return list(circuit.inputs).index(key[0]), key[1]


def held_columns(element: VoltageSources) -> Iterator[tuple[int, int, float]]:
    """Nodes that sources hold, the columns that those follow, and the factors."""
    yield from zip(element.nodes.tolist(), element.columns.tolist(), element.scale.tolist(), strict=True)


def biases_of(circuit: Circuit) -> Iterator[VoltageSources]:
    """Sources that carry no data."""
    return (e for e in circuit.each(VoltageSources) if e.parameter is not None)

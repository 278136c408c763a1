"""Circuits made from circuits: outputs held at data, ideal diodes as switches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from weakref import WeakKeyDictionary

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import GROUND, Branches, NodeGroup, VoltageSources
from ebana.frozen import FrozenMapping
from ebana.parameters import Parameter

_clamped: WeakKeyDictionary[Circuit, Circuit] = WeakKeyDictionary()


def clamp_input(output: str) -> str:
    """Name of the data that an output is held at by :func:`clamp_outputs`."""
    return f"{output} clamp"


def clamp_outputs(circuit: Circuit) -> Circuit:
    """The circuit with every output's nodes held at data named ``"<output> clamp"``; one for each circuit.

    The data have a column for each node, two for each value of a folded output. Nodes keep their numbers.

    Raises:
        ValueError: for an output that does not own all nodes of a group of free nodes.
    """
    if circuit not in _clamped:
        _clamped[circuit] = _with_clamps(circuit)
    return _clamped[circuit]


def _with_clamps(circuit: Circuit) -> Circuit:
    groups, elements, inputs = list(circuit.groups), list(circuit.elements), dict(circuit.inputs)
    for port in circuit.outputs:
        group = circuit.group_of(int(port.nodes[0]))
        if group.kind != "free" or not np.array_equal(np.sort(port.nodes), group.indices):
            raise ValueError(
                f"output {port.name!r} cannot be clamped: it reads {len(port.nodes)} nodes of {group.name!r} "
                f"({group.kind}, {group.size} nodes). Expected all nodes of one group of free nodes."
            )
        groups[groups.index(group)] = replace(group, kind="source")
        name, count = clamp_input(port.name), len(port.nodes)
        elements.append(VoltageSources(name, port.nodes, np.arange(count), np.ones(count), input=name))
        inputs[name] = count
    return replace(circuit, groups=tuple(groups), elements=tuple(elements), inputs=FrozenMapping(inputs))


def switch_diodes(circuit: Circuit, closed: Mapping[str, np.ndarray]) -> Circuit:
    """The circuit with its ideal diodes as switches: closed ones short their node to the source behind, others go.

    A shorted node is held at that source's potential and leaves the unknowns; nodes keep their numbers, and groups of
    which some are shorted are split into runs.

    Args:
        closed: which diodes conduct, ``{element: (k,)}``.

    Raises:
        ValueError: for a diode at, or to, a node behind an amplifier.
    """
    groups, parameters = circuit.groups, dict(circuit.parameters)
    elements = [e for e in circuit.elements if not (isinstance(e, Branches) and e.law.ideal)]
    for element in circuit.each(Branches):
        if element.name not in closed:
            continue
        at = np.flatnonzero(closed[element.name])
        near, far = _near_and_far(circuit, element, at)
        groups = tuple(part for group in groups for part in _split(group, near))
        elements += _shorts(circuit, element.name, near, far, parameters)
    return replace(circuit, groups=groups, elements=tuple(elements), parameters=FrozenMapping(parameters))


def _near_and_far(circuit: Circuit, element: Branches, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The free node, and the held one, of some diodes."""
    anode, cathode = (nodes[at] for nodes in element.ends())
    anode_is_free = circuit.base_position[anode] >= 0
    near, far = np.where(anode_is_free, anode, cathode), np.where(anode_is_free, cathode, anode)
    behind = np.flatnonzero((circuit.base[near] != near) | (far != GROUND) & (circuit.base[far] != far))
    if behind.size:
        nodes = circuit.node_name(int(near[behind[0]])), circuit.node_name(int(far[behind[0]]))
        raise ValueError(
            f"ideal diode of {element.name!r} between {nodes[0]} and {nodes[1]}, one of them behind an amplifier: no "
            "source can stand for it when it is closed. Put the diode before the amplifier."
        )
    return near, far


def _split(group: NodeGroup, held: np.ndarray) -> Iterator[NodeGroup]:
    """A group's runs of held and of other nodes; itself where it has no held ones."""
    shorted = np.isin(group.indices, held)
    if not shorted.any():
        yield group
        return
    runs = [list(run) for _, run in groupby(range(group.size), key=lambda i: shorted[i])]
    for run in runs:
        name = group.name if len(runs) == 1 else f"{group.name} {run[0]}"
        kind = "source" if shorted[run[0]] else group.kind
        labels = group.labels[run[0] : run[-1] + 1]
        yield NodeGroup(name, kind, group.start + run[0], len(run), group.layer, labels)


def _shorts(
    circuit: Circuit, name: str, near: np.ndarray, far: np.ndarray, parameters: dict[str, Parameter]
) -> Iterator[VoltageSources]:
    """Sources that hold the near nodes as those at the far ones hold these; of 0 V where that is ground."""
    grounded = far == GROUND
    if grounded.any():
        nodes, zero = near[grounded], f"{name} closed/voltage"
        parameters[zero] = Parameter(zero, "voltage", np.zeros(1))
        places, ones = np.zeros(len(nodes), int), np.ones(len(nodes))
        yield VoltageSources(f"{name} closed", nodes, places, ones, parameter=zero)
    number, place = (array[far] for array in circuit.driven_by)
    for k, source in enumerate(circuit.each(VoltageSources)):
        at = np.flatnonzero(~grounded & (number == k))
        if at.size:
            own = {"columns": source.columns[place[at]], "scale": source.scale[place[at]]}
            yield replace(source, name=f"{name} closed to {source.name}", nodes=near[at], **own)

"""Circuits made from circuits."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import VoltageSources
from ebana.frozen import FrozenMapping


@lru_cache(maxsize=32)
def clamp_outputs(circuit: Circuit) -> Circuit:
    """The circuit with every output's nodes held at data named ``"<output> clamp"`` (cached).

    Folded pairs are held at ``+y/2`` and ``-y/2``.
    """
    groups, elements, inputs = list(circuit.groups), list(circuit.elements), dict(circuit.inputs)
    for port in circuit.outputs:
        group = circuit.group_of(int(port.nodes[0]))
        if group.kind != "free" or not np.array_equal(np.sort(port.nodes), group.indices):
            raise ValueError(
                f"output {port.name!r} cannot be clamped: it reads {len(port.nodes)} nodes of {group.name!r} "
                f"({group.kind}, {group.size} nodes). Expected all nodes of one group of free nodes."
            )
        groups[groups.index(group)] = replace(group, kind="source")
        order = np.arange(len(port.nodes))
        columns = order // 2 if port.folded else order
        scale = np.where(order % 2, -0.5, 0.5) if port.folded else np.ones(len(order))
        name = f"{port.name} clamp"
        elements.append(VoltageSources(name, port.nodes, columns, scale, input=name))
        inputs[name] = port.units
    return replace(circuit, groups=tuple(groups), elements=tuple(elements), inputs=FrozenMapping(inputs))

"""How stiff the outputs are: what a nudging strength is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import Branches
from ebana.circuit.wires import WiredCells, WireResistors


def node_conductances(circuit: Circuit, values: Mapping[str, Any]) -> np.ndarray:
    """Sum of the conductances at every node, shape ``(N + 1,)``, siemens; devices left out.

    Of a wired crossbar what its ports see beyond the wires; the nodes within have none.

    The output of an amplifier is held by its input: a current I into it is ``kappa I`` into the input,
    which moves by ``kappa I / G``, and the output by A times that: ``G / (A kappa)`` seen from there.
    """
    total = np.zeros(circuit.size + 1)
    for element in circuit.each(Branches):
        if isinstance(element, WiredCells):
            ends = (element.rows, element.columns)
            for nodes, share in zip(ends, element.port_conductances(values), strict=True):
                np.add.at(total, nodes, share)
        elif element.linear and not isinstance(element, WireResistors):
            g = np.asarray(values[element.conductance])
            for nodes, share in zip(
                element.ends(), (g.sum(1), g.sum(0)) if element.outer else (g, g), strict=True
            ):
                np.add.at(total, nodes, share)
    for amplifier in circuit.amplifiers:
        gain, kappa = np.asarray(values[amplifier.gain]), np.asarray(amplifier.kappa(values))
        total[amplifier.outputs] += total[amplifier.inputs] / (gain * kappa)
    return total


def output_stiffness(circuit: Circuit, values: Mapping[str, Any]) -> dict[str, float]:
    """Least conductance that holds a value of each output, siemens.

    For single nodes the node's total conductance; for folded pairs that of both nodes in series. A
    clamped nudge of more than this strength, with the minus sign, has no minimum.
    """
    total = node_conductances(circuit, values)
    result = {}
    for port in circuit.outputs:
        g = total[port.nodes]
        stiffness = g[0::2] * g[1::2] / (g[0::2] + g[1::2]) if port.folded else g
        result[port.name] = float(np.min(stiffness))
    return result

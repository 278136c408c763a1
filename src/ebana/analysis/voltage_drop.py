"""Volts that the wires of a crossbar lose on the way to each cell and back.

Between a row's driver at ``x_i`` and a column's port at ``y_j`` the cell gets ``r_ij - c_ij`` of ``x_i - y_j``;
the rest

    (x_i - r_ij) + (c_ij - y_j)

drops along the wires.
"""

from __future__ import annotations

import numpy as np

from ebana.circuit import Circuit
from ebana.circuit.wires import WiredCells

Array = np.ndarray


def wired_layer(circuit: Circuit, layer: str | None = None) -> WiredCells:
    """The crossings of the wired crossbar of that name, or of the only one.

    Raises:
        ValueError: for a name that no wired crossbar has, or none where there are several.
    """
    known = {cells.name: cells for cells in circuit.each(WiredCells)}
    if not known:
        raise ValueError(
            "no crossbar of this circuit has wires with a resistance. Give wire_resistance= to a DenseLayer, or wires= "
            "to CircuitBuilder.crossbar."
        )
    if layer is None and len(known) == 1:
        return next(iter(known.values()))
    if layer not in known:
        raise ValueError(
            f"layer={layer!r} is no crossbar whose wires have a resistance. Expected one of {', '.join(known)}."
        )
    return known[layer]


def voltage_drop(cells: WiredCells, p: Array) -> Array:
    """Volts lost in the wires on the way to each cell and back, ``(B, m, n)``, negative where the cell gets more.

    Args:
        cells: the crossings of a wired crossbar.
        p: potentials of all nodes and ground, ``(B, N + 1)``, volts.
    """
    a, b = (p[:, nodes].reshape(len(p), *cells.shape) for nodes in cells.ends())
    return (p[:, cells.rows][:, :, None] - a) + (b - p[:, cells.columns][:, None, :])

"""Graphs of networks: lattices, and what an edge list must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Edges = tuple[tuple[int, int], ...]
"""Pairs of nodes."""


def lattice(rows: int = 4, columns: int = 4) -> Edges:
    """A square lattice that is closed around both ways, ``2 rows columns`` edges; 4 x 4 as published.

    Node ``(r, c)`` has the number ``columns r + c``.

    Example:
        >>> len(lattice()), lattice()[:2]
        (32, ((0, 1), (0, 4)))
    """
    if rows < 3 or columns < 3:
        raise ValueError(
            f"lattice({rows}, {columns}). Expected at least 3 rows and 3 columns: it closes around."
        )

    def node(r: int, c: int) -> int:
        return columns * (r % rows) + c % columns

    return tuple(
        (node(r, c), node(r + down, c + right))
        for r in range(rows)
        for c in range(columns)
        for down, right in ((0, 1), (1, 0))
    )


def check_edges(edges: Edges, taken: Sequence[int]) -> None:
    """Refuse edges that are loops or in pieces, and nodes with two roles or with none of the edges.

    Args:
        edges: of a network.
        taken: nodes that are inputs, constants or outputs.
    """
    if not edges:
        raise ValueError("a twin network has 0 edges. Expected one or more pairs of nodes.")
    for a, b in edges:
        if a == b or min(a, b) < 0:
            raise ValueError(f"edge ({a}, {b}). Expected two different nodes, numbered from 0.")
    nodes = max(max(pair) for pair in edges) + 1
    for node, times in Counter(taken).items():
        if node >= nodes:
            raise ValueError(
                f"node {node} has a role and no edge. Expected nodes 0 to {nodes - 1} of the edges."
            )
        if times > 1:
            raise ValueError(
                f"node {node} has {times} roles. Expected one: an input, a constant or an output."
            )
    ends = np.array(edges).T
    pieces, _ = connected_components(coo_array((np.ones(len(edges)), (ends[0], ends[1])), (nodes, nodes)))
    if pieces > 1:
        raise ValueError(
            f"the edges make {pieces} separate pieces. Expected one network that connects all nodes."
        )

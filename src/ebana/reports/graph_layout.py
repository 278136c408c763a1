"""Where the boxes and arrows of a layer graph go: layered drawing from left to right.

After Sugiyama, Tagawa and Toda (1981): columns by the longest path, an order within each column that
sweeps of neighbour means make nearly free of crossings, then heights that keep edges straight. An edge
over several columns gets a lane of its own in each, so that no arrow runs behind a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ebana.reports.spacing import separate

ORDER_SWEEPS = 12
COMPACT = 0.01
"""Weight of heights against the weight of bends: draws all that is free to the bottom."""
LANE = 0.12
"""Height of the lane of an edge that passes a column, inches."""


@dataclass(frozen=True)
class Box:
    """A box by its left and lower edge and its size, inches."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """Height of the middle."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Route:
    """An arrow from box ``source`` to box ``target`` through ``points``, from left to right."""

    source: int
    target: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Arrangement:
    """Boxes in the order of the input, the routes between them, and the size of the whole, inches."""

    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]
    width: float
    height: float


def arrange(
    parents: Sequence[Sequence[int]],
    sizes: Sequence[tuple[float, float]],
    column_gap: float = 0.36,
    row_gap: float = 0.16,
) -> Arrangement:
    """Lay out an acyclic graph.

    Args:
        parents: for each box the indices of the boxes that point to it.
        sizes: width and height of each box, inches.
        column_gap, row_gap: free space between columns and between boxes of one column, inches.

    Raises:
        ValueError: if the graph has a loop.
    """
    parents = [list(dict.fromkeys(p)) for p in parents]
    graph = _with_lanes(parents, _columns(parents))
    order = _ordered(graph)
    heights = [sizes[i][1] if i < len(sizes) else LANE for i in range(len(graph.column))]
    middle = _middles(graph, order, heights, row_gap)
    left, widths = _horizontal(graph, sizes, column_gap)
    boxes = tuple(
        Box(left[c] + (widths[c] - w) / 2, middle[i] - h / 2, w, h)
        for i, ((w, h), c) in enumerate(zip(sizes, graph.column, strict=False))
    )
    routes = _routes(graph, boxes, middle, left, widths)
    total = max(m + h / 2 for m, h in zip(middle, heights, strict=True))
    return Arrangement(boxes, routes, float(left[-1] + widths[-1]), float(total))


@dataclass(frozen=True)
class _Graph:
    """Boxes, then lanes: the column of each, its neighbours in adjacent columns, and the long edges."""

    column: list[int]
    before: list[list[int]]
    after: list[list[int]]
    chains: list[list[int]]


# Columns


def _columns(parents: list[list[int]]) -> list[int]:
    """Longest path from a source; a source itself moves right, next to its first reader."""
    column = _longest_paths(parents)
    for i, above in enumerate(parents):
        readers = [column[j] for j, p in enumerate(parents) if i in p]
        if not above and readers:
            column[i] = min(readers) - 1
    return column


def _longest_paths(parents: list[list[int]]) -> list[int]:
    column: dict[int, int] = {}
    while len(column) < len(parents):
        ready = [i for i, p in enumerate(parents) if i not in column and all(j in column for j in p)]
        if not ready:
            raise ValueError("the graph of layers has a loop: it cannot be drawn from left to right")
        for i in ready:
            column[i] = max((column[j] + 1 for j in parents[i]), default=0)
    return [column[i] for i in range(len(parents))]


def _with_lanes(parents: list[list[int]], column: list[int]) -> _Graph:
    """Split each edge over several columns into steps of one column."""
    column = list(column)
    chains = []
    for target, above in enumerate(parents):
        for source in above:
            lanes = range(len(column), len(column) + column[target] - column[source] - 1)
            column += range(column[source] + 1, column[target])
            chains.append([source, *lanes, target])
    before: list[list[int]] = [[] for _ in column]
    after: list[list[int]] = [[] for _ in column]
    for chain in chains:
        for a, b in pairwise(chain):
            after[a].append(b)
            before[b].append(a)
    return _Graph(column, before, after, chains)


# Order within the columns


def _ordered(graph: _Graph) -> list[list[int]]:
    """For each column its boxes and lanes from the bottom up; the best of several sweeps."""
    order: list[list[int]] = [[] for _ in range(max(graph.column, default=-1) + 1)]
    for i in reversed(range(len(graph.column))):
        order[graph.column[i]].append(i)
    best, fewest = order, _crossings(graph, order)
    for sweep in range(ORDER_SWEEPS):
        order = _swept(graph, order, forward=sweep % 2 == 0)
        count = _crossings(graph, order)
        if count < fewest:
            best, fewest = order, count
    return best


def _swept(graph: _Graph, order: list[list[int]], forward: bool) -> list[list[int]]:
    """Sort each column by the mean place of its neighbours in the column just sorted."""
    order = list(order)
    neighbours = graph.before if forward else graph.after
    for c in range(len(order)) if forward else reversed(range(len(order))):
        place = {i: k / max(1, len(col) - 1) for col in order for k, i in enumerate(col)}
        order[c] = sorted(order[c], key=lambda i, p=place: _mean([p[j] for j in neighbours[i]], p[i]))
    return order


def _crossings(graph: _Graph, order: list[list[int]]) -> int:
    """Pairs of edges between neighbouring columns that cross."""
    place = {i: k for column in order for k, i in enumerate(column)}
    count = 0
    for column in order:
        ends = np.array([(place[i], place[j]) for i in column for j in graph.after[i]]).reshape(-1, 2)
        first, last = np.sign(ends[:, None, :] - ends[None, :, :]).transpose(2, 0, 1)
        count += int((first * last < 0).sum()) // 2
    return count


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


# Coordinates


def _middles(graph: _Graph, order: list[list[int]], heights: list[float], gap: float) -> list[float]:
    """Height of the middle of each box and lane, in order and without overlap.

    Minimises the weighted sum of ``|y_a - y_b|`` over the edges (Gansner et al. 1993), a linear program:
    its vertices make most edges exactly straight. Each absolute value is a variable of its own.
    """
    from scipy.optimize import linprog

    nodes = len(heights)
    edges = [(a, b) for a in range(nodes) for b in graph.after[a]]
    above = [(a, b) for column in order for a, b in pairwise(column)]
    rows = np.zeros((2 * len(edges) + len(above), nodes + len(edges)))
    bounds = np.zeros(len(rows))
    for k, (a, b) in enumerate(edges):
        rows[2 * k, [a, b, nodes + k]] = 1, -1, -1
        rows[2 * k + 1, [a, b, nodes + k]] = -1, 1, -1
    for k, (a, b) in enumerate(above, start=2 * len(edges)):
        rows[k, [a, b]] = 1, -1
        bounds[k] = -((heights[a] + heights[b]) / 2 + gap)
    costs = np.concatenate([np.full(nodes, COMPACT), [_weight(graph, a, b) for a, b in edges]])
    lowest = [(h / 2, None) for h in heights] + [(0.0, None)] * len(edges)
    solution = linprog(
        costs, A_ub=rows if len(rows) else None, b_ub=bounds if len(rows) else None, bounds=lowest
    )
    return [float(y) for y in solution.x[:nodes]]


def _weight(graph: _Graph, a: int, b: int) -> float:
    """Long edges and the path of the signal are straight before the side entries of sources are."""
    lanes = sum(len(graph.before[i]) == len(graph.after[i]) == 1 for i in (a, b))
    return (1.0, 2.0, 4.0)[lanes] * (1.0 if not graph.before[a] else 3.0)


def _horizontal(
    graph: _Graph, sizes: Sequence[tuple[float, float]], gap: float
) -> tuple[np.ndarray, np.ndarray]:
    """Left edge and width of each column."""
    widths = np.zeros(max(graph.column, default=0) + 1)
    for (width, _), c in zip(sizes, graph.column, strict=False):
        widths[c] = max(widths[c], width)
    return np.concatenate([[0.0], np.cumsum(widths[:-1] + gap)]), widths


def _routes(
    graph: _Graph, boxes: tuple[Box, ...], middle: list[float], left: np.ndarray, widths: np.ndarray
) -> tuple[Route, ...]:
    routes = []
    for chain in graph.chains:
        source, target = chain[0], chain[-1]
        points = [(boxes[source].right, boxes[source].middle)]
        for lane in chain[1:-1]:
            c = graph.column[lane]
            points += [(float(left[c]), middle[lane]), (float(left[c] + widths[c]), middle[lane])]
        points.append((boxes[target].x, _port(graph, boxes[target], middle, target, chain[-2])))
        routes.append(Route(source, target, tuple(points)))
    return tuple(routes)


def _port(graph: _Graph, box: Box, middle: list[float], target: int, last: int) -> float:
    """Height at which an arrow enters: straight ahead where it can, the others beside it, in their order."""
    incoming = sorted(graph.before[target], key=lambda j: middle[j])
    low, high = box.middle - 0.35 * box.height, box.middle + 0.35 * box.height
    gap = min(0.14, (high - low) / len(incoming))
    wanted = [min(max(middle[j], low), high) for j in incoming]
    return float(separate(wanted, [gap] * (len(incoming) - 1), low, high)[incoming.index(last)])

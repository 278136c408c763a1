"""What the native engine knows of a circuit before it sees any number.

Every node is an affine function of one *base* node, ``p = alpha V + beta``, and sends ``kappa`` times
the current drawn from it to that base: amplifiers disappear, and only free nodes remain unknown.
Free nodes come in blocks (one for each group). Couplings and links run between blocks; local elements
tie one free node to held ones; pairs join arbitrary nodes and make a circuit *not layered*.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from ebana.circuit import Circuit, VoltageSources
from ebana.circuit.checks import require_solvable
from ebana.circuit.elements import INDEX, Branches
from ebana.circuit.wires import WiredCells, WireResistors
from ebana.physics.structure import Structure, structure

HELD = -1
"""Block number of a node that a source (or ground) holds."""


@dataclass(frozen=True, eq=False)
class CrossbarCoupling:
    """A part of a crossbar between one block's nodes and another's."""

    conductance: str
    row_positions: np.ndarray
    column_positions: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


@dataclass(frozen=True, eq=False)
class ResistorCoupling:
    """Resistors between the nodes of two blocks, few against all pairs of them.

    Args:
        positions: which of the element's resistors.
        a, b: their ends, nodes whose bases are free; all of ``a`` in one block and all of ``b`` in another.
    """

    conductance: str
    positions: np.ndarray
    a: np.ndarray
    b: np.ndarray


@dataclass(frozen=True, eq=False)
class HeldCrossbar:
    """A part of a crossbar between nodes that one array of sources (or ground) holds and free ones.

    Args:
        source: the sources at the held nodes' bases, or None for ground.
        places: which of the sources each held node follows.
        transposed: whether the crossbar's columns are held.
    """

    conductance: str
    row_positions: np.ndarray
    column_positions: np.ndarray
    held: np.ndarray
    free: np.ndarray
    transposed: bool
    source: VoltageSources | None
    places: np.ndarray


@dataclass(frozen=True, eq=False)
class HeldDevices:
    """Devices between a free node and a held one; ``sign`` is +1 where the anode is the free node."""

    element: Branches
    positions: np.ndarray
    free: np.ndarray
    held: np.ndarray
    sign: int


@dataclass(frozen=True, eq=False)
class WiredPorts:
    """A wired crossbar as its ports see it: a conductance between each two of them.

    Args:
        cells: its crossings.
        free_rows, free_columns: places of the ports whose bases are free.
        held_rows, held_columns: places of the others.
    """

    cells: WiredCells
    free_rows: np.ndarray
    free_columns: np.ndarray
    held_rows: np.ndarray
    held_columns: np.ndarray

    @property
    def free(self) -> np.ndarray:
        """The nodes of the ports whose bases are free, rows first."""
        return np.concatenate([self.cells.rows[self.free_rows], self.cells.columns[self.free_columns]])


@dataclass(frozen=True, eq=False)
class GeneralBranches:
    """Resistors or devices of which some join two free nodes."""

    element: Branches


@dataclass(frozen=True, eq=False)
class Plan:
    """The analysis of a circuit.

    Args:
        circuit: the bare circuit of the structure, whose devices are forms without numbers.
        column: position of every node's base among the free nodes, or ``F`` where it is held.
        blocks: ``(start, stop)`` of each block among the free nodes.
        colours: blocks in groups that share no coupling; a sweep updates one group at a time.
        eliminated, kept: free positions; the eliminated ones do not see each other.
        dense: places among the kept nodes of those that couplings or eliminated nodes may join to each other.
        places: place of every free position among the kept nodes, -1 for the others.
        layered: whether the nodes of a block do not see each other (no pairs, no coupling inside a block).
        swept: whether sweeps apply: a layered circuit, or one whose blocks only wired crossbars couple inside.
        wired: wired crossbars of which some port is free.
    """

    circuit: Circuit
    column: np.ndarray
    blocks: tuple[tuple[int, int], ...]
    couplings: tuple[CrossbarCoupling, ...]
    links: tuple[ResistorCoupling, ...]
    feeds: tuple[HeldCrossbar, ...]
    local_resistors: tuple[tuple[str, np.ndarray, np.ndarray, np.ndarray], ...]
    local_devices: tuple[HeldDevices, ...]
    pairs: tuple[GeneralBranches, ...]
    colours: tuple[tuple[int, ...], ...]
    eliminated: np.ndarray
    kept: np.ndarray
    dense: np.ndarray
    places: np.ndarray
    layered: bool
    swept: bool
    wired: tuple[WiredPorts, ...] = ()


def plan(circuit: Circuit, coupled_outputs: frozenset[str] = frozenset()) -> Plan:
    """Analyse a circuit (cached by structure).

    Args:
        coupled_outputs: outputs whose nodes a nudge couples to each other, so that their blocks must
            not be eliminated.
    """
    return _plan(structure(circuit), coupled_outputs)


@lru_cache(maxsize=64)
def _plan(of: Structure, coupled_outputs: frozenset[str]) -> Plan:
    circuit = of.circuit
    require_solvable(circuit, "the native engine cannot solve")
    column = np.where(circuit.base_position < 0, INDEX(len(circuit.free)), circuit.base_position)
    blocks = _blocks(circuit)
    block_of = np.full(len(circuit.free) + 1, HELD)
    for number, (start, stop) in enumerate(blocks):
        block_of[start:stop] = number
    node_block = block_of[column]

    webs = _webs(circuit, node_block, blocks)
    couplings: list[CrossbarCoupling] = []
    feeds: list[HeldCrossbar] = []
    links: list[ResistorCoupling] = []
    local_resistors, local_devices, pairs = [], [], []
    wired: list[WiredPorts] = []
    for element in circuit.each(Branches):
        if isinstance(element, WiredCells):
            wired.append(_wired_ports(element, node_block))
            continue
        if isinstance(element, WireResistors):  # within what the ports see
            continue
        if element.outer:
            parts = _split_crossbar(circuit, element, node_block)
            couplings += [part for part in parts if isinstance(part, CrossbarCoupling)]
            feeds += [part for part in parts if isinstance(part, HeldCrossbar)]
            continue
        a, b = element.ends()
        a_free, b_free = node_block[a] != HELD, node_block[b] != HELD
        if (a_free & b_free).any():
            if element.law.ideal:
                raise ValueError(
                    f"ideal diodes {element.name!r} join two free nodes. Expected a source or ground at one end of "
                    "each: the native engine keeps an ideal diode as a bound on one node. Use a BehavioralDiode "
                    "of small ron between free nodes."
                )
            both = np.flatnonzero(a_free & b_free)
            found = _split_resistors(element, node_block, both, blocks, webs) if element.linear else None
            if found is None:
                pairs.append(GeneralBranches(element))
                continue
            links += found
            a_free, b_free = a_free & ~b_free, b_free & ~a_free
        for mask, near, far, sign in (
            (a_free, a, b, 1),
            (b_free & ~a_free, b, a, -1),
        ):
            at = np.flatnonzero(mask).astype(INDEX)
            if not at.size:
                continue
            if element.linear:
                local_resistors.append((element.conductance, at, near[at], far[at]))
            else:
                local_devices.append(HeldDevices(element, at, near[at], far[at], sign))

    edges = {(int(node_block[c.rows[0]]), int(node_block[c.columns[0]])) for c in couplings}
    edges |= {(int(node_block[link.a[0]]), int(node_block[link.b[0]])) for link in links}
    inner = any(i == j for i, j in edges)
    wired = [ports for ports in wired if ports.free.size]
    wired_blocks = [sorted(set(node_block[ports.free].tolist())) for ports in wired]
    edges |= {(i, j) for found in wired_blocks for i in found for j in found}
    colours = _colour(len(blocks), edges)
    tied = {int(node_block[n]) for name in coupled_outputs for n in circuit.output(name).nodes}
    tied |= {int(b) for pair in pairs for t in pair.element.ends() for b in node_block[t]}
    tied |= {i for i, j in edges if i == j}
    eliminated, kept = _eliminate(blocks, colours, tied)
    places = np.full(len(circuit.free), -1, dtype=INDEX)
    places[kept] = np.arange(kept.size)
    coupled = [np.zeros(0, dtype=INDEX), *(column[n] for c in couplings for n in (c.rows, c.columns))]
    coupled += [column[n] for link in links for n in (link.a, link.b)]
    coupled += [column[ports.free] for ports in wired]
    joined = np.unique(places[np.concatenate(coupled)])
    return Plan(
        circuit,
        column,
        blocks,
        tuple(couplings),
        tuple(links),
        tuple(feeds),
        tuple(local_resistors),
        tuple(local_devices),
        tuple(pairs),
        colours,
        eliminated,
        kept,
        joined[joined >= 0],
        places,
        layered=not pairs and not inner and not wired,
        swept=not pairs and not inner,
        wired=tuple(wired),
    )


def _wired_ports(cells: WiredCells, node_block: np.ndarray) -> WiredPorts:
    """The ports of a wired crossbar by whether their bases are free."""
    sides = [node_block[nodes] != HELD for nodes in (cells.rows, cells.columns)]
    free = [np.flatnonzero(side).astype(INDEX) for side in sides]
    return WiredPorts(cells, *free, *(np.flatnonzero(~side).astype(INDEX) for side in sides))


def _blocks(circuit: Circuit) -> tuple[tuple[int, int], ...]:
    stops = np.cumsum([0, *(group.size for group in circuit.free_groups)])
    return tuple((int(a), int(b)) for a, b in pairwise(stops))


def _split_crossbar(
    circuit: Circuit, element: Branches, node_block: np.ndarray
) -> list[CrossbarCoupling | HeldCrossbar]:
    if not element.linear:
        raise NotImplementedError(
            f"the native engine cannot solve {element.name!r}: a {type(element).__name__} joins each of its rows with "
            "each of its columns by a law that is no conductance. State the pairs one by one."
        )
    parts: list[CrossbarCoupling | HeldCrossbar] = []
    all_rows, all_columns = element.ends()
    row_block, column_block = node_block[all_rows], node_block[all_columns]
    for i in np.unique(row_block):
        for j in np.unique(column_block):
            r, c = np.flatnonzero(row_block == i), np.flatnonzero(column_block == j)
            rows, columns = all_rows[r], all_columns[c]
            if i != HELD and j != HELD:
                parts.append(CrossbarCoupling(element.conductance, r, c, rows, columns))
            elif i == HELD and j != HELD:
                parts += _feeds(circuit, element.conductance, r, c, rows, columns)
            elif i != HELD:
                parts += _feeds(circuit, element.conductance, c, r, columns, rows, transposed=True)
    return parts


DENSE_LINKS = 20_000_000
"""Most pairs of nodes of two blocks over which resistors are spread as a matrix."""


def _webs(circuit: Circuit, node_block: np.ndarray, blocks: tuple[tuple[int, int], ...]) -> set[int]:
    """Blocks whose nodes branches join one by one: resistors between two of them are branches too, not a matrix."""
    found: set[int] = set()
    for element in circuit.each(Branches):
        if element.outer or isinstance(element, WiredCells | WireResistors):
            continue
        i, j = (node_block[end] for end in element.ends())
        free = (i != HELD) & (j != HELD)
        if not element.linear or (i == j)[free].any() or _too_many(i[free], j[free], blocks):
            found |= {*map(int, i[free]), *map(int, j[free])}
    return found


def _too_many(i: np.ndarray, j: np.ndarray, blocks: tuple[tuple[int, int], ...]) -> bool:
    sizes = np.array([stop - start for start, stop in blocks])
    return bool((sizes[i].astype(float) * sizes[j] > DENSE_LINKS).any())


def _split_resistors(
    element: Branches,
    node_block: np.ndarray,
    at: np.ndarray,
    blocks: tuple[tuple[int, int], ...],
    webs: set[int],
) -> list[ResistorCoupling] | None:
    """Resistors by the pair of blocks that they join; None where some stay in a block, or blocks are too large."""
    a, b = element.ends()
    i, j = node_block[a[at]], node_block[b[at]]
    if (i == j).any() or _too_many(i, j, blocks) or webs.issuperset({*map(int, i), *map(int, j)}):
        return None
    pairs = i * len(blocks) + j
    groups = (at[pairs == pair] for pair in np.unique(pairs))
    return [ResistorCoupling(element.conductance, k, a[k], b[k]) for k in groups]


def _feeds(
    circuit: Circuit,
    conductance: str,
    held_at: np.ndarray,
    free_at: np.ndarray,
    held: np.ndarray,
    free: np.ndarray,
    transposed: bool = False,
) -> list[HeldCrossbar]:
    """One part for each array of sources, with the positions of the held and free nodes in the crossbar."""
    sources = tuple(circuit.each(VoltageSources))
    number, place = (array[held] for array in circuit.driven_by)
    feeds = []
    for k in np.unique(number):
        at = np.flatnonzero(number == k)
        positions = (free_at, held_at[at]) if transposed else (held_at[at], free_at)
        source = sources[k] if k >= 0 else None
        feeds.append(HeldCrossbar(conductance, *positions, held[at], free, transposed, source, place[at]))
    return feeds


def _colour(count: int, edges: set[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Greedy colouring of the blocks in their order; a chain or a tree of layers takes two colours."""
    neighbours: dict[int, set[int]] = {k: set() for k in range(count)}
    for i, j in edges:
        if i != j:
            neighbours[i].add(j)
            neighbours[j].add(i)
    colour: dict[int, int] = {}
    for root in range(count):
        queue = [root]
        while queue:
            k = queue.pop(0)
            if k in colour:
                continue
            taken = {colour[n] for n in neighbours[k] if n in colour}
            colour[k] = next(c for c in range(count) if c not in taken)
            queue.extend(sorted(neighbours[k] - colour.keys()))
    used = sorted(set(colour.values()))
    return tuple(tuple(k for k in range(count) if colour[k] == c) for c in used)


def _eliminate(
    blocks: tuple[tuple[int, int], ...], colours: tuple[tuple[int, ...], ...], tied: set[int]
) -> tuple[np.ndarray, np.ndarray]:
    def nodes(chosen: list[int]) -> np.ndarray:
        runs = [np.arange(*blocks[k]) for k in sorted(chosen)]
        return np.concatenate(runs) if runs else np.zeros(0, dtype=int)

    candidates = [nodes([k for k in colour if k not in tied]) for colour in colours]
    eliminated = max(candidates, key=len, default=np.zeros(0, dtype=int))
    total = blocks[-1][1] if blocks else 0
    return eliminated, np.setdiff1d(np.arange(total), eliminated)

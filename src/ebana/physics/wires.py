"""Wired crossbars: what their ports draw, and the potentials within, by elimination line by line.

With ``c_i`` the potentials of the columns' wires at row i, ``x_i`` that of the row's driver, ``g_ij`` the cells, the
current from the columns into row i is

    i_i = H_i c_i - q_i x_i,      H_i = D_i - D_i M_i D_i,      q_i = H_i 1,      D_i = diag(g_i),

where ``M_i`` holds the resistances of the row's wire with its cells to ground: a ladder, whose entries are products of
what each of its resistors passes on. Above the wire below row i, all rows so far are a conductance ``S_i`` and a
current ``h_i`` of their drivers (Norton's theorem):

    J_i = S_i c_i - h_i,                        S_i = H_i + S'_{i-1},         h_i = q_i x_i + h'_{i-1},
    S'_i = (1 + S_i R_i)^-1 S_i,                h'_i = (1 + S_i R_i)^-1 h_i = (1 - S'_i R_i) h_i,

with ``R_i`` the resistances of the columns' wires there, at last those of the contacts. Wires of a siemens beside
cells of a nanosiemens cost no digits: resistances are multiplied, not subtracted, and an ideal wire is a zero.
Elimination takes ``m n^3`` operations, once for each set of conductances, and ``m n^2`` more for each sample; crossbars
of more columns than rows are eliminated column by column. The potentials within follow backwards, row by row (block
elimination; Kron 1939).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Values
from ebana.circuit.element import as_slice, at_nodes
from ebana.circuit.wires import WiredCells


class Numbers(NamedTuple):
    """Conductances of a wired crossbar's cells, siemens, and resistances of its wires, ohms.

    Args:
        g: ``(m, n)``.
        along: resistance before each crossing of a row, from its driver on, ``(m, n)``.
        down: resistance below each crossing of a column, the contact last, ``(m, n)``.
    """

    g: Array
    along: Array
    down: Array

    @staticmethod
    def of(cells: WiredCells, parameters: Values, dtype: Any) -> Numbers:
        """Those of an array among a circuit's values."""
        r = {part: jnp.asarray(ohms, dtype) for part, ohms in cells.resistances(parameters).items()}
        along = jnp.concatenate([r["driver"][:, None], r["row"]], axis=1)
        down = jnp.concatenate([r["column"], r["contact"][None]])
        return Numbers(parameters[cells.conductance].astype(dtype), along, down)

    def turned(self) -> Numbers:
        """The same crossbar with its columns as rows: their contacts drive it, and it is read at its drivers."""
        return Numbers(*(array[::-1, ::-1].T for array in (self.g, self.down, self.along)))


class Ladders(NamedTuple):
    """The rows' wires, by their cells and resistors, all ``(m, n)``.

    Args:
        g: conductances of the cells.
        passed: logarithm of the potential that reaches a crossing for each volt of the driver, cells to ground.
        own: resistance that a crossing is held with, cells to ground.
    """

    g: Array
    passed: Array
    own: Array


class Crossings(NamedTuple):
    """Potentials of the rows' and of the columns' wires at the crossings, ``(m, n, K)``, volts."""

    rows: Array
    columns: Array


def _ladders(numbers: Numbers) -> Ladders:
    """Walk along each row's wire, from its end and from its driver."""
    g, along = numbers.g.T, numbers.along.T

    def from_end(beyond: Array, at: Any) -> tuple[Array, Array]:
        cell, wire = at
        seen = cell + beyond
        return seen / (1.0 + wire * seen), seen

    def from_driver(before: Array, at: Any) -> tuple[Array, Array]:
        wire, cell = at
        source = before + wire
        return source / (1.0 + cell * source), source

    zero = jnp.zeros_like(g[0])
    _, seen = jax.lax.scan(from_end, zero, (g, along), reverse=True)
    _, source = jax.lax.scan(from_driver, zero, (along, g))
    passed = -jnp.cumsum(jnp.log1p(along * seen), axis=0)
    return Ladders(numbers.g, passed.T, (source / (1.0 + source * seen)).T)


def _row(ladders: Ladders) -> tuple[Array, Array]:
    """``H`` (n, n) and ``q`` (n,) of one row, from its own parts of the ladders."""
    g, passed, own = ladders
    near = jnp.minimum(jnp.arange(g.size)[:, None], jnp.arange(g.size)[None, :])
    share = jnp.exp(-jnp.abs(passed[:, None] - passed[None, :]))
    across = g[:, None] * g[None, :] * own[near] * share
    across = across - jnp.diag(jnp.diag(across))
    q = g * jnp.exp(passed)
    return jnp.diag(q + across.sum(1)) - across, q


def eliminate(numbers: Numbers) -> Array:
    """Conductances seen from below each row, ``S'_i`` of the module, ``(m, n, n)``, siemens.

    They are the same for all samples and phases; a program that asks for them again computes them once.
    """
    n = numbers.g.shape[1]
    unit = jnp.eye(n, dtype=numbers.g.dtype)

    def step(above: Array, at: Any) -> tuple[Array, Array]:
        ladders, below = at
        s = _row(ladders)[0] + above
        seen = jnp.linalg.solve(unit + s * below[None, :], s)
        return seen, seen

    return jax.lax.scan(step, jnp.zeros_like(unit), (_ladders(numbers), numbers.down))[1]


def _driven(numbers: Numbers, seen: Array, x: Array) -> Array:
    """Currents of the drivers as seen from below each row, ``h'_i`` of the module, ``(m, n, K)``, amperes."""

    def step(above: Array, at: Any) -> tuple[Array, Array]:
        s, below, q, port = at
        h = q[:, None] * port[None, :] + above
        h = h - s @ (below[:, None] * h)  # (1 + S R)^-1 = 1 - S' R
        return h, h

    start = jnp.zeros((numbers.g.shape[1], x.shape[1]), x.dtype)
    return jax.lax.scan(step, start, (seen, numbers.down, _fed(numbers), x))[1]


def _fed(numbers: Numbers) -> Array:
    """What a volt at each row's driver feeds into grounded columns, ``q`` of the module, ``(m, n)``, siemens."""
    return numbers.g * jnp.exp(_ladders(numbers).passed)


@jax.jit
def crossings(numbers: Numbers, x: Array, y: Array) -> Crossings:
    """Potentials within a crossbar from those of its ports.

    Args:
        numbers: of the crossbar.
        x, y: potentials of its rows' and columns' ports, ``(m, K)`` and ``(n, K)``, volts.

    Example:
        A driver, a cell and a contact of 1 ohm each share a volt:

        >>> one = jnp.ones((1, 1))
        >>> found = crossings(Numbers(one, one, one), one, 0 * one)
        >>> round(float(found.rows[0, 0, 0]), 3), round(float(found.columns[0, 0, 0]), 3)
        (0.667, 0.333)
    """
    m, n = numbers.g.shape
    if n > m:
        found = _by_rows(numbers.turned(), y[::-1], x[::-1])
        return Crossings(*(jnp.swapaxes(p[::-1, ::-1], 0, 1) for p in (found.columns, found.rows)))
    return _by_rows(numbers, x, y)


def _by_rows(numbers: Numbers, x: Array, y: Array) -> Crossings:
    """As :func:`crossings`, row by row."""
    columns = _columns(numbers, x, y)[0]

    def step(_: None, at: Any) -> tuple[None, Array]:
        ladders, port, column = at
        h, q = _row(ladders)
        drawn = h @ column - q[:, None] * port[None, :]
        return None, column - drawn / ladders.g[:, None]

    return Crossings(jax.lax.scan(step, None, (_ladders(numbers), x, columns))[1], columns)


def _columns(numbers: Numbers, x: Array, y: Array) -> tuple[Array, Array]:
    """Potentials of the columns' wires at the crossings, ``(m, n, K)``, and currents from the columns' ports."""
    seen = eliminate(numbers)
    driven = _driven(numbers, seen, x)

    def step(below: Array, at: Any) -> tuple[Array, Array]:
        s, h, wire = at
        column = below - wire[:, None] * (s @ below - h)
        return column, column

    columns = jax.lax.scan(step, y, (seen, driven, numbers.down), reverse=True)[1]
    return columns, seen[-1] @ y - driven[-1]


@jax.jit
def port_currents(numbers: Numbers, x: Array, y: Array) -> tuple[Array, Array]:
    """Currents that a crossbar draws from its ports, ``(m, K)`` and ``(n, K)``, amperes, at potentials of theirs.

    Args:
        numbers: of the crossbar.
        x, y: potentials of its rows' and columns' ports, ``(m, K)`` and ``(n, K)``, volts.
    """
    m, n = numbers.g.shape
    if n > m:
        columns, rows = _drawn_by_rows(numbers.turned(), y[::-1], x[::-1])
        return rows[::-1], columns[::-1]
    return _drawn_by_rows(numbers, x, y)


def _drawn_by_rows(numbers: Numbers, x: Array, y: Array) -> tuple[Array, Array]:
    """As :func:`port_currents`, row by row."""
    inside, drawn = _columns(numbers, x, y)
    return (_fed(numbers)[:, :, None] * (x[:, None, :] - inside)).sum(1), drawn


@jax.jit
def seen_from_columns(numbers: Numbers, x: Array) -> tuple[Array, Array]:
    """A crossbar whose rows are held, as its columns' ports see it.

    Args:
        numbers: of the crossbar.
        x: potentials of its rows' ports, ``(m, K)``, volts.

    Returns:
        Conductances between the ports and to ground, as a matrix ``(n, n)``, siemens, and currents into the ports where
        all of them are grounded, ``(n, K)``, amperes.
    """
    m, n = numbers.g.shape
    if n > m:
        drawn = port_currents(
            numbers,
            jnp.concatenate([x, jnp.zeros((m, n), x.dtype)], axis=1),
            jnp.concatenate([jnp.zeros((n, x.shape[1]), x.dtype), jnp.eye(n, dtype=x.dtype)], axis=1),
        )[1]
        return drawn[:, x.shape[1] :], -drawn[:, : x.shape[1]]
    seen = eliminate(numbers)
    return seen[-1], _driven(numbers, seen, x)[-1]


def at_crossings(cells: WiredCells, p: Array) -> tuple[Array, Array]:
    """Potentials of the rows' and the columns' wires at all crossings, ``(B, m, n)`` each, from those of all nodes."""
    a, b = (_on_grid(p, nodes.reshape(cells.shape)) for nodes in cells.ends())
    return a, b


def _on_grid(p: Array, nodes: np.ndarray) -> Array:
    """Potentials of nodes ``(m, n)``, in runs where they stand in runs: a gather takes ten times as long."""
    m, n = nodes.shape
    if (nodes == nodes[:, :1]).all():
        return jnp.broadcast_to(at_nodes(p, nodes[:, 0])[:, :, None], (len(p), m, n))
    if (nodes == nodes[:1]).all():
        return jnp.broadcast_to(at_nodes(p, nodes[0])[:, None, :], (len(p), m, n))
    if isinstance(as_slice(nodes[:, 1:].ravel()), slice) and not isinstance(as_slice(nodes.ravel()), slice):
        rest = at_nodes(p, nodes[:, 1:].ravel()).reshape(len(p), m, n - 1)
        return jnp.concatenate([at_nodes(p, nodes[:, 0])[:, :, None], rest], axis=2)
    if isinstance(as_slice(nodes[:-1].ravel()), slice) and not isinstance(as_slice(nodes.ravel()), slice):
        rest = at_nodes(p, nodes[:-1].ravel()).reshape(len(p), m - 1, n)
        return jnp.concatenate([rest, at_nodes(p, nodes[-1])[:, None, :]], axis=1)
    return at_nodes(p, nodes.ravel()).reshape(len(p), m, n)


def potentials_within(
    cells: WiredCells, parameters: Values, rows: Array, columns: Array
) -> tuple[Array, Array]:
    """Potentials of the rows' and of the columns' wires at all crossings, ``(B, m n)`` each, volts.

    Args:
        cells: the crossings.
        parameters: values by name, SI units.
        rows, columns: potentials of the ports, ``(B, m)`` and ``(B, n)``, volts.
    """
    found = crossings(Numbers.of(cells, parameters, rows.dtype), rows.T, columns.T)
    a, b = (p.reshape(-1, p.shape[-1]).T for p in found)
    return a, b

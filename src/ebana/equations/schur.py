"""The node equations that are left for the kept nodes once the eliminated ones are folded in (the Schur complement).

They are those of a circuit again, conductances, leaks and currents, and are solved in one of three ways:

- dense elimination for each sample, which loses nothing to rounding (:mod:`ebana.equations.linear`);
- sparse factorisation on the host, where the kept nodes are many and the branches between them few
  (:mod:`ebana.equations.sparse`);
- conjugate gradients beyond ``dense_limit`` nodes with many branches each (:mod:`ebana.equations.krylov`).

Beside the Newton correction each way solves for the *spread* w of roundings, ``A w = sum of |terms| at each node``:
the row-wise condition number of Skeel (1979), in volts for each volt of the terms. For the last two it also bounds
what they left unsolved: wherever ``A w > 0`` with ``w > 0``, A is an M-matrix (its energy has a minimum) and
``|A^-1 r| <= w max_i |r_i| / (A w)_i``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.equations import krylov, linear, sparse

TERMS = 0.5, 2.0
"""A spread counts as solved where its terms are within these shares of those asked for."""

ROUGH = 0.1
"""Residual at which conjugate gradients know the spread well enough: it is verified."""

SPARSE_FROM = 48
"""Fewest kept nodes that are worth a call of the host."""

SPARSE_SHARE = 8
"""A matrix is sparse when at most one in so many of its entries can differ from zero."""


Branch = tuple[np.ndarray, np.ndarray, Array]
"""Conductances between kept nodes: rows, columns and siemens, ``(entries, B)``; each branch has two."""


class Solution(NamedTuple):
    """Potentials of the kept nodes.

    Args:
        x: ``(K, B)``, volts (in scaled unknowns).
        spread: ``w`` above, ``(K, B)`` or ``(K, 1)``.
        pivot: ``(B,)``; not above zero where the energy has no minimum.
        sure: False where the equations were not solved, ``(B,)``, or one True for all where the spread tells.
        left: bound on what was left unsolved, ``(K, B)``, volts; None where nothing is.
    """

    x: Array
    spread: Array
    pivot: Array
    sure: Array
    left: Array | None


@dataclass(frozen=True)
class Kept:
    """Equations of the kept nodes of a batch.

    Args:
        leak, rhs: leaks and currents, ``(K, B)``.
        size: sums of absolute coefficients, ``(K, B)``.
        weight: factors that make the matrix symmetric, ``(K, 1)``.
        among: conductances of the couplings among the kept nodes, ``(K, K)``, or None.
        to_kept, inverse, to_eliminated: what folding the eliminated nodes adds: ``to_kept inverse to_eliminated``.
        branches: conductances between two kept nodes beside the couplings.
        dense: kept nodes that couplings or folded nodes join to each other.
        spread: a bound on ``w`` that is known, and ``A w`` for it, ``(K, 1)``, or None.
    """

    leak: Array
    rhs: Array
    size: Array
    weight: Array
    among: Array | None
    to_kept: Array
    inverse: Array
    to_eliminated: Array
    branches: tuple[Branch, ...]
    dense: np.ndarray
    spread: tuple[Array, Array] | None = None

    @property
    def count(self) -> int:
        """Number of kept nodes."""
        return self.leak.shape[0]

    @property
    def sparse(self) -> bool:
        """Whether few entries of the matrix can differ from zero."""
        n = self.count
        entries = self.dense.size**2 + sum(rows.size for rows, *_ in self.branches)
        return n > SPARSE_FROM and entries * SPARSE_SHARE <= n * n

    def solve(self, dense_limit: int, often: bool = True) -> Solution:
        """Solve by the way that suits; ``often``: False where a small program is worth more than a fast one."""
        sides = self._sides()
        if self.sparse:
            return self._sparse(sides)
        if self.count > dense_limit:
            return self._iterated(sides)
        x, pivot = linear.solve(self.conductances(), self.leak, sides, linear.UNROLLED if often else 0)
        if self.spread is not None:
            return Solution(x[:, 0], self.spread[0], pivot, jnp.array(True), None)
        return Solution(x[:, 0], x[:, 1], pivot, linear.reliable(pivot, self.leak), None)

    def _sides(self) -> Array:
        """Right sides: the currents, and the sizes where no spread is known, ``(K, 1 or 2, B)``."""
        if self.spread is not None:
            return self.rhs[:, None]
        shape = jnp.broadcast_shapes(self.rhs.shape, self.size.shape)
        return jnp.stack([jnp.broadcast_to(side, shape) for side in (self.rhs, self.size)], axis=1)

    def conductances(self) -> Array:
        """Conductances between the kept nodes, ``(K, K, B)`` or ``(K, K, 1)``; the diagonal means nothing."""
        n = self.count
        total = jnp.zeros((n, n, 1), self.leak.dtype)
        if self.inverse.size and n:
            total = _sandwich(self.to_kept, self.inverse, self.to_eliminated)
        if self.among is not None:
            total = total + self.among[:, :, None]
        for rows, columns, g in self.branches:
            shape = (n, n, max(total.shape[2], g.shape[1]))
            total = jnp.broadcast_to(total, shape).at[rows, columns].add(g)
        return total

    def _sparse(self, sides: Array) -> Solution:
        rows, columns, g = self._entries()
        pattern = sparse.Pattern(self.count, rows, columns)
        leak = jnp.broadcast_to(self.leak, (self.count, sides.shape[-1]))
        x = sparse.solve(pattern, g, leak, sides)

        def product(x: Array) -> Array:  # as differences, which keep a leak beside the wires
            return (leak * x).at[rows].add(g * (x[rows] - x[columns]))

        return self._judged(x, product)

    def _entries(self) -> tuple[np.ndarray, np.ndarray, Array]:
        """Entries that can differ from zero: rows, columns and conductances ``(entries, B)``."""
        batch, parts = self.rhs.shape[1], list(self.branches)
        if at := self.dense.size:
            coupled = replace(self, branches=()).conductances()[self.dense[:, None], self.dense[None, :]]
            coupled = jnp.where(jnp.eye(at, dtype=bool)[:, :, None], 0.0, coupled).reshape(at * at, -1)
            parts.append((np.repeat(self.dense, at), np.tile(self.dense, at), coupled))
        g = jnp.concatenate([jnp.broadcast_to(g, (g.shape[0], batch)) for *_, g in parts])
        return np.concatenate([r for r, *_ in parts]), np.concatenate([c for _, c, _ in parts]), g

    def _iterated(self, sides: Array) -> Solution:
        diagonal = self.leak + self._rows()

        def product(x: Array) -> Array:
            return diagonal * x - self._coupled(x)

        def symmetric(x: Array) -> Array:
            return self.weight * product(x)

        goals = (None, ROUGH)
        found = [
            krylov.solve(symmetric, self.weight * diagonal, self.weight * sides[:, k], goals[k])
            for k in range(sides.shape[1])
        ]
        solution = self._judged(jnp.stack([each.x for each in found], axis=1), product)
        curvature = found[0].curvature
        return solution._replace(
            pivot=jnp.where(curvature > 0, solution.pivot, curvature), sure=solution.sure & found[0].solved
        )

    def _rows(self) -> Array:
        """Sum of the conductances at each kept node, ``(K, B)``."""
        return self._coupled(jnp.ones_like(self.rhs))

    def _coupled(self, x: Array) -> Array:
        """The conductances between the kept nodes times a vector, ``(K, B)``."""
        total = self.to_kept @ (self.inverse * (self.to_eliminated @ x)) if self.inverse.size else 0.0 * x
        if self.among is not None:
            total = total + self.among @ x
        for rows, columns, g in self.branches:
            total = jnp.asarray(total).at[rows].add(g * x[columns])
        return total

    def _judged(self, x: Array, product: Callable[[Array], Array]) -> Solution:
        """A solution with the bound on its error by the spread; a spread below zero shows that there is no minimum."""
        if self.spread is None:
            spread = x[:, 1]
            there = product(spread)
            least, most = TERMS
            solved = ((there > least * self.size) & (there < most * self.size)).all(0)
        else:
            spread, there = self.spread
            solved = jnp.isfinite(x[:, 0]).all(0)
        missing = jnp.abs(self.rhs - product(x[:, 0]))
        left = spread * (missing / jnp.where(there > 0, there, 1.0)).max(0)
        minimum = jnp.where((spread > 0).all(0), 1.0, -1.0)
        return Solution(x[:, 0], spread, minimum, jnp.asarray(solved), left)


def _sandwich(left: Array, middle: Array, right: Array) -> Array:
    """``left diag(middle_b) right`` for each sample: ``(K, E) (E, B) (E, K) -> (K, K, B)``."""
    size = left.shape[0]
    if left.size * size <= 1_000_000:  # one matrix product over all samples
        products = (left[:, None, :] * right.T[None, :, :]).reshape(size * size, -1)
        return (products @ middle).reshape(size, size, -1)
    return jnp.einsum("se,eb,et->stb", left, middle, right)

"""Sparse factorisation on the host (SuperLU): node equations of wide circuits of few branches a node.

Factorising forgets what the elimination of :mod:`ebana.equations.linear` keeps, the leaks beside the diagonal; so the
solution is refined with residuals that are sums of differences,

    r_i = b_i - l_i x_i - sum_j g_ij (x_i - x_j),

and bounded like every other (:mod:`ebana.equations.schur`).
"""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from ebana._types import Array
from ebana.host_calls import on_host

REFINEMENTS = 3

ORDER = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
"""The pattern is symmetric and the diagonal is dominant: minimum degree, pivots on the diagonal."""


class Pattern:
    """Where the conductances of a circuit stand: of each entry its row and its column; entries at one place add up."""

    def __init__(self, n: int, rows: np.ndarray, columns: np.ndarray) -> None:
        key = rows.astype(np.int64) * n + columns
        places, self.entry = np.unique(key, return_inverse=True)
        self.n, self.rows, self.columns = n, places // n, places % n
        nodes = np.arange(n)
        at = np.concatenate([self.columns * n + self.rows, nodes * n + nodes])
        self.order = np.argsort(at, kind="stable")
        self.indices = np.concatenate([self.rows, nodes])[self.order]
        self.pointers = np.searchsorted(at[self.order], np.arange(n + 1) * n)

    def product(self, g: np.ndarray, leak: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Left side of the equations for several x, ``(n, m)``."""
        flows = g[:, None] * (x[self.rows] - x[self.columns])
        return leak[:, None] * x + np.stack(
            [np.bincount(self.rows, flow, self.n) for flow in flows.T], axis=1
        )

    def solve(self, g: np.ndarray, leak: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Solution of one sample, ``(n, m)``; NaN where the matrix is singular."""
        diagonal = leak + np.bincount(self.rows, g, self.n)
        data = np.concatenate([-g, diagonal])[self.order]
        matrix = csc_matrix((data, self.indices, self.pointers), (self.n, self.n))
        try:
            factors = splu(matrix, **ORDER)
        except RuntimeError:  # exactly singular
            return np.full_like(b, np.nan)
        x = factors.solve(b)
        for _ in range(REFINEMENTS):
            x = x + factors.solve(b - self.product(g, leak, x))
        return x


def solve(pattern: Pattern, conductances: Array, leaks: Array, currents: Array) -> Array:
    """Solve the node equations of each sample; shapes ``(entries, B)``, ``(n, B)`` and ``(n, m, B)``.

    The host computes in double precision whatever the arrays have.
    """
    result = jax.ShapeDtypeStruct(currents.shape, currents.dtype)
    return on_host(partial(_solve, pattern), result, conductances, leaks, currents)


def _solve(pattern: Pattern, g: np.ndarray, leaks: np.ndarray, currents: np.ndarray) -> np.ndarray:
    summed = np.zeros((len(pattern.rows), g.shape[1]))
    np.add.at(summed, pattern.entry, g)
    x = np.empty(currents.shape, currents.dtype)
    for k in range(currents.shape[-1]):
        one = [np.asarray(a[..., k], np.float64) for a in (summed, leaks, currents)]
        x[..., k] = pattern.solve(*one) if all(np.isfinite(a).all() for a in one) else np.nan
    return x

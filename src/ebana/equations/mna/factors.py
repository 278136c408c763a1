"""Factorised Jacobians of a batch: small ones by LAPACK, others by SuperLU, and the bounds that follow from them.

Rows are scaled to a largest entry of one first: currents of picoamperes and volts stand in one matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import SuperLU, splu

from ebana.equations.mna.pattern import Pattern

DENSE = 40
"""Largest number of unknowns whose matrices are factorised as full ones."""

SYMMETRIC = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
"""Of reciprocal circuits: minimum degree, pivots on the diagonal."""

GENERAL = {"permc_spec": "COLAMD", "diag_pivot_thresh": 0.1}
"""Of circuits with held branches, whose diagonals may be zero: pivots off the diagonal where they are much larger."""


@dataclass(frozen=True)
class Factors:
    """Factorised matrices of ``B`` samples.

    Args:
        each: of each sample its factors, or None where its matrix is singular.
        scale: of the rows, ``(n, B)``.
    """

    each: tuple[SuperLU | tuple[np.ndarray, np.ndarray] | None, ...]
    scale: np.ndarray

    @property
    def singular(self) -> np.ndarray:
        """Mask of the samples whose matrix is singular, ``(B,)``."""
        return np.array([one is None for one in self.each], bool)

    def solve(self, rhs: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        """Solutions ``(n, B)``; NaN where a matrix is singular."""
        x = np.full(rhs.shape, np.nan)
        right = rhs if transposed else rhs * self.scale
        for k, one in enumerate(self.each):
            if one is None:
                continue
            if isinstance(one, tuple):
                x[:, k] = lu_solve(one, right[:, k], trans=int(transposed), check_finite=False)
            else:
                x[:, k] = one.solve(np.ascontiguousarray(right[:, k]), "T" if transposed else "N")
        return x * self.scale if transposed else x

    def one(self, k: int) -> Factors:
        """The factors of one sample."""
        return Factors((self.each[k],), self.scale[:, k : k + 1])


def factorise(pattern: Pattern, n: int, data: np.ndarray) -> Factors:
    """Factorise the matrices of a batch.

    Args:
        pattern: where their entries stand.
        n: number of unknowns.
        data: the entries, ``(entries, B)``.
    """
    largest = np.zeros((n, data.shape[1]))
    np.maximum.at(largest, pattern.rows, np.abs(data))
    with np.errstate(divide="ignore"):
        scale = np.where(largest > 0, np.exp2(-np.round(np.log2(largest))), 1.0)  # exact: powers of two
    scaled = data * scale[pattern.rows]
    if pattern.reciprocal and n > DENSE:
        scale, scaled = np.ones_like(scale), data  # stays symmetric
    each = [_one(pattern, n, column) for column in scaled.T]
    return Factors(tuple(each), scale)


def _one(pattern: Pattern, n: int, data: np.ndarray) -> SuperLU | tuple[np.ndarray, np.ndarray] | None:
    if not np.isfinite(data).all():
        return None
    if n <= DENSE:
        full = np.zeros((n, n))
        full[pattern.rows, pattern.columns] = data
        with np.errstate(all="ignore"):
            lu, pivots = lu_factor(full, check_finite=False) if n else (full, np.zeros(0, np.int32))
        ok = np.isfinite(lu).all() and (np.abs(np.diagonal(lu)) > 0).all()
        return (lu, pivots) if ok else None
    matrix = csc_matrix((np.ascontiguousarray(data), pattern.rows, pattern.pointers), (n, n))
    try:
        return splu(matrix, **(SYMMETRIC if pattern.reciprocal else GENERAL))
    except RuntimeError:  # exactly singular
        return None


def bound(factors: Factors, sizes: np.ndarray, nodes: int) -> np.ndarray:
    """Largest entry of ``|J^-1| r`` among the potentials, for ``r >= 0``, ``(B,)``.

    By Hager's estimate, as LAPACK estimates the error of a solution (Higham 1988): a lower bound of it, rarely less
    than a third, found by a few solves with signs for r.
    """
    return np.array([_hager(factors.one(k), sizes[:, k], nodes) for k in range(sizes.shape[1])])


def _hager(factors: Factors, sizes: np.ndarray, nodes: int, steps: int = 4) -> float:
    """``max |J^-1 diag(r) s|`` over signs s: the infinity norm of ``J^-1 diag(r)``, rows of potentials only."""
    if factors.singular[0]:
        return np.inf
    signs, found, seen = np.ones(len(sizes)), 0.0, -1
    for _ in range(steps):
        moved = factors.solve((sizes * signs)[:, None])[:nodes, 0]
        at = int(np.argmax(np.abs(moved))) if nodes else 0
        largest = float(np.abs(moved[at])) if nodes else 0.0
        found = max(found, largest)
        if at == seen or not nodes:
            break
        seen = at
        unit = np.zeros((len(sizes), 1))
        unit[at] = 1.0
        row = factors.solve(unit, transposed=True)[:, 0]  # this row of J^-1
        found = max(found, float(np.abs(row * sizes).sum()))
        signs = np.where(row >= 0, 1.0, -1.0)
    return found


def stacked(parts: Sequence[Factors]) -> Factors:
    """Factors of several batches as one."""
    return Factors(
        tuple(one for part in parts for one in part.each),
        np.concatenate([part.scale for part in parts], axis=1),
    )

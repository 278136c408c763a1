"""Jacobians of a batch to solve with: small ones by LAPACK, others by SuperLU, and the bounds that follow from them.

Rows are scaled to a largest entry of one first: currents of picoamperes and volts stand in one matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
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
    """Matrices of ``B`` samples that are solved for: of small circuits full ones, of others what SuperLU made of them.

    Args:
        full: matrices of rows that were scaled, ``(B, n, n)``; None of large circuits.
        each: of each sample of a large circuit its factors.
        singular: mask of the samples whose matrix is singular, ``(B,)``.
        scale: of the rows, ``(n, B)``.
    """

    full: np.ndarray | None
    each: tuple[SuperLU | None, ...]
    singular: np.ndarray
    scale: np.ndarray

    def solve(self, rhs: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        """Solutions ``(n, B)``; NaN where a matrix is singular."""
        right = rhs if transposed else rhs * self.scale
        if self.full is None:
            x = self._by_superlu(right, transposed)
        else:
            x = np.full(rhs.shape, np.nan)
            ok = ~self.singular
            matrices = self.full[ok]
            matrices = np.swapaxes(matrices, 1, 2) if transposed else matrices
            x[:, ok] = np.linalg.solve(matrices, right.T[ok][..., None])[..., 0].T
        return x * self.scale if transposed else x

    def _by_superlu(self, right: np.ndarray, transposed: bool) -> np.ndarray:
        x = np.full(right.shape, np.nan)
        for k, one in enumerate(self.each):
            if one is not None:
                x[:, k] = one.solve(np.ascontiguousarray(right[:, k]), "T" if transposed else "N")
        return x

    def many(self, rhs: np.ndarray) -> np.ndarray:
        """Solutions of the transposed equations of the first sample for many right sides, ``(n, m)``."""
        if self.full is None:
            one = self.each[0]
            x = np.full(rhs.shape, np.nan) if one is None else one.solve(np.ascontiguousarray(rhs), "T")
        elif self.singular[0]:
            x = np.full(rhs.shape, np.nan)
        else:
            x = np.linalg.solve(self.full[0].T, rhs)
        return x * self.scale[:, :1]

    def one(self, k: int) -> Factors:
        """The factors of one sample."""
        at = slice(k, k + 1)
        return Factors(
            None if self.full is None else self.full[at], self.each[at], self.singular[at], self.scale[:, at]
        )


def factorise(pattern: Pattern, n: int, data: np.ndarray) -> Factors:
    """Factorise the matrices of a batch.

    Args:
        pattern: where their entries stand.
        n: number of unknowns.
        data: the entries, ``(entries, B)``.
    """
    if pattern.reciprocal and n > DENSE:
        scale = np.ones((n, data.shape[1]))  # stays symmetric
    else:
        largest = np.zeros((n, data.shape[1]))
        np.maximum.at(largest, pattern.rows, np.abs(data))
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(largest > 0, np.exp2(-np.round(np.log2(largest))), 1.0)  # exact: powers of two
    scaled = data * scale[pattern.rows]
    lost = np.asarray(~np.isfinite(scaled).all(0))
    if n > DENSE:
        each = tuple(
            None if gone else _superlu(pattern, n, column)
            for gone, column in zip(lost, scaled.T, strict=True)
        )
        return Factors(None, each, np.array([one is None for one in each], bool), scale)
    full = np.zeros((data.shape[1], n, n))
    full[:, pattern.rows, pattern.columns] = np.where(lost, 0.0, scaled).T
    return Factors(full, (), lost | (np.linalg.slogdet(full)[0] == 0), scale)


def _superlu(pattern: Pattern, n: int, data: np.ndarray) -> SuperLU | None:
    matrix = csc_matrix((np.ascontiguousarray(data), pattern.rows, pattern.pointers), (n, n))
    try:
        return splu(matrix, **(SYMMETRIC if pattern.reciprocal else GENERAL))
    except RuntimeError:  # exactly singular
        return None


def bound(factors: Factors, sizes: np.ndarray, nodes: int) -> np.ndarray:
    """Largest entry of ``|J^-1| r`` among the potentials, for ``r >= 0``, ``(B,)``.

    Of small circuits by the inverse. Of others by Hager's estimate, as LAPACK estimates the error of a solution
    (Higham 1988): a lower bound of it, rarely less than a third, found by a few solves with signs for r.
    """
    if factors.full is None:
        return np.array([_hager(factors.one(k), sizes[:, k], nodes) for k in range(sizes.shape[1])])
    found, ok = np.full(sizes.shape[1], np.inf), ~factors.singular
    inverses = np.abs(np.linalg.inv(factors.full[ok])[:, :nodes])
    found[ok] = np.einsum("bij,jb->bi", inverses, (sizes * factors.scale)[:, ok]).max(1, initial=0.0)
    return found


def _hager(factors: Factors, sizes: np.ndarray, nodes: int, steps: int = 4) -> float:
    """``max |J^-1 diag(r) s|`` over signs s: the infinity norm of ``J^-1 diag(r)``, rows of potentials only."""
    if factors.singular[0] or not nodes:
        return np.inf if factors.singular[0] else 0.0
    signs, found, seen = np.ones(len(sizes)), 0.0, -1
    for _ in range(steps):
        moved = np.abs(factors.solve((sizes * signs)[:, None])[:nodes, 0])
        at = int(np.argmax(moved))
        found = max(found, float(moved[at]))
        if at == seen:
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
    full = [part.full for part in parts if part.full is not None]
    return Factors(
        np.concatenate(full) if full else None,
        tuple(one for part in parts for one in part.each),
        np.concatenate([part.singular for part in parts]),
        np.concatenate([part.scale for part in parts], axis=1),
    )

"""Sparse matrices of equations from their entries: constant ones, and a Jacobian whose entries follow from slopes.

    J = fixed + by_slope g

``fixed`` are entries that no slope changes, ``g`` the slopes of all laws by their controls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

Entries = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows, columns and values of a sparse matrix."""

Slopes = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Rows, columns and signs of entries, and the control of each whose slope it takes."""


def entries_of(matrix: csr_array) -> Entries:
    """The entries of a matrix."""
    found = matrix.tocoo()
    return found.row, found.col, found.data


@dataclass(frozen=True, eq=False)
class Pattern:
    """The Jacobian as a sparse matrix, column by column, and how its entries follow from the slopes.

    Args:
        rows, pointers: of the entries, as :class:`scipy.sparse.csc_array` has them.
        fixed: entries that no slope changes.
        by_slope: from the slopes of all controls to the entries.
        diagonal: place of each node's diagonal entry.
        columns: of the entries.
        reciprocal: whether no held branch and no control of another branch is in it.
    """

    rows: np.ndarray
    pointers: np.ndarray
    fixed: np.ndarray
    by_slope: csr_array
    diagonal: np.ndarray
    columns: np.ndarray
    reciprocal: bool

    def widened(
        self, n: int, added: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]
    ) -> tuple[Pattern, np.ndarray, np.ndarray]:
        """The pattern with further entries (rows, columns, values ``(entries, B)``).

        Returns:
            The wider pattern, the places of the former entries in it, and values of all, zero for those.
        """
        rows = np.concatenate([self.rows, *(a[0] for a in added)])
        columns = np.concatenate([self.columns, *(a[1] for a in added)])
        keys, entry = np.unique(columns.astype(np.int64) * n + rows, return_inverse=True)
        more = np.zeros((len(keys), added[0][2].shape[1]))
        np.add.at(more, entry[len(self.rows) :], np.concatenate([a[2] for a in added]))
        wider = replace(
            self,
            rows=(keys % n).astype(np.int32),
            columns=(keys // n).astype(np.int32),
            pointers=np.searchsorted(keys, np.arange(n + 1) * n).astype(np.int32),
            reciprocal=False,
        )
        return wider, entry[: len(self.rows)], more


def matrix(entries: Iterable[Entries], shape: tuple[int, int]) -> csr_array:
    """A sparse matrix of entries (rows, columns, values); those in row or column -1 are left out."""
    parts = list(entries)
    if not parts:
        return csr_array(shape)
    rows, columns, values = (np.concatenate([part[i] for part in parts]) for i in range(3))
    kept = (rows >= 0) & (columns >= 0)
    return csr_array((values[kept], (rows[kept], columns[kept])), shape=shape)


def pattern(
    n: int,
    nodes: int,
    by_slope: Sequence[Slopes],
    fixed: Sequence[Entries],
    controls: int,
    *,
    reciprocal: bool,
) -> Pattern:
    """The Jacobian's pattern.

    Args:
        n: number of unknowns.
        nodes: how many of them are potentials; each has an entry on the diagonal.
        by_slope: entries that are slopes times signs; those in row or column -1 are left out.
        fixed: entries that are constant.
        controls: number of slopes.
        reciprocal: as of the pattern.
    """
    rows, columns, signs, slopes = _joined(nodes, by_slope, fixed)
    keys, entry = np.unique(columns.astype(np.int64) * n + rows, return_inverse=True)
    constant = np.bincount(entry[slopes < 0], signs[slopes < 0], len(keys))
    varying = slopes >= 0
    slope_entries = csr_array(
        (signs[varying], (entry[varying], slopes[varying])), shape=(len(keys), controls)
    )
    diagonal = np.searchsorted(keys, np.arange(nodes) * n + np.arange(nodes))
    return Pattern(
        (keys % n).astype(np.int32),
        np.searchsorted(keys, np.arange(n + 1) * n).astype(np.int32),
        constant,
        slope_entries,
        diagonal,
        (keys // n).astype(np.int32),
        reciprocal,
    )


def _joined(nodes: int, by_slope: Sequence[Slopes], fixed: Sequence[Entries]) -> Slopes:
    """All entries among unknowns, control -1 for constant ones, with a zero on each node's diagonal."""
    diagonal = np.arange(nodes)
    parts = [
        *by_slope,
        *((rows, columns, signs, np.full(len(rows), -1)) for rows, columns, signs in fixed),
        (diagonal, diagonal, np.zeros(nodes), np.full(nodes, -1)),
        (np.zeros(0, np.int64),) * 4,
    ]
    rows, columns, signs, slopes = (np.concatenate([part[i] for part in parts]) for i in range(4))
    kept = (rows >= 0) & (columns >= 0)
    return rows[kept], columns[kept], signs[kept], slopes[kept].astype(np.int64)

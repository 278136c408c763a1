"""Many small linear systems at once, the batch along the last axis so that every step is a vector step.

No pivoting: the Jacobians are M-matrices (or symmetric positive definite after a diagonal scaling),
for which elimination in any order is stable. A pivot that is not positive shows that the energy has
no minimum there.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ebana._types import Array

UNROLLED = 8
"""Systems up to this size are unrolled: faster to run; larger ones loop, to keep compilation short."""


def solve(matrix: Array, rhs: Array) -> tuple[Array, Array]:
    """Solve ``matrix x = rhs`` for each sample.

    Args:
        matrix: shape ``(n, n, B)``.
        rhs: shape ``(n, B)``.

    Returns:
        ``x`` of shape ``(n, B)`` and the smallest pivot, shape ``(B,)``.
    """
    n = matrix.shape[0]
    if n == 0:
        return rhs, jnp.full(rhs.shape[-1], jnp.inf, rhs.dtype)
    return _unrolled(matrix, rhs) if n <= UNROLLED else _looped(matrix, rhs)


def _unrolled(matrix: Array, rhs: Array) -> tuple[Array, Array]:
    n = matrix.shape[0]
    table = jnp.concatenate([matrix, rhs[:, None]], axis=1)
    rows, pivots = [], []
    for _ in range(n):  # the table loses its first row and column at each step
        pivot = table[0, 0]
        row = table[0, 1:] / pivot
        table = table[1:, 1:] - table[1:, :1] * row
        rows.append(row)
        pivots.append(pivot)
    x: list[Array] = []
    for row in reversed(rows):
        value = row[-1]
        for coefficient, known in zip(row[:-1][::-1], x, strict=True):
            value = value - coefficient * known
        x.append(value)
    return jnp.stack(x[::-1]), jnp.min(jnp.stack(pivots), axis=0)


def _looped(matrix: Array, rhs: Array) -> tuple[Array, Array]:
    n = matrix.shape[0]
    table = jnp.concatenate([matrix, rhs[:, None]], axis=1)
    index = jnp.arange(n)

    def eliminate(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        table, smallest = carry
        row = table[k]
        pivot = row[k]
        row = row / pivot
        factor = jnp.where((index == k)[:, None], 0.0, table[:, k])  # Gauss-Jordan: no back substitution
        table = jnp.asarray(table - factor[:, None] * row[None]).at[k].set(row)
        return table, jnp.minimum(smallest, pivot)

    start = jnp.full(rhs.shape[-1], jnp.inf, table.dtype)
    table, smallest = jax.lax.fori_loop(0, n, eliminate, (table, start))
    return table[:, n], smallest

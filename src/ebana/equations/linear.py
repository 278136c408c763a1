"""Solve the node equations of many small circuits at once, without a subtraction.

Unknowns x and currents b of a circuit of conductances g between its nodes and *leaks* l to where potentials
are held:

    l_i x_i + sum_j g_ij (x_i - x_j) = b_i.

Eliminating node k leaves a circuit again (the star-mesh transform): conductances ``g_ij + g_ik g_kj / p_k``, leaks
``l_i + g_ik l_k / p_k`` and currents ``b_i + g_ik b_k / p_k``, with the pivot ``p_k = l_k + sum_j g_kj``. The diagonal
of the matrix, in which a leak of 1e-12 S beside 1 S is lost to rounding, never appears: of a passive circuit every
pivot, and every solution for currents of one sign, is right to a few roundings whatever the condition of the matrix
(Grassmann, Taksar and Heyman 1985; Alfa, Xue and Ye 2002). Leaks below zero (a nudge away from the target) are
allowed; a pivot that is then not above zero shows that the energy has no minimum.

The batch lies along the last axis, so that every step is a vector step.
"""

from __future__ import annotations

from functools import reduce
from operator import add

import jax
import jax.numpy as jnp

from ebana._types import Array

UNROLLED = 8
"""Systems up to this size are unrolled: faster to run; larger ones loop, to keep compilation short."""


def solve(conductances: Array, leaks: Array, currents: Array, unroll: int = UNROLLED) -> tuple[Array, Array]:
    """Solve the node equations of each sample.

    Args:
        conductances: ``g`` above, shape ``(n, n, B)``; the diagonal is not read.
        leaks: ``l`` above, shape ``(n, B)``.
        currents: ``m`` right sides, shape ``(n, m, B)``.
        unroll: largest system that is unrolled.

    Returns:
        ``x`` of shape ``(n, m, B)`` and the smallest pivot, ``(B,)``.

    Example:
        >>> g = jnp.array([[0.0, 1.0], [1.0, 0.0]])[:, :, None]  # 1 S between two nodes, 1e-20 S from one to ground
        >>> x, pivot = solve(g, jnp.array([[0.0], [1e-20]]), jnp.array([[[1e-20]], [[0.0]]]))
        >>> x.ravel().tolist()
        [1.0, 1.0]
    """
    n = leaks.shape[0]
    batch = jnp.broadcast_shapes(conductances.shape[-1:], leaks.shape[-1:], currents.shape[-1:])
    if n == 0:
        return currents, jnp.full(batch, jnp.inf, currents.dtype)
    conductances, leaks, currents = (
        jnp.broadcast_to(a, (*a.shape[:-1], *batch)) for a in (conductances, leaks, currents)
    )
    return (_unrolled if n <= unroll else _looped)(conductances, leaks, currents)


def reliable(pivot: Array, leaks: Array) -> Array:
    """Whether the smallest pivot is above its own rounding, ``(B,)``.

    The leaks of a passive circuit add up without loss; those of both signs can cancel to nothing. (The sum of their
    sizes never grows in an elimination.)
    """
    lost = leaks.shape[0] * jnp.finfo(pivot.dtype).eps * jnp.abs(leaks).sum(0)
    return ((leaks >= 0).all(0) | (jnp.abs(pivot) > lost)) & ~jnp.isnan(pivot)


def _unrolled(conductances: Array, leaks: Array, currents: Array) -> tuple[Array, Array]:
    """Entry by entry, which XLA fuses into few kernels."""
    n = leaks.shape[0]
    g = [[conductances[i, j] for j in range(n)] for i in range(n)]
    leak, value = list(leaks), list(currents)
    pivots, steps = [], []
    for k in range(n):
        later = range(k + 1, n)
        pivot = reduce(add, (g[k][j] for j in later), leak[k])
        inverse = 1.0 / pivot
        shares = {j: g[k][j] * inverse for j in later}
        own_leak, own = leak[k] * inverse, value[k] * inverse
        for i in later:
            for j in later:
                if i != j:
                    g[i][j] = g[i][j] + g[i][k] * shares[j]
            leak[i] = leak[i] + g[i][k] * own_leak
            value[i] = value[i] + g[i][k] * own
        pivots.append(pivot)
        steps.append((shares, own))
    x: dict[int, Array] = {}
    for k, (shares, own) in reversed(list(enumerate(steps))):
        x[k] = reduce(add, (share * x[j] for j, share in shares.items()), own)
    return jnp.stack([x[k] for k in range(n)]), jnp.min(jnp.stack(pivots), axis=0)


def _looped(conductances: Array, leaks: Array, currents: Array) -> tuple[Array, Array]:
    n = leaks.shape[0]
    table = jnp.concatenate([conductances, leaks[:, None], currents], axis=1)
    index = jnp.arange(n)

    def eliminate(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        table, least = carry
        row = table[k]
        pivot = row[n] + jnp.where((index > k)[:, None], row[:n], 0.0).sum(0)
        row = jnp.asarray(row / pivot).at[k].set(-1.0)  # takes the column of k to zero
        factor = jnp.where((index == k)[:, None], 0.0, table[:, k])  # Gauss-Jordan: no back substitution
        table = jnp.asarray(table + factor[:, None] * row[None]).at[k].set(row)
        return table, jnp.minimum(least, pivot)

    start = table, jnp.full(table.shape[-1], jnp.inf, table.dtype)
    table, least = jax.lax.fori_loop(0, n, eliminate, start)
    return table[:, n + 1 :], least

"""Conjugate gradients for many systems at once: Newton corrections where too many nodes are kept to factorise.

The Jacobian times the stages' factors is the Hessian of the energy: symmetric, and positive definite at
a minimum. Only its products with vectors are needed, one crossbar product each. Preconditioned by the
diagonal (Hestenes and Stiefel 1952).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebana._types import Array

RESIDUAL = {"float64": 1e-10, "float32": 1e-5}
"""A system counts as solved when its residual has shrunk to this share of its right side."""

MAX_ITERATIONS = 1000


class Solution(NamedTuple):
    """What conjugate gradients found.

    Args:
        x: ``(n, B)``.
        curvature: least curvature met along a search direction, relative to the diagonal, ``(B,)``: not
            above zero where the matrix is not positive definite.
        solved: whether the residual came down, ``(B,)``.
    """

    x: Array
    curvature: Array
    solved: Array


class _State(NamedTuple):
    x: Array
    r: Array
    p: Array
    rz: Array
    curvature: Array
    open: Array
    rounds: Array


def solve(
    apply: Callable[[Array], Array], diagonal: Array, rhs: Array, goal: float | None = None
) -> Solution:
    """Solve ``A x = rhs`` for each sample, A symmetric.

    Args:
        apply: from ``x`` to ``A x``, both ``(n, B)``.
        diagonal: the diagonal of A, above zero, ``(n, B)``.
        rhs: ``(n, B)``.
        goal: share of the right side to which the residual shall shrink; default :data:`RESIDUAL`.
    """
    share = RESIDUAL[str(rhs.dtype)] if goal is None else goal
    z = rhs / diagonal
    start = (rhs * z).sum(0)
    state = _State(
        jnp.zeros_like(rhs),
        rhs,
        z,
        start,
        jnp.full_like(start, jnp.inf),
        start > 0,
        jnp.zeros((), jnp.int32),
    )

    def unfinished(state: _State) -> Array:
        return state.open.any() & (state.rounds < MAX_ITERATIONS)

    def body(state: _State) -> _State:
        ap = apply(state.p)
        pap = (state.p * ap).sum(0)
        relative = pap / jnp.maximum((state.p * diagonal * state.p).sum(0), jnp.finfo(pap.dtype).tiny)
        curvature = jnp.where(state.open, jnp.minimum(state.curvature, relative), state.curvature)
        going = state.open & (pap > 0)
        length = jnp.where(going, state.rz / jnp.where(going, pap, 1.0), 0.0)
        x, r = state.x + length * state.p, state.r - length * ap
        z = r / diagonal
        rz = jnp.where(going, (r * z).sum(0), state.rz)
        p = jnp.where(going, z + rz / jnp.where(going, state.rz, 1.0) * state.p, state.p)
        return _State(x, r, p, rz, curvature, going & (rz > share**2 * start), state.rounds + 1)

    state = jax.lax.while_loop(unfinished, body, state)
    return Solution(state.x, state.curvature, state.rz <= share**2 * start)

"""The operating point of a network, by Newton's method.

The square law of a transistor of level 1 is symmetric in its ends: with ``r(u) = max(u, 0)`` the current from node a to
node b over an edge with the gate voltage ``V_G`` is

    I = S/2 [r(V_G - V_T - V_b)^2 - r(V_G - V_T - V_a)^2],

which is ``S (V_G - V_T - (V_a + V_b) / 2) (V_a - V_b)`` in the triode region, and holds in saturation and in cut-off
with a continuous slope. Kirchhoff's current law at each node that is not held: the currents of its edges and of its
leak add up to zero. Each edge gives its derivatives by ``V_a`` and ``V_b`` to two rows, with opposite signs: columns of
the Jacobian add up to the leak, so that it is never singular, and voltages lie between those that are held and ground.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana.onchip.twin.wiring import Numbers, Wiring

TOLERANCE = 1e-6
"""Volts of the last step of Newton's method: the error after it is of the order of its square (1e-11 V)."""

FULL = 10
"""Steps that are taken whole; half of each later one, which ends cycles around a kink of the slope."""

STEPS = 60
"""Most steps."""


def currents(wiring: Wiring, numbers: Numbers, gates: jax.Array, volts: jax.Array) -> jax.Array:
    """Currents from the first to the second node of each edge, amperes, ``(edges,)``."""
    first, second = (_above(wiring, numbers, gates, volts, k) for k in (0, 1))
    return 0.5 * numbers.strength * (second**2 - first**2)


def _above(wiring: Wiring, numbers: Numbers, gates: jax.Array, volts: jax.Array, end: int) -> jax.Array:
    """The gate's voltage above threshold at an end of each edge, at least 0, volts."""
    return jnp.maximum(gates - numbers.threshold - volts[wiring.ends[end]], 0.0)


def residual(wiring: Wiring, numbers: Numbers, gates: jax.Array, volts: jax.Array) -> jax.Array:
    """Currents out of each node, amperes, ``(nodes,)``: zero at an operating point but at held nodes."""
    return wiring.incidence @ currents(wiring, numbers, gates, volts) + numbers.leak * volts


def jacobian(wiring: Wiring, numbers: Numbers, gates: jax.Array, volts: jax.Array) -> jax.Array:
    """Derivatives of :func:`residual` by the nodes' voltages, siemens, ``(nodes, nodes)``."""
    slopes = [numbers.strength * _above(wiring, numbers, gates, volts, k) for k in (0, 1)]
    entries = jnp.concatenate(slopes) @ _entries(wiring)
    return entries.reshape(wiring.nodes, wiring.nodes) + numbers.leak * jnp.eye(wiring.nodes)


def _entries(wiring: Wiring) -> np.ndarray:
    """Where the slopes at the first ends, and at the second ones, stand in the Jacobian, ``(2 edges, nodes^2)``."""
    table = wiring.incidence
    parts = [np.einsum("ie,je->eij", table, end) for end in (np.maximum(table, 0.0), np.minimum(table, 0.0))]
    return np.concatenate(parts).reshape(2 * table.shape[1], -1)


class Solved(NamedTuple):
    """An operating point.

    Args:
        volts: of the nodes, ``(nodes,)``.
        converged: whether the last step was below :data:`TOLERANCE`.
        steps: of Newton's method.
    """

    volts: jax.Array
    converged: jax.Array
    steps: jax.Array


def solve(
    wiring: Wiring, numbers: Numbers, unknown: np.ndarray, gates: jax.Array, start: jax.Array
) -> Solved:
    """Find an operating point.

    Args:
        wiring: structure of the network.
        numbers: of its elements.
        unknown: nodes that are not held.
        gates: volts of the gates, ``(edges,)``.
        start: volts of the nodes to start from, those of held ones among them, ``(nodes,)``.
    """
    if not len(unknown):
        return Solved(start, jnp.bool_(True), jnp.int32(0))
    known = np.setdiff1d(np.arange(wiring.nodes), unknown)
    low = jnp.minimum(jnp.min(start[known]), 0.0)
    high = jnp.maximum(jnp.max(start[known]), 0.0)

    def step(carry: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        volts, _, count = carry
        slopes = jacobian(wiring, numbers, gates, volts)[np.ix_(unknown, unknown)]
        wrong = residual(wiring, numbers, gates, volts)[unknown]
        newton = jnp.clip(volts[unknown] - jnp.linalg.solve(slopes, wrong), low, high)
        share = jnp.where(count < FULL, 1.0, 0.5)
        now = volts[unknown] + share * (newton - volts[unknown])
        size = jnp.max(jnp.abs(now - volts[unknown]))
        return volts.at[unknown].set(now), size, count + 1

    def going(carry: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        return (carry[1] > TOLERANCE) & (carry[2] < STEPS)

    first = start.at[unknown].set(jnp.clip(start[unknown], low, high))
    volts, size, count = jax.lax.while_loop(going, step, (first, jnp.full((), jnp.inf), jnp.int32(0)))
    return Solved(volts, size <= TOLERANCE, count)

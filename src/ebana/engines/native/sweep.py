"""Layered relaxation: with its neighbours held, every node's equation is solved at once.

    a v - b + sum_d i_d(v) = 0       (physics: block coordinate descent on the energy)

For piecewise-linear devices the root is closed-form: the sign of the left side at each corner tells
on which side of it the root lies. For smooth devices a bracketed Newton iteration finds it. Ideal
diodes clip. Each sweep lowers the energy; near the end Newton's method takes over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.engines.native.arrays import add, put, take
from ebana.engines.native.system import System
from ebana.engines.native.terms import Local, Map

Array = Any

SCALAR_STEPS = 12
"""Bracketed Newton steps for smooth devices; what they leave is for the next sweep or for Newton."""


@dataclass(frozen=True)
class Corner:
    """A change of slope ``k`` at the potential ``t`` of each node: ``s k max(0, s (v - t))``."""

    k: Array
    t: Array
    s: Array
    level: Array


@dataclass(frozen=True)
class Sweeper:
    """What a sweep needs beside the system, computed once for a batch."""

    system: System
    a: Array
    b: Array
    corners: tuple[Corner, ...]
    smooth: tuple[Local, ...]

    def sweep(self, v: Array) -> Array:
        """Update the eliminated nodes from the kept ones, then the kept ones block by block."""
        system, plan = self.system, self.system.plan
        if plan.eliminated.size:
            v = self._update(v, plan.eliminated, system.to_eliminated @ take(v, plan.kept))
        for nodes in self._kept_blocks():
            rows = np.searchsorted(plan.kept, nodes)
            neighbours = take(system.to_kept, rows) @ take(v, plan.eliminated)
            if system.among_kept is not None:
                neighbours = neighbours + take(system.among_kept, rows) @ take(v, plan.kept)
            v = self._update(v, nodes, neighbours)
        return v

    def _kept_blocks(self) -> list[np.ndarray]:
        plan = self.system.plan
        if self.system.among_kept is None:
            return [plan.kept] if plan.kept.size else []
        blocks = [np.arange(*block) for block in plan.blocks]
        return [nodes for nodes in blocks if np.isin(nodes[:1], plan.kept).all()]

    def _update(self, v: Array, nodes: np.ndarray, neighbours: Array) -> Array:
        a, b = take(self.a, nodes), take(self.b, nodes) + neighbours
        old = take(v, nodes)
        pull, extra = self._nudges(v, nodes, old)
        a, b = a + extra, b + pull
        top, bottom = b, a
        for corner in self.corners:
            k, t, s = take(corner.k, nodes), take(corner.t, nodes), take(corner.s, nodes)
            beyond = s * (take(corner.level, nodes) + extra * t - b) < 0
            top, bottom = top + jnp.where(beyond, k * t, 0.0), bottom + jnp.where(beyond, k, 0.0)
        new = top / bottom
        if any(np.isin(nodes, term.positions).any() for term in self.smooth):
            new = self._smooth(v, nodes, a, b, new)
        return self.system.clip(put(v, nodes, new))

    def _nudges(self, v: Array, nodes: np.ndarray, old: Array) -> tuple[Array, Array]:
        """Clamped nudges by their tangent plus a bound on their curvature, which cannot overshoot."""
        if not self.system.nudges:
            return jnp.zeros_like(old), jnp.zeros_like(old)
        pull, extra = jnp.zeros_like(v), jnp.zeros_like(v)
        for nudge in self.system.nudges:
            steep = nudge.steepest()
            pull = add(pull, nudge.positions, nudge.currents(v) + steep * take(v, nudge.positions))
            extra = add(extra, nudge.positions, steep)
        return take(pull, nodes), take(extra, nodes)

    def _smooth(self, v: Array, nodes: np.ndarray, a: Array, b: Array, linear: Array) -> Array:
        """Root of the scalar equations with smooth devices, from the present state."""
        old = take(v, nodes)

        def equation(x: Array) -> tuple[Array, Array]:
            full = put(v, nodes, x)
            current, conductance = a * x - b, a + jnp.zeros_like(x)
            for corner in self.corners:
                k, t, s = take(corner.k, nodes), take(corner.t, nodes), take(corner.s, nodes)
                over = s * (x - t)
                current = current + jnp.where(over > 0, s * k * over, 0.0)
                conductance = conductance + jnp.where(over > 0, k, 0.0)
            extra_i, extra_g = jnp.zeros_like(v), jnp.zeros_like(v)
            for term in self.smooth:
                extra_i = add(extra_i, term.positions, term.currents(full))
                extra_g = add(extra_g, term.positions, term.conductances(full, 0.0))
            return current + take(extra_i, nodes), conductance + take(extra_g, nodes)

        low, high = jnp.minimum(old, linear), jnp.maximum(old, linear)
        for term in self.smooth:
            bound = term.bound()
            low = jnp.minimum(low, take(jnp.full_like(v, jnp.inf).at[term.positions].min(bound), nodes))
            high = jnp.maximum(high, take(jnp.full_like(v, -jnp.inf).at[term.positions].max(bound), nodes))

        def step(_: int, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            x, low, high = carry
            f, g = equation(x)
            low, high = jnp.where(f < 0, x, low), jnp.where(f > 0, x, high)
            newton = x - f / g
            inside = (newton >= low) & (newton <= high)  # at the root the step is zero: stay there
            return jnp.where(inside, newton, 0.5 * (low + high)), low, high

        x, _, _ = jax.lax.fori_loop(0, SCALAR_STEPS, step, (jnp.clip(old, low, high), low, high))
        better = jnp.abs(equation(x)[0]) < jnp.abs(equation(old)[0])
        return jnp.where(better, x, old)


def sweeper(system: System) -> Sweeper:
    """Prepare sweeps over a system."""
    a, b = system.diagonal, system.rhs
    corners: list[Corner] = []
    smooth: list[Local] = []
    for term in system.locals:
        ramp = term.model.ramp()
        if ramp is None:
            smooth.append(term)
            continue
        threshold, below, above = ramp
        for at in _one_a_node(term.positions):
            nodes, m = term.positions[at], Map(*(take(array, at) for array in term.map))
            at_corner = take(term.far, at) + term.sign * threshold - m.beta
            a = add(a + jnp.zeros_like(a), nodes, m.kappa * m.alpha * below)
            b = add(b, nodes, m.kappa * below * at_corner)
            blank = jnp.zeros_like(b)
            corners.append(
                Corner(
                    add(jnp.zeros_like(a), nodes, m.kappa * m.alpha * (above - below)),
                    put(blank, nodes, at_corner / m.alpha),
                    put(jnp.ones_like(a), nodes, term.sign * jnp.sign(m.alpha)),
                    blank,
                )
            )
    return Sweeper(system, a, b, tuple(_with_level(c, a, corners) for c in corners), tuple(smooth))


def _one_a_node(positions: np.ndarray) -> list[np.ndarray]:
    """Split devices so that no part has two at one node: their corners may lie apart."""
    number = [int((positions[:i] == node).sum()) for i, node in enumerate(positions)]
    return [np.flatnonzero(np.array(number) == n) for n in range(max(number, default=-1) + 1)]


def _with_level(corner: Corner, a: Array, corners: list[Corner]) -> Corner:
    """The left side of the node equation at a corner, but for ``b``."""
    level = a * corner.t
    for other in corners:
        level = level + other.s * other.k * jnp.maximum(other.s * (corner.t - other.t), 0.0)
    return Corner(corner.k, corner.t, corner.s, level)

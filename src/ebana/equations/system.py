"""A circuit with its numbers: residual, incremental conductances and Newton corrections of a batch.

Unknowns are the potentials V of the free nodes, shape ``(F, B)``: the batch lies along the last axis,
where vector instructions work. Kirchhoff's current law at node i reads

    F_i(V) = a_i V_i - r_i + coupling currents + device currents - nudge currents = 0,

with a and r from held neighbours (computed once for a batch). Couplings are summed as differences
``g (p_i - p_j)``, which keeps a nanoampere beside a siemens (see :mod:`ebana.physics.kirchhoff`).

This is nodal analysis with the sources and amplifiers eliminated beforehand (modified nodal analysis keeps their
currents as unknowns). One class of nodes, the *eliminated* ones, do not see each other: their part of the Jacobian is
diagonal, and a Newton correction costs one small dense system over the others, the *kept* ones: the Schur complement
of the eliminated part, or conjugate gradients on it where the kept ones are many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.circuit.elements import INDEX
from ebana.equations import krylov, linear
from ebana.equations.arrays import add, put, take
from ebana.equations.families import Family, LeastConductance, Question, current, evaluate
from ebana.equations.plan import Plan
from ebana.equations.terms import CrossbarTerm, GeneralTerm, HeldDeviceTerm, PortNudge

SOFTER = 0.5
"""A device softens when its conductance falls below this share."""

LOCKED = 1e25
"""Relative stiffness of a node that an ideal diode holds: its Newton correction vanishes."""


DENSE_LIMIT = 256
"""Most kept nodes whose systems are factorised; beyond, conjugate gradients solve them."""


class Correction(NamedTuple):
    """A Newton correction.

    Args:
        step: volts, ``(F, B)``.
        pivot: the smallest pivot, ``(B,)``; not above zero where the energy has no minimum.
        sure: False where the linear system was not solved, ``(B,)``.
    """

    step: Array
    pivot: Array
    sure: Array


@dataclass(frozen=True)
class System:
    """A batch of one circuit's equations. Built by :func:`~ebana.equations.assemble.assemble`.

    Args:
        plan: the analysis of the circuit.
        weight: factor of each free node's stage, ``(F, 1)``.
        held_diagonal, held_rhs: ``a`` and ``r`` above, ``(F, 1)`` and ``(F, B)``.
        diagonal, rhs: the same with the nodes' own share of the couplings.
        to_eliminated, to_kept, among_kept: coefficients of the kept nodes in the equations of the
            eliminated ones, the reverse, and of the kept ones among themselves (None where there are none).
        locals: devices between a free node and a held one; ``families``: the same and ``pairs`` by their law.
        lower, upper: bounds that ideal diodes set, ``(F, B)``, or None.
        dense_limit: most kept nodes whose systems are factorised.
    """

    plan: Plan
    weight: Array
    held_diagonal: Array
    held_rhs: Array
    diagonal: Array
    rhs: Array
    ties: tuple[CrossbarTerm, ...]
    to_eliminated: Array
    to_kept: Array
    among_kept: Array | None
    locals: tuple[HeldDeviceTerm, ...]
    families: tuple[Family, ...]
    pairs: tuple[GeneralTerm, ...]
    nudges: tuple[PortNudge, ...]
    lower: Array | None
    upper: Array | None
    dense_limit: int = DENSE_LIMIT

    def residual(self, v: Array) -> Array:
        """Net current drawn from each free node, ``(F, B)``, amperes; zero where the law holds."""
        total = self.held_diagonal * v - self.held_rhs
        for tie in self.ties:
            total = tie.add_currents(total, v)
        amperes = self._answers(current, v)
        for local, each in zip(self.locals, amperes, strict=False):
            total = add(total, local.positions, local.drawn(each))
        for pair, each in zip(self.pairs, amperes[len(self.locals) :], strict=True):
            total = pair.add_currents(total, each)
        for nudge in self.nudges:
            total = add(total, nudge.positions, -nudge.currents(v))
        return total

    def slope(self, v: Array, direction: Array) -> Array:
        """Derivative of the energy along a direction, ``(B,)``: the residual in stage factors."""
        return (self.weight * self.residual(v) * direction).sum(0)

    def own_conductances(self, v: Array) -> Array:
        """Incremental conductance at each node with its neighbours held, pairs and nudges left out, ``(F, B)``."""
        d = self.diagonal + jnp.zeros_like(v)
        for local, slopes in zip(self.locals, self.slopes(v, 0.0), strict=False):
            d = add(d, local.positions, local.at_base(slopes))
        return d

    def slopes(self, v: Array, shift: float) -> tuple[Array, ...]:
        """Incremental conductances of all devices and resistors of one kind each, the least within ``shift`` volts.

        With a ``shift`` a corner or an exponential nearby cannot make a correction look smaller than the error.
        """
        return tuple(self._answers(LeastConductance(shift), v))

    def _answers(self, question: Question, v: Array) -> list[Array]:
        """What the law of each array of local devices, and of each array of pairs, answers at a state."""
        return evaluate(self.families, question, [term.dv(v) for term in (*self.locals, *self.pairs)])

    def clip(self, v: Array) -> Array:
        """Keep the bounds that ideal diodes set."""
        return v if self.lower is None else jnp.clip(v, self.lower, self.upper)

    def snap(self, v: Array, distance: float) -> Array:
        """Move what lies within so many volts of a bound, or beyond it, onto the bound."""
        if self.lower is None or self.upper is None:
            return v
        v = jnp.where(v <= self.lower + distance, self.lower, v)
        return jnp.where(v >= self.upper - distance, self.upper, v)

    def held(self, v: Array, f: Array) -> Array:
        """Mask of the nodes that an ideal diode holds: at a bound, and pushed against it."""
        if self.lower is None or self.upper is None:
            return jnp.zeros_like(v, bool)
        return ((v >= self.upper) & (f < 0)) | ((v <= self.lower) & (f > 0))

    def softens(self, slopes: tuple[Array, ...], target: Array) -> Array:
        """Samples in which a device conducts much less at ``target`` than a correction by ``slopes`` took it to.

        Such a correction crossed a corner and proves nothing about the state on the other side.
        """
        softer = jnp.zeros(target.shape[1], bool)
        for there, here in zip(self.slopes(target, 0.0), slopes, strict=True):
            softer = softer | (there < SOFTER * here).any(0)
        return softer

    def correction(self, v: Array, f: Array, slopes: tuple[Array, ...]) -> Correction:
        """Newton correction ``-J^-1 F``, with the incremental conductances of :meth:`slopes`."""
        result = self._unbounded_correction(v, f, slopes)
        if self.lower is not None and self.upper is not None:  # crossed bounds: no state keeps them all
            crossed = (self.lower > self.upper).any(0)
            result = result._replace(pivot=jnp.where(crossed, -jnp.inf, result.pivot))
        return result

    def _unbounded_correction(self, v: Array, f: Array, slopes: tuple[Array, ...]) -> Correction:
        e, k = self.plan.eliminated, self.plan.kept
        d = self.diagonal + jnp.zeros_like(v)
        for local, g in zip(self.locals, slopes, strict=False):
            d = add(d, local.positions, local.at_base(g))
        for nudge in self.nudges:
            if not nudge.couples:
                d = add(d, nudge.positions, nudge.own_curvature())
        locked = self.held(v, f)
        if self.lower is not None:
            f, d = jnp.where(locked, 0.0, f), jnp.where(locked, d * LOCKED, d)
        inverse, f_e = 1.0 / take(d, e), take(f, e)
        rhs = -take(f, k) - (self.to_kept @ (inverse * f_e) if e.size else 0.0)
        kept, pivot, sure = self._solve_kept(v, take(d, k), inverse, rhs, slopes[len(self.locals) :])
        step = kept
        if e.size:
            rest = inverse * (self.to_eliminated @ kept - f_e)
            step = put(put(jnp.zeros_like(v), e, rest), k, kept)
            pivot = jnp.minimum(pivot, take(d, e).min(0))
        if self.lower is not None:  # exactly at their bounds they stay, or the next look would find them free
            step = jnp.where(locked, 0.0, step)
        return Correction(step, pivot, sure)

    def _solve_kept(
        self, v: Array, diagonal: Array, inverse: Array, rhs: Array, between: tuple[Array, ...]
    ) -> tuple[Array, Array, Array]:
        """The kept nodes' part of a correction, the eliminated ones folded in; ``between``: slopes of the pairs."""
        if self.plan.kept.size > self.dense_limit:
            weight = take(self.weight, self.plan.kept)

            def product(x: Array) -> Array:
                folded = self.to_kept @ (inverse * (self.to_eliminated @ x)) if inverse.size else 0.0
                return weight * (diagonal * x - folded + self._couple_kept(x, v, between))

            return krylov.solve(product, weight * diagonal, weight * rhs)
        matrix = self._among_kept(v, diagonal, between)
        if inverse.size and rhs.size:
            matrix = matrix - _sandwich(self.to_kept, inverse, self.to_eliminated)
        kept, pivot = linear.solve(matrix, rhs)
        return kept, pivot, jnp.full(pivot.shape, True)

    def _couple_kept(self, x: Array, v: Array, between: tuple[Array, ...]) -> Array:
        """What :meth:`_among_kept` adds to the diagonal, times a vector ``(K, B)``."""
        where = self._places()
        total = jnp.zeros_like(x) if self.among_kept is None else -(self.among_kept @ x)
        for pair, g in zip(self.pairs, between, strict=True):
            total = pair.add_products(total, x, where, g)
        for nudge in self.nudges:
            if nudge.couples:
                at = where[nudge.positions]
                total = add(total, at, jnp.einsum("ijb,jb->ib", nudge.curvature(v), take(x, at)))
        return total

    def _places(self) -> np.ndarray:
        """Place of every free position among the kept nodes, -1 for the others (and for held ends)."""
        where = np.full(len(self.plan.circuit.free) + 1, -1, dtype=INDEX)
        where[self.plan.kept] = np.arange(self.plan.kept.size)
        return where

    def _among_kept(self, v: Array, diagonal: Array, between: tuple[Array, ...]) -> Array:
        """Jacobian of the kept nodes by the kept nodes, ``(K, K, B)``."""
        k = self.plan.kept
        where = self._places()
        matrix = jnp.eye(k.size, dtype=v.dtype)[:, :, None] * diagonal[None]
        if self.among_kept is not None:
            matrix = matrix - self.among_kept[:, :, None]
        for pair, g in zip(self.pairs, between, strict=True):
            matrix = pair.add_conductances(matrix, where, g)
        for nudge in self.nudges:
            if nudge.couples:
                at = where[nudge.positions]
                matrix = jnp.asarray(matrix).at[at[:, None], at[None, :]].add(nudge.curvature(v))
        return matrix


def _sandwich(left: Array, middle: Array, right: Array) -> Array:
    """``left diag(middle_b) right`` for each sample: ``(K, E) (E, B) (E, K) -> (K, K, B)``."""
    size = left.shape[0]
    if left.size * size <= 1_000_000:  # one matrix product over all samples
        products = (left[:, None, :] * right.T[None, :, :]).reshape(size * size, -1)
        return (products @ middle).reshape(size, size, -1)
    return jnp.einsum("se,eb,et->stb", left, middle, right)

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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.equations.arrays import add, put, take, widened
from ebana.equations.families import (
    CautiousCharacteristic,
    Family,
    LeastConductance,
    Question,
    current,
    evaluate,
)
from ebana.equations.plan import Plan
from ebana.equations.schur import TERMS, Branch, Kept
from ebana.equations.terms import CrossbarTerm, GeneralTerm, HeldDeviceTerm, PortNudge

SOFTER = 0.5
"""A device softens when its conductance falls below this share."""

LOCKED = 1e25
"""Relative stiffness of a node that an ideal diode holds: its Newton correction vanishes."""


DENSE_LIMIT = 256
"""Most kept nodes whose systems are eliminated densely; beyond, conjugate gradients solve them."""


WIRED_LIMIT = 48
"""The same where ports of wired crossbars are among them: their couplings are weak, and iterations few."""


class Spread(NamedTuple):
    """How roundings spread over a passive circuit, for all samples (see :mod:`ebana.equations.schur`).

    Args:
        kept: largest potential of each kept node for each volt of its terms, ``(K, 1)``.
        terms: the terms, ``(K, 1)``.
        widest: bound for all nodes of the circuit with its devices, ``(1,)``.
    """

    kept: Array
    terms: Array
    widest: Array


class Correction(NamedTuple):
    """A Newton correction.

    Args:
        step: volts, ``(F, B)``.
        pivot: the smallest pivot, ``(B,)``; not above zero where the energy has no minimum.
        sure: False where the linear system was not solved, or a pivot is below its rounding, ``(B,)``.
        spread: largest potential, for each volt of its terms, that a rounding at the nodes may cause, ``(B,)``
            (Skeel's condition number).
        left: bound on what was left of the step, ``(B,)``, volts.
    """

    step: Array
    pivot: Array
    sure: Array
    spread: Array
    left: Array


@dataclass(frozen=True)
class System:
    """A batch of one circuit's equations. Built by :func:`~ebana.equations.assemble.assemble`.

    Args:
        plan: the analysis of the circuit.
        weight: factor of each free node's stage, ``(F, 1)``.
        held_diagonal, held_rhs: ``a`` and ``r`` above, ``(F, 1)`` and ``(F, B)``.
        diagonal, rhs: the same with the nodes' own share of the couplings.
        scale: unit of each free node's potential, ``(F, 1)``: the gain on the way to its stage. In these units all
            branches between free nodes carry differences.
        leak, coupled, size: conductances of each node to held ones, to other free ones, and the sum of all terms,
            devices, branches and nudges left out, ``(F, 1)``, siemens in scaled units.
        to_eliminated, to_kept, among_kept: coefficients of the kept nodes in the equations of the
            eliminated ones, the reverse, and of the kept ones among themselves (None where there are none), scaled.
        held_reach: largest potential of a held node, ``(B,)`` or ``(1,)``, volts.
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
    scale: Array
    leak: Array
    coupled: Array
    size: Array
    held_reach: Array
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

    @property
    def direct_limit(self) -> int:
        """Most kept nodes whose systems are eliminated densely, of this circuit."""
        return min(self.dense_limit, WIRED_LIMIT) if self.plan.wired else self.dense_limit

    def residual(self, v: Array) -> Array:
        """Net current drawn from each free node, ``(F, B)``, amperes; zero where the law holds."""
        return self._drawn(v, self._answers(current, v))

    def linearised(self, v: Array, radius: float) -> tuple[Array, tuple[Array, ...]]:
        """:meth:`residual` and :meth:`slopes` at a state: each law is evaluated once for both."""
        answers = self._answers(CautiousCharacteristic(radius), v)
        return self._drawn(v, [i for i, _ in answers]), tuple(g for _, g in answers)

    def _drawn(self, v: Array, amperes: Sequence[Array]) -> Array:
        """The residual with the currents of all devices."""
        total = self.held_diagonal * v - self.held_rhs
        for tie in self.ties:
            total = tie.add_currents(total, v)
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

    def correction(
        self,
        v: Array,
        f: Array,
        slopes: tuple[Array, ...],
        spread: Spread | None = None,
        locked: Array | None = None,
        often: bool = True,
    ) -> Correction:
        """Newton correction ``-J^-1 F``, with the incremental conductances of :meth:`slopes`.

        Args:
            spread: from :meth:`passive_spread`; where it is left out the spread is sought with the correction.
            often: False where a small program is worth more than a fast one.
            locked: nodes that ideal diodes hold, ``(F, B)``; by default those that ``f`` pushes against their bounds.
        """
        e, k = self.plan.eliminated, self.plan.kept
        leak, size, branches = self._node_equations(v, slopes)
        locked = self.held(v, f) if locked is None else locked
        if self.lower is not None:
            f, leak = jnp.where(locked, 0.0, f), jnp.where(locked, LOCKED * size, leak)
        kept, inverse, pivots = self._kept(leak, f, size, branches, spread)
        found = kept.solve(self.direct_limit, often)
        step, pivot, left = -found.x, found.pivot, found.left
        if e.size:
            rest = inverse * (self.to_eliminated @ step - take(f, e))
            step = put(put(jnp.zeros_like(f), e, rest), k, step)
            pivot = jnp.minimum(pivot, pivots.min(0))
        step, unit = step * self.scale, self.scale.max(initial=0.0)
        if self.lower is not None:  # exactly at their bounds they stay, or the next look would find them free
            step = jnp.where(locked, 0.0, step)
        if self.lower is not None and self.upper is not None:  # crossed bounds: no state keeps them all
            pivot = jnp.where((self.lower > self.upper).any(0), -jnp.inf, pivot)
        widest = self._widest(found.spread, inverse, size) if spread is None else spread.widest
        unsolved = jnp.zeros_like(pivot) if left is None else unit * self._passed(left, inverse)
        return Correction(step, pivot, found.sure, widest, unsolved)

    def passive_spread(self) -> Spread | None:
        """The spread of roundings with no device conducting, for all samples; None where branches change couplings.

        Devices only add leaks, so that with them it is never more than twice as wide, and one; and no pivot of theirs
        is smaller than without them. Where the passive circuit has no reliable minimum the bound is infinite.
        """
        if self.pairs or any(nudge.couples for nudge in self.nudges):
            return None
        leak, size = self.leak, self.size
        for nudge in self.nudges:  # the weakest of the batch
            g = nudge.own_curvature() * take(self.scale, nudge.positions)
            leak = add(leak, nudge.positions, g.min(1, keepdims=True, initial=jnp.inf))
            size = add(size, nudge.positions, jnp.abs(g).max(1, keepdims=True, initial=0.0))
        kept, inverse, _ = self._kept(leak, size, size, (), None)
        found = kept.solve(self.direct_limit, often=False)
        widest = self._widest(found.spread, inverse, size)
        passive = found.sure & (found.pivot > 0)
        return Spread(
            found.spread,
            TERMS[0] * kept.size,  # conjugate gradients leave them that far off
            jnp.where(passive, 2.0 * widest + self.scale.max(initial=1.0), jnp.inf),
        )

    def _kept(
        self, leak: Array, currents: Array, size: Array, branches: tuple[Branch, ...], spread: Spread | None
    ) -> tuple[Kept, Array, Array]:
        """Equations of the kept nodes, the inverses of the eliminated ones' pivots, and those."""
        e, k = self.plan.eliminated, self.plan.kept
        pivots = take(leak, e) + take(self.coupled, e)
        inverse = 1.0 / pivots

        def fold(a: Array) -> Array:
            return take(a, k) + (self.to_kept @ (inverse * take(a, e)) if e.size and k.size else 0.0)

        kept = Kept(
            fold(leak),
            fold(currents),
            fold(size) if spread is None else jnp.zeros_like(leak),
            take(self.weight * self.scale, k),
            self.among_kept,
            self.to_kept,
            inverse,
            self.to_eliminated,
            branches,
            self.plan.dense,
            None if spread is None else (spread.kept, spread.terms),
        )
        return kept, inverse, pivots

    def _widest(self, spread: Array, inverse: Array, size: Array) -> Array:
        """The spread at the node where it is largest, ``(B,)``, volts."""
        own = jnp.abs(inverse * take(size, self.plan.eliminated)).max(0, initial=0.0)
        return self.scale.max(initial=0.0) * (self._passed(spread, inverse) + own)

    def _passed(self, kept: Array, inverse: Array) -> Array:
        """Bound on what potentials of the kept nodes make anywhere, ``(B,)``."""
        most = jnp.abs(kept).max(0, initial=0.0)
        share = jnp.abs(take(self.coupled, self.plan.eliminated) * inverse).max(0, initial=0.0)
        return most * jnp.maximum(share, 1.0)

    def _node_equations(self, v: Array, slopes: tuple[Array, ...]) -> tuple[Array, Array, tuple[Branch, ...]]:
        """Leaks, sums of absolute coefficients, and what the couplings leave out: branches between kept nodes.

        In scaled unknowns the coefficients of each node's equation add up to its leak: all its branches to other
        free nodes carry differences.
        """
        leak, size = self.leak, self.size
        for local, g in zip(self.locals, slopes, strict=False):
            g = local.at_base(g) * take(self.scale, local.positions)
            leak, size = add(leak, local.positions, g), add(size, local.positions, jnp.abs(g))
        found: list[Branch] = []
        for nudge in self.nudges:
            scale = take(self.scale, nudge.positions)
            if not nudge.couples:
                g = nudge.own_curvature() * scale
                leak, size = add(leak, nudge.positions, g), add(size, nudge.positions, jnp.abs(g))
                continue
            g = nudge.curvature(v) * scale[None]
            leak = add(leak, nudge.positions, g.sum(1))
            size = add(size, nudge.positions, jnp.abs(g).sum(1))
            n = len(nudge.positions)
            found.append(
                self._branch(
                    np.repeat(nudge.positions, n), np.tile(nudge.positions, n), -g.reshape(n * n, -1)
                )
            )
        for pair, g in zip(self.pairs, slopes[len(self.locals) :], strict=True):
            scale = jnp.concatenate([self.scale, jnp.zeros_like(self.scale[:1])])
            near, far = pair.a_map.alpha * scale[pair.a], pair.b_map.alpha * scale[pair.b]
            for at, by, kappa, own, other in (
                (pair.a, pair.b, pair.a_map.kappa, near, far),
                (pair.b, pair.a, pair.b_map.kappa, far, near),
            ):
                leak = jnp.asarray(widened(leak, g)).at[at].add(kappa * g * (own - other), mode="drop")
                size = (
                    jnp.asarray(widened(size, g)).at[at].add(jnp.abs(kappa * g) * (own + other), mode="drop")
                )
                found.append(self._branch(at, by, kappa * g * other))
        return leak, size, tuple(found)

    def _branch(self, at: np.ndarray, by: np.ndarray, g: Array) -> Branch:
        """Conductances from free positions ``at`` to ``by``, those to a held node or from a node to itself left out."""
        free = len(self.plan.circuit.free)
        ok = np.flatnonzero((at < free) & (by < free) & (at != by))
        places = self.plan.places
        return places[at[ok]], places[by[ok]], g[ok]

    def roundings(self, v: Array, amperes: Sequence[Array], slopes: Sequence[Array]) -> Array:
        """Bound on the rounding of the residual at a state, ``(F, B)``, amperes: all terms that are added up there.

        Given are the currents and the incremental conductances of all devices and resistors of one kind each.

        Where a node's potential stands in the equation as it is, without a gain or a shift, differences of nearby
        potentials are exact; so a wire's siemens cost nothing while no current flows in it.
        """
        total = 2.0 * jnp.abs(self.held_diagonal) * self.scale * self.reach(v) + jnp.abs(self.held_rhs)
        for tie in self.ties:
            total = tie.add_sizes(total, v)
        for local, each, g in zip(self.locals, amperes, slopes, strict=False):
            total = add(total, local.positions, local.sizes(v, each, g))
        rest = len(self.locals)
        for pair, each, g in zip(self.pairs, amperes[rest:], slopes[rest:], strict=True):
            total = pair.add_sizes(total, v, each, g)
        for nudge in self.nudges:
            total = add(total, nudge.positions, nudge.sizes(v))
        return self.rounding_unit * total

    def reach(self, v: Array) -> Array:
        """Largest potential of a sample, of free nodes and held ones, in scaled unknowns, ``(B,)``, volts."""
        free = (jnp.abs(v) / self.scale).max(0, initial=0.0)
        return jnp.maximum(free, self.held_reach / self.scale.min(initial=1.0))

    @property
    def rounding_unit(self) -> float:
        """Roundings at a node, as a share of the sum of its terms: a few, and the random walk of a long sum."""
        count = self.plan.circuit.size
        return (4.0 + float(np.sqrt(count))) * float(jnp.finfo(self.diagonal.dtype).eps)

    @property
    def caution(self) -> float:
        """Factor on an estimated error, which is computed with roundings too.

        Without subtractions an elimination keeps its digits but for a few units of the last place a node.
        """
        return 1.0 + 8.0 * self.plan.circuit.size * float(jnp.finfo(self.diagonal.dtype).eps)

    def rounding(self, v: Array, spread: Array, limit: float, radius: float) -> Array:
        """How far rounding may have moved a state that this system's residual calls right, ``(B,)``, volts.

        Args:
            spread: of a correction at the state. Where the bound by it is below ``limit`` volts in all samples it is
                taken; else the sizes of all terms are counted.
            radius: how far around ``v`` the least conductances are sought, volts.
        """
        quick = self.rounding_unit * self.reach(v) * spread

        def counted(_: None) -> Array:
            answers = self._answers(CautiousCharacteristic(radius), v)
            amperes, slopes = (tuple(each) for each in zip(*answers, strict=True)) if answers else ((), ())
            locked = self.held(v, self._drawn(v, amperes))
            sizes = self.roundings(v, amperes, slopes)
            found = self.correction(v, -sizes, slopes, locked=locked, often=False)
            known = found.sure & (found.pivot > 0)
            return jnp.where(known, jnp.abs(found.step).max(0, initial=0.0) + found.left, jnp.inf)

        return jax.lax.cond(jnp.any(~(quick <= limit)), counted, lambda _: quick, None)

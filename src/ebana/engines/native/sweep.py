"""Block Gauss-Seidel sweeps: with its neighbours held, every node's equation of a layer is solved at once.

    a v - b + sum_d i_d(v) = 0       (physics: block coordinate descent on the energy)

(In circuit simulation a sweep is a series of analyses; here it is one pass over the layers.) For piecewise-linear
devices the root is closed-form: the sign of the left side at each corner tells
on which side of it the root lies. For smooth devices a bracketed Newton iteration finds it. Ideal
diodes clip. Each sweep lowers the energy; near the end Newton's method takes over.

A sweep goes from block to block (a block is one layer of nodes), each with arrays of its own. Small
circuits keep the batch along the last axis, ``(n, B)``, as everything else here does; wide layers are
quicker with a sample to a row, ``(B, n)``, where no product needs a transpose. What is the same for all
samples has length one along the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Number
from ebana.circuit.elements import as_slice
from ebana.equations.arrays import add, embed, lower, put, raise_to, take
from ebana.equations.families import characteristic, evaluate, families, rough_characteristic, voltage
from ebana.equations.system import System
from ebana.equations.terms import Affine, HeldDeviceTerm

SCALAR_STEPS = 20
"""Steps for smooth devices; what they leave is for the next sweep or for Newton's method on all nodes."""

UNROLLED = 8
"""Sweeps up to this number are laid out one after the other, which runs faster; more go round a loop."""

SLOW = 0.5
"""A Newton step that is longer than this share of the one before gives way to a halving of the bracket."""


ROUNDING = 4.0
"""A Newton step of so many roundings is none: halving the bracket there would only lead away from the root."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Corner:
    """A change of slope ``k`` at the potential ``t`` of each node: ``s k max(0, s (v - t))``."""

    k: Array
    t: Array
    s: Array
    level: Array


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["a", "b", "links", "corners", "lower", "upper"],
    meta_fields=["nodes", "nudged"],
)
@dataclass(frozen=True)
class Block:
    """What a sweep needs of one block of ``n`` nodes.

    Args:
        nodes: its free positions.
        a, b: coefficients of the node equations above.
        links: coefficients of the neighbouring blocks, ``{block: (n, m)}``, or ``(m, n)`` with samples in rows.
        corners: of piecewise-linear devices.
        lower, upper: bounds of ideal diodes, or None.
        nudged: whether a clamped nudge that couples nodes, or is no parabola, acts on it.
    """

    nodes: np.ndarray
    a: Array
    b: Array
    links: dict[int, Array]
    corners: tuple[Corner, ...]
    lower: Array | None
    upper: Array | None
    nudged: bool


@dataclass(frozen=True)
class Sweeper:
    """What sweeps need beside the system, computed once for a batch.

    Args:
        smooth: the smooth devices of each block.
        rows: whether a sample is a row.
        differentiable: whether derivatives go through the roots of smooth devices' equations; values are the same.
        rough: a step of so many volts towards the root of a smooth device's equation is the last, volts.
    """

    system: System
    blocks: tuple[Block, ...]
    smooth: tuple[tuple[HeldDeviceTerm, ...], ...]
    rows: bool = False
    differentiable: bool = False
    rough: float = 0.0

    def split(self, v: Array) -> list[Array | None]:
        """Potentials of all free nodes block by block."""
        return [v[:, as_slice(block.nodes)] if self.rows else take(v, block.nodes) for block in self.blocks]

    def join(self, parts: Sequence[Array | None]) -> Array:
        """The inverse of :meth:`split`; blocks that have not been reached yet count as 0 V."""
        along, across = (0, 1) if self.rows else (1, 0)
        batch = max((part.shape[along] for part in parts if part is not None), default=1)
        filled = []
        for block, part in zip(self.blocks, parts, strict=True):
            shape = (batch, block.nodes.size) if self.rows else (block.nodes.size, batch)
            filled.append(jnp.broadcast_to(jnp.zeros((), block.a.dtype) if part is None else part, shape))
        return (
            jnp.concatenate(filled, axis=across)
            if filled
            else jnp.zeros((batch, 0) if self.rows else (0, batch))
        )

    def _last(self, array: Array) -> Array:
        """From this layout to one with the batch last, or back."""
        return array.T if self.rows else array

    def sweep(self, v: Array) -> Array:
        """Update the eliminated blocks from the kept ones, then the kept ones one after the other."""
        return jnp.broadcast_to(self.join(self.visit(self.split(v), self._order())), v.shape)

    def begin(self, v: Array) -> Array:
        """A state to sweep from where none is known: each layer's without devices, but as far as these let it go."""
        parts = self.split(jnp.zeros_like(v))
        for i in self._order():
            parts = [*parts[:i], self._update(i, parts, beginning=True), *parts[i + 1 :]]
        return jnp.broadcast_to(self.join(parts), v.shape)

    def _order(self) -> list[int]:
        """The eliminated blocks, then the kept ones."""
        first = set(self.system.plan.eliminated)
        return sorted(range(len(self.blocks)), key=lambda i: int(self.blocks[i].nodes[0]) not in first)

    def visit(self, parts: list[Array | None], order: Sequence[int]) -> list[Array | None]:
        """Update some blocks one after the other."""
        for i in order:
            parts = [*parts[:i], self._update(i, parts), *parts[i + 1 :]]
        return parts

    def _update(self, i: int, parts: list[Array | None], *, beginning: bool = False) -> Array:
        block = self.blocks[i]
        a, b = block.a, block.b
        for j, matrix in block.links.items():
            part = parts[j]
            if part is not None:
                b = b + (part @ matrix if self.rows else matrix @ part)
        extra: Array | float = 0.0
        if block.nudged:
            pull, extra = map(self._last, self._nudges(self._last(self.join(parts)), block.nodes))
            a, b = a + extra, b + pull
        top, bottom = b, a
        for corner in block.corners:
            beyond = corner.s * (corner.level + extra * corner.t - b) < 0
            top = top + jnp.where(beyond, corner.k * corner.t, 0.0)
            bottom = bottom + jnp.where(beyond, corner.k, 0.0)
        new = top / bottom
        if self.smooth[i] and beginning:
            low, high = _ends(self.smooth[i], self._places(i), *map(self._last, (a, b)))
            new = self._last(jnp.clip(self._last(new), low, high))
        elif self.smooth[i]:
            present = parts[i]
            old = jnp.zeros_like(new) if present is None else jnp.broadcast_to(present, new.shape)
            new = self._last(self._smooth(i, *map(self._last, (old, a, b, new))))
        return new if block.lower is None else jnp.clip(new, block.lower, block.upper)

    def _nudges(self, v: Array, nodes: np.ndarray) -> tuple[Array, Array]:
        """Clamped nudges by their tangent plus a bound on their curvature, which cannot overshoot."""
        pull, extra = jnp.zeros_like(v), jnp.zeros_like(v)
        for nudge in self.system.nudges:
            if nudge.couples:
                steep = nudge.steepest()
                pull = add(pull, nudge.positions, nudge.currents(v) + steep * take(v, nudge.positions))
                extra = add(extra, nudge.positions, steep)
        return take(pull, nodes), take(extra, nodes)

    def _places(self, i: int) -> list[np.ndarray]:
        """Where in its block each smooth device is."""
        return [term.positions - int(self.blocks[i].nodes[0]) for term in self.smooth[i]]

    def _smooth(self, i: int, old: Array, a: Array, b: Array, linear: Array) -> Array:
        """Root of a block's scalar equations with smooth devices, from the present state."""
        block, terms = self.blocks[i], self.smooth[i]
        laws = families(terms)
        places = self._places(i)

        def equation(x: Array) -> tuple[Array, Array]:
            current, conductance = a * x - b, a + jnp.zeros_like(x)
            for corner in block.corners:
                k, t, side = map(self._last, (corner.k, corner.t, corner.s))
                over = side * (x - t)
                current = current + jnp.where(over > 0, side * k * over, 0.0)
                conductance = conductance + jnp.where(over > 0, k, 0.0)
            extra_i, extra_g = jnp.zeros_like(x), jnp.zeros_like(x)
            drops = [term.drop(take(x, at)) for term, at in zip(terms, places, strict=True)]
            found = evaluate(laws, rough_characteristic if self.rough else characteristic, drops)
            for term, at, (current_, slope) in zip(terms, places, found, strict=True):
                extra_i = add(extra_i, at, term.drawn(current_))
                extra_g = add(extra_g, at, term.at_base(slope))
            return current + extra_i, conductance + extra_g

        low, high = jnp.minimum(old, linear), jnp.maximum(old, linear)
        for term, at in zip(terms, places, strict=True):
            low, high = lower(low, at, term.bound()), raise_to(high, at, term.bound())

        root = scalar_roots(equation, old, low, high, self.rough)
        if not self.differentiable:
            return root
        root = jax.lax.stop_gradient(root)  # dx = -df / g, whatever way led there
        f, g = equation(root)
        return root - (f - jax.lax.stop_gradient(f)) / jax.lax.stop_gradient(g)


def scalar_roots(
    equation: Callable[[Array], tuple[Array, Array]], old: Array, low: Array, high: Array, rough: float
) -> Array:
    """Roots of rising scalar functions, by Newton steps within brackets.

    Where so many steps do not find a root, what they reached on the side of ``old`` is taken: no step from there to
    the root raises an energy.

    Args:
        equation: the functions' values and slopes at ``x``.
        old: where to start.
        low, high: brackets, ``old`` within.
        rough: a step of so many volts is the last.
    """

    def unfinished(state: tuple[Array, ...]) -> Array:
        steps, *_, moved = state
        return (steps < SCALAR_STEPS) & (moved > 0).any()

    def step(state: tuple[Array, ...]) -> tuple[Array, ...]:
        steps, x, low, high, moved = state
        f, g = equation(x)
        low, high = jnp.where(f < 0, x, low), jnp.where(f > 0, x, high)
        change = -f / g
        size = jnp.abs(change)
        last = size <= rough + ROUNDING * jnp.finfo(x.dtype).eps * jnp.abs(x)
        # down an exponential Newton's method creeps by one thermal voltage a step
        slow = (steps > 1) & (size > SLOW * moved)
        newton = x + change
        middle = slow | (newton < low) | (newton > high)
        nearer = jnp.where(last, jnp.clip(newton, low, high) if rough else x, newton)
        nearer = jnp.where(middle & ~last, 0.5 * (low + high), nearer)
        open_ = moved > 0
        moved = jnp.where(open_ & ~last, jnp.where(middle, jnp.inf, size), 0.0)
        return steps + 1, jnp.where(open_, nearer, x), low, high, moved

    begin = jnp.zeros((), jnp.int32), old, low, high, jnp.full_like(old, jnp.inf)
    _, x, low, high, moved = jax.lax.while_loop(unfinished, step, begin)
    return jnp.where(moved > 0, jnp.where(low >= old, low, high), x)


def _ends(
    terms: Sequence[HeldDeviceTerm], places: Sequence[np.ndarray], a: Array, b: Array
) -> tuple[Array, Array]:
    """About where the roots of ``a x - b + devices`` end: where one device alone carries all the current there is."""
    shape = jnp.broadcast_shapes(a.shape, b.shape)
    low, high = jnp.full(shape, -jnp.inf, b.dtype), jnp.full(shape, jnp.inf, b.dtype)
    a, b = jnp.broadcast_to(a, shape), jnp.broadcast_to(b, shape)
    zeros = [jnp.broadcast_to(term.bound(), (term.size, shape[1])) for term in terms]
    budgets = [
        term.carried(take(b, at) - take(a, at) * zero)
        for term, at, zero in zip(terms, places, zeros, strict=True)
    ]
    volts = evaluate(families(terms), voltage, budgets)
    for term, at, zero, drop in zip(terms, places, zeros, volts, strict=True):
        x = term.base(drop)
        high = lower(high, at, jnp.where(x >= zero, x, jnp.inf))
        low = raise_to(low, at, jnp.where(x < zero, x, -jnp.inf))
    return low, high


def sweeper(
    system: System, *, rows: bool = False, differentiable: bool = False, rough: float = 0.0
) -> Sweeper:
    """Prepare sweeps over a system; see :class:`Sweeper`."""
    a, b = system.diagonal, system.rhs
    corners: list[tuple[np.ndarray, Corner]] = []
    smooth: list[HeldDeviceTerm] = []
    for term in system.locals:
        shape = term.law.piecewise_linear(term.own)
        if shape is None:
            smooth.append(term)
            continue
        for at in _one_a_node(term.positions):
            threshold, below, above = (_of_units(number, at) for number in shape)
            nodes, m = term.positions[at], Affine(*(take(array, at) for array in term.map))
            at_corner = take(term.far, at) + term.sign * threshold - m.beta
            a = add(a, nodes, m.kappa * m.alpha * below)
            b = add(b, nodes, m.kappa * below * at_corner)
            blank = jnp.zeros((a.shape[0], 1), a.dtype)
            corner = Corner(
                add(blank, nodes, m.kappa * m.alpha * (above - below)),
                put(blank, nodes, at_corner / m.alpha),
                put(blank + 1.0, nodes, term.sign * jnp.sign(m.alpha)),
                blank,
            )
            corners.append((nodes, corner))
    blocks = _blocks(system, a, b, corners)
    if rows:
        blocks = tuple(jax.tree.map(jnp.transpose, block) for block in blocks)
    within = tuple(_within(block.nodes, smooth) for block in blocks)
    return Sweeper(system, blocks, within, rows, differentiable, rough)


def _within(nodes: np.ndarray, terms: list[HeldDeviceTerm]) -> tuple[HeldDeviceTerm, ...]:
    """The devices at some nodes."""
    places = [(term, np.flatnonzero(np.isin(term.positions, nodes))) for term in terms]
    return tuple(term.part(at) for term, at in places if at.size)


def _of_units(number: Number, at: np.ndarray) -> Number:
    """A number of some devices, in a column where they differ."""
    return take(jnp.asarray(number), at) if jnp.ndim(number) and jnp.shape(number)[0] > 1 else number


def _blocks(
    system: System, a: Array, b: Array, corners: list[tuple[np.ndarray, Corner]]
) -> tuple[Block, ...]:
    """The blocks, each with the corners of the devices at its own nodes alone: those of others change nothing there."""
    runs = [np.arange(*block) for block in system.plan.blocks]
    links, inner = _links(system, runs)
    coupled = [nudge.positions for nudge in system.nudges if nudge.couples]
    blocks = []
    for i, nodes in enumerate(runs):
        own_a, own_b = _with_nudges(system, nodes, take(a, nodes) + inner[i], take(b, nodes))
        here = [corner for at, corner in corners if np.isin(at, nodes).any()]
        own = [Corner(*(take(array, nodes) for array in vars(c).values())) for c in here]
        own = [_with_level(corner, own_a, own) for corner in own]
        nudged = any(np.isin(nodes, at).any() for at in coupled)
        lower, upper = (None if side is None else take(side, nodes) for side in (system.lower, system.upper))
        blocks.append(Block(nodes, own_a, own_b, links[i], tuple(own), lower, upper, nudged))
    return tuple(blocks)


def _with_nudges(system: System, nodes: np.ndarray, a: Array, b: Array) -> tuple[Array, Array]:
    """A block's coefficients with the nudges that are conductances to sources at the targets."""
    for nudge in system.nudges:
        inside = np.flatnonzero(np.isin(nudge.positions, nodes))
        if not nudge.couples and inside.size:
            at, (pull, own) = nudge.positions[inside] - nodes[0], nudge.conductance()
            a, b = add(a, at, take(own, inside)), add(b, at, take(pull, inside))
    return a, b


def _links(system: System, runs: list[np.ndarray]) -> tuple[list[dict[int, Array]], list[Array]]:
    """Coefficients of every block in the equations of its neighbours, and what a coupling inside a block adds to it.

    All nodes of a block move at once, also where a wired crossbar couples them. For each conductance between two of
    them, ``g (v_i - v_j)^2 / 2`` is replaced by a bound that touches it at the present state ``u``, ``g (v_i - m)^2 +
    g (v_j - m)^2`` with ``m = (u_i + u_j) / 2``: what lowers the bound lowers the energy (majorisation). Twice the
    coupling stands at each node then, and the node's own present potential beside its neighbour's.
    """
    links: list[dict[int, Array]] = [{} for _ in runs]
    inner: list[Array] = [jnp.zeros((run.size, 1), system.diagonal.dtype) for run in runs]
    starts = np.array([run[0] if run.size else 0 for run in runs])
    for tie in system.ties:
        i, j = (int(np.searchsorted(starts, at[0], side="right")) - 1 for at in (tie.row, tie.column))
        forward = tie.row_map.kappa * tie.g * tie.column_map.alpha.T
        backward = tie.column_map.kappa * tie.g.T * tie.row_map.alpha.T
        seen = (
            tie.row_map.kappa * tie.row_map.alpha * tie.g.sum(1)[:, None],
            tie.column_map.kappa * tie.column_map.alpha * tie.g.sum(0)[:, None],
        )
        for to, by, rows, columns, value, own in (
            (i, j, tie.row, tie.column, forward, seen[0]),
            (j, i, tie.column, tie.row, backward, seen[1]),
        ):
            shape = runs[to].size, runs[by].size
            part = embed(value, rows - starts[to], columns - starts[by], shape)
            if to == by:
                inner[to] = add(inner[to], rows - starts[to], own)
                part = part + jnp.diag(add(jnp.zeros_like(inner[to]), rows - starts[to], own)[:, 0])
            links[to][by] = part if by not in links[to] else links[to][by] + part
    return links, inner


def _one_a_node(positions: np.ndarray) -> list[np.ndarray]:
    """Split devices so that no part has two at one node: their corners may lie apart."""
    order = np.argsort(positions, kind="stable")
    ranked = positions[order]
    number = np.empty(len(positions), dtype=int)
    number[order] = np.arange(len(positions)) - np.searchsorted(ranked, ranked)
    return [np.flatnonzero(number == n) for n in range(number.max(initial=-1) + 1)]


def _with_level(corner: Corner, a: Array, corners: list[Corner]) -> Corner:
    """The left side of the node equation at a corner, but for ``b``."""
    level = a * corner.t
    for other in corners:
        level = level + other.s * other.k * jnp.maximum(other.s * (corner.t - other.t), 0.0)
    return Corner(corner.k, corner.t, corner.s, level)


def sweeping(system: System) -> Callable[[Array], Array]:
    """One sweep over a layered circuit, inputs first, as a differentiable function of the state ``(B, F)``."""
    prepared = sweeper(system, rows=True, differentiable=True)
    order = range(len(prepared.blocks))
    return lambda v: jnp.broadcast_to(prepared.join(prepared.visit(prepared.split(v), order)), v.shape)


def settle(system: System, v: Array | None, sweeps: int, *, backward: bool) -> tuple[Array, Array]:
    """Exactly so many sweeps over a layered circuit.

    Args:
        system: the circuit's equations.
        v: state to start from, ``(B, F)``, or None; the first sweep then only sees blocks before each.
        backward: whether to sweep from the outputs to the inputs, which carries a nudge through in one sweep.

    Returns:
        The state ``(B, F)``, and each sample's largest change in the last sweep, ``(B,)``, volts.
    """
    prepared = sweeper(system, rows=True)
    order = range(len(prepared.blocks))
    order = order[::-1] if backward else order
    parts: list[Array | None] = [None for _ in order] if v is None else prepared.split(v)
    before = parts
    if sweeps > UNROLLED:  # the first and the last stand apart: for the start, and for the change
        first = prepared.split(prepared.join(prepared.visit(parts, order)))
        parts = jax.lax.fori_loop(0, sweeps - 2, lambda _, parts: prepared.visit(parts, order), first)
        sweeps = 1
    for _ in range(sweeps):
        before, parts = parts, prepared.visit(parts, order)
    after = prepared.join(parts)
    return after, jnp.abs(after - prepared.join(before)).max(1, initial=0.0)

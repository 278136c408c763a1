"""Coupled learning in continuous time: both networks at their operating points, gates that charge.

The networks settle in nanoseconds and the gates change in milliseconds, so that both networks are at their operating
points at all times:

    clamped output = free output + eta (target - free output)
    dV_G/dt = (k / C) rate (dV_free^2 - dV_clamped^2) c(V_G) - (G / C) V_G

``c`` is the compliance of the current source: 1, and falling to zero over the last ``headroom`` volts towards the end
of the gate's range that the current goes to. Gates are integrated by Heun's method (explicit, of second order) in steps
that change no gate by more than a given voltage.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana.onchip.twin.newton import Solved, solve
from ebana.onchip.twin.wiring import Numbers, Wiring

STEPS = 10_000
"""Most steps of a point."""


class Memory(NamedTuple):
    """What is carried from point to point.

    Args:
        gates: volts, ``(edges,)``.
        free, clamped: volts of both networks' nodes, ``(nodes,)``.
        lost: points at which an operating point was not found; gates keep their charge there.
    """

    gates: jax.Array
    free: jax.Array
    clamped: jax.Array
    lost: jax.Array


class Point(NamedTuple):
    """A data point.

    Args:
        held: volts of the held nodes, inputs and constants.
        targets: volts of the outputs.
        rate: factor of the learning currents.
        hold: time that it is learned, seconds.
    """

    held: Any
    targets: Any
    rate: Any
    hold: Any


def begin(wiring: Wiring, gates: jax.Array) -> Memory:
    """Gates charged, all nodes at ground."""
    nodes = jnp.zeros(wiring.nodes)
    return Memory(gates, nodes, nodes, jnp.int32(0))


def free(wiring: Wiring, numbers: Numbers, gates: jax.Array, start: jax.Array, held: jax.Array) -> Solved:
    """The free network, from voltages near its operating point."""
    return solve(wiring, numbers, wiring.free, gates, start.at[np.array(wiring.held)].set(held))


def clamped(
    wiring: Wiring, numbers: Numbers, gates: jax.Array, start: jax.Array, at: jax.Array, targets: jax.Array
) -> Solved:
    """The clamped network, whose outputs follow those of the free one.

    Args:
        start: volts near its operating point.
        at: volts of the free network.
        targets: volts of the outputs.
    """
    ahead = numbers.eta * (targets - wiring.reading @ at) @ wiring.pushing
    known = np.setdiff1d(np.arange(wiring.nodes), wiring.clamped)
    return solve(wiring, numbers, wiring.clamped, gates, start.at[known].set((at + ahead)[known]))


def both(wiring: Wiring, numbers: Numbers, memory: Memory, point: Point) -> tuple[Memory, jax.Array]:
    """Both networks at their operating points, and whether these were found."""
    one = free(wiring, numbers, memory.gates, memory.free, point.held)
    two = clamped(wiring, numbers, memory.gates, memory.clamped, one.volts, point.targets)
    return memory._replace(free=one.volts, clamped=two.volts), one.converged & two.converged


def drops(wiring: Wiring, volts: jax.Array) -> jax.Array:
    """Voltage drops over the edges, ``(edges,)``."""
    first, second = wiring.ends
    return volts[first] - volts[second]


def charging(wiring: Wiring, numbers: Numbers, memory: Memory, rate: jax.Array) -> jax.Array:
    """What the pumps add to ``dV_G/dt`` with both networks at their operating points, V/s, ``(edges,)``."""
    gates = memory.gates
    contrast = drops(wiring, memory.free) ** 2 - drops(wiring, memory.clamped) ** 2
    up = jnp.clip((numbers.high - gates) / numbers.headroom, 0.0, 1.0)
    down = jnp.clip((gates - numbers.low) / numbers.headroom, 0.0, 1.0)
    return numbers.rate * rate * contrast * jnp.where(contrast > 0, up, down)


def moved(numbers: Numbers, gates: jax.Array, pumped: jax.Array, leaked: jax.Array) -> jax.Array:
    """Gates after a step of the integrator.

    Pumps near an end of the range exponentially and never pass it; a long step would. Leaks may.

    Args:
        gates: before, volts.
        pumped, leaked: changes by the pumps and by the leaks, volts.
    """
    ends = jnp.minimum(numbers.low, gates), jnp.maximum(numbers.high, gates)
    return jnp.clip(gates + pumped, *ends) + leaked


class Progress(NamedTuple):
    """How far a point is learned.

    Args:
        memory: as it is.
        left: time that is left, seconds.
        out: free outputs as the point began, volts.
        fine: whether all operating points were found.
        steps: of the integrator.
    """

    memory: Memory
    left: jax.Array
    out: jax.Array
    fine: jax.Array
    steps: jax.Array


def learn(
    wiring: Wiring, numbers: Numbers, step: jax.Array, memory: Memory, point: Point
) -> tuple[Memory, jax.Array]:
    """Learn a point; returns the free outputs before, volts.

    Args:
        step: most that a step of the integrator changes a gate, volts.
    """

    def going(at: Progress) -> jax.Array:
        return (at.left > 0.0) & (at.steps < STEPS)

    nothing = jnp.zeros(len(wiring.outputs))
    begun = Progress(memory, jnp.asarray(point.hold), nothing, jnp.bool_(True), jnp.int32(0))
    done = jax.lax.while_loop(going, partial(_advance, wiring, numbers, step, point), begun)
    fine = done.fine & (done.left <= 0.0)
    kept = jax.tree.map(lambda new, old: jnp.where(fine, new, old), done.memory, memory)
    return kept._replace(lost=memory.lost + ~fine), done.out


def _advance(wiring: Wiring, numbers: Numbers, step: jax.Array, point: Point, at: Progress) -> Progress:
    """One step of Heun's method."""
    now, found = both(wiring, numbers, at.memory, point)
    first = charging(wiring, numbers, now, point.rate)
    length = jnp.minimum(at.left, step / jnp.maximum(jnp.max(jnp.abs(first)), step / point.hold))
    leaked = -length * numbers.discharge * now.gates
    ahead = now._replace(gates=moved(numbers, now.gates, length * first, leaked))
    ahead, settled = both(wiring, numbers, ahead, point)
    second = charging(wiring, numbers, ahead, point.rate)
    leaked = -0.5 * length * numbers.discharge * (now.gates + ahead.gates)
    after = ahead._replace(gates=moved(numbers, now.gates, 0.5 * length * (first + second), leaked))
    out = jnp.where(at.steps == 0, jnp.asarray(wiring.reading) @ now.free, at.out)
    return Progress(after, at.left - length, out, at.fine & found & settled, at.steps + 1)


def infer(wiring: Wiring, numbers: Numbers, memory: Memory, held: jax.Array) -> tuple[Memory, jax.Array]:
    """A point that is not learned; returns the free outputs, volts."""
    found = free(wiring, numbers, memory.gates, memory.free, held)
    kept = memory._replace(free=found.volts, lost=memory.lost + ~found.converged)
    return kept, jnp.asarray(wiring.reading) @ found.volts

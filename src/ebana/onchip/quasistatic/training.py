"""Training, point by point: free phase, nudged phase, update, with the charge on the weights carried on.

Where weights are read by their bit lines, these join the weights of the selected line in the nudged phase, and charge
is shared. In the update phase one line of cells of each crossbar is written: their nodes are driven to

    w - clip(scale rate (z_nudged - z_free) r(p_nudged), step),        r(x) = max(x - threshold, 0),

limited to the range of the weights; the others float. When the write line falls, the charge that the driven nodes have
in the network of the update phase stays on them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ebana.onchip.quasistatic import cell
from ebana.onchip.quasistatic.newton import output, solve, volts
from ebana.onchip.quasistatic.numbers import Chip, Drive, State
from ebana.onchip.quasistatic.wiring import Crossbar, Wiring


class Memory(NamedTuple):
    """What is carried from point to point.

    Args:
        state: voltages at the end of the last phase.
        charges: on the weights' nodes, coulombs, for one of the parallel cells.
        bit_lines: voltages that were last on the bit lines, by crossbar.
        lost: points with a phase that did not converge, at which nothing was written.
        steps: of Newton's method.
    """

    state: State
    charges: jax.Array
    bit_lines: tuple[jax.Array, ...]
    lost: jax.Array
    steps: jax.Array


class Step(NamedTuple):
    """A point of the training.

    Args:
        x: inputs, volts.
        y: targets, volts.
        lines: the line that is written in each crossbar.
        rate: factor of all updates.
        nudge: conductance to the targets, siemens.
    """

    x: Any
    y: Any
    lines: Any
    rate: Any
    nudge: Any


def begin(wiring: Wiring, chip: Chip, weights: jax.Array) -> Memory:
    """The network with its weights set, volts by cell, while all other nodes are at ground."""
    hidden = tuple(jnp.zeros(c.columns) for c in wiring.crossbars)
    state = State(hidden, hidden[:-1], hidden[:-1], weights)
    charges = _charges(wiring, chip, state, jnp.zeros(wiring.crossbars[0].rows))
    bit_lines = tuple(jnp.zeros(c.cells // c.lines) for c in wiring.crossbars)
    return Memory(state, charges, bit_lines, jnp.int32(0), jnp.int32(0))


def _charges(wiring: Wiring, chip: Chip, state: State, x: jax.Array) -> jax.Array:
    return cell.evaluate(wiring, chip, volts(wiring, state, x)).charge


def infer(wiring: Wiring, chip: Chip, memory: Memory, x: jax.Array) -> tuple[Memory, jax.Array]:
    """A point without nudge and update; returns the outputs in volts."""
    y, nothing = jnp.zeros(wiring.crossbars[-1].columns), jnp.zeros(())
    done = solve(wiring, chip, memory.state, _floating(memory, x, y, nothing))
    out = output(chip.layers[-1], done.state.z[-1], y, nothing)
    lost = memory.lost + ~done.converged
    return memory._replace(state=done.state, lost=lost, steps=memory.steps + done.steps), out


def learn(wiring: Wiring, chip: Chip, memory: Memory, point: Step) -> tuple[Memory, jax.Array]:
    """A point of the training; returns the outputs of its free phase in volts."""
    nothing = jnp.zeros(())
    free = solve(wiring, chip, memory.state, _floating(memory, point.x, point.y, nothing))
    masks = [_line(c, point.lines[k]) for k, c in enumerate(wiring.crossbars)]
    joined, shared = _bit_lines(wiring, chip, memory, masks)
    drive = _floating(memory, point.x, point.y, point.nudge)
    nudged = solve(wiring, chip, free.state, drive._replace(joined=joined, charges=memory.charges + shared))
    driven = jnp.concatenate([mask.ravel() for mask in masks])
    wanted = _wanted(wiring, chip, free.state, nudged.state, point)
    drive = drive._replace(nudge=nothing, driven=driven, wanted=wanted)
    written = solve(wiring, chip, nudged.state, drive)
    fine = free.converged & nudged.converged & written.converged
    charges = _charges(wiring, chip, written.state, point.x)
    charges = jnp.where(fine & driven, charges, memory.charges)
    lines = tuple(
        jnp.sum(jnp.where(mask, written.state.w[place].reshape(shape), 0.0), axis=_across(c))
        for (place, shape), c, mask in zip(wiring.places(), wiring.crossbars, masks, strict=True)
    )
    kept = jax.tree.map(
        lambda new, old: jnp.where(fine, new, old), (written.state, lines), (memory.state, memory.bit_lines)
    )
    steps = memory.steps + free.steps + nudged.steps + written.steps
    out = output(chip.layers[-1], free.state.z[-1], point.y, nothing)
    return Memory(kept[0], charges, kept[1], memory.lost + ~fine, steps), out


def _floating(memory: Memory, x: jax.Array, y: jax.Array, nudge: jax.Array) -> Drive:
    """No weight is driven."""
    none = jnp.zeros_like(memory.charges)
    return Drive(x, y, nudge, memory.charges, none, jnp.zeros(none.shape, bool), none)


def _across(crossbar: Crossbar) -> int:
    """The axis of the crossbar that a bit line runs along."""
    return 0 if crossbar.write == "rows" else 1


def _line(crossbar: Crossbar, line: jax.Array) -> jax.Array:
    """Mask of the cells on a write line."""
    here = jnp.arange(crossbar.lines) == line
    return jnp.broadcast_to(jnp.expand_dims(here, 1 - _across(crossbar)), (crossbar.rows, crossbar.columns))


def _bit_lines(
    wiring: Wiring, chip: Chip, memory: Memory, masks: list[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """Capacitance of the bit lines that the cells on a write line are joined to while they are read, and its charge.

    Weights that are read through a buffer are joined to none.
    """
    capacitances, charges = [], []
    for k, (crossbar, layer) in enumerate(zip(wiring.crossbars, chip.layers, strict=True)):
        farads = 0.0 if crossbar.buffered else layer.bit_line / layer.multiplier
        here = jnp.where(masks[k], farads, 0.0)
        capacitances.append(here.ravel())
        charges.append((here * jnp.expand_dims(memory.bit_lines[k], _across(crossbar))).ravel())
    return jnp.concatenate(capacitances), jnp.concatenate(charges)


def _wanted(wiring: Wiring, chip: Chip, free: State, nudged: State, point: Step) -> jax.Array:
    """Voltages that the update circuits ask for, for all cells; those of one line are driven there."""
    parts = []
    inputs = (point.x, *nudged.p)
    for k, ((place, shape), crossbar, layer) in enumerate(
        zip(wiring.places(), wiring.crossbars, chip.layers, strict=True)
    ):
        read = nudged.w[place].reshape(shape)
        pre = inputs[k]
        if crossbar.rectified:
            pre = jnp.maximum(pre - layer.threshold, 0.0)
        change = layer.scale * point.rate * (nudged.z[k] - free.z[k]) * pre[:, None]
        wanted = read - jnp.clip(change, -layer.step, layer.step)
        parts.append(jnp.clip(wanted, -layer.limit, layer.limit).ravel())
    return jnp.concatenate(parts)

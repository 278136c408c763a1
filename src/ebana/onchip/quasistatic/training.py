"""Training, point by point: free phase, nudged phase, update, with the charge on the weights carried on.

Where weights are read by their bit lines, these join the weights of the selected line in the nudged phase, and charge
is shared. In the update phase one line of cells of each crossbar is written: their nodes are driven to

    w - clip(scale rate (z_nudged - z_free) r(p_nudged), step),        r(x) = max(x - threshold, 0),

limited to the range of the weights, or changed as an update circuit of a user's own states; the others float. When the
write line falls, the charge that the driven nodes have in the network of the update phase stays on them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ebana.onchip.imperfections import Draws
from ebana.onchip.quasistatic import cell, noise
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
        noise: of the chip, or None.
    """

    x: Any
    y: Any
    lines: Any
    rate: Any
    nudge: Any
    noise: Draws | None = None


def begin(wiring: Wiring, chip: Chip, weights: jax.Array) -> Memory:
    """The network with its weights set, volts by cell, while all other nodes are at ground."""
    hidden = tuple(jnp.zeros(c.columns) for c in wiring.crossbars)
    state = State(hidden, hidden[:-1], hidden[:-1], weights)
    charges = _charges(wiring, chip, state, jnp.zeros(wiring.crossbars[0].rows))
    bit_lines = tuple(jnp.zeros(c.cells // c.lines) for c in wiring.crossbars)
    return Memory(state, charges, bit_lines, jnp.int32(0), jnp.int32(0))


def _charges(wiring: Wiring, chip: Chip, state: State, x: jax.Array) -> jax.Array:
    return cell.evaluate(wiring, chip, volts(wiring, state, x)).charge


def infer(
    wiring: Wiring, chip: Chip, memory: Memory, x: jax.Array, wander: jax.Array | None = None
) -> tuple[Memory, jax.Array]:
    """A point without nudge and update; returns the outputs in volts.

    Args:
        wander: of the transistors' thresholds, volts, or None.
    """
    chip = noise.wandering(chip, wander)
    y, nothing = jnp.zeros(wiring.crossbars[-1].columns), jnp.zeros(())
    memory = _leaking(wiring, chip, memory, memory.state, 0)
    done = solve(wiring, chip, memory.state, _floating(memory, x, y, nothing))
    out = output(chip.layers[-1], done.state.z[-1], y, nothing)
    state = _kept(done.converged, done.state, memory.state)
    memory = _leaking(wiring, chip, _leaking(wiring, chip, memory, state, 1), state, 2)
    lost = memory.lost + ~done.converged
    return memory._replace(state=state, lost=lost, steps=memory.steps + done.steps), out


def learn(
    wiring: Wiring, chip: Chip, memory: Memory, point: Step
) -> tuple[Memory, tuple[jax.Array, jax.Array]]:
    """A point of the training.

    Returns:
        The memory after it; the outputs of its free phase, and what noise and offsets add to each sampled error, volts.
    """
    chip = noise.wandering(chip, None if point.noise is None else point.noise.wander)
    nothing = jnp.zeros(())
    memory = _leaking(wiring, chip, memory, memory.state, 0)
    free = solve(wiring, chip, memory.state, _floating(memory, point.x, point.y, nothing))
    memory = _leaking(wiring, chip, memory, _kept(free.converged, free.state, memory.state), 1)
    masks = [_line(c, point.lines[k]) for k, c in enumerate(wiring.crossbars)]
    joined, shared = _bit_lines(wiring, chip, memory, masks)
    drive = _floating(memory, point.x, point.y, point.nudge)
    shown = drive._replace(joined=joined, charges=memory.charges + shared)
    nudged = solve(wiring, chip, free.state, shown)
    driven = jnp.concatenate([mask.ravel() for mask in masks])
    errors = [after - before for after, before in zip(nudged.state.z, free.state.z, strict=True)]
    added = noise.sampled(wiring, chip, nudged.state, shown, point.noise)
    errors = [error + more for error, more in zip(errors, added, strict=True)]
    wanted = _wanted(wiring, chip, nudged.state, errors, point)
    memory = _leaking(wiring, chip, memory, _kept(nudged.converged, nudged.state, memory.state), 2)
    drive = drive._replace(nudge=nothing, driven=driven, wanted=wanted, charges=memory.charges)
    written = solve(wiring, chip, nudged.state, drive)
    fine = free.converged & nudged.converged & written.converged
    lines = tuple(
        jnp.sum(jnp.where(mask, written.state.w[place].reshape(shape), 0.0), axis=_across(c))
        for (place, shape), c, mask in zip(wiring.places(), wiring.crossbars, masks, strict=True)
    )
    state, lines = _kept(fine, (written.state, lines), (memory.state, memory.bit_lines))
    charges = _charges(wiring, chip, written.state, point.x)
    charges = jnp.where(fine & driven, charges, memory.charges)
    steps = memory.steps + free.steps + nudged.steps + written.steps
    out = output(chip.layers[-1], free.state.z[-1], point.y, nothing)
    return Memory(state, charges, lines, memory.lost + ~fine, steps), (out, jnp.concatenate(added))


def _kept(fine: jax.Array, new: Any, old: Any) -> Any:
    """What is new where it is fine, else what was."""
    return jax.tree.map(lambda a, b: jnp.where(fine, a, b), new, old)


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
        farads = 0.0 if crossbar.buffered else layer.update["bit_line"] / layer.multiplier
        here = jnp.where(masks[k], farads, 0.0)
        capacitances.append(here.ravel())
        charges.append((here * jnp.expand_dims(memory.bit_lines[k], _across(crossbar))).ravel())
    return jnp.concatenate(capacitances), jnp.concatenate(charges)


def _wanted(wiring: Wiring, chip: Chip, nudged: State, errors: list[jax.Array], point: Step) -> jax.Array:
    """Voltages that the update circuits ask for, for all cells; those of one line are driven there."""
    parts = []
    inputs = (point.x, *nudged.p)
    written = noise.written(wiring, chip, point.noise)
    for k, ((place, shape), crossbar, layer) in enumerate(
        zip(wiring.places(), wiring.crossbars, chip.layers, strict=True)
    ):
        made, structure = crossbar.update
        circuit = made.of(structure, layer.update)
        change = circuit.change(errors[k], inputs[k][:, None], point.rate)
        wanted = jnp.clip(nudged.w[place].reshape(shape) - change, -circuit.limit, circuit.limit)
        added = 0.0 if written is None else jnp.expand_dims(written[k], _across(crossbar))
        parts.append((wanted + added).ravel())
    return jnp.concatenate(parts)


def _leaking(wiring: Wiring, chip: Chip, memory: Memory, state: State, part: int) -> Memory:
    """What is remembered after the weights, at some voltages, have leaked for a part of a point."""
    each = [
        jnp.full(c.cells, layer.forgotten[part])
        for c, layer in zip(wiring.crossbars, chip.layers, strict=True)
    ]
    return memory._replace(charges=memory.charges - jnp.concatenate(each) * state.w)

"""Noise and offsets of a chip, point by point: how large the unit draws are, and where they enter.

White noise is a current into each amplifier's node; what a sampler sees of it follows from the linearised network of
the nudged phase. The free phase is taken to have as much, and the difference of the two samples the sum.
"""

from __future__ import annotations

from functools import reduce as fold
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.devices.silicon import CHARGE
from ebana.onchip.imperfections import Draws
from ebana.onchip.quasistatic import cell, newton
from ebana.onchip.quasistatic.numbers import Chip, Drive, Layer, State
from ebana.onchip.quasistatic.wiring import Wiring


def wandering(chip: Chip, wander: Any) -> Chip:
    """The chip whose thresholds have wandered."""
    if wander is None:
        return chip
    assert chip.differences is not None
    differences = chip.differences
    return chip._replace(differences=differences._replace(threshold=differences.threshold + wander))


def sampled(wiring: Wiring, chip: Chip, nudged: State, drive: Drive, draws: Draws | None) -> list[jax.Array]:
    """What noise and offsets add to the errors as the update circuits sample them, volts, by layer."""
    added = [[jnp.zeros(c.columns) for c in wiring.crossbars]]
    if chip.differences is not None:
        added.append(_by_layer(wiring, chip.differences.offset))
    if draws is not None and draws.node is not None:
        added.append(node_noise(wiring, chip, nudged, drive, draws))
    if draws is not None and draws.sampled is not None:
        held = [jnp.sqrt(CHARGE * layer.thermal / layer.update["hold"]) for layer in chip.layers]
        added.append([h * unit for h, unit in zip(held, _by_layer(wiring, draws.sampled), strict=True)])
    return [fold(jnp.add, parts) for parts in zip(*added, strict=True)]


def written(wiring: Wiring, chip: Chip, draws: Draws | None) -> list[jax.Array] | None:
    """Noise on each bit line, volts, by layer: of the held value, and of the weight as it is cut off."""
    if draws is None or draws.written is None:
        return None
    lines = [c.cells // c.lines for c in wiring.crossbars]
    parts = jnp.split(draws.written, np.cumsum(lines)[:-1])
    return [part * write_noise(layer) for part, layer in zip(parts, chip.layers, strict=True)]


def write_noise(layer: Layer) -> jax.Array:
    """Standard deviation of what is written, volts."""
    weight = layer.capacitance * layer.multiplier
    return jnp.sqrt(CHARGE * layer.thermal * (1.0 / layer.update["hold"] + 1.0 / weight))


def node_noise(wiring: Wiring, chip: Chip, state: State, drive: Drive, draws: Draws) -> list[jax.Array]:
    """Noise of both samples of an error together at each amplifier's node, volts."""
    assert draws.white is not None
    assert draws.pink is not None
    assert draws.lowest is not None
    _, _, rows = newton.linearised(wiring, chip, state, drive)
    white, pink = spectra(wiring, chip, state, drive)
    forced = []
    for k, (row, layer, unit) in enumerate(
        zip(rows, chip.layers, _by_layer(wiring, draws.node), strict=True)
    ):
        diagonal = row.diagonal if row.diagonal.ndim == 1 else jnp.diagonal(row.diagonal)
        settle = layer.capacitance_z / diagonal + layer.update["hold"] * layer.update["sampler"]
        highest = 1.0 / (2.0 * jnp.pi * settle)
        octaves = jnp.log(jnp.maximum(highest / draws.lowest, 1.0))
        power = draws.white * white[k] / (2.0 * settle) + 2.0 * draws.pink * pink[k] * octaves
        forced.append(row._replace(residual=jnp.sqrt(power) * unit))
    return newton.tridiagonal(forced)


def spectra(
    wiring: Wiring, chip: Chip, state: State, drive: Drive
) -> tuple[list[jax.Array], list[jax.Array]]:
    """Noise currents into each amplifier's node, by layer.

    Returns:
        The white one, A^2/Hz; and ``gm^2 / (W L)`` of the transistors there, S^2/m^2, which flicker noise goes with.
    """
    conducting, gates = cell.noise(wiring, chip, newton.volts(wiring, state, drive.x))
    multiplier = cell.each_cell(wiring, chip.layers, "multiplier")
    white, pink = [], []
    for k, ((place, shape), layer) in enumerate(zip(wiring.places(), chip.layers, strict=True)):
        energy = CHARGE * layer.thermal
        column = (multiplier * conducting)[place].reshape(shape).sum(0)
        total = 4.0 * energy * (column + layer.leak)
        if k < wiring.depth - 1:
            total += 2.0 * CHARGE * _clamp(wiring, layer, state, k)
        else:
            total += 4.0 * energy * _reflected(layer, drive.nudge)
        white.append(total)
        pink.append((multiplier * gates)[place].reshape(shape).sum(0))
    return white, pink


def _reflected(layer: Layer, nudge: jax.Array) -> jax.Array:
    """Conductance at the node with the noise of an output's load and nudge, which the amplifier reflects.

    The nudge is there in one of the two samples.
    """
    gain = layer.backward / layer.resistance / (1.0 / layer.resistance + layer.load + nudge)
    return gain**2 * (layer.load + 0.5 * nudge)


def _clamp(wiring: Wiring, layer: Layer, state: State, k: int) -> jax.Array:
    """Currents of the diodes at a hidden amplifier, amperes, as their noise reaches its input."""
    if not wiring.crossbars[k].mirrored:
        return jnp.abs(newton.diode(layer, layer.clamp_volts - state.z[k])[0])
    across = layer.clamp_volts + jnp.stack([-state.p[k], state.n[k]])
    return layer.backward**2 * jnp.abs(newton.diode(layer, across)[0]).sum(0)


def _by_layer(wiring: Wiring, values: Any) -> list[jax.Array]:
    return jnp.split(values, np.cumsum([c.columns for c in wiring.crossbars])[:-1])

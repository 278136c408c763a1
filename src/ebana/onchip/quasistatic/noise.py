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
    if draws is not None and draws.white is not None:
        added.append(white_noise(wiring, chip, nudged, drive, _by_layer(wiring, draws.white)))
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


def white_noise(
    wiring: Wiring, chip: Chip, state: State, drive: Drive, units: list[jax.Array]
) -> list[jax.Array]:
    """White noise of both samples together at each amplifier's node, volts, for unit draws."""
    _, _, rows = newton.linearised(wiring, chip, state, drive)
    spectra = spectrum(wiring, chip, state, drive)
    forced = []
    for row, layer, s, unit in zip(rows, chip.layers, spectra, units, strict=True):
        diagonal = row.diagonal if row.diagonal.ndim == 1 else jnp.diagonal(row.diagonal)
        settle = layer.capacitance_z / diagonal + layer.update["hold"] * layer.update["sampler"]
        current = jnp.sqrt(s / (2.0 * settle)) * unit
        forced.append(row._replace(residual=current))
    return newton.tridiagonal(forced)


def spectrum(wiring: Wiring, chip: Chip, state: State, drive: Drive) -> list[jax.Array]:
    """Spectral density of the noise current into each amplifier's node, A^2/Hz, by layer."""
    slopes = cell.conductances(wiring, chip, newton.volts(wiring, state, drive.x))
    each = cell.each_cell(wiring, chip.layers, "multiplier") * slopes
    found = []
    for k, ((place, shape), layer) in enumerate(zip(wiring.places(), chip.layers, strict=True)):
        energy = CHARGE * layer.thermal
        channel = 8.0 / 3.0 * energy * each[place].reshape(shape).sum(0)
        total = channel + 4.0 * energy * layer.leak
        if k < wiring.depth - 1:
            total += 2.0 * CHARGE * _clamp(wiring, layer, state, k)
        found.append(total)
    return found


def _clamp(wiring: Wiring, layer: Layer, state: State, k: int) -> jax.Array:
    """Currents of the diodes at a hidden amplifier, amperes, as their noise reaches its input."""
    if not wiring.crossbars[k].mirrored:
        return jnp.abs(newton.diode(layer, layer.clamp_volts - state.z[k])[0])
    across = layer.clamp_volts + jnp.stack([-state.p[k], state.n[k]])
    return layer.backward**2 * jnp.abs(newton.diode(layer, across)[0]).sum(0)


def _by_layer(wiring: Wiring, values: Any) -> list[jax.Array]:
    return jnp.split(values, np.cumsum([c.columns for c in wiring.crossbars])[:-1])

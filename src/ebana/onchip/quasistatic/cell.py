"""Currents and charges of all cells, with the weights' nodes eliminated.

A weight's node floats but while it is written: its charge ``Q`` is given, and its voltage ``w`` follows from

    q(w, p, n, z) = C w + sum of the gates' charges = Q.

In a step of Newton's method ``w`` goes with the voltages around it, ``dw = (Q - q - q_p dp - q_n dn - q_z dz) / q_w``;
put into the currents this leaves, for each cell, currents and derivatives by ``p, n, z`` alone. A weight that is
driven has ``dw = wanted - w`` instead. The last axis of all arrays is over the cells of all crossbars.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana.onchip.quasistatic.numbers import Chip, Drive, Layer
from ebana.onchip.quasistatic.wiring import Wiring
from ebana.onchip.transistors.law import Point


class Cells(NamedTuple):
    """What the cells do at some voltages; nodes are ``p, n, z, w`` in this order.

    Args:
        current: drawn from each outer node, amperes, ``(3, C)``.
        slope: its derivatives by the nodes' voltages, siemens, ``(3, 4, C)``.
        charge: on the weights' nodes, coulombs, ``(C,)``.
        charge_slope: its derivatives, farads, ``(4, C)``.
    """

    current: jax.Array
    slope: jax.Array
    charge: jax.Array
    charge_slope: jax.Array


def each_cell(wiring: Wiring, layers: tuple[Layer, ...], name: str) -> jax.Array:
    """A number of the layers, by cell."""
    return jnp.concatenate(
        [jnp.full(c.cells, getattr(x, name)) for c, x in zip(wiring.crossbars, layers, strict=True)]
    )


@partial(jax.jit, static_argnums=0)  # traced once for all places of a program that evaluate the cells
def evaluate(wiring: Wiring, chip: Chip, volts: jax.Array) -> Cells:
    """Evaluate all cells, each a single one (not multiplied).

    Args:
        volts: at the nodes of each cell, ``(4, C)``.
    """
    by_g, by_d = wiring.incidence("gate", "source"), wiring.incidence("drain", "source")
    vgs, vds = (_combined(table, volts) for table in (by_g, by_d))
    at = _points(wiring, chip, vgs, vds)
    flow = wiring.flow
    none = jnp.zeros(volts.shape[1:])
    current = jnp.stack([_total(flow[a], at.current, none) for a in range(3)])
    derivative = [
        [by_g[t, b] * at.current_g[t] + by_d[t, b] * at.current_d[t] for t in range(len(by_g))]
        for b in range(4)
    ]
    slopes = [[_total(flow[a], derivative[b], none) for b in range(4)] for a in range(3)]
    storing = wiring.storing
    capacitance = each_cell(wiring, chip.layers, "capacitance")
    charge = capacitance * volts[3] + _total(storing, at.charge, none)
    stored = [
        [by_g[t, b] * at.charge_g[t] + by_d[t, b] * at.charge_d[t] for t in range(len(by_g))]
        for b in range(4)
    ]
    charge_slope = [_total(storing, stored[b], none) for b in range(4)]
    charge_slope[3] = charge_slope[3] + capacitance
    return Cells(
        current,
        jnp.stack([jnp.stack(row) for row in slopes]),
        charge,
        jnp.stack(charge_slope),
    )


def _combined(table: np.ndarray, volts: jax.Array) -> jax.Array:
    """Differences of the nodes' voltages by transistor of a cell, ``(T, C)``."""
    used = [k for k in range(table.shape[1]) if table[:, k].any()]
    parts = [jnp.asarray(table[:, k, None]) * volts[k] for k in used]
    return sum(parts, jnp.zeros((len(table), volts.shape[1])))


def _total(signs: np.ndarray, parts: jax.Array | list[jax.Array], none: jax.Array) -> jax.Array:
    """Sum of the parts that count."""
    return sum((sign * parts[t] for t, sign in enumerate(signs) if sign), none)


def _points(wiring: Wiring, chip: Chip, vgs: jax.Array, vds: jax.Array):
    if chip.differences is None:
        return chip.law(wiring.which, vgs, vds)
    at = chip.law(wiring.which, vgs - wiring.channel * chip.differences.threshold, vds)
    strength = chip.differences.strength
    return Point(*(strength * part for part in at))


def noise(wiring: Wiring, chip: Chip, volts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What the noise of the transistors at each cell's column goes with, each ``(C,)``.

    Seen from the end that is the source, a transistor whose drain lies below its source (above, for a p channel) has
    ``gm = -dI/dvgs`` and ``gds = dI/dvds + dI/dvgs``.

    Returns:
        Sum of ``2/3 gm + gds``, siemens; and of ``gm^2 / (W L)``, S^2/m^2.
    """
    vgs = _combined(wiring.incidence("gate", "source"), volts)
    vds = _combined(wiring.incidence("drain", "source"), volts)
    at = _points(wiring, chip, vgs, vds)
    reversed_ = wiring.channel * vds < 0.0
    gm = jnp.abs(at.current_g)
    gds = jnp.maximum(at.current_d - jnp.where(reversed_, gm, 0.0), 0.0)
    areas = [one.size.width * one.size.length for one in wiring.transistors]
    there, none = np.flatnonzero(wiring.flow[2]), jnp.zeros(volts.shape[1:])
    conducting = sum((2.0 / 3.0 * gm[t] + gds[t] for t in there), none)
    return conducting, sum((gm[t] ** 2 / areas[t] for t in there), none)


class Reduced(NamedTuple):
    """Cells whose weights' nodes are eliminated, multiplied; nodes are ``p, n, z``.

    Args:
        current: of the outer nodes after the weights' own step, ``(3, C)``.
        slope: by the outer nodes' voltages, ``(3, 3, C)``.
        step: of the weights' voltages where nothing else moves, ``(C,)``.
        follow: change of a weight's voltage by that of each outer node, ``(3, C)``.
    """

    current: jax.Array
    slope: jax.Array
    step: jax.Array
    follow: jax.Array


def reduce(wiring: Wiring, chip: Chip, volts: jax.Array, drive: Drive) -> Reduced:
    """Eliminate the weights' nodes at some voltages, ``(4, C)``."""
    cells = evaluate(wiring, chip, volts)
    multiplier = each_cell(wiring, chip.layers, "multiplier")
    free = 1.0 / (cells.charge_slope[3] + drive.joined)
    missing = drive.charges - cells.charge - drive.joined * volts[3]
    step = jnp.where(drive.driven, drive.wanted - volts[3], missing * free)
    follow = jnp.where(drive.driven, 0.0, -cells.charge_slope[:3] * free)
    current = multiplier * (cells.current + cells.slope[:, 3] * step)
    slope = multiplier * (cells.slope[:, :3] + cells.slope[:, 3:] * follow)
    return Reduced(current, slope, step, follow)

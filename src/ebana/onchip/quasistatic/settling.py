"""How long a network takes to settle: whether its clock leaves the phases the time that this engine takes for granted.

With the capacitances of the drains at the amplifiers' inputs, ``C dz/dt = -J z`` near an operating point; the slowest
of its modes decays with ``tau = 1 / min eig(J / C)``, and after ``n`` of these ``e^-n`` of a change is still to come.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic, compiled
from ebana.onchip.quasistatic.newton import Row, linearised
from ebana.onchip.quasistatic.numbers import LANES, Chip, Drive, Layer, State
from ebana.onchip.quasistatic.wiring import Wiring

ENOUGH = 7.0
"""Time constants after which a phase counts as settled: a thousandth is still to come."""


class ClockTooFast(ValueError):
    """A clock whose phases end before the network has settled."""


def conductances(rows: list[Row]) -> jax.Array:
    """The block tridiagonal system in ``z`` as one matrix, siemens."""
    sizes = [row.residual.shape[0] for row in rows]
    ends = np.cumsum([0, *sizes])
    matrix = jnp.zeros((ends[-1], ends[-1]))
    for k, row in enumerate(rows):
        here = slice(ends[k], ends[k + 1])
        diagonal = jnp.diag(row.diagonal) if row.diagonal.ndim == 1 else row.diagonal
        matrix = matrix.at[here, here].set(diagonal)
        if row.lower is not None:
            matrix = matrix.at[here, ends[k - 1] : ends[k]].set(row.lower)
        if row.upper is not None:
            matrix = matrix.at[here, ends[k + 1] : ends[k + 2]].set(row.upper)
    return matrix


def _matrices(structure: Wiring, chip: Chip, state: State, x: jax.Array, charges: jax.Array) -> jax.Array:
    def one(chip: Chip, state: State, x: jax.Array, charges: jax.Array) -> jax.Array:
        none = jnp.zeros_like(charges)
        nothing = jnp.zeros(structure.crossbars[-1].columns), jnp.zeros(())
        drive = Drive(x, *nothing, charges, none, jnp.zeros(none.shape, bool), none)
        return conductances(linearised(structure, chip, state, drive)[2])

    return jax.vmap(one, (LANES, 0, 0, 0))(chip, state, x, charges)


_compiled = compiled(_matrices, static_argnums=0, optimize=False)


def slowest(
    structure: Wiring, chip: Chip, capacitances: np.ndarray, state: State, x: np.ndarray, charges: Any
) -> np.ndarray:
    """The slowest time constant of each lane at its operating point, seconds; infinite where it does not settle.

    Args:
        capacitances: at the amplifiers' inputs, layer after layer, ``(lanes, nodes)``, farads.
        state: of the operating point.
        x: input voltages, ``(lanes, inputs)``.
        charges: on the weights' nodes.
    """
    with arithmetic():
        found = np.asarray(_compiled(structure, chip, state, jnp.asarray(x), charges))
    rates = np.linalg.eigvals(found / capacitances[:, :, None]).real.min(1)
    return np.where(rates > 0.0, 1.0 / np.where(rates > 0.0, rates, 1.0), np.inf)


def at_column(structure: Wiring, drains: tuple[float, ...]) -> float:
    """Capacitance of a cell at its column, farads.

    Args:
        drains: capacitance of a drain, or a source, of each kind of transistor.
    """
    return sum(
        drains[structure.sizes.index(one.size)]
        for one in structure.transistors
        for end in (one.drain, one.source)
        if end == "z"
    )


def capacitances(structure: Wiring, layers: tuple[Layer, ...]) -> np.ndarray:
    """Capacitances at the amplifiers' inputs, ``(lanes, nodes)``, farads."""
    each = [
        np.repeat(np.asarray(layer.capacitance_z)[:, None], c.columns, axis=1)
        for c, layer in zip(structure.crossbars, layers, strict=True)
    ]
    return np.concatenate(each, axis=1)


def samplers(layers: tuple[Layer, ...]) -> np.ndarray:
    """The slowest time constant of each lane's samplers, seconds."""
    each = [layer.update["hold"] * layer.update["sampler"] for layer in layers]
    return np.max(np.asarray(each), axis=0)


def check(taus: np.ndarray, settle: np.ndarray) -> None:
    """Refuse clocks that are too fast for their networks.

    Args:
        taus: slowest time constant of each lane, seconds.
        settle: length of its phases, seconds.
    """
    worst = int(np.argmin(settle / taus))
    count = float(settle[worst] / taus[worst])
    if count < ENOUGH:
        raise ClockTooFast(
            f"a phase of {settle[worst]:.3g} s is {count:.2g} time constants ({taus[worst]:.3g} s) of the slowest "
            f"node. Expected at least {ENOUGH:g}, as the quasi-static engine takes phases as settled: lengthen "
            "Clock(settle=...), raise Amplifier(leak=...), or use TransientEngine(), which does not."
        )

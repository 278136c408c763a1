"""What the update circuits of the first layer see in a training, beside the gradient that they ought to see.

At a point of the training, with ``dz`` the difference of the two phases at the hidden nodes and ``r`` the rectifier,

    update_ij = scale dz_j r(x_i),            gradient_ij = d sum_k (out_k - y_k)^2 / d w_ij,

the gradient by central differences through operating points of the free phase whose weights are held. Weights are
lowered by the update: where it follows the gradient their cosine is 1.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic, compiled
from ebana.onchip.formulas import above as rectified
from ebana.onchip.quasistatic.engine import Lanes
from ebana.onchip.quasistatic.newton import output, solve
from ebana.onchip.quasistatic.numbers import Chip, Drive
from ebana.onchip.quasistatic.training import Memory
from ebana.onchip.quasistatic.wiring import Wiring

SHIFT = 1e-3
"""Volts by which weights are shifted to either side."""


class Signals(NamedTuple):
    """By seed and point.

    Args:
        cosine: of the first layer's update and the gradient.
        update: root mean square of what a write would change the first layer's weights by, without limits, volts.
        returned: the same of ``dz`` at the hidden nodes, over that at the outputs' nodes.
        reach: root mean square of the gradient of the length of the error by the first layer's weights: how far an
            output follows a weight, volts per volt.
    """

    cosine: np.ndarray
    update: np.ndarray
    returned: np.ndarray
    reach: np.ndarray


def _rms(values: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean(values**2))


def _at_point(
    structure: Wiring, chip: Chip, memory: Memory, x: jax.Array, y: jax.Array, nudge: jax.Array
) -> tuple[jax.Array, ...]:
    """Update and gradient, each ``(rows, columns)``, ``returned``, the squared error, and whether all was found."""
    first, none = structure.crossbars[0], jnp.zeros_like(memory.charges)
    floats = jnp.zeros(none.shape, bool)
    drive = Drive(x, y, jnp.zeros(()), memory.charges, none, floats, none)
    free = solve(structure, chip, memory.state, drive)
    nudged = solve(structure, chip, free.state, drive._replace(nudge=nudge))
    changes = [after - before for after, before in zip(nudged.state.z, free.state.z, strict=True)]
    layer = chip.layers[0]
    made, fixed = first.update
    pre = rectified(x, made.of(fixed, layer.update).threshold)
    update = layer.update["scale"] * pre[:, None] * changes[0][None, :]

    def error(w: jax.Array) -> tuple[jax.Array, jax.Array]:
        held = solve(structure, chip, free.state, drive._replace(driven=~floats, wanted=w))
        out = output(chip.layers[-1], held.state.z[-1], y, jnp.zeros(()))
        return jnp.sum((out - y) ** 2), held.converged

    shifts = SHIFT * jnp.eye(first.cells, len(none))
    above, fine_above = jax.vmap(lambda shift: error(free.state.w + shift))(shifts)
    below, fine_below = jax.vmap(lambda shift: error(free.state.w - shift))(shifts)
    gradient = ((above - below) / (2.0 * SHIFT)).reshape(update.shape)
    squared, fine_here = error(free.state.w)
    fine = free.converged & nudged.converged & fine_here & fine_above.all() & fine_below.all()
    return update, gradient, _rms(changes[0]) / _rms(changes[-1]), squared, fine


def _signals(structure: Wiring, chip: Chip, memory: Memory, x: Any, y: Any, nudge: Any) -> Any:
    def lane(layers: Any, memory: Memory, x: Any, y: Any, nudge: Any) -> Any:
        here = partial(_at_point, structure, chip._replace(layers=layers), memory)
        return jax.vmap(here, (0, 0, None))(x, y, nudge)

    return jax.vmap(lane)(chip.layers, memory, x, y, nudge)


_compiled = compiled(_signals, static_argnums=0)


def arrays(
    state: Lanes, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Updates and gradients, ``(lanes, points, rows, columns)``, ``returned``, squared errors; see :func:`signals`."""
    with arithmetic():
        given = (jnp.asarray(x), jnp.asarray(y), jnp.asarray(state.nudge))
        *found, fine = _compiled(state.structure, state.chip, state.memory, *given)
    if not np.asarray(fine).all():
        lost = int((~np.asarray(fine)).sum())
        raise ArithmeticError(
            f"at {lost} of {fine.size} points a phase or a shifted weight has no operating point. Expected settings "
            "that settle everywhere; choose smaller updates, or other inputs."
        )
    update, gradient, returned, squared = (np.asarray(a) for a in found)
    return update, gradient, returned, squared


def signals(state: Lanes, x: np.ndarray, y: np.ndarray) -> Signals:
    """What the first layer's update circuits see at some points, the state of the training being left as it is.

    Args:
        state: of trainings.
        x: input voltages, ``(lanes, points, inputs)``.
        y: target voltages, ``(lanes, points, outputs)``.

    Returns:
        Arrays ``(lanes, points)``.

    Raises:
        ArithmeticError: where a phase, or a network with a weight shifted, has no operating point.
    """
    update, gradient, returned, squared = arrays(state, x, y)
    cells = (-2, -1)
    size, steepness = (np.sqrt((a**2).mean(cells)) for a in (update, gradient))
    product = (update * gradient).mean(cells)
    tiny = np.finfo(float).tiny
    cosine = product / np.maximum(size * steepness, tiny)
    return Signals(cosine, size, returned, steepness / np.maximum(2.0 * np.sqrt(squared), tiny))

"""The operating point of a network in a phase, by Newton's method with the structure of its layers.

Unknown are the amplifiers' inputs ``z`` of each layer, the outputs ``p`` and ``n`` of hidden amplifiers, and the
voltages of floating weights. Kirchhoff's current law says, with ``J`` the currents into the cells (cell.py), ``R`` the
output resistance, ``g`` the forward voltage gain and ``b`` the backward current gain,

    at p:  sum_k J_p - (g z - p) / R = 0          at n:  sum_k J_n - (-g z - n) / R = 0
    at z:  sum_i J_z + G z + b (2 g z - p + n) / R - D(c - z) = 0

with ``D`` the current of the clamp's diode from its bias ``c``. Where clamps are mirrored, the diodes are at the
outputs instead, one from ``c`` to p and one from n to ``-c``: ``-D(c - p)`` and ``+D(n + c)`` are added to the first
row, and z has no term of its own, since what they supply flows through ``R`` and is reflected with the rest.

The outputs of the last layer carry a load and, in the nudged phase, a conductance to the target, and are a linear
function of their ``z``. The weights are eliminated cell by cell, then ``p, n`` amplifier by amplifier (two by two),
which leaves a block tridiagonal system in the ``z`` of the layers, diagonal in the first: it is solved from the first
layer on.
"""

from __future__ import annotations

from functools import partial
from functools import reduce as fold
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebana.onchip.quasistatic import cell
from ebana.onchip.quasistatic.numbers import Chip, Drive, Layer, State
from ebana.onchip.quasistatic.wiring import Wiring

TOLERANCE = 1e-5
"""Volts of the last step of Newton's method: the error after it is of the order of its square (1e-9 V)."""

LONGEST = 0.5
"""Volts of a step at most."""

MOST = 60
"""Steps at most."""

STEEPEST = 40.0
"""Exponent of a clamp's diode at most."""


class Outcome(NamedTuple):
    """A solved phase."""

    state: State
    steps: jax.Array
    converged: jax.Array


def output(layer: Layer, z: jax.Array, y: jax.Array, nudge: jax.Array) -> jax.Array:
    """Voltages of the last layer's outputs, volts."""
    drive = layer.gain * z / layer.resistance + nudge * y
    return drive / (1.0 / layer.resistance + layer.load + nudge)


def diode(layer: Layer, across: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Current of a clamp's diode at the voltage across it, and its derivative."""
    current = layer.clamp_current * jnp.exp(jnp.minimum(across / layer.thermal, STEEPEST))
    return current - layer.clamp_current, current / layer.thermal


def volts(wiring: Wiring, state: State, x: jax.Array) -> jax.Array:
    """Voltages at the nodes of all cells, ``(4, C)``."""
    parts = []
    for c, p, n, z in zip(wiring.crossbars, (x, *state.p), (-x, *state.n), state.z, strict=True):
        rows = jnp.repeat(jnp.stack([p, n]), c.columns, axis=1, total_repeat_length=c.cells)
        columns = jnp.broadcast_to(z, (c.rows, c.columns)).reshape(1, -1)
        parts.append(jnp.concatenate([rows, columns]))
    return jnp.concatenate([jnp.concatenate(parts, axis=1), state.w[None]])


@partial(jax.jit, static_argnums=0)  # a point has three phases: traced once for all of them
def solve(wiring: Wiring, chip: Chip, start: State, drive: Drive) -> Outcome:
    """The operating point of a phase, from the voltages of the one before."""

    def go_on(carry: tuple[State, jax.Array, jax.Array]) -> jax.Array:
        _, steps, size = carry
        return (steps < MOST) & (size >= TOLERANCE)  # a NaN ends it

    def advance(carry: tuple[State, jax.Array, jax.Array]) -> tuple[State, jax.Array, jax.Array]:
        state, steps, _ = carry
        moved, size = step(wiring, chip, state, drive)
        return moved, steps + 1, size

    state, steps, size = jax.lax.while_loop(go_on, advance, (start, jnp.int32(0), jnp.float64(jnp.inf)))
    return Outcome(state, steps, size < TOLERANCE)


def step(wiring: Wiring, chip: Chip, state: State, drive: Drive) -> tuple[State, jax.Array]:
    """One step of Newton's method, and its largest change of a node's voltage."""
    cells, hidden, rows = linearised(wiring, chip, state, drive)
    dz = tridiagonal(rows)
    outputs = [_moved(h, dz[k], dz[k + 1]) for k, h in enumerate(hidden)]
    dp, dn = tuple(o[0] for o in outputs), tuple(o[1] for o in outputs)
    size = fold(jnp.maximum, [jnp.max(jnp.abs(d)) for d in (*dz, *outputs)])
    share = jnp.minimum(1.0, LONGEST / size)
    around = volts(wiring, State(tuple(dz), dp, dn, cells.step), jnp.zeros_like(drive.x))
    dw = cells.step + (cells.follow * around[:3]).sum(0)
    return _plus(state, share, State(tuple(dz), dp, dn, dw)), size


def linearised(
    wiring: Wiring, chip: Chip, state: State, drive: Drive
) -> tuple[cell.Reduced, list[jax.Array], list[Row]]:
    """The cells, the hidden amplifiers' outputs and the system in ``z`` at some voltages."""
    cells = cell.reduce(wiring, chip, volts(wiring, state, drive.x), drive)
    blocks = [
        (cells.current[:, place].reshape(3, *shape), cells.slope[:, :, place].reshape(3, 3, *shape))
        for place, shape in wiring.places()
    ]
    hidden = [_amplifiers(wiring, chip.layers[k], state, k, *blocks[k + 1]) for k in range(wiring.depth - 1)]
    rows = [_row(wiring, chip, state, drive, blocks[k], hidden, k) for k in range(wiring.depth)]
    return cells, hidden, rows


def _plus(state: State, share: jax.Array, change: State) -> State:
    return jax.tree.map(lambda old, new: old + share * new, state, change)


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
    """Product of small matrices as a sum: XLA's products of small ones take ten times as long."""
    return (a[..., :, :, None] * b[..., None, :, :]).sum(-2)


def _moved(hidden: jax.Array, here: jax.Array, after: jax.Array) -> jax.Array:
    """``dp`` and ``dn`` of hidden amplifiers, ``(2, m)``."""
    return hidden[..., 0] + hidden[..., 1] * here + (hidden[..., 2:] * after).sum(-1)


def _amplifiers(
    wiring: Wiring, layer: Layer, state: State, k: int, current: jax.Array, slope: jax.Array
) -> jax.Array:
    """Solve the two equations at the outputs of each hidden amplifier.

    Returns:
        ``dp`` and ``dn`` as affine functions: the constant, the factor of ``dz`` here, those of the ``dz`` of the next
        layer, ``(2, m, 2 + m_next)``.
    """
    conductance = 1.0 / layer.resistance
    forward = layer.gain * state.z[k]
    balance = current[:2].sum(-1) - conductance * jnp.stack([forward - state.p[k], -forward - state.n[k]])
    stiff = jnp.full_like(balance, conductance)
    if wiring.crossbars[k].mirrored:
        held, slopes = diode(layer, layer.clamp_volts + jnp.stack([-state.p[k], state.n[k]]))
        balance += jnp.array([[-1.0], [1.0]]) * held
        stiff += slopes
    drive = jnp.broadcast_to(conductance * layer.gain, state.z[k].shape)
    right = jnp.concatenate(
        [balance[..., None], jnp.stack([-drive, drive])[..., None], slope[:2, 2]], axis=-1
    )
    (pp, pn), (np_, nn) = slope[:2, :2].sum(-1)[..., None]
    pp, nn = pp + stiff[0, :, None], nn + stiff[1, :, None]
    inverse = -1.0 / (pp * nn - pn * np_)
    return jnp.stack([inverse * (nn * right[0] - pn * right[1]), inverse * (pp * right[1] - np_ * right[0])])


class Row(NamedTuple):
    """A block row of the system in ``z``: ``residual + lower dz_before + diagonal dz + upper dz_after = 0``.

    The diagonal block is a vector where it is diagonal.
    """

    residual: jax.Array
    diagonal: jax.Array
    lower: jax.Array | None
    upper: jax.Array | None


def _row(
    wiring: Wiring,
    chip: Chip,
    state: State,
    drive: Drive,
    block: tuple[jax.Array, jax.Array],
    hidden: list[jax.Array],
    k: int,
) -> Row:
    layer, z, (current, slope) = chip.layers[k], state.z[k], block
    residual = current[2].sum(0) + layer.leak * z
    diagonal = slope[2, 2].sum(0) + layer.leak
    back = layer.backward / layer.resistance
    upper = lower = None
    if k < len(hidden):
        mirror = back * (hidden[k][1] - hidden[k][0])
        residual += back * (2.0 * layer.gain * z - state.p[k] + state.n[k]) + mirror[:, 0]
        diagonal += back * 2.0 * layer.gain + mirror[:, 1]
        if not wiring.crossbars[k].mirrored:
            held, stiff = diode(layer, layer.clamp_volts - z)
            residual, diagonal = residual - held, diagonal + stiff
        upper = mirror[:, 2:]
    else:
        p = output(layer, z, drive.y, drive.nudge)
        by_z = (layer.gain / layer.resistance) / (1.0 / layer.resistance + layer.load + drive.nudge)
        residual += back * (layer.gain * z - p)
        diagonal += back * (layer.gain - by_z)
    if k:
        before, into = hidden[k - 1], slope[2, :2]  # (2, rows, 2 + columns), (2, rows, columns)
        residual += (into * before[..., :1]).sum((0, 1))
        lower = (into * before[..., 1:2]).sum(0).T
        dense = (into[..., :, None] * before[..., None, 2:]).sum((0, 1))
        diagonal = jnp.diag(diagonal) + dense
    return Row(residual, diagonal, lower, upper)


def tridiagonal(rows: list[Row]) -> list[jax.Array]:
    """Solve the block rows, from the first to the last and back."""
    done: list[tuple[jax.Array, jax.Array | None]] = []
    for row in rows:
        residual, diagonal = row.residual, row.diagonal
        if done and row.lower is not None and done[-1][1] is not None:
            residual = residual - (row.lower * done[-1][0]).sum(-1)
            diagonal = diagonal - _product(row.lower, done[-1][1])
        done.append(_divided(diagonal, residual, row.upper))
    steps = [-done[-1][0]]
    for constant, after in reversed(done[:-1]):
        assert after is not None
        steps.insert(0, -constant - (after * steps[0]).sum(-1))
    return steps


def _divided(
    diagonal: jax.Array, residual: jax.Array, upper: jax.Array | None
) -> tuple[jax.Array, jax.Array | None]:
    """The residual and the upper block, both divided by the diagonal block."""
    if diagonal.ndim == 1:
        return residual / diagonal, None if upper is None else upper / diagonal[:, None]
    right = residual[:, None] if upper is None else jnp.concatenate([residual[:, None], upper], axis=1)
    solved = right / diagonal if diagonal.shape == (1, 1) else jnp.linalg.solve(diagonal, right)
    return solved[:, 0], None if upper is None else solved[:, 1:]

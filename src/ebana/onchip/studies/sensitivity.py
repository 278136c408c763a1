"""How a cell answers to small changes: forwards, backwards, and to its weight.

With ``I`` the current that a cell sends into its column ``z``, and ``J_p``, ``J_n`` those that it draws from its row
and its inverted row at ``p = x`` and ``n = -x``,

    forward = dI/dx,        backward = -d(J_p - J_n)/dz,        write = dI/dw.

A conductance has equal ones forwards and backwards. The difference of the rows' currents is what the amplifier reflects
into the layer before (:mod:`ebana.onchip.quasistatic.newton`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic, compiled
from ebana.onchip.description import Inputs, Layer, Network
from ebana.onchip.quasistatic import cell
from ebana.onchip.quasistatic.engine import numbers_of
from ebana.onchip.quasistatic.numbers import Chip
from ebana.onchip.quasistatic.wiring import Crossbar, Wiring, wiring
from ebana.onchip.synapse import Synapse
from ebana.onchip.transistors.process import Process


class Sensitivity(NamedTuple):
    """Of cells, siemens."""

    forward: np.ndarray
    backward: np.ndarray
    write: np.ndarray


def _slopes(structure: Wiring, chip: Chip, volts: jax.Array) -> jax.Array:
    return cell.evaluate(structure, chip, volts).slope


_compiled = compiled(_slopes, static_argnums=0)


def sensitivity(synapse: Synapse, process: Process, x: Any, w: Any, z: Any = 0.0) -> Sensitivity:
    """Sensitivities of single cells at stated voltages.

    Args:
        synapse: kind of the cells; its multiplier does not count.
        process: of its transistors.
        x: voltage of the row, volts; the inverted row is at ``-x``.
        w: on the weight's node, volts.
        z: of the column, volts. All three are broadcast.

    Returns:
        Forward, backward and write sensitivity, siemens, in the broadcast shape.

    Example:
        >>> found = sensitivity(Synapse("cmos"), Process(), x=0.8, w=[-0.4, 0.4])
        >>> bool(found.forward[0] > 0 > found.forward[1])  # the weight chooses the sign
        True
    """
    x, w, z = np.broadcast_arrays(*(np.asarray(v, float) for v in (x, w, z)))
    structure = wiring(synapse.transistors, (Crossbar(x.size, 1),))
    network = Network(Inputs(1), (Layer(1), Layer(1)), synapse)
    layer = numbers_of(network, 0, process.celsius, drain=0.0)
    with arithmetic():
        chip = Chip(process.law(structure.sizes), (layer,))
        volts = jnp.asarray(np.stack([x, -x, z, w]).reshape(4, -1))
        slope = np.asarray(_compiled(structure, chip, volts)).reshape(3, 4, *x.shape)
    by_x = slope[2, 0] - slope[2, 1]
    return Sensitivity(-by_x, slope[1, 2] - slope[0, 2], -slope[2, 3])

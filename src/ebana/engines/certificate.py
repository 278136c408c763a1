"""Certify operating points of any engine: an a-posteriori error estimate in volts for each sample.

A small residual or a small step proves nothing: across 1e-9 S a residual of 1e-10 A is 0.1 V. The
estimate is the Newton correction ``J^-1 F`` at the given state, taken twice: with the conductances
there, and with the least ones within ``radius`` volts, so that a corner nearby cannot hide an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.circuit import Circuit
from ebana.compilation import arithmetic, compiled
from ebana.equations.assemble import assemble
from ebana.physics.nudge import Nudge


def estimate_error(
    circuit: Circuit,
    parameters: Mapping[str, Array],
    inputs: Mapping[str, Array],
    v: Array,
    nudge: Nudge,
    radius: float = 1e-9,
) -> np.ndarray:
    """Estimated error of each sample in volts, ``(B,)``; infinite where there is no estimate.

    Args:
        v: potentials of the free nodes, ``(B, F)``, volts.
        radius: how far around ``v`` the least conductances are sought, volts.
    """
    with arithmetic():
        v = jnp.asarray(v)
        if not (nudge.currents or nudge.strength):  # one program for the free phase and for held currents
            none = {port.name: np.zeros((v.shape[0], len(port.nodes)), v.dtype) for port in circuit.outputs}
            nudge = Nudge(none, {}, {}, None)
        error = _estimate(circuit, radius, dict(parameters), dict(inputs), v, nudge)
    return np.where(np.isfinite(error), error, np.inf)


def _estimate_all(
    circuit: Circuit, radius: float, parameters: Any, inputs: Any, v: Array, nudge: Nudge
) -> Array:
    system = assemble(circuit, parameters, inputs, nudge, v.shape[0])
    given, v = v.T, jax.lax.optimization_barrier(system.snap(v.T, radius))
    f = system.residual(v)
    plain = system.correction(v, f, system.slopes(v, 0.0), often=False)
    least = system.slopes(v, radius)
    cautious = system.correction(v, f, least, often=False)
    target = jax.lax.optimization_barrier(
        system.clip(v + plain.step)
    )  # the correction may cross a corner: look again on the other side
    again = system.correction(target, system.residual(target), system.slopes(target, radius), often=False)
    step = jnp.maximum(jnp.abs(plain.step), jnp.abs(target + again.step - v))
    moved = jnp.abs(v - given)  # to a bound, or back from where an ideal diode would have to give way
    error = (jnp.maximum(step, jnp.abs(cautious.step)) + moved).max(0, initial=0.0)
    error = error + plain.left + cautious.left + again.left
    error = error + system.rounding(v, cautious.spread, 0.0, radius)  # no limit: every term is counted
    sure = plain.sure & cautious.sure & again.sure & (jnp.minimum(plain.pivot, cautious.pivot) > 0)
    return jnp.where(sure, error * system.caution, jnp.inf)


_estimate = compiled(_estimate_all, 1)

"""What a simulator cannot know better: rounding of Kirchhoff's current law in double precision.

SPICE solves ``G v = i``: at each node the terms ``g v`` of all elements are added up and rounded, to an error of
some units of ``eps sum |g| (|v_a| + |v_b|)`` amperes. Through the inverse of the Jacobian that is an error in
volts, large where 1 S joins nodes that 1e-9 S tie to the rest. Only the size of the terms and the Jacobian enter,
not how far the simulator's point is off: a wrong device model moves the point and not this bound.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.circuit import Circuit, CurrentSources
from ebana.circuit.elements import Branches
from ebana.compilation import arithmetic, compiled
from ebana.equations.assemble import assemble
from ebana.physics import kirchhoff
from ebana.physics.nudge import Nudge

UNITS = 8.0
"""Roundings at a node, in units of eps: a factorisation adds a few to those of the sum itself."""


def rounding(circuit: Circuit, values: Any, inputs: Any, v: np.ndarray, nudge: Nudge) -> np.ndarray:
    """Bound on the error of a rounded solution of the circuit at ``v``, ``(B,)`` volts."""
    with arithmetic():
        arguments = jax.tree.map(jnp.asarray, (dict(values), dict(inputs), np.asarray(v), nudge))
        return np.asarray(_rounding(circuit, *arguments))


def _rounding_of(circuit: Circuit, values: Any, inputs: Any, v: Array, nudge: Nudge) -> Array:
    p = kirchhoff.potentials(circuit, values, inputs, v)
    terms = jnp.abs(nudge.injected(circuit, p))
    for nodes, size in _terms(circuit, values, p):
        terms = terms.at[:, nodes].add(size)
    kappa = {a.name: jnp.abs(a.kappa(values)) for a in circuit.amplifiers}
    terms = kirchhoff.through_amplifiers(circuit, kappa, terms)
    noise = UNITS * np.finfo(np.float64).eps * terms[:, circuit.free]
    system = assemble(circuit, values, inputs, nudge, v.shape[0])
    slopes = system.slopes(v.T, 0.0)
    return jnp.abs(system.correction(v.T, noise.T, slopes).step).max(0, initial=0.0)


def _terms(circuit: Circuit, values: Any, p: Array):
    """Nodes, and the sizes of the currents that are added up there, by element."""
    size = jnp.abs(p)
    for element in circuit.each(Branches):
        a, b = element.ends()
        if element.outer:
            g = values[element.conductance]
            rows, columns = size[:, a], size[:, b]
            yield a, rows * g.sum(1) + columns @ g.T
            yield b, columns * g.sum(0) + rows @ g
            continue
        ends, dv = size[:, a] + size[:, b], element.drop(p)
        current = element.incremental(dv, values) * ends
        if not element.linear:
            current = current + jnp.abs(element.current(dv, values))
        yield a, current
        yield b, current
    for element in circuit.each(CurrentSources):
        yield element.nodes, jnp.abs(values[element.current]) + 0 * size[:, element.nodes]


_rounding = compiled(_rounding_of, optimize=False)

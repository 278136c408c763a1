"""Nodes that nothing moves: one potential for all samples, whatever the inputs are."""

from __future__ import annotations

import numpy as np

from ebana.circuit import Circuit
from ebana.circuit.elements import Devices
from ebana.engines.base import OperatingPoint
from ebana.names import listed

STILL = 1e-6
"""A node is still where its potential varies by less than this share of the largest potential."""


def held_nodes(circuit: Circuit, point: OperatingPoint, still: float = STILL, reach: float = 0.0) -> str:
    """Which layers' nodes stay at one potential for all samples, and which devices hold them; empty where none do.

    Args:
        circuit: the circuit.
        point: free operating points of at least two different samples.
        still: share of the largest potential that a still node varies by at most.
        reach: largest potential of the inputs, volts.
    """
    v = np.asarray(point.v)[np.asarray(point.converged)]
    if len(v) < 2:
        return ""
    largest = np.abs(v).max(initial=reach)
    fixed = np.ptp(v, axis=0) <= still * largest
    sentences, start = [], 0
    for group in circuit.free_groups:
        stop = start + group.size
        if fixed[start:stop].all():
            held = v[0, start:stop]
            by = [
                e.layer
                for e in circuit.each(Devices)
                if np.isin(group.indices, np.concatenate(e.ends())).any()
            ]
            sentences.append(
                f"The nodes of {group.layer!r} are held at {_volts(held)} for all of {len(v)} samples"
                f"{f' by {listed(map(repr, dict.fromkeys(by)))}' if by else ''}, so that "
                f"{'no' if still <= STILL else 'hardly any'} gradient passes them. "
                + ("Move the biases of these layers apart, or choose other devices." if by else "")
            )
        start = stop
    return " ".join(sentence.strip() for sentence in sentences)


def _volts(held: np.ndarray) -> str:
    low, high = (float(x) + 0.0 for x in (held.min(), held.max()))
    return f"{low:.3g} V" if np.isclose(low, high, rtol=1e-3, atol=1e-9) else f"{low:.3g} to {high:.3g} V"

"""Capacitances of nodes, as users state them: what a technology has, so there is no default."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.units import quantities


def capacitances(circuit: Circuit, capacitance: object) -> np.ndarray:
    """Farads at every free node, ``(F,)``, from a number or from numbers and arrays by layer name.

    Args:
        circuit: the circuit.
        capacitance: farads for each free node, a number or text such as ``"10p"``; or a mapping from the name of every
            group of free nodes (the layer's name) to a number or an array of one for each node. Zero is none.

    Raises:
        ValueError: for numbers that are no capacitances, and names of groups that are not those of the circuit.
    """
    groups = circuit.free_groups
    if not isinstance(capacitance, Mapping):
        capacitance = {group.name: capacitance for group in groups}
    known = {group.name for group in groups}
    if set(capacitance) != known:
        missing, unknown = sorted(known - set(capacitance)), sorted(map(str, set(capacitance) - known))
        raise ValueError(
            f"capacitance: missing for {missing}, unknown {unknown}. Expected a number of farads, or one for each "
            f"layer with free nodes: {', '.join(map(repr, sorted(known)))}."
        )
    parts = []
    for group in groups:
        value = quantities(capacitance[group.name], "F", f"capacitance of layer {group.name!r}")
        if value.shape not in ((), (group.size,)) or not (np.isfinite(value) & (value >= 0)).all():
            raise ValueError(
                f"capacitance of layer {group.name!r}: received {capacitance[group.name]!r}. Expected farads, zero or "
                f"more: one number, or {group.size} for its nodes."
            )
        parts.append(np.broadcast_to(value, (group.size,)))
    result = np.concatenate(parts) if parts else np.zeros(0)
    if not result.any():
        raise ValueError(
            "capacitance: all nodes have 0 F, so they settle at once. Expected farads above zero."
        )
    return result

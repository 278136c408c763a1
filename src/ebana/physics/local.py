"""Local learning rules on a circuit: sums over the samples of what each conductance learns from two phases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array
from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import Crossbar, Resistors
from ebana.circuit.wires import WiredCells
from ebana.local_rule import LocalRule

AT_ONCE = 1 << 20
"""Voltage drops that are held at once; beyond it the samples are summed one by one."""


def local_gradients(
    circuit: Circuit, free: Array, nudged: Sequence[tuple[float, Array]], weight: Array
) -> dict[str, Array]:
    """``sum_b weight_b sum_s sign_s f(drops free_b, drops nudged_sb)`` of each parameter with a rule.

    Args:
        circuit: the circuit.
        free: potentials of all nodes in the free phase, ``(B, N + 1)``, volts.
        nudged: a sign and the potentials of each nudged phase.
        weight: a weight for each sample, ``(B,)``; zero leaves a sample out, whatever it holds.

    Returns:
        Arrays by parameter name, of the parameter's shape, of those alone that have a rule.
    """
    total: dict[str, Array] = {}
    for element in circuit.each(Crossbar, Resistors, WiredCells):
        parameter = circuit.parameters[element.conductance]
        if parameter.rule is None or not parameter.trainable:
            continue
        for sign, phase in nudged:
            value = _summed(element, parameter.rule, free, phase, sign * weight)
            total[parameter.name] = total.get(parameter.name, 0.0) + value
    return total


def _summed(element: Any, rule: LocalRule, free: Array, nudged: Array, weight: Array) -> Array:
    """The weighted sum over the samples, together or one by one."""

    def some(free: Array, nudged: Array, weight: Array) -> Array:
        drops = (element.drop(p).reshape(-1, *rule.shape) for p in (free, nudged))
        each = rule(*drops)
        scale = weight.reshape(-1, *(1,) * (each.ndim - 1))
        return jnp.where(scale == 0, 0.0, scale * each).sum(0)

    size = 1
    for length in rule.shape:
        size *= length
    if len(weight) * size <= AT_ONCE:
        return some(free, nudged, weight)

    def add(total: Array, sample: Any) -> tuple[Array, None]:
        return total + some(*(part[None] for part in sample)), None

    return jax.lax.scan(add, jnp.zeros(rule.shape, free.dtype), (free, nudged, weight))[0]

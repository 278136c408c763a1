"""Kirchhoff's laws for a whole circuit: potentials of all nodes, and the current drawn from each.

Written for any circuit and any batch, in terms of potential *differences*: a resistor of 1 S between
two nodes that 1e-9 S tie to the rest keeps its tiny current, which ``G v`` in matrix form would lose
to rounding. All functions are pure and differentiable. Shapes: ``B`` samples, ``N`` nodes, ``F`` free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import Crossbar, CurrentSources, Devices, Resistors, VoltageSources

Array = Any
Values = Mapping[str, Array]

HELD = 1e-9
"""An ideal diode counts as conducting when it is within this many volts of its bound."""


def device_values(element: Devices, parameters: Values) -> dict[str, Array]:
    """The values of a device array's own parameters, by the device's names."""
    return {own: parameters[name] for own, name in element.parameters.items()}


def backward_gain(amplifier: Any, parameters: Values) -> Array:
    """kappa of an amplifier: the share of the output current that its input supplies."""
    if amplifier.backward is None:
        return 1.0 / parameters[amplifier.gain]
    return parameters[amplifier.backward]


def source_potentials(circuit: Circuit, parameters: Values, inputs: Values) -> Iterator[tuple[Any, Array]]:
    """Each array of voltage sources with its potentials, shape ``(B, k)`` or ``(1, k)``."""
    for element in circuit.each(VoltageSources):
        value = parameters[element.parameter][None] if element.parameter else inputs[element.input]
        scale = element.scale.astype(
            jnp.promote_types(value.dtype, jnp.float32)
        )  # a copy in the precision in force
        yield element, value[:, element.columns] * scale


def potentials(circuit: Circuit, parameters: Values, inputs: Values, v: Array) -> Array:
    """Potentials of all nodes and, in the last column, ground; shape ``(B, N + 1)``.

    Args:
        v: potentials of the free nodes, shape ``(B, F)``, volts.
    """
    v = jnp.asarray(v)
    full = jnp.zeros((v.shape[0], circuit.size + 1), v.dtype)
    full = full.at[:, circuit.free].set(v)
    for element, value in source_potentials(circuit, parameters, inputs):
        full = full.at[:, element.nodes].set(value)
    for amplifier in circuit.amplifiers:
        shift = parameters[amplifier.shift]
        raised = shift + parameters[amplifier.gain] * (full[:, amplifier.inputs] - shift)
        full = full.at[:, amplifier.outputs].set(raised)
    return full


def affine_maps(circuit: Circuit, parameters: Values, dtype: Any) -> tuple[Array, Array, Array]:
    """Every node p as ``alpha V + beta`` of its base V, and the share kappa of its current drawn there.

    Returns:
        ``alpha``, ``beta`` and ``kappa``, each of shape ``(N + 1,)``.
    """
    size = circuit.size + 1
    alpha, beta, kappa = jnp.ones(size, dtype), jnp.zeros(size, dtype), jnp.ones(size, dtype)
    for amplifier in circuit.amplifiers:
        gain, shift = parameters[amplifier.gain], parameters[amplifier.shift]
        at, by = amplifier.outputs, amplifier.inputs
        alpha = alpha.at[at].set(gain * alpha[by])
        beta = beta.at[at].set(gain * beta[by] + (1.0 - gain) * shift)
        kappa = kappa.at[at].set(backward_gain(amplifier, parameters) * kappa[by])
    return alpha, beta, kappa


def branch_currents(element: Any, parameters: Values, p: Array) -> tuple[Array, Array]:
    """Currents that a passive element draws from its two arrays of terminals, each ``(B, k)``, amperes."""
    if isinstance(element, Crossbar):
        g = parameters[element.conductance]
        i = g * (p[:, element.rows][:, :, None] - p[:, element.columns][:, None, :])
        return i.sum(2), -i.sum(1)
    dv = p[:, element.a] - p[:, element.b]
    if isinstance(element, Resistors):
        i = parameters[element.conductance] * dv
    else:
        i = element.model.current(dv, device_values(element, parameters))
    return i, -i


def drawn_currents(
    circuit: Circuit,
    parameters: Values,
    p: Array,
    weight: Mapping[str, Array] | None = None,
) -> Array:
    """Current that the elements draw from every node, amplifiers left out; ``(B, N + 1)``, amperes.

    Args:
        p: potentials of all nodes, from :func:`potentials`.
        weight: a factor for each element by name (default 1).
    """
    drawn = jnp.zeros_like(p)
    for element in circuit.each(Crossbar, Resistors, Devices):
        scale = 1.0 if weight is None else weight[element.name]
        ends = (element.rows, element.columns) if isinstance(element, Crossbar) else (element.a, element.b)
        for nodes, current in zip(ends, branch_currents(element, parameters, p), strict=True):
            drawn = drawn.at[:, nodes].add(scale * current)
    for element in circuit.each(CurrentSources):
        scale = 1.0 if weight is None else weight[element.name]
        drawn = drawn.at[:, element.nodes].add(-scale * parameters[element.current])
    return drawn


def through_amplifiers(circuit: Circuit, factor: Mapping[str, Array], at_nodes: Array) -> Array:
    """Carry a per-node quantity from each amplifier's outputs to its inputs, times ``factor[name]``."""
    for amplifier in reversed(circuit.amplifiers):
        at_nodes = at_nodes.at[:, amplifier.inputs].add(
            factor[amplifier.name] * at_nodes[:, amplifier.outputs]
        )
    return at_nodes


def net_currents(circuit: Circuit, parameters: Values, p: Array, injected: Array) -> Array:
    """Current drawn from every node minus the current injected there; ``(B, N + 1)``, amperes.

    Amplifiers included: each draws ``kappa I`` from its input, with I the net current at its output.

    Args:
        injected: currents into the nodes, shape ``(B, N + 1)``, from :func:`inject`.
    """
    kappa = {a.name: backward_gain(a, parameters) for a in circuit.amplifiers}
    return through_amplifiers(circuit, kappa, drawn_currents(circuit, parameters, p) - injected)


def ideal_currents(circuit: Circuit, parameters: Values, p: Array, net: Array) -> dict[str, Array]:
    """Current of every ideal diode from anode to cathode, ``{element: (B, k)}``, amperes.

    A conducting one carries all that is left over at the node that it holds.

    Args:
        net: net currents without those of ideal diodes, from :func:`net_currents`.
    """
    currents: dict[str, Array] = {}
    for element in circuit.each(Devices):
        if not element.model.ideal:
            continue
        kappa = affine_maps(circuit, parameters, p.dtype)[2]
        anode_is_free = circuit.base_position[element.a] >= 0
        near = np.where(anode_is_free, element.a, element.b)
        left = net[:, circuit.base[near]] / kappa[near]
        current = jnp.where(anode_is_free, -left, left)
        conducts = (p[:, element.a] - p[:, element.b] >= -HELD) & (current > 0)
        currents[element.name] = jnp.where(conducts, current, 0.0)
    return currents


def balanced(circuit: Circuit, parameters: Values, p: Array, net: Array) -> tuple[Array, dict[str, Array]]:
    """Net currents with those of ideal diodes, ``(B, N + 1)``, and the diodes' currents by element."""
    ideal = ideal_currents(circuit, parameters, p, net)
    if not ideal:
        return net, ideal
    extra = jnp.zeros_like(net)
    for element in circuit.each(Devices):
        if element.name in ideal:
            extra = extra.at[:, element.a].add(ideal[element.name])
            extra = extra.at[:, element.b].add(-ideal[element.name])
    kappa = {a.name: backward_gain(a, parameters) for a in circuit.amplifiers}
    return net + through_amplifiers(circuit, kappa, extra), ideal


def residual(circuit: Circuit, parameters: Values, inputs: Values, v: Array, injected: Array) -> Array:
    """Kirchhoff's current law at the free nodes, ``(B, F)``, amperes.

    Zero at an operating point, except at nodes that ideal diodes hold.
    """
    p = potentials(circuit, parameters, inputs, v)
    return net_currents(circuit, parameters, p, injected)[:, circuit.free]


def inject(circuit: Circuit, currents: Mapping[str, Array], batch: int) -> Array:
    """Spread currents given at output ports, ``{name: (B, nodes)}``, over all nodes, ``(B, N + 1)``."""
    full = jnp.zeros((batch, circuit.size + 1))
    for name, current in currents.items():
        full = full.at[:, circuit.output(name).nodes].add(current)
    return full


def read(circuit: Circuit, name: str, p: Array) -> Array:
    """Value of an output port, ``v+ - v-`` where folded: shape ``(B, units)``, volts."""
    port = circuit.output(name)
    v = p[:, port.nodes]
    return v[:, 0::2] - v[:, 1::2] if port.folded else v


def unfold(folded: bool, value: Array) -> Array:
    """Transpose of reading: spread a value per unit over the port's nodes as ``+value, -value``."""
    if not folded:
        return value
    pairs = jnp.stack([value, -value], axis=-1)
    return pairs.reshape(*value.shape[:-1], 2 * value.shape[-1])


def as_numpy(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Copies of named arrays as NumPy."""
    return {name: np.asarray(value) for name, value in values.items()}

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
        yield element, value[:, element.columns] * element.scale


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

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

from ebana._types import Array, FreePotentials, NodePotentials, Values
from ebana.circuit.circuit import Circuit
from ebana.circuit.dynamic import WaveformSources
from ebana.circuit.element import INDEX, Branches, as_slice, at_nodes
from ebana.circuit.elements import CurrentSources, NodeGroup, VoltageSources
from ebana.circuit.wires import WiredCells, WireResistors
from ebana.physics.wires import at_crossings, potentials_within

HELD = 1e-9
"""An ideal diode counts as conducting when it is within this many volts of its bound."""


def source_potentials(circuit: Circuit, parameters: Values, inputs: Values) -> Iterator[tuple[Any, Array]]:
    """Each array of voltage sources with its potentials, shape ``(B, k)`` or ``(1, k)``; of waveforms at t = 0."""
    for element in circuit.each(VoltageSources):
        value = parameters[element.parameter][None] if element.parameter else inputs[element.input]
        scale = element.scale.astype(
            jnp.promote_types(value.dtype, jnp.float32)
        )  # a copy in the precision in force
        value = at_nodes(value, element.columns)
        yield element, value if (element.scale == 1.0).all() else value * scale
    for element in circuit.each(WaveformSources):
        yield element, jnp.asarray([wave.at(0.0) for wave in element.waves])[None]


def potentials(circuit: Circuit, parameters: Values, inputs: Values, v: FreePotentials) -> NodePotentials:
    """Potentials of all nodes and, in the last column, ground; shape ``(B, N + 1)``.

    Args:
        v: potentials of the free nodes, shape ``(B, F)``, volts.
    """
    v = jnp.asarray(v)
    batch = v.shape[0]
    pieces: dict[str, Array] = {}

    def piece(name: str, size: int) -> Array:
        return pieces[name] if name in pieces else jnp.zeros((batch, size), v.dtype)

    start = 0
    for group in circuit.free_groups:
        pieces[group.name] = v[:, start : start + group.size]
        start += group.size
    for element, value in source_potentials(circuit, parameters, inputs):
        value = jnp.broadcast_to(value.astype(v.dtype), (batch, len(element.nodes)))
        for group, at, within in _by_group(circuit, element.nodes):
            if within is None:
                pieces[group.name] = value[:, at]
            else:
                pieces[group.name] = (
                    jnp.asarray(piece(group.name, group.size)).at[:, within].set(value[:, at])
                )
    for amplifier in circuit.amplifiers:
        shift = parameters[amplifier.shift]
        groups = _by_group(circuit, amplifier.inputs)
        parts = [pieces[g.name] if w is None else pieces[g.name][:, w] for g, _, w in groups]
        order = np.argsort(np.concatenate([at for _, at, _ in groups])) if len(groups) > 1 else None
        below = parts[0] if order is None else jnp.concatenate(parts, axis=1)[:, order]
        ((group, _, _),) = _by_group(circuit, amplifier.outputs)
        pieces[group.name] = (
            shift + parameters[amplifier.gain] * (below - amplifier.reference(parameters))
        ).astype(v.dtype)
    ports = [
        piece(g.name, g.size) if g.kind != "inner" else jnp.zeros((batch, 0), v.dtype) for g in circuit.groups
    ]
    for cells in circuit.each(WiredCells):
        _add_inner(circuit, cells, parameters, ports, pieces)
    return jnp.concatenate(
        [*(piece(g.name, g.size) for g in circuit.groups), jnp.zeros((batch, 1), v.dtype)], axis=1
    )


def _add_inner(
    circuit: Circuit, cells: WiredCells, parameters: Values, ports: list[Array], pieces: dict[str, Array]
) -> None:
    """The potentials of the nodes within a wired crossbar, from those of its ports."""
    if not cells.inside.size:
        return
    known = jnp.concatenate([*ports, jnp.zeros_like(ports[0][:, :1])], axis=1)
    place = np.full(circuit.size + 1, known.shape[1] - 1, INDEX)
    outer = np.concatenate([g.indices for g in circuit.groups if g.kind != "inner"])
    place[outer] = np.arange(outer.size)
    rows, columns = (known[:, as_slice(place[nodes])] for nodes in (cells.rows, cells.columns))
    sides = potentials_within(cells, parameters, rows, columns)
    for nodes, side in zip(cells.ends(), sides, strict=True):
        found, first = np.unique(nodes, return_index=True)
        for group in circuit.groups:
            within = (found >= group.start) & (found < group.start + group.size)
            if group.kind == "inner" and within.any():
                pieces[group.name] = side[:, as_slice(first[within].astype(INDEX))]


def _by_group(circuit: Circuit, nodes: np.ndarray) -> list[tuple[NodeGroup, Any, np.ndarray | None]]:
    """Nodes by the groups they belong to: each group, places among the nodes, and places in the group.

    The places in the group are None where the nodes are the whole group in its order.
    """
    parts = []
    for group in circuit.groups:
        at = np.flatnonzero((nodes >= group.start) & (nodes < group.start + group.size)).astype(INDEX)
        if not at.size:
            continue
        whole = np.array_equal(nodes[at], group.indices)
        if at.size == len(nodes):
            parts.append((group, slice(None), None if whole else nodes - group.start))
        else:
            parts.append((group, at, None if whole else nodes[at] - group.start))
    return parts


def affine_maps(circuit: Circuit, parameters: Values, dtype: Any) -> tuple[Array, Array, Array]:
    """Every node p as ``alpha V + beta`` of its base V, and the share kappa of its current drawn there.

    Returns:
        ``alpha``, ``beta`` and ``kappa``, each of shape ``(N + 1,)``.
    """
    size = circuit.size + 1
    alpha, beta, kappa = jnp.ones(size, dtype), jnp.zeros(size, dtype), jnp.ones(size, dtype)
    for amplifier in circuit.amplifiers:
        gain = parameters[amplifier.gain]
        at, by = amplifier.outputs, amplifier.inputs
        alpha = alpha.at[at].set(gain * alpha[by])
        beta = beta.at[at].set(gain * beta[by] + amplifier.constant(parameters))
        kappa = kappa.at[at].set(amplifier.kappa(parameters) * kappa[by])
    return alpha, beta, kappa


def drawn_currents(
    circuit: Circuit,
    parameters: Values,
    p: Array,
    weight: Mapping[str, Array] | None = None,
) -> Array:
    """Current that the elements draw from every node, amplifiers left out; ``(B, N + 1)``, amperes.

    A wired crossbar draws from its ports what its cells carry; within it Kirchhoff's current law holds by construction.

    Args:
        p: potentials of all nodes, from :func:`potentials`.
        weight: a factor for each element by name (default 1).
    """
    drawn = jnp.zeros_like(p)
    for element in circuit.each(Branches):
        scale = 1.0 if weight is None else weight[element.name]
        if isinstance(element, WireResistors):  # as much leaves each crossing as enters it
            continue
        if isinstance(element, WiredCells):
            a, b = at_crossings(element, p)
            through = scale * parameters[element.conductance] * (a - b)
            drawn = drawn.at[:, as_slice(element.rows)].add(through.sum(2))
            drawn = drawn.at[:, as_slice(element.columns)].add(-through.sum(1))
            continue
        for nodes, current in zip(element.ends(), element.drawn(p, parameters), strict=True):
            drawn = drawn.at[:, as_slice(nodes)].add(scale * current)
    for element in circuit.each(CurrentSources):
        scale = 1.0 if weight is None else weight[element.name]
        drawn = drawn.at[:, element.nodes].add(-scale * parameters[element.current])
    return drawn


def through_amplifiers(circuit: Circuit, factor: Mapping[str, Array], at_nodes: Array) -> Array:
    """Carry a per-node quantity from each amplifier's outputs to its inputs, times ``factor[name]``."""
    for amplifier in reversed(circuit.amplifiers):
        at_nodes = (
            jnp.asarray(at_nodes)
            .at[:, amplifier.inputs]
            .add(factor[amplifier.name] * at_nodes[:, amplifier.outputs])
        )
    return at_nodes


def net_currents(circuit: Circuit, parameters: Values, p: Array, injected: Array) -> Array:
    """Current drawn from every node minus the current injected there; ``(B, N + 1)``, amperes.

    Amplifiers included: each draws ``kappa I`` from its input, with I the net current at its output.

    Args:
        injected: currents into the nodes, shape ``(B, N + 1)``, from :func:`inject`.
    """
    kappa = {a.name: a.kappa(parameters) for a in circuit.amplifiers}
    return through_amplifiers(circuit, kappa, drawn_currents(circuit, parameters, p) - injected)


def ideal_currents(
    circuit: Circuit,
    parameters: Values,
    p: Array,
    net: Array,
    conducting: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Current of every ideal diode from anode to cathode, ``{element: (B, k)}``, amperes.

    A conducting one carries all that is left over at the node that it holds.

    Args:
        net: net currents without those of ideal diodes, from :func:`net_currents`.
        conducting: which diodes are closed, whatever their currents, ``{element: (B, k)}``; where left out, those
            whose drop is zero and whose current flows forwards.
    """
    currents: dict[str, Array] = {}
    for element in circuit.each(Branches):
        if not element.law.ideal:
            continue
        kappa = affine_maps(circuit, parameters, p.dtype)[2]
        anode, cathode = element.ends()
        anode_is_free = circuit.base_position[anode] >= 0
        near = np.where(anode_is_free, anode, cathode)
        left = net[:, circuit.base[near]] / kappa[near]
        current = jnp.where(anode_is_free, -left, left)
        forwards = (element.drop(p) >= element.law.threshold - HELD) & (current > 0)
        conducts = forwards if conducting is None else conducting[element.name]
        currents[element.name] = jnp.where(conducts, current, 0.0)
    return currents


def balanced(
    circuit: Circuit,
    parameters: Values,
    p: Array,
    net: Array,
    conducting: Mapping[str, Array] | None = None,
) -> tuple[Array, dict[str, Array]]:
    """Net currents with those of ideal diodes, ``(B, N + 1)``, and the diodes' currents by element."""
    ideal = ideal_currents(circuit, parameters, p, net, conducting)
    if not ideal:
        return net, ideal
    extra = jnp.zeros_like(net)
    for element in circuit.each(Branches):
        if element.name in ideal:
            anode, cathode = element.ends()
            extra = extra.at[:, anode].add(ideal[element.name])
            extra = extra.at[:, cathode].add(-ideal[element.name])
    kappa = {a.name: a.kappa(parameters) for a in circuit.amplifiers}
    return net + through_amplifiers(circuit, kappa, extra), ideal


def residual(
    circuit: Circuit, parameters: Values, inputs: Values, v: FreePotentials, injected: Array
) -> FreePotentials:
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
    v = at_nodes(p, port.nodes)
    return v[:, 0::2] - v[:, 1::2] if port.folded else v


def unfold(folded: bool, value: Array) -> Array:
    """Transpose of reading: spread a value per unit over the port's nodes as ``+value, -value``."""
    if not folded:
        return value
    pairs = jnp.stack([value, -value], axis=-1)
    return pairs.reshape(*value.shape[:-1], 2 * value.shape[-1])

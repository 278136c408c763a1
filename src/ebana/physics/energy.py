"""The energy of a circuit and its partial derivatives: what equilibrium propagation measures.

``E = sum_l c_l E_l`` with ``E_l`` the co-content of the elements of stage l and ``c_l`` the stage's
factor (:mod:`ebana.physics.stages`). For a conductance ``dE/dg = c dv^2 / 2``; for a source potential
the current out of the source; for a current source minus its node's potential; for a device's own
parameter the partial derivative of its co-content. A gain also changes the factors behind it:

    dL/dA = c_in kappa'(A) I2 dh + c_out (h - s) dI2,      c_out = c_in kappa / A

in differences ``d`` between two phases, with I2 the net current drawn from the amplifier's output: what can be
measured there, and right in the limit of a small nudge. Where outputs are held, phases lie far apart, and the driven
stages take up more than ``I2 dw``: the work of what holds them, and the bends of their devices. :func:`_excess` adds
it, so that the contrast of such phases is the difference of ``dE/dtheta`` to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial, singledispatch
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, NodePotentials, Samples, Values
from ebana.circuit.checks import require_solvable
from ebana.circuit.circuit import Circuit
from ebana.circuit.element import INDEX, Branches, as_slice, at_nodes
from ebana.circuit.elements import Amplifiers, Crossbar, CurrentSources, Resistors, VoltageSources
from ebana.circuit.wires import WiredCells
from ebana.physics import kirchhoff
from ebana.physics.stages import factors, stages
from ebana.physics.wires import at_crossings


@partial(jax.tree_util.register_dataclass, data_fields=["p", "net", "ideal", "inputs"], meta_fields=["held"])
@dataclass(frozen=True)
class Phase:
    """What is measured of one relaxed phase.

    Args:
        p: potentials of all nodes and ground, ``(B, N + 1)``, volts.
        net: net current drawn from each node, ideal diodes included, ``(B, N + 1)``, amperes; zero at
            free nodes, outputs that are held included, and what the sources and amplifiers deliver elsewhere.
        ideal: currents of the ideal diodes, ``{element: (B, k)}``, amperes.
        inputs: the data that the sources carried, ``{name: (B, columns)}``.
        held: whether the outputs were held by sources.
    """

    p: NodePotentials
    net: Array
    ideal: dict[str, Array]
    inputs: dict[str, Array]
    held: bool = False


def measure(
    circuit: Circuit,
    parameters: Values,
    inputs: Values,
    p: Array,
    injected: Array,
    conducting: Mapping[str, Array] | None = None,
) -> Phase:
    """Read the currents of a phase from the potentials of its nodes and the currents injected there.

    Args:
        conducting: the ideal diodes that are closed, ``{element: (B, k)}``, where others than those that conduct.
    """
    net = kirchhoff.net_currents(circuit, parameters, p, injected)
    return Phase(p, *kirchhoff.balanced(circuit, parameters, p, net, conducting), dict(inputs))


def measure_held(circuit: Circuit, parameters: Values, inputs: Values, p: NodePotentials) -> Phase:
    """Read the currents of a phase whose outputs are held: what holds them counts as injected."""
    injected = kirchhoff.inject(circuit, holding_currents(circuit, parameters, p), p.shape[0])
    return replace(measure(circuit, parameters, inputs, p, injected), held=True)


def holding_currents(circuit: Circuit, parameters: Values, p: NodePotentials) -> dict[str, Array]:
    """Currents that hold the outputs where they are, into the nodes of each port, ``{port: (B, nodes)}``, amperes."""
    drawn = kirchhoff.net_currents(circuit, parameters, p, jnp.zeros_like(p))
    return {port.name: drawn[:, port.nodes] for port in circuit.outputs}


def element_factors(circuit: Circuit, parameters: Values) -> dict[str, Array]:
    """The factor ``c`` of each passive element's (or current source's) stage, by element name."""
    plan, c = stages(circuit), factors(circuit, parameters)
    result: dict[str, Array] = {}
    for element in circuit.each(Branches, CurrentSources):
        stage = plan.of(*element.terminals())
        result[element.name] = c[stage] if stage >= 0 else jnp.asarray(1.0)
    return result


def output_factor(circuit: Circuit, parameters: Values, name: str) -> Array:
    """The factor ``c`` of the stage that an output is read from."""
    stage = stages(circuit).of(circuit.output(name).nodes)
    return factors(circuit, parameters)[stage] if stage >= 0 else jnp.asarray(1.0)


def energy(circuit: Circuit, parameters: Values, p: NodePotentials) -> Samples:
    """Total energy ``sum_l c_l E_l`` of each sample, shape ``(B,)``, watts.

    Raises:
        NeedsSpice: for circuits with blocks written in SPICE, whose energy nobody knows.
    """
    require_solvable(circuit, "there is no energy of a circuit with", constraints=True)
    c = element_factors(circuit, parameters)
    total = jnp.zeros(p.shape[0], p.dtype)
    for element in circuit.each(Branches):
        content = element.cocontent(element.drop(p), parameters)
        total = total + c[element.name] * content.reshape(p.shape[0], -1).sum(1)
    for element in circuit.each(CurrentSources):
        total = total - c[element.name] * (parameters[element.current] * at_nodes(p, element.nodes)).sum(1)
    return total


# -- differences of partial derivatives between two phases -------------------------------------------


def contrast(
    circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array
) -> dict[str, Array]:
    """``sum_b weight_b [dE/dtheta(plus_b) - dE/dtheta(minus_b)]`` for every trainable parameter.

    Args:
        plus, minus: the two phases, over the same samples.
        weight: a weight for each sample, shape ``(B,)``; zero leaves a sample out, whatever it holds.

    Returns:
        One array for each name in ``circuit.trainable``, of the parameter's shape.
    """
    wanted = frozenset(circuit.trainable)
    c = element_factors(circuit, parameters)
    total: dict[str, Array] = {
        name: jnp.zeros(circuit.parameters[name].shape, plus.p.dtype) for name in circuit.trainable
    }
    for element in circuit.each(Branches, CurrentSources):
        if not wanted.isdisjoint(reference.name for reference in element.references()):
            for name, value in _differences(element, circuit, parameters, plus, minus, weight):
                if name in wanted:
                    total[name] = total[name] + c[element.name] * value
    plus, minus = (_without(phase, weight == 0) for phase in (plus, minus))
    for name, value in _source_contrast(circuit, parameters, plus, minus, weight, c, wanted):
        total[name] = total[name] + value
    for name, value in _amplifier_contrast(circuit, parameters, plus, minus, weight, wanted):
        total[name] = total[name] + value
    return total


def _without(phase: Phase, left_out: Array) -> Phase:
    """Zeros for samples that are left out: their currents may be infinite, and zero times infinity is NaN."""
    return jax.tree.map(lambda x: jnp.where(left_out[:, None], 0.0, x), phase)


Differences = Iterator[tuple[str, Array]]
"""Weighted differences of ``dE/dtheta`` without the stage's factor, by parameter name."""


@singledispatch
def _differences(
    element: Any, circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array
) -> Differences:
    """Of any law, by automatic differentiation of its co-content."""
    up, down = (_without(phase, weight == 0).p for phase in (plus, minus))
    own = element.values(parameters)

    def total(values: Values, p: Array) -> Array:
        content = element.law.cocontent(element.drop(p), values)
        return (weight * content.reshape(len(weight), -1).sum(1)).sum()

    above, below = jax.grad(total)(own, up), jax.grad(total)(own, down)
    yield from ((name, above[key] - below[key]) for key, name in element.parameters.items())


@_differences.register
def _(
    element: CurrentSources, circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array
) -> Differences:
    yield element.current, -_mean_and_change(plus, minus, weight, element.nodes)[1].sum(0)


@_differences.register
def _(
    element: Resistors, circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array
) -> Differences:
    mean_a, change_a = _mean_and_change(plus, minus, weight, element.a)
    mean_b, change_b = _mean_and_change(plus, minus, weight, element.b)
    yield element.conductance, ((mean_a - mean_b) * (change_a - change_b)).sum(0)


@_differences.register
def _(
    element: WiredCells, circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array
) -> Differences:
    silent = (weight == 0)[:, None, None]
    up, down = (
        jnp.where(silent, 0.0, a - b) for a, b in (at_crossings(element, phase.p) for phase in (plus, minus))
    )
    yield element.conductance, 0.5 * (weight[:, None, None] * (up - down) * (up + down)).sum(0)


@_differences.register
def _(
    element: Crossbar, circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array
) -> Differences:
    yield element.conductance, _crossbar_difference(circuit, element, plus, minus, weight)


def _crossbar_difference(
    circuit: Circuit, element: Crossbar, plus: Phase, minus: Phase, weight: Array
) -> Array:
    """``sum_b w (dv_+^2 - dv_-^2) / 2 = sum_b w (mean of dv)(change of dv)``, in sums and matrix products.

    The change is taken before the product, so that a nudge of nanovolts on volts is not lost. Rows that
    sources hold do not change and cost one product instead of two; rows at x and at -x share theirs.
    """
    mean_c, change_c = _mean_and_change(plus, minus, weight, element.columns)
    columns = (mean_c * change_c).sum(0)
    parts, positions = [], []
    for at, source, places in _row_parts(circuit, element):
        positions.append(at)
        rows = element.rows[at]
        if source is not None and source.input is not None:
            data = plus.inputs[source.input][:, as_slice(source.columns[places])].astype(plus.p.dtype)
            data = jnp.where(weight[:, None] == 0, 0.0, data)
            scale = jnp.asarray(-source.scale[places], plus.p.dtype)[:, None]
            parts.append(scale * (data.T @ change_c) + columns)
            continue
        mean_r, change_r = _mean_and_change(plus, minus, weight, rows)
        value = columns - mean_r.T @ change_c
        if not np.isin(rows, circuit.sources).all():
            value = value + (mean_r * change_r).sum(0)[:, None] - change_r.T @ mean_c
        parts.append(value)
    return jnp.concatenate(parts)[as_slice(np.argsort(np.concatenate(positions)).astype(INDEX))]


def _mean_and_change(plus: Phase, minus: Phase, weight: Array, nodes: np.ndarray) -> tuple[Array, Array]:
    """Mean of two phases' potentials at some nodes, and their weighted difference, each ``(B, k)``."""
    up, down = (jnp.where(weight[:, None] == 0, 0.0, at_nodes(x.p, nodes)) for x in (plus, minus))
    return 0.5 * (up + down), weight[:, None] * (up - down)


def _row_parts(
    circuit: Circuit, element: Crossbar
) -> Iterator[tuple[np.ndarray, VoltageSources | None, np.ndarray]]:
    """The rows of a crossbar by the data sources that hold them; other held ones, and free ones, apart.

    Yields the rows' positions in the crossbar, the sources or None, and the rows' places in the sources.
    """
    sources = tuple(circuit.each(VoltageSources))
    number, place = (array[element.rows] for array in circuit.driven_by)
    direct = element.rows == circuit.base[element.rows]
    carries = np.array([s.input is not None for s in sources] + [False])
    number = np.where(direct & carries[number], number, -1)
    held = np.isin(element.rows, circuit.sources)
    kind = np.where(number >= 0, number, -1 - held.astype(int))
    kinds, first = np.unique(kind, return_index=True)
    for k in kinds[np.argsort(first)]:  # in order of appearance: mostly the order of the rows
        at = np.flatnonzero(kind == k).astype(INDEX)
        yield at, sources[k] if k >= 0 else None, place[at]


def input_contrast(
    circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array
) -> dict[str, Array]:
    """``weight_b [dE/dx(plus_b) - dE/dx(minus_b)]`` for every input, ``{name: (B, columns)}``.

    Args:
        plus, minus: the two phases, over the same samples.
        weight: a weight for each sample, shape ``(B,)``; zero leaves a sample out, whatever it holds.
    """
    c = element_factors(circuit, parameters)
    plus, minus = (_without(phase, weight == 0) for phase in (plus, minus))
    change = _source_change(circuit, parameters, plus, minus, weight, c)
    total: dict[str, Array] = {
        name: jnp.zeros((change.shape[0], n), change.dtype) for name, n in circuit.inputs.items()
    }
    for element in circuit.each(VoltageSources):
        if element.input is not None:
            each = change[:, element.nodes] * element.scale.astype(change.dtype)
            total[element.input] = jnp.asarray(total[element.input]).at[:, element.columns].add(each)
    return total


def _source_change(
    circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array, c: Mapping[str, Array]
) -> Array:
    """Weighted difference of ``dE/du`` at every node, ``(B, N + 1)``.

    ``dE/du`` is the current out of a source, each element's share with its stage's factor.
    """
    gains = {a.name: parameters[a.gain] for a in circuit.amplifiers}

    def out(phase: Phase) -> Array:
        drawn = kirchhoff.drawn_currents(circuit, parameters, phase.p, c)
        drawn = _with_ideal_diodes(circuit, phase, drawn, c)
        return kirchhoff.through_amplifiers(circuit, gains, drawn)

    return weight[:, None] * (out(plus) - out(minus))


def _source_contrast(
    circuit: Circuit,
    parameters: Values,
    plus: Phase,
    minus: Phase,
    weight: Array,
    c: Values,
    wanted: frozenset[str],
) -> Differences:
    sources = [e for e in circuit.each(VoltageSources) if e.parameter in wanted]
    if not sources:
        return
    change = _source_change(circuit, parameters, plus, minus, weight, c)
    for element in sources:
        per_source = (change[:, element.nodes] * element.scale.astype(change.dtype)).sum(0)
        zero = jnp.zeros(circuit.parameters[element.parameter].shape, change.dtype)
        yield element.parameter, zero.at[element.columns].add(per_source)


def _with_ideal_diodes(circuit: Circuit, phase: Phase, drawn: Array, c: Mapping[str, Array]) -> Array:
    """Add what conducting ideal diodes draw from their ends."""
    for element in circuit.each(Branches):
        if element.name in phase.ideal:
            anode, cathode = element.ends()
            current = c[element.name] * phase.ideal[element.name]
            drawn = jnp.asarray(drawn).at[:, anode].add(current).at[:, cathode].add(-current)
    return drawn


def _amplifier_contrast(
    circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array, wanted: frozenset[str]
) -> Differences:
    plan, c = stages(circuit), factors(circuit, parameters)
    one = jnp.asarray(1.0)
    taken_up = None  # what the stages take up, where outputs are held
    for amplifier in circuit.each(Amplifiers):
        if not wanted & {amplifier.gain, amplifier.shift, amplifier.backward}:
            continue
        if taken_up is None and (plus.held or minus.held):
            taken_up = c * _stage_changes(circuit, parameters, plus, minus, weight)
        stage_in, stage_out = plan.of(amplifier.inputs), plan.of(amplifier.outputs)
        gain = parameters[amplifier.gain]
        c_out = c[stage_out] if stage_out >= 0 else one
        c_in = c[stage_in] if stage_in >= 0 else one
        mean_h = 0.5 * at_nodes(plus.p + minus.p, amplifier.inputs) - amplifier.reference(parameters)
        change_h = at_nodes(plus.p - minus.p, amplifier.inputs)
        mean_i = 0.5 * (plus.net + minus.net)[:, amplifier.outputs]
        change_i = (plus.net - minus.net)[:, amplifier.outputs]
        dkappa = amplifier.kappa_slope(parameters)
        per_unit = {
            amplifier.gain: c_in * dkappa * mean_i * change_h + c_out * mean_h * change_i,
            amplifier.shift: c_out * (1.0 - gain) * change_i,
            amplifier.backward: c_in * mean_i * change_h,
        }
        excess = {}
        if taken_up is not None:
            passed = c_out * (weight[:, None] * mean_i * gain * change_h).sum()
            excess = _excess(circuit, amplifier, parameters, taken_up, passed)
        for name in wanted & per_unit.keys():
            summed = (weight[:, None] * per_unit[name]).sum(0)
            fits = circuit.parameters[name].shape == summed.shape
            yield name, (summed if fits else summed.sum(keepdims=True)) + excess.get(name, 0.0)


def _excess(
    circuit: Circuit, amplifier: Amplifiers, parameters: Values, taken_up: Array, passed: Array
) -> dict[str, Array]:
    """What the stages behind an amplifier take up beyond what passes its outputs, by what scales their factors.

    Args:
        taken_up: ``c_l dE_l`` of every stage, ``(stages,)``.
        passed: ``c_out I2 dw``.
    """
    counts = [sum(sign for name, sign in route if name == amplifier.name) for route in stages(circuit).routes]
    beyond = (jnp.asarray(counts, taken_up.dtype) * taken_up).sum() - passed
    names = [name for name in (amplifier.gain, amplifier.backward) if name is not None]

    def log_factor(own: dict[str, Array]) -> Array:
        return jnp.log(jnp.abs(jnp.mean(amplifier.factor(own))))

    slopes = jax.grad(log_factor)({name: parameters[name] for name in names})
    return {name: slope * beyond for name, slope in slopes.items()}


def _stage_changes(circuit: Circuit, parameters: Values, plus: Phase, minus: Phase, weight: Array) -> Array:
    """``sum_b weight_b [E_l(plus_b) - E_l(minus_b)]`` of every stage, ``(stages,)``, watts.

    Mean currents times changes of potentials, summed over the nodes (Tellegen), and the bends of devices; a small
    change keeps its digits.
    """
    plan = stages(circuit)
    drawn = [kirchhoff.drawn_currents(circuit, parameters, phase.p) for phase in (plus, minus)]
    change = weight[:, None] * (plus.p - minus.p)
    work = (0.5 * (drawn[0] + drawn[1]) * change).sum(0)[:-1]
    within = plan.of_node >= 0
    total = jnp.zeros(len(plan.routes), work.dtype).at[plan.of_node[within]].add(work[within])
    for element in circuit.each(Branches):
        stage = plan.of(*element.terminals())
        if element.linear or stage < 0:
            continue
        (up, above), (down, below) = (
            (element.drop(phase.p), element.current(element.drop(phase.p), parameters))
            for phase in (plus, minus)
        )
        bend = element.cocontent(up, parameters) - element.cocontent(down, parameters)
        bend = bend - 0.5 * (above + below) * (up - down)
        total = total.at[stage].add((weight * bend.reshape(len(weight), -1).sum(1)).sum())
    return total

"""The power that each array of elements takes up, from the potentials of the nodes alone.

    P = sum over the elements of dv i        (positive: dissipated; negative: delivered)

with ``dv`` the voltage across an element and ``i`` the current through it. By Tellegen's theorem (1952)
the sum over all elements of a circuit, sources included, is zero at every operating point.

An amplifier is taken as the ideal element of the netlist: it delivers ``w I`` at its output and takes
``h kappa I`` at its input, ``I`` being the current drawn from the output. What its own supply must give
beyond that depends on how it is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, singledispatch
from typing import Any

import jax
import numpy as np

from ebana.circuit import Circuit
from ebana.circuit.dynamic import WaveformSources
from ebana.circuit.element import Element
from ebana.circuit.elements import Amplifiers, Branches, CurrentSources, VoltageSources
from ebana.circuit.wires import WiredCells
from ebana.compilation import arithmetic
from ebana.engines.sparse import branch_powers
from ebana.physics import energy, kirchhoff
from ebana.physics.nudge import Nudge

Array = np.ndarray
Values = Mapping[str, Any]

ROUNDING = 1e-9
"""Largest relative error of a crossbar's power that the expansion into products may leave."""

CHUNK = 1 << 22
"""Voltages across single resistors that are held in memory at a time."""


@dataclass(frozen=True)
class State:
    """Operating points with their currents.

    Args:
        p: potentials of all nodes and ground, ``(B, N + 1)``, volts.
        net: current that elements draw from each node, ``(B, N + 1)``, amperes: what a source or an
            amplifier there delivers.
        devices: currents of the devices from anode to cathode, ``{element: (B, k)}``, amperes.
        others: power of the elements whose currents do not follow from potentials alone, ``{element: (B,)}``, watts.
    """

    p: Array
    net: Array
    devices: Mapping[str, Array]
    others: Mapping[str, Array] = field(default_factory=dict)


def state_of(
    circuit: Circuit, parameters: Values, inputs: Values, v: Array, injected: Mapping[str, Array]
) -> State:
    """Measure operating points in double precision.

    Args:
        circuit: the circuit.
        parameters: values by name, SI units.
        inputs: ``{name: (B, columns)}``, volts.
        v: potentials of the free nodes, ``(B, F)``, volts.
        injected: currents into the nodes of output ports, ``{port: (B, nodes)}``, amperes.
    """
    arrays = jax.tree.map(partial(np.asarray, dtype=np.float64), (dict(inputs), v, dict(injected)))
    parameters = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
    with arithmetic():
        parts = []
        for rows in _runs(circuit, len(v)):
            part = jax.tree.map(lambda a, rows=rows: a[rows], arrays)
            parts.append(jax.tree.map(np.asarray, _measured(circuit, parameters, *part)))
    state = State(*jax.tree.map(lambda *parts: np.concatenate(parts)[: len(v)], *parts))
    if all(element.solvable or element.blocks_direct_current for element in circuit.elements):
        return state
    return _with_relations(circuit, parameters, arrays, state)


def _with_relations(circuit: Circuit, parameters: Values, arrays: tuple[Any, ...], state: State) -> State:
    """A state with what elements draw whose currents do not follow from potentials alone."""
    inputs, _, injected = arrays
    with arithmetic():
        drawn, watts = branch_powers(circuit, parameters, inputs, state.p, Nudge(injected, {}, {}, None))
    pushed = np.zeros_like(drawn)
    for name, current in injected.items():
        np.add.at(pushed.T, circuit.output(name).nodes, current.T)
    own = {e.name for e in circuit.elements if not e.solvable}
    return replace(state, net=drawn - pushed, others={n: w for n, w in watts.items() if n in own})


def _runs(circuit: Circuit, batch: int) -> Iterator[Array]:
    """Sample numbers in runs of one size, few enough for the largest crossbar; the last one is filled up."""
    wide = (e.units for e in circuit.each(Branches) if e.outer or isinstance(e, WiredCells))
    largest = max(wide, default=1)
    size = min(batch, max(1, CHUNK // max(1, largest)))
    return (np.minimum(np.arange(start, start + size), batch - 1) for start in range(0, batch, size))


@jax.jit
def _measured(circuit: Circuit, parameters: Any, inputs: Any, v: Any, injected: Any) -> Any:
    p = kirchhoff.potentials(circuit, parameters, inputs, v)
    phase = energy.measure(circuit, parameters, inputs, p, kirchhoff.inject(circuit, injected, p.shape[0]))
    currents = dict(phase.ideal)
    for element in circuit.each(Branches):
        if not (element.linear or element.law.ideal):
            currents[element.name] = element.current(element.drop(p), parameters)
    return p, phase.net, currents


# -- the power of each kind of element -----------------------------------------------------------------


def crossbar_power(g: Array, u: Array, v: Array) -> Array:
    """``sum_ij g_ij (u_i - v_j)^2`` of each sample, watts.

    Written as ``sum_i r_i u_i^2 + sum_j c_j v_j^2 - 2 u G v``, with r and c the row and column sums of G,
    it is one matrix product; but where strong conductances see small differences, most digits cancel.
    Samples whose bound on the rounding exceeds :data:`ROUNDING` are summed over the differences instead.

    Args:
        g: conductances, ``(m, n)``, siemens.
        u: potentials of the rows, ``(B, m)``, volts.
        v: potentials of the columns, ``(B, n)``, volts.

    Example:
        >>> crossbar_power(np.array([[1e-3, 2e-3]]), np.array([[1.0]]), np.array([[0.0, 0.5]])).tolist()
        [0.0015]
    """
    squares = (u * u) @ g.sum(1) + (v * v) @ g.sum(0)
    power = squares - 2.0 * np.einsum("bj,bj->b", u @ g, v)
    bound = 2.0 * (sum(g.shape) + 2) * np.finfo(np.float64).eps * squares
    doubtful = np.flatnonzero(~(bound <= ROUNDING * power))
    if doubtful.size:
        power[doubtful] = _summed_over_differences(g, u[doubtful], v[doubtful])
    return power


def _summed_over_differences(g: Array, u: Array, v: Array) -> Array:
    total = np.zeros(len(u))
    rows = max(1, CHUNK // max(1, v.size))
    for start in range(0, len(g), rows):
        dv = u[:, start : start + rows, None] - v[:, None, :]
        total += np.einsum("ij,bij->b", g[start : start + rows], np.square(dv, out=dv))
    return total


def injected_power(current: Array, v: Array) -> Array:
    """The power (negative where delivered) that currents into nodes at the potentials ``v`` take up, watts."""
    return -(current * v).sum(1)


@singledispatch
def absorbed_by(element: Any, parameters: Values, state: State | None) -> Array:
    """Power that an array of elements takes up, ``(B,)``, watts; negative where it delivers.

    Raises:
        NotImplementedError: for an element whose current is not known.
    """
    if isinstance(element, Element) and element.blocks_direct_current:
        return np.zeros(0 if state is None else len(state.p))
    if isinstance(element, Element) and element.has_relations:
        return np.zeros(0) if state is None else state.others[element.name]
    known = ", ".join(kind.__name__ for kind in absorbed_by.registry if kind is not object)
    raise NotImplementedError(
        f"the power of element {element.name!r} ({type(element).__name__}) is not known: its current does not "
        f"follow from the potentials of its nodes here. Known: {known}. "
        "Leave the element out, or measure its power in the simulator."
    )


@absorbed_by.register
def _(element: Branches, parameters: Values, state: State) -> Array:
    """Of any law, from the currents of the state; of a conductance, ``g dv^2``."""
    if element.linear and element.outer:
        g = np.asarray(parameters[element.conductance], np.float64)
        return crossbar_power(g, *(state.p[:, nodes] for nodes in element.ends()))
    dv = np.asarray(element.drop(state.p))
    if element.linear:
        return (dv * dv) @ np.ravel(np.asarray(parameters[element.conductance], np.float64))
    return np.asarray(dv * state.devices[element.name]).reshape(len(dv), -1).sum(1)


@absorbed_by.register
def _(element: VoltageSources | WaveformSources, parameters: Values, state: State) -> Array:
    return -(state.p[:, element.nodes] * state.net[:, element.nodes]).sum(1)


@absorbed_by.register
def _(element: CurrentSources, parameters: Values, state: State) -> Array:
    return injected_power(np.asarray(parameters[element.current], np.float64), state.p[:, element.nodes])


@absorbed_by.register
def _(element: Amplifiers, parameters: Values, state: State) -> Array:
    kappa = np.asarray(element.kappa(parameters), np.float64)
    drawn = state.net[:, element.outputs]
    taken, given = kappa * state.p[:, element.inputs], state.p[:, element.outputs]
    return ((taken - given) * drawn).sum(1)


SOURCES = ("data inputs", "biases", "current sources")
"""Kinds of independent sources."""


def check_known(circuit: Circuit) -> None:
    """Raise NotImplementedError where the power of an element is not known."""
    for element in circuit.elements:
        rule = absorbed_by.dispatch(type(element))
        if rule is absorbed_by.dispatch(object):
            rule(element, {}, None)


def absorbed(circuit: Circuit, parameters: Values, state: State) -> dict[str, Array]:
    """Power that each element array takes up, ``{element: (B,)}``, watts; negative where it delivers."""
    check_known(circuit)
    return {element.name: absorbed_by(element, parameters, state) for element in circuit.elements}

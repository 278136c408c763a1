"""Operating points of samples, linearised, with the noise of every array of elements there.

The equations are those of modified nodal analysis (:mod:`ebana.equations.mna`), whichever engine found the points: they
hold for amplifiers and controlled sources too. A conducting ideal diode holds its node, and adds no noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csc_array

from ebana.analysis.noise_response import Densities
from ebana.circuit import Circuit
from ebana.circuit.element import Element
from ebana.circuit.elements import Amplifiers
from ebana.circuit.relations import Linear
from ebana.compilation import arithmetic
from ebana.equations.mna.factors import Factors
from ebana.equations.mna.layout import Layout
from ebana.equations.mna.noise import BranchNoise, branch_noise, spectrum
from ebana.equations.mna.system import System, assemble
from ebana.physics.nudge import Nudge

Array = np.ndarray
Values = Mapping[str, Any]

CONTROLS = 1 << 21
"""Slopes that are held in memory at a time."""

STIFF = 1e12
"""Conductance of a conducting ideal diode, in those of the stiffest branch."""

STEPS = 2
"""Newton steps from the engine's point, which may be one in single precision, to that of these equations."""


@dataclass(frozen=True)
class NoisyPoint:
    """One sample's operating point.

    Args:
        layout: places of everything in its equations.
        factors: of its Jacobian.
        elements: noise of each array that states some, by name.
        held: free nodes that conducting ideal diodes hold, as places among the unknowns.
        p: potentials of all nodes and ground, ``(N + 1,)``, volts.
    """

    layout: Layout
    factors: Factors
    elements: Mapping[str, Densities]
    held: Array
    p: Array

    @property
    def densities(self) -> Densities:
        """The noise of all elements together."""
        parts = self.elements.values()
        return Densities(*(_total([getattr(p, kind) for p in parts]) for kind in ("white", "flicker")))

    def rows(self, read: Array) -> Array:
        """``R J^-1`` of what is read, ``(m, n)``, from R, ``(m, n)``."""
        return self.factors.many(read.T).T


def _total(matrices: list[Any]) -> Any:
    given = [matrix for matrix in matrices if matrix is not None]
    return sum(given[1:], given[0]) if given else None


def require_relations(circuit: Circuit) -> None:
    """Raise NotImplementedError, with the element named, where currents are not known here."""
    for element in circuit.elements:
        if not element.has_relations:
            raise NotImplementedError(
                f"noise: the currents of element {element.name!r}, {element.title()}, are known to SPICE alone, and so "
                "is its noise. Leave the element out, write the block as a Device, or run .noise in the simulator."
            )


def silent(circuit: Circuit, amplifiers: Mapping[str, float]) -> tuple[str, ...]:
    """Names of the arrays that carry currents or hold voltages within the circuit and add no noise that is known."""
    inner = (e for e in circuit.elements if not e.sources().size and not amplifiers.get(e.name))
    return tuple(e.name for e in inner if not _states(e))


def _states(element: Element) -> bool:
    return element.blocks_direct_current or any(
        relation.law.thermal if isinstance(relation.law, Linear) else relation.law.model.states_noise
        for relation in element.relations()
    )


def noisy_points(
    circuit: Circuit,
    parameters: Values,
    inputs: Values,
    p: Array,
    ideal: Mapping[str, Array],
    kelvin: float,
    amplifiers: Mapping[str, float],
) -> Iterator[NoisyPoint]:
    """Each sample of a batch of operating points.

    Args:
        circuit: the circuit.
        parameters: values by name, SI units.
        inputs: ``{name: (B, columns)}``, volts.
        p: potentials of all nodes and ground, ``(B, N + 1)``, volts.
        ideal: currents of the ideal diodes, ``{element: (B, k)}``, amperes.
        kelvin: temperature of conductances.
        amplifiers: density of the voltage at the inputs of amplifiers by element, V/sqrt(Hz).

    Raises:
        ValueError: for a conductance below zero, whose noise is not known.
    """
    values = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
    with arithmetic():
        for rows in _runs(circuit, len(p)):
            given = {name: np.asarray(value, np.float64)[rows] for name, value in inputs.items()}
            system = assemble(circuit, values, given, len(rows), Nudge.none())
            closed = {name: np.asarray(current)[rows] > 0 for name, current in ideal.items()}
            yield from _linearised(system, circuit, values, p[rows], closed, kelvin, amplifiers)


def _runs(circuit: Circuit, batch: int) -> Iterator[Array]:
    """Sample numbers in runs that memory holds."""
    count = sum(e.units for e in circuit.elements)
    size = max(1, CONTROLS // max(1, count))
    return (np.arange(start, min(start + size, batch)) for start in range(0, batch, size))


def _linearised(
    system: System,
    circuit: Circuit,
    values: Values,
    p: Array,
    closed: Mapping[str, Array],
    kelvin: float,
    amplifiers: Mapping[str, float],
) -> Iterator[NoisyPoint]:
    places = system.layout
    x = np.zeros((places.size, system.batch))
    x[: places.nodes] = p.T[places.unknown[: places.nodes]]
    if not closed:
        for _ in range(STEPS):
            residual, slopes = system.linearised(x)
            x = x - system.factors(x, slopes).solve(residual)
    _, slopes = system.linearised(x)
    noise = branch_noise(system, values, x, slopes, kelvin)
    noise = _with_amplifiers(noise, places, circuit, values, amplifiers)
    _check(noise, places, circuit)
    held = _short(slopes, system, circuit, closed)
    factors = system.factors(x, slopes)
    owned = _owned(places, circuit)
    for k in range(system.batch):
        elements = dict(_by_element(noise, owned, k))
        yield NoisyPoint(places, factors.one(k), elements, held[k], p[k])


def _with_amplifiers(
    noise: BranchNoise, places: Layout, circuit: Circuit, values: Values, volts: Mapping[str, float]
) -> BranchNoise:
    """The same with what the inputs of amplifiers add: at their outputs, times the gain."""
    white, stated = noise.white.copy(), noise.stated.copy()
    for number, (start, stop) in zip(places.elements, places.branches, strict=True):
        element = circuit.elements[number]
        if isinstance(element, Amplifiers) and volts.get(element.name) and places.held[start:stop].all():
            gain = np.broadcast_to(np.asarray(values[element.gain]), (element.units,))
            white[start:stop] = ((gain * volts[element.name]) ** 2)[:, None]
            stated[start:stop] = True
    return replace(noise, white=white, stated=stated)


def _check(noise: BranchNoise, places: Layout, circuit: Circuit) -> None:
    """Refuse densities below zero."""
    wrong = np.flatnonzero((noise.white < 0).any(1) | (noise.flicker < 0).any(1))
    if wrong.size:
        at = next(k for k, (_, stop) in enumerate(places.branches) if wrong[0] < stop)
        element = circuit.elements[places.elements[at]]
        raise ValueError(
            f"noise: unit {element.unit_name(int(wrong[0] - places.branches[at][0]))!r} of {element.name!r} has a "
            "density below zero, as of a conductance below zero, whose noise is not known. Expected values of zero or "
            "more."
        )


def _short(slopes: Array, system: System, circuit: Circuit, closed: Mapping[str, Array]) -> list[Array]:
    """Make conducting ideal diodes stiff, in place; which free nodes each sample has held."""
    places = system.layout
    stiff = STIFF * np.maximum(np.abs(slopes).max(0, initial=0.0), 1.0)
    held: list[list[Array]] = [[] for _ in range(system.batch)]
    for number, spans in zip(places.elements, places.controls, strict=True):
        element = circuit.elements[number]
        if element.name not in closed:
            continue
        conducts = closed[element.name].T
        slopes[slice(*spans[0])] = np.where(conducts, stiff, 0.0)
        near = np.maximum(*(circuit.base_position[nodes] for nodes in element.terminals()))
        for k, units in enumerate(conducts.T):
            held[k].append(near[units])
    return [np.concatenate(nodes) if nodes else np.zeros(0, int) for nodes in held]


Owned = Mapping[str, tuple[Array, Any]]
"""Branches of each element, and their entries in the equations."""


def _owned(places: Layout, circuit: Circuit) -> Owned:
    found: dict[str, list[Array]] = {}
    for number, span in zip(places.elements, places.branches, strict=True):
        found.setdefault(circuit.elements[number].name, []).append(np.arange(*span))
    entries = csc_array(places.to_equations)
    owned = {name: np.concatenate(parts) for name, parts in found.items()}
    return {name: (branches, entries[:, branches]) for name, branches in owned.items()}


def _by_element(noise: BranchNoise, owned: Owned, k: int) -> Iterator[tuple[str, Densities]]:
    """Noise of each element that states some, of sample k."""
    for name, (branches, entries) in owned.items():
        if noise.stated[branches].any():
            parts = (density[branches, k] for density in (noise.white, noise.flicker))
            yield name, Densities(*(spectrum(entries, part) if part.any() else None for part in parts))

"""What noise is measured under: a band of frequencies, capacitances, a temperature; checked, in SI units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebana.analysis.noise_points import NoisyPoint
from ebana.analysis.noise_response import Band, Dynamic, Static, square_root
from ebana.circuit import Circuit
from ebana.circuit.capacitance import capacitances
from ebana.circuit.dynamic import Capacitors
from ebana.devices.silicon import ZERO_CELSIUS
from ebana.equations.mna.layout import layout
from ebana.units import quantities

Array = np.ndarray

MOST_DYNAMIC = 3000
"""Largest number of nodes with capacitances whose modes are found."""


@dataclass(frozen=True)
class Conditions:
    """What noise is measured under.

    Args:
        circuit: the circuit.
        band: frequencies.
        farads: capacitances between all unknowns, ``(n, n)``, or None for none.
        celsius: temperature of conductances.
        volts: density at the inputs of amplifiers by element, V/sqrt(Hz).
        frequencies: for densities, Hz.
    """

    circuit: Circuit
    band: Band
    farads: Array | None
    celsius: float
    volts: Mapping[str, float]
    frequencies: tuple[float, ...]

    @staticmethod
    def of(
        circuit: Circuit,
        bandwidth: object,
        capacitance: object,
        temperature: float,
        amplifier_noise: float | Mapping[str, float],
        frequency: Any,
    ) -> Conditions:
        """See :meth:`ebana.Model.noise`."""
        farads = _farads(circuit, capacitance)
        if bandwidth is None and farads is None:
            raise ValueError(
                "noise() without bandwidth and capacitance: rms noise needs one of them. State the band that is "
                "measured, bandwidth=1e6 or (10, 1e6) in Hz, or the farads of the nodes, capacitance=1e-12."
            )
        if not -ZERO_CELSIUS <= float(temperature) < math.inf:
            raise ValueError(
                f"noise(temperature={temperature!r}). Expected degrees Celsius of at least -273.15."
            )
        band = _band(bandwidth, unbounded=farads is not None)
        frequencies = np.atleast_1d(quantities(frequency, "Hz", "noise(frequency=...)"))
        if frequencies.ndim != 1 or not (np.isfinite(frequencies) & (frequencies > 0)).all():
            raise ValueError(f"noise(frequency={frequency!r}). Expected Hz above zero.")
        volts = _of_amplifiers(circuit, amplifier_noise)
        return Conditions(circuit, band, farads, float(temperature), volts, tuple(frequencies.tolist()))

    @property
    def kelvin(self) -> float:
        """The same in kelvin."""
        return self.celsius + ZERO_CELSIUS

    def response(self, point: NoisyPoint) -> Static | Dynamic:
        """What variances follow from at a point."""
        if self.farads is None:
            return Static(self.band)
        farads = self.farads
        if point.held.size:
            farads = farads.copy()
            farads[point.held] = farads[:, point.held] = 0.0
        root = square_root(farads)
        return Dynamic(self.band, root, point.rows(root.T)) if root.shape[1] else Static(self.band)


def _band(bandwidth: Any, *, unbounded: bool) -> Band:
    """Lowest and highest frequency, from a number, a pair, or None for all."""
    if bandwidth is None:
        return Band(0.0, math.inf)
    ends = quantities(bandwidth, "Hz", "noise(bandwidth=...)")
    low, high = (
        (0.0, float(ends)) if ends.ndim == 0 else (ends.tolist() if ends.shape == (2,) else (0.0, -1.0))
    )
    if not 0 <= low < high or (math.isinf(high) and not unbounded):
        raise ValueError(
            f"noise(bandwidth={bandwidth!r}). Expected the highest frequency in Hz, or the lowest and the highest, "
            f"above it{'' if unbounded else ' and finite where no capacitance is stated'}."
        )
    return Band(low, high)


def _farads(circuit: Circuit, capacitance: object) -> Array | None:
    """Capacitances between all unknowns, of nodes and of capacitors of the circuit; None where there are none."""
    capacitors = list(circuit.each(Capacitors))
    if capacitance is None and not capacitors:
        return None
    places = places_of(circuit)
    if (nodes := int((places >= 0).sum())) > MOST_DYNAMIC:
        raise ValueError(
            f"noise with capacitances of a circuit of {nodes} unknown nodes: its modes are found for up to "
            f"{MOST_DYNAMIC}. State a bandwidth and no capacitance, and leave capacitors out."
        )
    farads = np.zeros((layout(circuit).size,) * 2)
    if capacitance is not None:
        at = np.arange(len(circuit.free))
        farads[at, at] = capacitances(circuit, capacitance)
    for element in capacitors:
        for a, b, c in zip(places[element.a], places[element.b], element.farads, strict=True):
            for one, other in ((a, b), (b, a)):
                if one >= 0:
                    farads[one, one] += c
                    if other >= 0:
                        farads[one, other] -= c
    return farads


def places_of(circuit: Circuit) -> Array:
    """Place of each node among the unknowns, ground last; -1 for those that sources hold."""
    found = layout(circuit)
    places = np.full(circuit.size + 1, -1)
    places[found.unknown[: found.nodes]] = np.arange(found.nodes)
    return places


def _of_amplifiers(circuit: Circuit, given: float | Mapping[str, float]) -> dict[str, float]:
    """Density at the inputs of amplifiers by element, from a number or numbers by the names of layers."""
    layers = {element.name: element.layer for element in circuit.amplifiers}
    by_layer = given if isinstance(given, Mapping) else dict.fromkeys(layers.values(), given)
    unknown = sorted(set(by_layer) - set(layers.values()))
    numbers = {name: float(value) for name, value in by_layer.items()}
    given_ones = numbers.values() if isinstance(given, Mapping) else [float(given)]
    if unknown or not all(0 <= value < math.inf for value in given_ones):
        raise ValueError(
            f"noise(amplifier_noise={given!r}). Expected V/sqrt(Hz) of zero or more at the inputs of amplifiers: a "
            f"number, or one by layer among {', '.join(sorted(set(layers.values()))) or 'none, as there are none'}."
        )
    return {element: numbers[layer] for element, layer in layers.items() if layer in numbers}

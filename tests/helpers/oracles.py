"""Independent solutions of circuits, slow and exact, that the engines are held to."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ebana.circuit import GROUND, Circuit, Crossbar, CurrentSources, Devices, Resistors, VoltageSources
from ebana.circuit.wires import WiredCells


def _branches(circuit: Circuit, values: dict, element) -> list[tuple[int, int, Fraction]]:
    if isinstance(element, Crossbar):
        m, n = len(element.rows), len(element.columns)
        a, b = np.repeat(element.rows, n), np.tile(element.columns, m)
    else:
        a, b = element.a, element.b
    g = np.ravel(values[element.conductance])
    return [(int(i), int(j), Fraction(float(x))) for i, j, x in zip(a, b, g, strict=True)]


class ExactCircuit:
    """One sample of a circuit with resistors, sources, amplifiers and piecewise-linear devices, in fractions.

    Kirchhoff's current law in rational numbers, for the segments that a candidate state lies on. The
    solution is accepted only if it lies on the same segments: then it is the operating point, exactly
    (the energy is strictly convex, so there is only one).
    """

    def __init__(self, circuit: Circuit, values: dict, inputs: dict, sample: int = 0) -> None:
        self.circuit, self.values = circuit, values
        self.held = {GROUND: Fraction(0)}
        for element in circuit.each(VoltageSources):
            row = values[element.parameter] if element.parameter else inputs[element.input][sample]
            for node, column, scale in zip(element.nodes, element.columns, element.scale, strict=True):
                self.held[int(node)] = Fraction(float(row[column])) * Fraction(float(scale))
        self.affine = self._affine()

    def _affine(self) -> dict[int, tuple[int | None, Fraction, Fraction, Fraction]]:
        """Every node as (free column or None, alpha, beta, kappa)."""
        one, zero = Fraction(1), Fraction(0)
        maps: dict = {node: (None, zero, value, zero) for node, value in self.held.items()}
        for column, node in enumerate(self.circuit.free):
            maps[int(node)] = (column, one, zero, one)
        for amplifier in self.circuit.amplifiers:
            n = len(amplifier.inputs)
            gain = np.broadcast_to(self.values[amplifier.gain], n)
            shift = np.broadcast_to(self.values[amplifier.shift], n)
            back = None if amplifier.backward is None else np.broadcast_to(self.values[amplifier.backward], n)
            for k, (h, w) in enumerate(zip(amplifier.inputs, amplifier.outputs, strict=True)):
                column, alpha, beta, kappa = maps[int(h)]
                a, s = Fraction(float(gain[k])), Fraction(float(shift[k]))
                by = 1 / a if back is None else Fraction(float(back[k]))
                maps[int(w)] = (column, a * alpha, a * beta + (1 - a) * s, by * kappa)
        return maps

    def _dv(self, x: list[Fraction], a: int, b: int) -> Fraction:
        def p(node: int) -> Fraction:
            column, alpha, beta, _ = self.affine[node]
            return beta if column is None else alpha * x[column] + beta

        return p(a) - p(b)

    def segments(self, x: list[Fraction]) -> list[bool]:
        """Which devices conduct (are above their corner)."""
        result = []
        for element in self.circuit.each(Devices):
            for k, (a, b) in enumerate(zip(element.a, element.b, strict=True)):
                threshold = Fraction(element.model.pick(k, element.units).piecewise_linear({})[0])
                result.append(self._dv(x, int(a), int(b)) > threshold)
        return result

    def solve(self, segments: list[bool]) -> list[Fraction]:
        """Potentials of the free nodes with every device on the given segment."""
        n = len(self.circuit.free)
        matrix = [[Fraction(0)] * (n + 1) for _ in range(n)]

        def stamp(a: int, b: int, g: Fraction, offset: Fraction = Fraction(0)) -> None:
            for node, other, sign in ((a, b, 1), (b, a, -1)):
                column, alpha, beta, kappa = self.affine[node]
                if column is None:
                    continue
                other_column, other_alpha, other_beta, _ = self.affine[other]
                matrix[column][column] += kappa * g * alpha
                matrix[column][n] -= kappa * g * (beta - other_beta - sign * offset)
                if other_column is not None:
                    matrix[column][other_column] -= kappa * g * other_alpha

        for element in self.circuit.each(Crossbar, Resistors, WiredCells):
            for a, b, g in _branches(self.circuit, self.values, element):
                stamp(a, b, g)
        on = iter(segments)
        for element in self.circuit.each(Devices):
            for k, (a, b) in enumerate(zip(element.a, element.b, strict=True)):
                threshold, below, above = element.model.pick(k, element.units).piecewise_linear({})
                stamp(int(a), int(b), Fraction(above if next(on) else below), Fraction(threshold))
        for element in self.circuit.each(CurrentSources):
            for node, current in zip(element.nodes, self.values[element.current], strict=True):
                column, _, _, kappa = self.affine[int(node)]
                if column is not None:
                    matrix[column][n] += kappa * Fraction(float(current))
        return gauss(matrix)

    def operating_point(self, start: np.ndarray, rounds: int = 200) -> np.ndarray | None:
        """The exact operating point, from the segments at ``start``; None where the segments never settle."""
        x = [Fraction(float(v)) for v in start]
        seen = []
        for _ in range(rounds):
            segments = self.segments(x)
            if segments in seen:
                return None
            seen.append(segments)
            x = self.solve(segments)
            if self.segments(x) == segments:
                return np.array([float(v) for v in x])
        return None


def gauss(matrix: list[list[Fraction]]) -> list[Fraction]:
    n = len(matrix)
    for k in range(n):
        pivot = next(i for i in range(k, n) if matrix[i][k] != 0)
        matrix[k], matrix[pivot] = matrix[pivot], matrix[k]
        scale = matrix[k][k]
        matrix[k] = [value / scale for value in matrix[k]]
        for i in range(n):
            factor = matrix[i][k]
            if i != k and factor != 0:
                matrix[i] = [x - factor * y for x, y in zip(matrix[i], matrix[k], strict=True)]
    return [row[n] for row in matrix]

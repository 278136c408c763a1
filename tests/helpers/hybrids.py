"""Circuits and models that the tests of hybrid models share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
    NativeEngine,
)
from ebana.compilation import compiled
from ebana.engines.base import Result


def small_circuit(seed=0, engine="native", inputs=3, hidden=5, units=2) -> Model:
    """A stage of diodes, an amplifier and folded outputs: all that a block of a network has."""
    x = InputVoltageLayer(units=inputs, name="x")
    xn = InputVoltageLayer(name="xn", inverts=x)
    b = BiasVoltageLayer(units=2, name="b", bias=[1.0, -1.0])
    h = DenseLayer(units=hidden, name="d1")(ConcatenateLayer("j1")([x, xn, b]))
    h = DiodeLayer("a2", "up", bias=-0.4)(DiodeLayer("a1", "down", bias=0.4)(h))
    h = AmplificationLayer(name="amp", gain=4.0)(h)
    d = DenseLayer(units=2 * units, name="d2")(ConcatenateLayer("j2")([h, b]))
    return Model([x, b], CurrentLayer("y")(d), seed=seed, engine=engine, name=f"circuit {seed}")


_solved = compiled(lambda *arguments: NativeEngine().solve(*arguments))
"""Compiled once: an engine that ran JAX's loops outside of programs would compile them at every call."""


class Bench:
    """The native engine as an engine outside JAX, that counts its calls and can fail."""

    name, traceable = "bench", False

    def __init__(self, lost=None, error=None):
        self.lost, self.error, self.calls = lost, error, 0

    def solve(self, circuit, parameters, inputs, nudge, start=None):
        self.calls += 1
        if self.error is not None:
            raise self.error
        point = _solved(circuit, dict(parameters), dict(inputs), nudge)
        if self.lost is None:
            return point
        lost = np.isclose(np.asarray(inputs["x"]), self.lost).all(1)
        code = np.where(lost, int(Result.ENGINE_FAILED), np.asarray(point.code))
        return replace(point, v=np.where(lost[:, None], np.nan, np.asarray(point.v)), code=code)


def without_sample(x) -> Bench:
    """An engine that finds no operating point for one sample, and gives NaN."""
    return Bench(lost=x)

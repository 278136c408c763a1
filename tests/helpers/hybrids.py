"""Circuits and models that the tests of hybrid models share."""

from __future__ import annotations

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
)


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

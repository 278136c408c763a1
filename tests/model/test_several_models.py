"""Several models on the same inputs, other engines, and values within bounds."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, DiodeLayer, InputVoltageLayer, Model, NativeEngine, VoltageLayer
from ebana.circuit import CircuitBuilder
from ebana.devices import BehavioralDiode


def test_two_models_may_share_their_inputs():
    x = InputVoltageLayer(2, "x")
    first = Model(x, CurrentLayer("y")(DenseLayer(4, "d", init_type="glorot")(x)))
    second = Model(x, CurrentLayer("y2")(DenseLayer(4, "d2", init_type="glorot")(x)))
    again = Model(first.inputs, first.outputs)
    data = np.ones((2, 2))
    assert [s.name for s in second.signals] == ["x", "d2", "y2"]
    np.testing.assert_array_equal(first.predict(data), again.predict(data))


def test_an_engine_is_set_by_name():
    x = InputVoltageLayer(2, "x")
    model = Model(x, CurrentLayer("y")(DenseLayer(4, "d")(x)), engine=NativeEngine(tolerance=1e-6))
    model.engine = "native"
    assert model.engine == NativeEngine()
    with pytest.raises(ValueError, match="'spectre'"):
        model.engine = "spectre"


def test_values_start_within_their_bounds():
    build = CircuitBuilder()
    with pytest.raises(ValueError, match=r"starts at 2 to 2 S, outside its bounds"):
        build.resistors("r", build.input("x", 1), build.nodes("n", 1), 2.0, low=1e-9, high=1.0)


def test_values_that_a_device_does_not_read_are_refused():
    build = CircuitBuilder()
    node = build.nodes("n", 1)
    build.resistors("r", build.input("x", 1), node, 1e-6)
    width = build.parameter("d/width", "device", [1.0])
    build.devices("d", node, build.ground(1), BehavioralDiode(), {"width": width})
    with pytest.raises(ValueError, match="BehavioralDiode does not read"):
        build.build()


def test_the_energy_of_pairs_is_the_same_by_voltage_layers_and_by_clamping():
    def network(end):
        x = InputVoltageLayer(2, "x")
        d = DiodeLayer("a", "down", 0.1)(DenseLayer(3, "h", init_type="glorot")(x))
        return Model(x, end(DenseLayer(2, "d", init_type="glorot")(d)))

    data, targets = np.array([[1.0, -1.0], [0.3, 0.2]]), np.array([[0.1, 0.0], [0.0, 0.2]])
    clamped = network(VoltageLayer("y")).energy(data, targets)
    read = network(CurrentLayer("y", fold=False)).energy(data, targets)
    np.testing.assert_allclose(clamped, read, rtol=1e-12)


def test_fit_shows_its_arguments():
    assert {"beta", "epochs", "validation_data"} <= inspect.signature(Model.fit).parameters.keys()

"""The gradient check passes right gradients, and fails each way of being wrong."""

import json

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, DiodeLayer, InputVoltageLayer, Model, NativeEngine, OperatingPoint
from ebana.analysis import check_gradients
from ebana.recipes import probe

KINDS = {"conductance", "voltage", "bias_voltage", "current", "gain", "shift", "backward_gain"}


@pytest.fixture(scope="module")
def stack3():
    model = probe("stack3").build(0, "native")
    return model, probe("stack3").data(0, 4)


def test_every_kind_of_parameter_passes_on_three_stages(stack3):
    check = check_gradients(*stack3, entries=3)
    assert check.passed
    assert {p.name.split("/")[1] for p in check.parameters} == KINDS
    assert min(p.cosine for p in check.parameters) >= 0.9999
    assert max(p.relative_error for p in check.parameters) <= 1e-3
    assert not check.failures
    assert json.loads(json.dumps(check.to_dict(), allow_nan=False))["passed"] is True


def test_adjoint_and_finite_differences_are_told_apart(stack3):
    check = check_gradients(*stack3, entries=2)
    d1 = next(p for p in check.parameters if p.name == "d1/conductance")
    assert d1.adjoint.entries == stack3[0].values["d1/conductance"].size
    assert d1.finite_differences.entries == 2


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (lambda g: -g, "amp2/gain"),
        (lambda g: 1.002 * g, "d2/conductance"),
        (lambda g: 0 * g, "b1/voltage"),
        (lambda g: np.full_like(g, np.nan), "i3/current"),
        (lambda g: np.roll(g, 1), "d3/conductance"),
    ],
    ids=["sign", "factor", "nothing", "nan", "mixed up"],
)
def test_one_wrong_gradient_fails_its_layer_alone(wrong, name, stack3, monkeypatch):
    model, data = stack3
    right = model.gradients(data, beta=1e-3 * model.default_beta())
    changed = {n: wrong(g) if n == name else g for n, g in right.items()}
    exact = model.gradients(data, method="adjoint")
    monkeypatch.setattr(Model, "gradients", lambda self, *a, **k: exact | {name: changed[name]})
    check = check_gradients(model, data, entries=2)
    assert not check.passed
    assert [p.name for p in check.failures] == [name]
    json.dumps(check.to_dict(), allow_nan=False)


def test_engine_with_an_offset_in_the_nudged_phase_fails():
    """A chip whose reading drifts between the phases does not measure gradients."""

    class Drifting:
        name, traceable = "drifting", True

        def solve(self, circuit, parameters, inputs, nudge, start=None):
            point = NativeEngine().solve(circuit, parameters, inputs, nudge, start)
            drift = 1e-3 * np.arange(point.v.shape[0])[:, None]
            return OperatingPoint(point.v + drift, point.code, point.error, point.iterations)

    bridge = probe("bridge")
    assert not check_gradients(bridge.build(0, Drifting()), bridge.data(0, 3), entries=1).passed


def test_layer_without_effect_is_reported_as_such():
    """A diode layer that never conducts has no gradient: neither an error nor a division by zero."""
    x = InputVoltageLayer(2, "x")
    d = DenseLayer(4, "d", init_type="glorot")(x)
    DiodeLayer("idle", "down", 5.0, param={"VTH": 5.0, "RON": 1.0}, trainable=True)(d)
    model = Model(x, CurrentLayer("y")(d))
    check = check_gradients(model, np.array([[1.0, -1.0]]), np.array([[0.3, -0.3]]))
    assert check.passed
    assert check.layers["idle"] == {"cosine": 1.0, "relative_error": 0.0, "zero": True}
    assert check.layers["d"]["zero"] is False


def test_model_without_trainable_parameters_is_refused():
    x = InputVoltageLayer(2, "x")
    d = DenseLayer(2, "d", trainable=False)(x)
    model = Model(x, CurrentLayer("y")(d), name="frozen")
    with pytest.raises(ValueError, match="'frozen' has no trainable parameters"):
        check_gradients(model, np.ones((1, 2)), np.ones((1, 1)))

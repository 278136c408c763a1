"""Amplifiers: spellings, voltage forward and current backward, and factors that contradict each other."""

import warnings

import numpy as np
import pytest

from ebana import AmplificationLayer, ConcatenateLayer, CurrentLayer, InputVoltageLayer, Model
from ebana.model import StageConflict
from helpers.nets import dense

VOLTS = np.array([[1.0, -0.5], [0.25, 2.0]])


@pytest.mark.parametrize(
    ("options", "gain", "shift"),
    [
        ({}, 1.0, 0.0),
        ({"gain": 4}, 4.0, 0.0),
        ({"param": {"gain": 4, "shift": 0}}, 4.0, 0.0),
        ({"gain": 4, "shift": 0.5}, 4.0, 0.5),
        ({"gain": 4, "param": {"shift": 0.5}}, 4.0, 0.5),
    ],
)
def test_both_spellings(options, gain, shift):
    layer = AmplificationLayer(name="amp", **options)
    assert (float(layer.gain), float(layer.shift)) == (gain, shift)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gain": 4, "param": {"gain": 4}}, "'amp' got both gain and param_gain"),
        ({"param": {"gian": 4}}, "'amp': param has 'gian'. Expected gain, shift, backward_gain"),
        ({"gain": 0}, "'amp': gain=0.*above zero"),
        ({"gain": -4}, "'amp': gain=-4.*above zero"),
        ({"gain": np.nan}, "'amp': gain=nan.*above zero"),
        ({"gain": 4, "backward_gain": 0}, "'amp'.*backward_gain=0.*above zero"),
        ({"gain": 4, "trainable": "bias"}, "'amp': trainable='bias'. Expected a choice of gain, shift"),
        ({"gain": 4, "trainable": ["backward_gain"]}, "'amp': trainable=.*Expected a choice of gain, shift"),
    ],
)
def test_what_makes_no_amplifier_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AmplificationLayer(name="amp", **options)


def test_values_for_each_unit_must_fit_the_units():
    with pytest.raises(ValueError, match="'amp': gain has 3 values for 2 units"):
        AmplificationLayer([1.0, 2.0, 3.0], "amp")(InputVoltageLayer(2, "x"))


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ({}, set()),
        ({"trainable": True}, {"gain", "shift"}),
        ({"trainable": "gain"}, {"gain"}),
        ({"trainable": ["shift"]}, {"shift"}),
        ({"trainable": True, "backward_gain": 4.0}, {"gain", "shift", "backward_gain"}),
    ],
)
def test_what_is_trained_is_chosen(options, trained):
    x = InputVoltageLayer(2, "x")
    amp = AmplificationLayer(4.0, "amp", lr=0.1, low=0.5, high=8.0, **options)
    circuit = Model(x, CurrentLayer("y")(dense(2, "e")(amp(dense(2, "d")(x))))).circuit
    assert {name.split("/")[1] for name in circuit.trainable if name.startswith("amp/")} == trained
    gain = circuit.parameters["amp/gain"]
    if "gain" in trained:
        assert (gain.learning_rate, gain.low, gain.high) == (0.1, 0.5, 8.0)


def test_an_unloaded_amplifier_multiplies_what_exceeds_the_shift():
    x = InputVoltageLayer(2, "x")
    d = dense(2, "d")(x)
    model = Model(x, CurrentLayer("y", fold=False)(AmplificationLayer(4.0, "amp", shift=0.5)(d)))
    g = model.values["d/conductance"]
    np.testing.assert_allclose(model.predict(VOLTS), 0.5 + 4 * (VOLTS @ g / g.sum(0) - 0.5), rtol=1e-12)


@pytest.mark.parametrize(("backward", "kappa"), [(None, 0.25), (2.0, 2.0)])
def test_the_input_supplies_kappa_times_the_current_of_the_output(backward, kappa):
    x, load = InputVoltageLayer(1, "x"), InputVoltageLayer(1, "load")
    w = AmplificationLayer(4.0, "amp", backward_gain=backward)(dense(1, "d")(x))
    out = dense(1, "e")(ConcatenateLayer("j")([w, load]))
    model = Model([x, load], CurrentLayer("y", fold=False)(out))
    g = model.values["d/conductance"].item()
    ew, el = model.values["e/conductance"].ravel()
    (o,) = model.predict({"x": [[1.0]], "load": [[-3.0]]})[0]
    h = (o * (ew + el) + 3.0 * el) / ew / 4.0  # Kirchhoff at the output node gives w, hence h
    assert g * (1.0 - h) == pytest.approx(kappa * ew * (4.0 * h - o), rel=1e-9)


def test_a_disabled_amplifier_hands_its_input_on():
    x = InputVoltageLayer(2, "x")
    model = Model(x, CurrentLayer("y")(AmplificationLayer(4.0, "amp", enabled=False)(dense(2, "d")(x))))
    assert model.circuit.amplifiers == ()
    assert model.circuit.parameters.keys() == {"d/conductance"}


def parallel(first, second, joined=True, **options):
    """Two amplifiers of gains ``first`` and ``second`` on one hidden layer (or one on each of two) feed one output."""
    x = InputVoltageLayer(2, "x")
    d1 = dense(2, "d1")(x)
    a = AmplificationLayer(first, "left", **options)(d1)
    b = AmplificationLayer(second, "right")(d1 if joined else dense(2, "d2")(x))
    return Model(x, CurrentLayer("y")(dense(2, "d3")(ConcatenateLayer("j")([a, b]))), name="fork")


def test_two_paths_of_different_factors_are_named_when_the_model_is_built():
    with pytest.warns(StageConflict, match=r"'fork' has no global energy.*(left|right).*adjoint") as caught:
        parallel(4.0, 2.0)
    assert caught[0].filename == __file__
    with pytest.warns(StageConflict, match=r"left|right"):
        parallel(2.0, 2.0, backward_gain=3.0)
    with pytest.warns(StageConflict, match="left"):
        parallel([2.0, 4.0], 2.0)


def test_paths_of_equal_factors_have_a_global_energy():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel(4.0, 4.0)
        parallel(4.0, 2.0, backward_gain=1.0)  # kappa / A is 1/4 on both ways
        parallel(4.0, 2.0, joined=False)  # each hidden stage carries a factor of its own


def test_outputs_at_different_depths_are_no_conflict():
    x = InputVoltageLayer(2, "x")
    d = dense(2, "d1")(x)
    deep = dense(2, "d2")(AmplificationLayer(4.0, "amp")(d))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Model(x, [CurrentLayer("near")(d), CurrentLayer("far")(deep)])


def test_the_warning_is_right_that_the_gradient_is_off():
    x, y = np.array([[1.0, -0.5], [-2.0, 0.3]]), np.array([[0.5], [-0.5]])
    with pytest.warns(StageConflict):
        model = parallel(4.0, 2.0)
    ep, exact = (
        np.concatenate([g.ravel() for g in model.gradients(x, y, method=m).values()])
        for m in ("ep", "adjoint")
    )
    assert 1e-2 < np.linalg.norm(ep - exact) / np.linalg.norm(exact) < 10

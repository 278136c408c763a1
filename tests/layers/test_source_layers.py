"""Sources: inputs and their inverse, biases fixed and trained, bias currents."""

import numpy as np
import pytest

from ebana import (
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    CurrentSourceLayer,
    DenseLayer,
    InputVoltageLayer,
    Model,
)
from helpers.nets import MILLI, dense

VOLTS = np.array([[1.0, -0.5], [0.25, 2.0], [-1.0, -1.0]])


def single_nodes(signal):
    return CurrentLayer("y", fold=False)(signal)


@pytest.mark.parametrize("units", [0, -1, 2.5, True, "3", [2]])
@pytest.mark.parametrize("layer", [InputVoltageLayer, BiasVoltageLayer, DenseLayer])
def test_a_count_that_is_no_whole_number_above_zero_is_refused(layer, units):
    with pytest.raises(ValueError, match=r"'probe'.*units.*whole number above zero"):
        layer(units, "probe")


@pytest.mark.parametrize("name", ["", None, 3, "a/b"])
def test_a_name_must_be_a_string_without_slashes(name):
    with pytest.raises(ValueError, match="Expected a name"):
        InputVoltageLayer(1, name)


def test_inputs_carry_data_and_are_never_trained():
    assert InputVoltageLayer(3, "x", trainable=False).shape == (3,)
    with pytest.raises(ValueError, match=r"'x'.*BiasVoltageLayer\(trainable=True\)"):
        InputVoltageLayer(3, "x", trainable=True)
    with pytest.raises(ValueError, match="'x' needs units"):
        InputVoltageLayer(name="x")


def test_a_source_is_not_called():
    with pytest.raises(TypeError, match="'b' is a source"):
        BiasVoltageLayer(1, "b")(InputVoltageLayer(1, "x"))


def test_an_inverted_input_equals_feeding_minus_x():
    x = InputVoltageLayer(2, "x")
    declared = Model(
        x, single_nodes(dense(2, "d")(ConcatenateLayer("j")([x, InputVoltageLayer(name="n", inverts=x)])))
    )
    x, n = InputVoltageLayer(2, "x"), InputVoltageLayer(2, "n")
    fed = Model([x, n], single_nodes(dense(2, "d")(ConcatenateLayer("j")([x, n]))))
    assert declared.input_columns == {"x": 2}
    assert fed.input_columns == {"x": 2, "n": 2}
    np.testing.assert_allclose(declared.predict(VOLTS), fed.predict({"x": VOLTS, "n": -VOLTS}), rtol=1e-12)


def test_only_a_plain_input_of_the_same_size_is_inverted():
    x = InputVoltageLayer(2, "x")
    n = InputVoltageLayer(name="n", inverts=x)
    assert n.shape == (2,)
    with pytest.raises(ValueError, match="'m' inverts 'n'"):
        InputVoltageLayer(name="m", inverts=n)
    with pytest.raises(ValueError, match="'m' inverts 'b'"):
        InputVoltageLayer(name="m", inverts=BiasVoltageLayer(2, "b"))
    with pytest.raises(ValueError, match="'m' has units=3 but inverts 'x' with 2"):
        InputVoltageLayer(3, "m", inverts=x)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1.0, 1.0]),
        ({"bias_voltage": 0.5}, [0.5, 0.5]),
        ({"bias": 0.5}, [0.5, 0.5]),
        ({"bias_voltage": np.array([0.5])}, [0.5, 0.5]),
        ({"bias": [1.0, -1.0]}, [1.0, -1.0]),
        ({"bias": 0.0}, [0.0, 0.0]),
    ],
)
def test_biases_in_both_spellings(options, expected):
    assert BiasVoltageLayer(2, "b", **options).bias_voltage.tolist() == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bias_voltage": 1.0, "bias": 1.0}, "'b' got both bias_voltage and bias"),
        ({"bias": [1.0, 2.0, 3.0]}, "'b': bias_voltage has 3 values for 2 units"),
        ({"bias": [1.0, np.nan]}, "'b': bias_voltage.*not finite"),
    ],
)
def test_biases_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BiasVoltageLayer(2, "b", **options)


def test_trained_sources_keep_their_bounds_and_learning_rate():
    x, b = (
        InputVoltageLayer(2, "x"),
        BiasVoltageLayer(2, "b", [1.0, -1.0], trainable=True, lr=0.1, low=-2.0, high=2.0),
    )
    d = dense(2, "d")(ConcatenateLayer("j")([x, b]))
    i = CurrentSourceLayer("i", [1e-4, 0.0], trainable=True, lr=1e-6, low=-1e-3, high=1e-3)(d)
    parameters = Model([x, b], CurrentLayer("y")(i)).circuit.parameters
    voltage, current = parameters["b/voltage"], parameters["i/current"]
    assert (voltage.trainable, voltage.learning_rate, voltage.low, voltage.high) == (True, 0.1, -2.0, 2.0)
    assert (current.trainable, current.learning_rate, current.low, current.high) == (True, 1e-6, -1e-3, 1e-3)
    assert current.initial.tolist() == [1e-4, 0.0]


def test_a_bias_current_lifts_a_node_by_current_over_conductance():
    x = InputVoltageLayer(2, "x")
    lifted = Model(x, single_nodes(CurrentSourceLayer("i", [1e-4, -2e-4])(dense(2, "d")(x))))
    g = lifted.values["d/conductance"]
    expected = (VOLTS @ g + np.array([1e-4, -2e-4])) / g.sum(0)
    np.testing.assert_allclose(lifted.predict(VOLTS), expected, rtol=1e-12)


def test_bias_currents_must_fit_the_units():
    x = InputVoltageLayer(2, "x")
    with pytest.raises(ValueError, match="'i': current has 3 values for 2 units"):
        CurrentSourceLayer("i", [1.0, 2.0, 3.0])(x)
    with pytest.raises(ValueError, match=r"'i' takes one input. Received 2"):
        CurrentSourceLayer("i")([x, x])


def test_a_disabled_source_is_skipped_and_a_disabled_shunt_adds_nothing():
    x, off = InputVoltageLayer(2, "x"), BiasVoltageLayer(3, "off", enabled=False)
    assert off.shape == (0,)
    d = dense(2, "d")(ConcatenateLayer("j")([x, off]))
    i = CurrentSourceLayer("i", 1e-4, enabled=False)(d)
    model = Model([x, off], single_nodes(i))
    assert model.circuit.parameters.keys() == {"d/conductance"}
    assert model.circuit.parameters["d/conductance"].shape == (2, 2)


def test_a_layer_on_a_disabled_source_alone_is_refused():
    off = InputVoltageLayer(2, "off", enabled=False)
    with pytest.raises(ValueError, match="'d' is called on 'off', which is disabled"):
        DenseLayer(2, "d", init_type=MILLI)(off)


def test_an_input_that_is_left_out_can_still_be_inverted():
    x = InputVoltageLayer(2, "x", enabled=False)
    n = InputVoltageLayer(name="n", inverts=x)
    model = Model(x, single_nodes(dense(2, "d")(ConcatenateLayer("j")([x, n]))))
    g = model.values["d/conductance"]
    np.testing.assert_allclose(model.predict({"x": VOLTS}), -VOLTS @ g / g.sum(0), rtol=1e-12)

"""Outputs that are read and nudged, and outputs that are held."""

import numpy as np
import pytest

from ebana import AmplificationLayer, CurrentLayer, InputVoltageLayer, Model, VoltageLayer
from helpers.nets import dense, linear

VOLTS = np.array([[1.0, -0.5], [0.25, 2.0]])


def test_a_folded_output_reads_the_differences_of_pairs_of_nodes():
    folded, single = linear(4), linear(4, fold=False)
    assert (folded.output_units, single.output_units) == ({"y": 2}, {"y": 4})
    v = single.predict(VOLTS)
    np.testing.assert_allclose(folded.predict(VOLTS), v[:, 0::2] - v[:, 1::2], rtol=1e-12)


def test_values_are_counted_from_the_nodes():
    assert linear(4).outputs[0].layer.values == 2
    assert linear(4, fold=False).outputs[0].layer.values == 4


@pytest.mark.parametrize("layer", [CurrentLayer("y"), VoltageLayer("y", fold=True)])
def test_an_odd_number_of_nodes_cannot_be_folded(layer):
    with pytest.raises(ValueError, match=r"'y' folds pairs of nodes but is called on 3.*fold=False"):
        layer(InputVoltageLayer(3, "x"))


def test_an_output_cannot_be_disabled():
    with pytest.raises(ValueError, match="'y' cannot be disabled"):
        CurrentLayer("y", enabled=False)


@pytest.mark.parametrize("fold", [False, True])
def test_a_voltage_layer_holds_the_nodes_at_its_data(fold):
    x = InputVoltageLayer(2, "x")
    d1 = dense(3, "d1")(x)
    held = VoltageLayer("held", fold=fold)(dense(2, "d2")(d1))
    model = Model(x, [held, CurrentLayer("hidden", fold=False)(d1)])
    assert model.input_columns == {"x": 2, "held": 1 if fold else 2}
    y = np.array([[0.5], [-1.0]]) if fold else np.array([[0.5, 0.1], [-1.0, 0.2]])
    nodes = np.hstack([y / 2, -y / 2]) if fold else y
    g1, g2 = model.values["d1/conductance"], model.values["d2/conductance"]
    expected = (VOLTS @ g1 + nodes @ g2.T) / (g1.sum(0) + g2.sum(1))
    np.testing.assert_allclose(model.predict({"x": VOLTS, "held": y}), expected, rtol=1e-12)


def test_only_all_nodes_of_one_crossbar_are_held():
    x = InputVoltageLayer(2, "x")
    with pytest.raises(
        ValueError, match=r"'held' must be called on all nodes of one dense layer.*'amp' \(amplified"
    ):
        Model(x, VoltageLayer("held")(AmplificationLayer(2.0, "amp")(dense(2, "d")(x))))
    x = InputVoltageLayer(2, "x")
    with pytest.raises(
        ValueError, match=r"'held' must be called on all nodes of one dense layer.*'x' \(source"
    ):
        Model(x, VoltageLayer("held")(x))


@pytest.mark.parametrize("verb", ["predict", "evaluate", "fit", "gradients"])
def test_a_model_that_is_only_held_says_what_it_is_for(verb):
    x = InputVoltageLayer(2, "x")
    model = Model(x, VoltageLayer("held")(dense(2, "d")(x)), name="pair")
    with pytest.raises(ValueError, match=r"'pair' has no output that is read.*energy"):
        getattr(model, verb)({"x": VOLTS, "held": VOLTS})

"""Layers whose wires have resistances: files, decks, summaries, values, rules of learning."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, Wires, load_model, recipes
from helpers.nets import MILLI

VOLTS = np.array([[1.0, -0.5], [0.25, 2.0]])
WIRES = Wires(row=1.0, column=2.0, driver=3.0, contact=4.0)


def net(wires=WIRES, **options):
    x = InputVoltageLayer(2, "x")
    return Model(
        x,
        CurrentLayer("y", fold=False)(
            DenseLayer(3, "d", init_type=MILLI, wire_resistance=wires, **options)(x)
        ),
    )


@pytest.mark.parametrize("given", [WIRES, {"row": 1.0, "column": "2", "driver": 3, "contact": 4.0}])
def test_wires_are_saved_with_the_layer(given, tmp_path):
    model = net(given)
    model.save(tmp_path / "model.ebana")
    loaded = load_model(tmp_path / "model.ebana")
    assert np.array_equal(loaded.predict(VOLTS), model.predict(VOLTS))
    assert next(layer for layer in loaded.layers if layer.name == "d").wires == WIRES


def test_a_layer_without_wires_is_saved_as_before():
    assert "wire_resistance" not in DenseLayer(3, "d").config()
    assert "wire_resistance" not in DenseLayer(3, "d", wire_resistance=0.0).config()


def test_conductances_keep_their_name_and_shape():
    model = net()
    assert model.values["d/conductance"].shape == (2, 3)
    assert list(model.circuit.trainable) == ["d/conductance"]
    assert np.array_equal(model.values["d/conductance"], net(None).values["d/conductance"])


def test_a_wire_that_breaks_is_a_value():
    """A driver of a row that all but breaks: the row floats, and the columns follow the other row."""
    model = net(Wires(driver=1.0))
    values = dict(model.values) | {"d/driver_wire": np.array([1e-9, 1.0])}
    model.set_values(values)
    np.testing.assert_allclose(model.predict(VOLTS), np.repeat(VOLTS[:, 1:], 3, axis=1), rtol=2e-3)


def test_every_wire_is_in_the_deck():
    deck = net().netlist(VOLTS)
    ohms = [float(line.split()[3]) for line in deck.splitlines() if re.match(r"R\d", line)]
    assert sorted(o for o in ohms if o < 10) == [1.0] * 4 + [2.0] * 3 + [3.0] * 2 + [4.0] * 3
    assert len(ohms) == 6 + 12


def test_a_block_of_a_model_has_its_wires_as_parameters():
    text = net().netlist(as_subckt="cross")
    assert ".param d_driver_wire_0_ohm=3" in text
    assert "Rd_row_wires_0 d_rows_0 d_rows_1 {d_row_wire_0_ohm}" in text
    assert len(re.findall(r"^R\w+ .*\{\w+_ohm\}$", text, re.MULTILINE)) == 18


def test_the_summary_counts_nodes_and_wires(capsys):
    model = net()
    model.summary()
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│ d "))
    assert [int(n) for n in re.findall(r"\d+", row)] == [3, 15, 6, 12, 0]


def test_a_rule_of_learning_sees_the_drops_over_the_cells():
    """A rule that is the gradient's own: half the difference of the squares."""
    y = np.array([[0.1, 0.2, 0.3], [0.0, -0.1, 0.4]])
    plain = net().gradients(VOLTS, y, beta=1e-7, estimator="one_sided")
    ruled = net(grad_func=lambda free, nudged: 0.5 * (nudged**2 - free**2) / 2).gradients(
        VOLTS, y, beta=1e-7, estimator="one_sided"
    )
    ratio = ruled["d/conductance"] / plain["d/conductance"]
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-4)


def test_bad_wires_are_refused_with_the_layer_named():
    with pytest.raises(ValueError, match="dense layer 'd' has wire_resistance=-1"):
        DenseLayer(3, "d", wire_resistance=-1)
    with pytest.raises(ValueError, match="dense layer 'd' has wire_resistance"):
        DenseLayer(3, "d", wire_resistance={"rows": 1.0})


@pytest.fixture(scope="module")
def iris():
    """The Iris network behind wires of 10 kilohm, which lose a good part of the volts; some samples."""
    recipe = recipes.get("iris")
    split = recipe.data(0)
    wires = Wires(row=1e4, column=1e4, driver=1e3, contact=1e3)
    return recipe.build(0, wire_resistance=wires), recipe.dataset(split.x_train[:12], split.y_train[:12])


def test_equilibrium_propagation_takes_the_gradient_of_the_adjoint(iris):
    model, data = iris
    by = {name: model.gradients(data, estimator=name) for name in ("centered", "adjoint")}
    for name, exact in by["adjoint"].items():
        np.testing.assert_allclose(by["centered"][name], exact, rtol=0, atol=1e-9 * np.abs(exact).max())


def test_the_adjoint_is_that_of_finite_differences(iris):
    model, data = iris
    exact = model.gradients(data, estimator="adjoint")
    start = model.values
    for name, at in (("d1/conductance", (3, 4)), ("d2/conductance", (11, 5))):
        step, ends = 1e-4 * start[name][at], []
        for sign in (1, -1):
            moved = {key: np.array(value) for key, value in start.items()}
            moved[name][at] += sign * step
            model.set_values(moved)
            error = model.predict(data.inputs["x"]) - data.outputs["species"]
            ends.append(0.5 * np.mean((error**2).sum(1)))
        model.set_values(start)
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(exact[name][at], rel=1e-6)


def test_held_outputs_settle_with_wires(iris):
    """Coupled learning holds the columns of the last crossbar: its gradient points the way of the adjoint's."""
    model, data = iris
    found = model.gradients(data, estimator="coupled")
    exact = model.gradients(data, estimator="adjoint")
    a, b = found["d1/conductance"].ravel(), exact["d1/conductance"].ravel()
    assert a @ b > 0.8 * np.sqrt((a @ a) * (b @ b))


def test_a_few_epochs_of_training_lower_the_loss():
    recipe = replace(recipes.get("iris"), epochs=8)
    split = recipe.data(0)
    model = recipe.build(0, wire_resistance=1.0)
    data = recipe.dataset(split.x_train, split.y_train)
    history = model.fit(data, **recipe.fit_options(0), verbose=False)
    assert history.history["loss"][-1] < 0.9 * history.history["loss"][0]
    assert sum(history.history["unconverged"]) == 0

"""The report of a training, of any network: complete, and plain about what does not apply."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from ebana import (
    CircuitBuilder,
    CurrentLayer,
    DenseLayer,
    History,
    HopfieldNetwork,
    InputVoltageLayer,
    Layer,
    Model,
    callbacks,
    load_model,
)
from ebana.hardware import Hardware, Spread
from ebana.hybrid import Dense, HybridModel
from ebana.reports.run_folder import FILES, RunFolder
from helpers.nets import Refuses

X = np.array([[1.0, -0.5], [0.25, 0.75], [-1.0, 1.0]])
Y = np.array([[0.2], [0.1], [-0.1]])
QUICK = {"epochs": 2, "batch_size": 3, "verbose": False}


class Same(Layer):
    """A layer of a user's own, without a stored form."""

    def __init__(self, name, thing):
        super().__init__(name)
        self.thing = thing

    def config(self):
        raise TypeError(f"layer {self.name!r} holds {self.thing!r}, which no file can hold.")

    def add(self, build, signal, inputs, rng):
        return inputs[0]


def layers() -> Model:
    x = InputVoltageLayer(2, "x")
    return Model(x, CurrentLayer("y")(DenseLayer(2, "d")(x)), name="of layers")


def own() -> Model:
    x = InputVoltageLayer(2, "x")
    return Model(x, CurrentLayer("y")(Same("same", object())(DenseLayer(2, "d")(x))), name="<own>")


def circuit() -> Model:
    build = CircuitBuilder()
    x, middle = build.input("x", 2), build.nodes("middle", 1)
    build.crossbar("upper", x, middle, np.full((2, 1), 1e-3), trainable=True)
    build.resistors("lower", middle, build.ground(), 1e-3)
    build.output("y", middle, folded=False)
    return Model.from_circuit(build.build(), name="divider")


def hopfield() -> HopfieldNetwork:
    return HopfieldNetwork([2, 3, 1], name="hop")


def hybrid() -> HybridModel:
    return HybridModel([Dense(3), Dense(1)], input_shape=2, name="parts")


class Text(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.told = ""
        self.feed(page)

    def handle_data(self, data):
        self.told += data


def told(folder: Path) -> str:
    return Text((folder / "report.html").read_text()).told


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """A network of each kind, trained, and the folder that its run left."""
    made = {}

    def run(make):
        if make not in made:
            folder, network = tmp_path_factory.mktemp(make.__name__) / "run", make()
            network.fit(X, Y, validation_data=(X, Y), callbacks=[callbacks.RunFolder(folder)], **QUICK)
            made[make] = network, folder
        return made[make]

    return run


def test_a_model_of_layers_leaves_all_files(run_of):
    model, folder = run_of(layers)
    assert names(folder) == set(FILES)
    loaded = load_model(folder / "model.ebana")
    for name, value in model.values.items():
        np.testing.assert_array_equal(loaded.values[name], value)
    assert History.load(folder / "history").epochs == [1, 2]
    assert (folder / "circuit.cir").read_text() == model.netlist(X)


EVERY = [layers, own, circuit, hopfield, hybrid]


@pytest.mark.parametrize("make", EVERY)
def test_numbers_are_those_of_evaluate(run_of, make):
    network, folder = run_of(make)
    result = json.loads((folder / "result.json").read_text())
    measured = network.evaluate(X, Y)
    assert (result["train_loss"], result["test_loss"]) == pytest.approx((measured.loss,) * 2, rel=1e-6)
    assert result["test_accuracy"] == measured.accuracy
    assert (result["model"], result["epochs"], result["unconverged"]) == (network.name, 2, 0)
    assert (result["training_samples"], result["test_samples"]) == (3, 3)


@pytest.mark.parametrize("make", EVERY)
def test_the_page_names_the_network_and_what_it_was_trained_with(run_of, make):
    network, folder = run_of(make)
    page = told(folder)
    for word in (network.name, "Adam", "jax", "Loss and accuracy"):
        assert word in page
    assert "<own>" not in (folder / "report.html").read_text()


def test_a_layer_without_a_stored_form_leaves_values_and_says_so(run_of, tmp_path):
    model, folder = run_of(own)
    assert names(folder) == {*FILES, "values"} - {"model.ebana"}
    assert "There is no model.ebana: layer 'same' holds" in told(folder)
    again = own()
    again.load_values(folder / "values")
    np.testing.assert_array_equal(again.values["d/conductance"], model.values["d/conductance"])


def test_a_model_of_a_circuit_has_elements_in_the_place_of_layers(run_of):
    _, folder = run_of(circuit)
    assert "Evolution of conductances" in told(folder)
    assert names(folder) >= {"circuit.cir", "values", "conductances.png"}
    assert not names(folder) & {"model.ebana", "model.png"}
    page = told(folder)
    assert "There is no drawing of layers" in page
    assert "Static power" in page
    assert "lower[0]" in page


@pytest.mark.parametrize(("make", "stored"), [(hopfield, "values"), (hybrid, "model.ebana")])
def test_what_is_no_circuit_has_no_netlist_and_says_so(run_of, make, stored):
    _, folder = run_of(make)
    assert stored in names(folder)
    assert not names(folder) & {"circuit.cir", "conductances.png", "model.png"}
    assert "Evolution of values" in told(folder)
    assert "Circuit" not in told(folder)
    assert "no netlist, no static power" in told(folder)
    assert "power" not in json.loads((folder / "result.json").read_text())


def test_a_chip_is_told_as_it_is_asked(tmp_path):
    chip = circuit().on(Hardware(Spread(0.05)), chip=1)
    chip.report(tmp_path, X, Y)
    assert "chip.as_model().report(...) shows them" in told(tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["train_loss"] == pytest.approx(chip.evaluate(X, Y).loss)
    assert (tmp_path / "values").is_file()


def test_a_network_that_was_not_trained_has_no_curves(tmp_path):
    path = circuit().report(tmp_path / "run", X, Y)
    assert path == tmp_path / "run" / "report.html"
    assert "There are no curves" in told(tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["epochs"] == result["test_samples"] == 0
    assert "test_loss" not in result


def test_files_of_an_earlier_report_go(tmp_path):
    for name in ("model.ebana", "conductances.png", "checkpoint"):
        (tmp_path / name).write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    hopfield().report(tmp_path, X, Y)
    assert names(tmp_path) == {"report.html", "result.json", "values", "history", "notes.txt"}


def test_points_that_are_not_found_are_counted(tmp_path):
    model = layers()
    model.engine = Refuses(limit=0.0)
    model.report(tmp_path, X, Y)
    assert json.loads((tmp_path / "result.json").read_text())["unconverged"] > 0


def test_a_file_in_the_place_of_the_folder_is_refused_before_training(tmp_path):
    (tmp_path / "run").write_text("")
    model = layers()
    with pytest.raises(NotADirectoryError, match=r"Expected a folder\. Choose another folder"):
        model.fit(X, Y, callbacks=[callbacks.RunFolder(tmp_path / "run")], **QUICK)
    assert model.history.epochs == []


class Interrupt(callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        raise KeyboardInterrupt


def test_a_run_that_is_interrupted_leaves_no_report(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        layers().fit(X, Y, callbacks=[Interrupt(), callbacks.RunFolder(tmp_path / "run")], **QUICK)
    assert not (tmp_path / "run").exists()


def test_a_capacitance_needs_a_circuit(tmp_path):
    with pytest.raises(ValueError, match="which is no circuit"):
        hopfield().report(tmp_path, X, Y, capacitance=1e-12)


def test_what_stands_in_a_folder(tmp_path):
    assert RunFolder(tmp_path).files() == []
    (tmp_path / "values").write_text("")
    assert RunFolder(tmp_path).files() == ["values"]

"""Verbs of a chip: those of a model are there or say where they are, and files of values know their chip."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import HopfieldNetwork, Model, recipes
from ebana.hardware import Chip, Hardware, Measurement, Mismatch, Spread, WriteNoise
from ebana.hardware.chip import OF_A_DESIGN
from ebana.hardware.origin import origin_of
from ebana.storage import archive
from ebana.storage.described import CorruptFile

HARDWARE = Hardware(Spread(0.1), Mismatch(threshold=0.01), seed=3)
X = np.random.default_rng(0).normal(0, 2, (3, 4))


@pytest.fixture(scope="module")
def model():
    return recipes.get("iris").build(seed=0)


@pytest.fixture
def chip(model):
    return model.on(HARDWARE, chip=2)


def halved(model):
    """Other values of the first crossbar, within its bounds."""
    parameter = model.system.parameters["d1/conductance"]
    return {"d1/conductance": np.clip(0.5 * model.values["d1/conductance"], parameter.low, parameter.high)}


def public(kind):
    return {name for name in [*dir(kind), *kind.__annotations__] if not name.startswith("_")}


def test_every_verb_of_a_model_is_there_or_says_where_it_is(model, chip):
    own = public(Model) | {name for name in vars(model) if not name.startswith("_")}
    there = public(Chip) | {name for name in vars(chip) if not name.startswith("_")}
    assert own - there == set(OF_A_DESIGN)
    for name, answer in OF_A_DESIGN.items():
        with pytest.raises(AttributeError, match=f"no attribute '{name}'") as refused:
            getattr(chip, name)
        assert answer in str(refused.value)


def test_a_circuit_of_a_chip_is_asked_like_its_model(model, chip, tmp_path):
    own = model.realise(HARDWARE, 2)
    np.testing.assert_array_equal(chip.operating_point(X).v, own.operating_point(X).v)
    assert chip.power(X).total == own.power(X).total != model.power(X).total
    assert chip.netlist(X) == own.netlist(X) != model.netlist(X)
    assert chip.costs(X, seconds=1e-6).inference == own.costs(X, seconds=1e-6).inference
    chip.plot(tmp_path / "layers.png")
    assert (tmp_path / "layers.png").exists()
    assert "trainable values" in chip.summary(print_fn=lambda text: None)


def test_the_model_of_a_chip_has_the_values_that_are_asked_for_now(model, chip):
    name = "d1/conductance"
    asked = halved(model)[name]
    chip.set_values({name: asked})
    half = chip.as_model().values[name]
    spread = model.realise(HARDWARE, 2).values[name] / model.values[name]
    np.testing.assert_allclose(half, asked * spread, rtol=1e-12)
    np.testing.assert_array_equal(chip.design.values[name], chip.asked[name])
    np.testing.assert_array_equal(chip.design.realise(HARDWARE, 2).values[name], half)


def test_what_is_no_one_chip_and_no_circuit_is_refused(model):
    with pytest.raises(ValueError, match=r"no one chip.*chip=0"):
        model.on(HARDWARE).power(X)
    weights = HopfieldNetwork([4, 3, 2]).on(Hardware(Spread(0.1, kinds="weight")), chip=0)
    with pytest.raises(TypeError, match=r"no circuit.*chip\.design"):
        weights.netlist(X)


@pytest.mark.parametrize("hardware", [HARDWARE, Hardware(WriteNoise(0.1), seed=1)], ids=["once", "counted"])
def test_files_of_values_know_their_chip(model, tmp_path, hardware):
    path, name = tmp_path / "values", "d1/conductance"
    trained = model.on(hardware, chip=3)
    trained.set_values(halved(model))
    if "hardware/step" in trained.values:
        trained.set_values({"hardware/step": 7.0})
    trained.save_values(path)
    origin = origin_of(path)
    assert (origin.hardware, origin.chip) == (hardware, 3)
    same, other, design = model.on(hardware, chip=3), model.on(hardware, chip=4), model.on(hardware, 3).design
    same.load_values(path)
    for key, value in trained.values.items():
        np.testing.assert_array_equal(same.values[key], value)
    np.testing.assert_array_equal(same.predict(X), trained.predict(X))
    with pytest.raises(ValueError, match=r"asked of chip 3 of Hardware.*this is chip 4.*from_another=True"):
        other.load_values(path)
    np.testing.assert_array_equal(other.values[name], model.values[name])
    other.load_values(path, from_another=True)
    np.testing.assert_array_equal(other.values[name], trained.values[name])
    assert other.values.get("hardware/step", 0.0) == 0.0
    design.load_values(path)
    np.testing.assert_array_equal(design.values[name], trained.values[name])


def test_values_of_a_design_are_transferred_to_any_chip(model, chip, tmp_path):
    model.save_values(tmp_path / "values")
    assert origin_of(tmp_path / "values") is None
    chip.set_values(halved(model))
    chip.load_values(tmp_path / "values")
    np.testing.assert_array_equal(chip.asked["d1/conductance"], model.values["d1/conductance"])


SPOILT = {
    "no chip": {"hardware": {}, "step": 0},
    "a negative chip": {"hardware": {}, "chip": -1, "step": 0},
    "no hardware": {"chip": 1, "step": 0},
    "an unknown effect": {"hardware": {"effects": [{"effect": "Rust"}]}, "chip": 1, "step": 0},
    "part of a step": {"hardware": {}, "chip": 1, "step": 0.5},
    "a word": "chip 3",
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_file_of_no_chip_is_damaged(chip, tmp_path, spoilt):
    path = chip.save_values(tmp_path / "values")
    metadata, arrays = archive.read(path, "values")
    archive.write(path, "values", metadata | {"chip": spoilt}, arrays)
    for read in (origin_of, chip.load_values):
        with pytest.raises(CorruptFile, match="values"):
            read(path)


def test_noise_of_reads_goes_on_from_a_file_as_it_would_have(model, tmp_path):
    hardware = Hardware(measurement=Measurement(noise=1e-3), seed=1)
    chip = model.on(hardware, chip=0)
    chip.set_values({"hardware/step": 5.0})
    chip.save_values(tmp_path / "values")
    again = model.on(hardware, chip=0)
    again.load_values(tmp_path / "values")
    np.testing.assert_array_equal(again.predict(X), chip.predict(X))

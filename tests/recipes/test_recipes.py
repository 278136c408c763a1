"""Recipes are complete, build what they say, and are plain data."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ebana import datasets, recipes
from ebana.datasets.sources import SOURCES


@pytest.mark.parametrize("name", recipes.names())
def test_network_fits_its_data_set(name):
    recipe = recipes.get(name)
    model, split = recipe.build(0), recipe.data(0)
    data = recipe.dataset(split.x_train, split.y_train)
    assert model.input_columns == {"x": split.x_train.shape[1]}
    assert model.output_units == {k: v.shape[1] for k, v in data.outputs.items()}


def test_every_table_and_truth_table_has_a_recipe():
    """Images have reproductions instead (:mod:`ebana.reproductions`)."""
    assert set(recipes.names()) == set(datasets.names()) - set(SOURCES) - {"digits"}


@pytest.mark.parametrize("name", recipes.names())
def test_start_values_lie_within_their_bounds(name):
    recipe = recipes.get(name)
    for value in recipe.build(5).values.values():
        if value.ndim == 2:
            assert value.min() >= recipe.g_min
            assert value.max() <= recipe.g_max


def test_iris_circuit_has_the_published_size():
    model = recipes.get("iris").build(0)
    shapes = {name: value.shape for name, value in model.values.items() if value.ndim == 2}
    assert shapes == {"d1/conductance": (10, 10), "d2/conductance": (12, 6)}


def test_seed_decides_the_start_values():
    build = recipes.get("xor").build
    same, other = build(1).values, build(2).values
    assert all(np.array_equal(v, same[n]) for n, v in build(1).values.items())
    assert not np.array_equal(same["d1/conductance"], other["d1/conductance"])


def test_recipe_is_plain_data():
    text = json.dumps(recipes.get("gates").to_dict(), allow_nan=False)
    assert json.loads(text)["outputs"] == {"or": 1, "and": 1, "xor": 1}


def test_layers_may_have_learning_rates_of_their_own():
    recipe = replace(recipes.get("xor"), lr={"d1": 1e-8, "d2": 2e-8})
    rates = recipe.make_optimizer().rates(recipe.build(0).system.parameters)
    assert rates == {"d1/conductance": 1e-8, "d2/conductance": 2e-8}


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'roses'. Expected one of xor, gates, iris, wine"):
        recipes.get("roses")
    with pytest.raises(ValueError, match=r"'ring'. Expected one of stack3, bridge"):
        recipes.probe("ring")


def test_every_diode_layer_of_the_three_stages_conducts_somewhere():
    from ebana.circuit import Devices
    from ebana.physics import kirchhoff

    probe = recipes.probe("stack3")
    model, data = probe.build(0, "native"), probe.data(0, probe.samples)
    v = model.operating_point(data).v
    import jax

    with jax.enable_x64(True):
        p = np.asarray(kirchhoff.potentials(model.circuit, model.values, data.inputs, v))
    for element in model.circuit.each(Devices):
        conducting = p[:, element.a] - p[:, element.b] > element.model.vth
        assert 0 < conducting.mean() < 1


def test_bridge_has_diodes_between_free_nodes():
    from ebana.circuit import Devices

    circuit = recipes.probe("bridge").build(0, "native").circuit
    (diodes,) = circuit.each(Devices)
    assert np.isin(np.concatenate([diodes.a, diodes.b]), circuit.free).all()


def test_xor_is_learned():
    recipe = recipes.get("xor")
    model, split = recipe.build(0), recipe.data(0)
    data = recipe.dataset(split.x_train, split.y_train)
    model.fit(data, verbose=False, **recipe.fit_options(0))
    assert model.evaluate(data).accuracy == 1.0

"""Published results in small: the recipes learn what they are said to learn, through the public API."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from ebana import recipes


@cache
def trained(name: str, seed: int, epochs: int):
    """A model, its history and its data, trained by the recipe of that name."""
    recipe, data = recipes.get(name), recipes.get(name).data(seed)
    model = recipe.build(seed)
    history = model.fit(
        recipe.dataset(data.x_train, data.y_train), verbose=False, **recipe.fit_options(seed, epochs=epochs)
    )
    return model, history, data


def _score(name: str, model, x, y):
    recipe = recipes.get(name)
    return model.evaluate(recipe.dataset(x, y), loss_fn=recipe.make_loss())


@pytest.mark.parametrize("seed", [0, 1])
def test_xor_is_learnt_entirely_within_300_epochs(seed):
    model, history, data = trained("xor", seed, 300)
    assert _score("xor", model, data.x_train, data.y_train).accuracy == 1.0
    assert history.last("loss") < 0.25 * history.history["loss"][0]


@pytest.mark.parametrize("seed", [0, 1])
def test_iris_is_classified_in_a_short_run(seed):
    model, history, data = trained("iris", seed, 150)
    assert _score("iris", model, data.x_test, data.y_test).accuracy >= 0.9
    assert history.last("loss") < history.history["loss"][0]


def test_training_starts_from_chance():
    """The accuracies above are learnt: the same networks, untrained, do not have them."""
    for name in ("xor", "iris"):
        data = recipes.get(name).data(0)
        scores = [
            _score(name, recipes.get(name).build(seed), data.x_test, data.y_test).accuracy
            for seed in range(4)
        ]
        assert np.mean(scores) < 0.8, name


def test_every_operating_point_on_the_way_was_found():
    for name, epochs in (("xor", 300), ("iris", 150)):
        _, history, _ = trained(name, 0, epochs)
        assert sum(history.history["unconverged"]) == 0


def test_conductances_stay_within_their_bounds():
    for name, epochs in (("xor", 300), ("iris", 150)):
        model, _, _ = trained(name, 0, epochs)
        for parameter in model.circuit.parameters.values():
            if parameter.kind == "conductance":
                g = model.values[parameter.name]
                assert g.min() >= parameter.low
                assert g.max() <= parameter.high
                assert not np.array_equal(g, parameter.initial), "and they have moved"

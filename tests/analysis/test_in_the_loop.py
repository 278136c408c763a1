"""Moving a design to real devices costs what it costs, and training there wins it back."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import NeospiceEngine, NgspiceEngine, optimizers, recipes
from ebana.analysis import fine_tune
from ebana.spice.simulators.session import available

ENGINES = {"ngspice": NgspiceEngine, "neospice": NeospiceEngine}


@pytest.fixture(scope="module")
def iris():
    recipe = recipes.get("iris")
    split = recipe.data(0)
    data = [recipe.dataset(x, y) for x, y in ((split.x_train, split.y_train), (split.x_test, split.y_test))]
    design = recipe.build(0)
    design.fit(data[0], verbose=False, **recipe.fit_options(0, 150))
    return recipe, design, *data


@pytest.mark.parametrize("name", ENGINES)
def test_fine_tuning_in_spice_removes_most_of_what_real_diodes_add(name: str, iris) -> None:
    found, why = available(name)
    if not found:
        pytest.skip(why)
    recipe, design, train, test = iris
    before = design.values
    target = recipe.build(0, ENGINES[name](), {"model": "1N4148"})
    adam = optimizers.Adam(lr=5e-8, schedule="cosine")
    options = {"epochs": 6, "batch_size": 35, "beta": recipe.beta, "optimizer": adam, "verbose": False}
    result = fine_tune(design, target, train, test, loss_fn=recipe.make_loss(), **options)

    assert result.design.mismatch == 0
    assert result.before.loss > result.design.loss
    assert result.before.mismatch > 0.02
    assert result.added_loss_removed > 0.5
    assert 0.2 < result.mismatch_removed < 1
    assert result.after.loss == pytest.approx(target.evaluate(test, loss_fn=recipe.make_loss()).loss)
    assert all(np.array_equal(before[n], v) for n, v in design.values.items()), "the design is left alone"
    assert result.engines == ("native", name)
    flat = result.to_dict()
    assert flat["added_loss_removed"] == result.added_loss_removed
    assert flat["after_accuracy"] == result.after.accuracy
    assert "of the added loss" in str(result)


def test_a_target_that_does_not_take_every_trained_value_is_refused(iris) -> None:
    _, design, train, test = iris
    with pytest.raises(ValueError, match=r"has no parameter 'd1/conductance' of shape \(10, 10\)"):
        fine_tune(design, recipes.get("xor").build(0), train, test, epochs=1)

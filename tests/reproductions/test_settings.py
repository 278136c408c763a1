"""Settings and published figures are complete, and build what the papers describe."""

import json

import numpy as np
import pytest

from ebana import datasets
from ebana.reproductions import networks, published, scellier2024, settings
from ebana.reproductions.images import Quick, duration
from ebana.reproductions.outcome import Goal

ALL = {
    "kendall2020": settings.KENDALL,
    "fashion": settings.FASHION,
    **{f"scellier2024-{model}": s for model, s in settings.RESISTIVE.items() if model != "xl"},
    **{f"scellier2024-{model}-published": s for model, s in settings.PUBLISHED.items() if model != "xl"},
}


def build(chosen, inputs=12, classes=3):
    """A network of these settings, with few inputs and narrow layers."""
    return Quick(0.0, width=6).shorten(chosen).build(inputs, classes, seed=1, name="small")


@pytest.mark.parametrize("name", ALL)
def test_settings_build_a_network_and_an_optimizer_for_it(name):
    model = build(ALL[name])
    assert model.input_columns == {"x": 12}
    assert model.output_units == {networks.OUTPUT: 3}
    assert (model.engine.dtype, model.engine.sweeps) == ("float32", ALL[name].sweeps)
    rates = ALL[name].make_optimizer().rates(model.system.parameters)
    assert rates.keys() == set(model.circuit.trainable)
    assert all(rate > 0 for rate in rates.values())


@pytest.mark.parametrize("shortened", [False, True], ids=["full", "quick"])
@pytest.mark.parametrize("name", ALL)
def test_nudging_strength_is_one_that_the_network_can_bear(name, shortened):
    from ebana.learning import losses
    from ebana.learning.equilibrium import EquilibriumPropagation

    chosen = Quick(0.0).shorten(ALL[name]) if shortened else ALL[name]
    for seed in range(3):
        model = chosen.build(8, 10, seed=seed, name="few-inputs")
        model.check_beta(
            chosen.beta, EquilibriumPropagation(chosen.estimator, chosen.nudge), losses.get(chosen.loss)
        )


@pytest.mark.parametrize("name", ALL)
def test_settings_are_plain_data(name):
    text = json.dumps(ALL[name].to_dict(), allow_nan=False)
    assert json.loads(text)["network"]["class"] in ("Resistive", "Amplified")


def test_resistive_network_is_half_and_half_and_starts_half_empty():
    network = networks.Resistive((40,))
    model = network.build(30, 5, 1e-3, seed=0, engine="native", name="r")
    x = np.random.default_rng(0).uniform(0, 100, (50, 30))
    hidden = model.operating_point(x).v[:, :40]
    assert (hidden[:, :20] >= 0).all()
    assert (hidden[:, 20:] <= 0).all()
    g = model.values["d1/conductance"]
    assert g.shape == (60, 40)
    assert 0.4 < np.mean(g == network.g_min) < 0.6
    assert g.max() <= 1 / np.sqrt(60)


def test_amplified_network_keeps_its_nodes_between_the_thresholds():
    network = networks.Amplified(hidden=20, vth=0.3, ron=1e-6)
    model = network.build(30, 5, 1e-3, seed=0, engine="native", name="a")
    x = np.random.default_rng(0).uniform(-50, 50, (50, 30))
    hidden = model.operating_point(x).v[:, :20]
    assert np.abs(hidden).max() == pytest.approx(0.3, abs=1e-3)
    assert (np.abs(hidden) > 0.299).mean() > 0.3


def test_layers_have_the_published_learning_rates():
    rates = settings.PUBLISHED["3h"].lr
    assert [rates[name] for name in ("d1", "d2", "d3", "out")] == [0.005, 0.02, 0.08, 0.005]
    assert [rates[name] for name in ("i1", "i2", "i3", "i_out")] == [0.0005, 0.002, 0.008, 0.0005]
    assert settings.PUBLISHED["xl"].network.hidden == (32768,)


@pytest.mark.parametrize(("model", "data"), list(published.SCELLIER_2024))
def test_every_published_figure_has_a_task(model, data):
    for as_published in (False, True)[: 1 + (data == "mnist")]:
        task = scellier2024.task(model, data, as_published)
        assert task.published is published.SCELLIER_2024[model, data]
        assert 0 < task.goal.test_error_percent <= task.published.test_error_percent
        assert task.goal.test_error_percent < task.quick.test_error_percent <= 80  # chance: 90


def test_a_quick_run_says_that_its_learning_rates_are_others():
    split = datasets.load("xor")
    quick = Quick(50.0, rate=20.0)
    shorter = quick.shorten(settings.PUBLISHED["3h"])
    assert shorter.lr["d1"] == pytest.approx(20 * settings.PUBLISHED["3h"].lr["d1"])
    assert quick.describe(split, shorter).endswith("100-100-100, learning rates times 20")
    assert "rates" not in Quick(50.0).describe(split, shorter)


def test_goal_says_what_is_missed():
    goal = Goal(3.3, 20.0)
    assert goal.missed(3.3, 20.0) == []
    assert goal.missed(3.31, 25.0) == ["test error 3.31% is above 3.30%", "25.0 s are above 20 s"]
    assert goal.missed(float("nan"), 1.0) == ["test error nan% is above 3.30%"]
    assert Goal(3.3).missed(1.0, 1e9) == []


def test_durations_are_readable():
    assert [duration(s) for s in (None, 12.34, 1800, 37620)] == ["-", "12.3 s", "0:30 h", "10:27 h"]

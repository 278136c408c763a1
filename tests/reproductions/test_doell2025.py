"""Accuracy against the range of conductance: the models of devices, the rule, and a short run on both data sets."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from ebana import recipes
from ebana.cli.reproduce import check_options, write
from ebana.reproductions import doell2025
from ebana.reproductions.doell2025 import comparison, devices, networks
from ebana.reproductions.request import Request
from helpers.idx_files import write_set

NOTHING = dict.fromkeys(
    ("model", "network", "data", "table", "blocks", "gradients", "fashion", "engine", "ablation")
)
TWO = ("constant step", "soft bounds")
"""Models whose programs are quick to compile."""


@pytest.mark.parametrize("decades", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("model", devices.MODELS)
def test_a_range_has_room_for_about_a_hundred_pulses_of_the_middle(model, decades):
    device = devices.MODELS[model](decades)
    assert device.nominal_pulse == pytest.approx(2 / devices.STATES, rel=0.06)  # exponential steps: 5% less


@pytest.mark.parametrize("decades", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("model", ["linear drift", "VTEAM", "VTEAM, exponential"])
def test_memristors_are_made_for_their_range(model, decades):
    low, high = devices.MODELS[model](decades).ends
    assert math.log10(high / low) == pytest.approx(decades, rel=1e-9)


def test_pulses_of_a_linear_memristor_shrink_with_the_square_of_its_conductance():
    """``R`` moves by as much with each pulse, so ``dG = G^2 dR``; here from exact fractions of the ends."""
    device = devices.vteam(2.0)
    shares = [Fraction(1, 10), Fraction(1, 2)]
    g = [Fraction(1, 100) + share * Fraction(99, 100) for share in shares]
    step = [float(device.pulsed(float(2 * share - 1), 1) - float(2 * share - 1)) for share in shares]
    assert step[0] / step[1] == pytest.approx(float((g[0] / g[1]) ** 2), rel=0.05)


@pytest.mark.parametrize(
    ("accuracies", "decades", "told"),
    [
        ({0.3: 80, 1.0: 94, 3.0: 96}, 1.0, "1 decade suffices, 0.3 do not (best 96.0% at 3 decades)"),
        ({0.3: 95, 1.0: 92, 3.0: 96}, 3.0, "3 decades suffice, 1 do not (best 96.0% at 3 decades)"),
        ({0.3: 94, 1.0: 95, 3.0: 96}, 0.3, "every range within 2.5 points of the best, 96.0% at 3 decades"),
        ({0.3: 80, 1.0: 96, 3.0: 70}, None, "best 96.0% at 1 decade; the widest range falls short"),
    ],
)
def test_the_threshold_is_the_least_range_from_which_all_wider_ones_do(accuracies, decades, told):
    found = doell2025.threshold(accuracies)
    assert found.decades == decades
    assert found.words.startswith(told)
    assert found.suffices == (decades in (0.3, 1.0))


@pytest.mark.parametrize(
    ("wide", "said"),
    [((1.0, 1.0), "is seen."), ((1.0, 1.5), "is seen in part."), ((1.5, 1.5), "is refuted.")],
)
def test_the_finding_is_seen_where_a_decade_suffices_for_all(wide, said):
    found = {
        str(k): doell2025.threshold({0.75: 80, 1.0: 95 if w == 1 else 90, 1.5: 96})
        for k, w in enumerate(wide)
    }
    assert comparison.verdict(found).endswith(said)


def test_a_threshold_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no range to choose from"):
        doell2025.threshold({})


@pytest.mark.parametrize("decades", [0.3, 3.0])
def test_conductances_start_within_the_range_and_at_the_same_places(decades):
    net = networks.Table(recipes.get("iris"), epochs=1)
    model, options = networks.through(net, devices.constant_step(decades), decades, seed=1)
    wide, _ = networks.through(net, devices.constant_step(1.0), 1.0, seed=1)
    top = net.tops["d1"]
    for name, (low, high) in (
        (f"{layer}/conductance", pair) for layer, pair in options["optimizer"].ranges.items()
    ):
        assert (low, high) == (pytest.approx(top / 10**decades), top)
        value = model.values[name]
        assert value.min() >= low
        assert value.max() <= low + net.start * (high - low)
        np.testing.assert_allclose((value - low) / (high - low), (wide.values[name] - top / 10) / (0.9 * top))


@pytest.fixture
def two_models(monkeypatch):
    monkeypatch.setattr(comparison, "MODELS", {model: devices.MODELS[model] for model in TWO})


def test_a_short_run_on_iris_leaves_a_table_and_a_figure(two_models, tmp_path):
    outcome = doell2025.run(Request(quick=True))
    result = outcome.to_dict()
    assert [row[""] for row in outcome.rows] == ["no devices", *TWO]
    assert list(result["ours"]["accuracy_percent"]["soft bounds"]) == ["0.3", "1", "3"]
    runs = result["ours"]["runs"]
    assert len(runs) == 1 + 2 * 3
    assert all(run["unconverged"] == 0 for run in runs)
    assert [run["pulses"] > 0 for run in runs] == [False] + [True] * 6
    assert outcome.passed, outcome.missed
    assert outcome.notes[-1].startswith("soft bounds: ")
    write(tmp_path, outcome, result)
    assert json.loads((tmp_path / "result.json").read_text())["name"] == "doell2025"
    assert (tmp_path / "conductance-range-iris.png").exists()


def test_images_are_trained_through_devices(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "MODELS", {"constant step": devices.constant_step})
    monkeypatch.setattr(comparison, "QUICK_DECADES", (2.0,))
    folder = write_set(tmp_path, train=300, test=60)
    outcome = doell2025.run(Request(quick=True, epochs=8, data_folder=folder), "mnist")
    assert outcome.name == "doell2025-mnist"
    assert outcome.passed, outcome.missed
    assert list(outcome.figures) == ["conductance-range-mnist"]
    assert 0 < outcome.ours["runs"][-1]["at_ends"] < 100


def test_learning_rates_of_images_are_those_of_devices(tmp_path):
    folder = write_set(tmp_path, train=100, test=20)
    net, shortened = networks.network("mnist", Request(quick=True, data_folder=folder))
    assert "100 training and 20 test samples" in shortened
    plain = net.build(0).system.parameters
    model, options = networks.through(net, devices.constant_step(1.0), 1.0, seed=0)
    trained = {name: p for name, p in model.system.parameters.items() if p.trainable}
    assert set(trained) == {f"{layer}/conductance" for layer in net.tops} | {"i1/current", "i_out/current"}
    for name, parameter in trained.items():
        factor = net.rates if parameter.kind == "conductance" else 1.0
        assert parameter.learning_rate == pytest.approx(factor * plain[name].learning_rate)
    assert options["optimizer"].ranges == {"d1": (0.01, 0.1), "out": (0.1, 1.0)}


def test_other_data_and_baselines_are_refused():
    with pytest.raises(ValueError, match=r"unknown data 'wine' of doell2025\. Expected one of iris, mnist"):
        doell2025.run(Request(quick=True), "wine")
    with pytest.raises(ValueError, match="it compares models of devices, and none"):
        check_options("doell2025", NOTHING, False, True)

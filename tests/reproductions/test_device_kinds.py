"""MNIST through kinds of devices: the settings, and a short run of all kinds on small images."""

import json

import pytest

from ebana.cli.reproduce import check_options, write
from ebana.learning.programming import Pulsed
from ebana.reproductions import device_kinds
from ebana.reproductions.request import Request
from helpers.idx_files import write_set

NOTHING = dict.fromkeys(
    ("model", "network", "data", "table", "blocks", "gradients", "fashion", "engine", "ablation")
)


@pytest.fixture(scope="module")
def request_of(tmp_path_factory):
    folder = write_set(tmp_path_factory.mktemp("squares"), train=300, test=60)
    return lambda **options: Request(quick=True, epochs=8, data_folder=folder, **options)


def test_six_kinds_have_about_a_hundred_steps_and_one_spread():
    found = device_kinds.devices()
    plain, kinds = found.pop("no devices"), list(found.values())
    assert plain is None
    assert len({type(kind) for kind in kinds}) == 6
    assert all(kind.device_to_device == 0.3 for kind in kinds)
    assert all(0.015 < kind.nominal_pulse < 0.025 for kind in kinds)
    assert found[device_kinds.HELD].states == 100


def test_published_devices_have_their_sources():
    found = device_kinds.devices(published=True)
    assert list(found) == ["no devices", *device_kinds.PUBLISHED]
    assert len(found) == 7


def test_a_short_run_compares_kinds(request_of, tmp_path, monkeypatch):
    """Two of the kinds, whose programs are quick to compile: the first is no device at all."""
    kinds = {
        kind: device_kinds.devices()[kind] for kind in ("no devices", "constant step", device_kinds.HELD)
    }
    monkeypatch.setattr(device_kinds, "devices", lambda published: kinds)
    outcome = device_kinds.run(request_of())
    result = outcome.to_dict()
    assert [row[""] for row in outcome.rows] == list(kinds)
    assert list(result["ours"]["by_kind"]) == list(kinds)
    assert result["goal"]["test_error_percent"] == device_kinds.QUICK.test_error_percent
    runs = result["ours"]["runs"]
    assert all(run["unconverged"] == 0 for run in runs)
    assert [run["pulses"] > 0 for run in runs] == [False, True, True]
    errors = result["ours"]["by_kind"]
    assert max(errors.values()) < 50, "small images of squares are told apart"
    write(tmp_path, outcome, result)
    assert json.loads((tmp_path / "result.json").read_text())["name"] == "device-kinds"
    assert (tmp_path / "device-soft-bounds.png").exists()


def test_devices_are_those_of_the_seed(request_of):
    device = device_kinds.devices()[device_kinds.HELD]
    settings = device_kinds._settings(device, request_of())
    rule = settings.make_optimizer()
    assert isinstance(rule, Pulsed)
    assert rule.ranges == device_kinds.RANGES
    plain = device_kinds._settings(None, request_of())
    assert not isinstance(plain.make_optimizer(), Pulsed)
    assert settings.lr["d1"] == pytest.approx(device_kinds.RATES * plain.lr["d1"])
    assert settings.lr["i1"] == plain.lr["i1"]


@pytest.mark.parametrize(
    ("options", "published", "baselines", "told"),
    [
        ({"model": "xs"}, False, False, "--model is an option of scellier2024"),
        ({}, False, True, "has no baselines: it compares kinds of devices"),
    ],
)
def test_options_of_others_are_refused(options, published, baselines, told):
    with pytest.raises(ValueError, match=told):
        check_options("device-kinds", NOTHING | options, published, baselines)

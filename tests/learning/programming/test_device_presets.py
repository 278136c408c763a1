"""Published devices: each with its source, each works, and its numbers are those of the publication."""

import numpy as np
import pytest

from ebana.learning.programming import PRESETS, Pulsed, get
from ebana.learning.programming.kinds import from_config
from ebana.reports import device_curves, png


@pytest.mark.parametrize("name", PRESETS)
def test_a_published_device_rises_and_falls_and_names_its_source(name):
    preset = PRESETS[name]
    device = get(name)
    assert preset.source
    assert preset.taken
    w = np.linspace(device.lower, device.upper, 9)
    moved = device.pulsed(w, 5), device.pulsed(w, -5)
    assert np.all(moved[0][:-1] > w[:-1])
    assert np.all(moved[1][1:] < w[1:])
    assert from_config(device.to_config()) == device
    assert Pulsed(device=name).device is device


def test_steps_are_those_of_the_publications():
    """Two weights from bound to bound, by the least step of each fit."""
    steps = {"reram-exponential": 0.00135, "reram-soft-bounds": 0.002, "capacitor": 0.005, "ecram": 0.002}
    for name, step in (
        steps | {"ecram-metal-oxide": 2.8214e-4, "gokmen-vlasov": 0.0016, "idealised": 2e-4}
    ).items():
        assert get(name).step == pytest.approx(step, rel=1e-12)
    for name in ("hp-linear-drift", "vteam"):
        assert 80 < get(name).states < 130
        up, down = get(name).pulsed([0.0, 0.0], [1, -1])
        assert up == pytest.approx(-down, rel=0.05)


def test_an_unknown_device_is_refused_by_name():
    with pytest.raises(ValueError, match=r"unknown device 'pcm'.*'ecram'"):
        get("pcm")


@pytest.mark.parametrize("name", ["reram-exponential", "capacitor", "vteam"])
def test_curves_of_a_device_are_drawn(name):
    figure = device_curves(get(name), devices=3, pulses=200)
    assert png(figure).startswith(b"\x89PNG")
    nominal = [line for line in figure.axes[0].lines if not line.get_label().startswith("_")]
    up, down = (np.asarray(line.get_ydata()) for line in nominal)
    assert np.all(np.diff(up) >= 0)
    assert np.all(np.diff(down) <= 0)
    assert (up[0], down[0]) == (0.0, 1.0)

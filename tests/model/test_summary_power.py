"""The summary shows the static power where it is given data."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ebana.units import si
from helpers.nets import shared


def test_summary_with_data_shows_the_power_of_each_layer() -> None:
    model, x = shared("hidden"), np.ones((3, 2))
    text = model.summary(lambda _: None, x=x)
    report = model.power(x)
    line = [line for line in text.splitlines() if line.startswith("│ d1 ")][-1]
    assert si(report.by_layer["d1"].dissipated, "W", 3) in line
    assert f"static power: {si(report.total, 'W')} from sources" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "mean of 3 samples" in text


def test_summary_without_data_is_as_before() -> None:
    text = shared("hidden").summary(lambda _: None)
    assert "dissipated" not in text
    assert "static power" not in text


def test_data_with_targets_will_do() -> None:
    data = {"inputs": {"xp": np.ones((3, 2))}, "outputs": {"y": np.zeros((3, 1))}}
    assert "mean of 3 samples" in shared("hidden").summary(lambda _: None, x=data)


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="the program ngspice is not installed")
def test_with_capacitances_the_summary_tells_the_energy_of_an_inference() -> None:
    model = shared("hidden")
    text = model.summary(lambda _: None, x=np.ones((1, 2)), capacitance=1e-12)
    settling = model.settling(np.ones((1, 2)), 1e-12)
    assert f"an inference (sample 0, from rest): {settling}" in " ".join(text.split())
    assert settling.energy > 0


def test_a_capacitance_without_data_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs data to settle to"):
        shared("hidden").summary(lambda _: None, capacitance=1e-12)

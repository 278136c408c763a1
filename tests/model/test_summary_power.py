"""The summary shows the static power where it is given data."""

from __future__ import annotations

import numpy as np

from ebana.units import si
from nets import shared


def test_summary_with_data_shows_the_power_of_each_layer() -> None:
    model, x = shared("hidden"), np.ones((3, 2))
    text = model.summary(lambda _: None, x=x)
    report = model.power(x)
    line = next(line for line in text.splitlines() if line.startswith("│ d1 "))
    assert si(report.by_layer["d1"].dissipated, "W", 3) in line
    assert si(report.total, "W") in text.splitlines()[-1]
    assert "mean of 3 samples" in text


def test_summary_without_data_is_as_before() -> None:
    text = shared("hidden").summary(lambda _: None)
    assert "dissipated" not in text
    assert "static power" not in text


def test_data_with_targets_will_do() -> None:
    data = {"inputs": {"xp": np.ones((3, 2))}, "outputs": {"y": np.zeros((3, 1))}}
    assert "mean of 3 samples" in shared("hidden").summary(lambda _: None, x=data)

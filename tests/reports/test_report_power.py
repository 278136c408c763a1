"""Power in the report: what the dictionary says, with units, escaped."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from ebana.reports import png, power_chart, write_report
from ebana.reports.power import power_tables
from helpers.nets import shared

EVIL = '<script>&"'


def power(**layers: tuple[float | None, float]) -> dict:
    shares = {n: {"dissipated_watts": a, "delivered_watts": b} for n, (a, b) in layers.items()}
    totals = {f"{key}_watts": 1e-6 for key in ("sources", "amplifiers", "nudges", "dissipated")}
    return {"samples": 3, "phases": {"free": {**totals, "by_layer": shares, "by_kind": shares}}}


def widths(figure) -> list[float]:
    return [p.get_width() for p in figure.axes[0].patches if isinstance(p, Rectangle)]


def test_bars_are_as_long_as_the_powers() -> None:
    assert widths(power_chart(power(a=(1e-6, 0.0), b=(2e-6, -3e-7)))) == [1e-6, 2e-6, 0.0, -3e-7]


def test_tables_hold_totals_kinds_and_layers_with_units() -> None:
    totals, kinds, layers = power_tables(power(a=(1.5e-6, 0.0), b=(None, 2e-9)))
    assert totals.columns[0] == "mean of 3 samples"
    assert totals.rows == (("free phase", *["1 µW"] * 4),)
    assert layers.rows == kinds.rows == (("a", "1.5 µW", ""), ("b", "", "2 nW"))


def test_the_same_power_gives_the_same_picture_even_of_nothing() -> None:
    for layers in ({"a": (1e-6, 0.0)}, {"a": (0.0, 0.0)}, {}):
        assert png(power_chart(power(**layers))) == png(power_chart(power(**layers)))


@pytest.mark.parametrize("with_power", [True, False])
def test_the_report_has_a_section_where_power_is_given(tmp_path, with_power: bool) -> None:
    report = shared("hidden").power(np.ones((2, 2)), np.zeros((2, 1))).to_dict()
    report["phases"]["free"]["by_layer"][EVIL] = {"dissipated_watts": 1e-6, "delivered_watts": 0.0}
    path = write_report(
        tmp_path, title="t", summary={}, configuration={}, layers_table=[], figures={}, netlist_text=None,
        power=report if with_power else None,
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    assert ("Static power" in text) == with_power
    assert ("plus phase" in text) == with_power
    assert "<script>" not in text

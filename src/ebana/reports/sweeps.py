"""Curves of a DC sweep."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from ebana.reports.rendering import Picture
from ebana.reports.style import LINES, PALETTE, styled

WIDTH, HEIGHT = 6.2, 3.6
"""Size of the figure in inches."""

QUANTITIES = {"V": "voltage", "A": "current"}

MOST = 16
"""Curves that still have a legend."""


def sweep_curves(x: np.ndarray, curves: Mapping[str, np.ndarray], label: str, unit: str) -> Figure:
    """Curves over swept values; NaN are gaps.

    Args:
        x: swept values, ``(P,)``.
        curves: ``(P,)`` each, by name.
        label: of the axis of the swept values, with its unit.
        unit: ``"V"`` or ``"A"``, of the curves.
    """
    with styled():
        figure = Picture(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        for i, (name, y) in enumerate(curves.items()):
            look = {"color": PALETTE[i % len(PALETTE)], "linestyle": LINES[i // len(PALETTE) % len(LINES)]}
            axes.plot(x, y, marker="o" if len(x) == 1 else "", label=name, **look)
        axes.set_xlabel(label, parse_math=False)
        axes.set_ylabel(f"{QUANTITIES[unit]} ({unit})")
        if unit == "A":
            axes.yaxis.set_major_formatter(EngFormatter())
        if len(curves) <= MOST:
            for text in axes.legend(loc="best").get_texts():
                text.set_parse_math(False)
        axes.margins(x=0.02)
    return figure

"""A picture of two engines going through one training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebana.reports.style import BLUE, GREY, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ebana.onchip.parity import Parity


def parity(found: Parity, title: str = "") -> Figure:
    """Differences at each point: of outputs, of weights, and of outputs from those of the shadow."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        axes = figure.subplots()
        points = np.arange(1, found.points + 1)
        for volts, color, style, label in (
            (found.outputs, BLUE, "-", "outputs, ngspice and quasi-static"),
            (found.weights, VERMILLION, "-", "weights, ngspice and quasi-static"),
            (found.shadow, GREY, "--", "outputs, start weights 1 µV off"),
        ):
            shown = np.maximum(volts, 1e-10) * 1e3
            axes.plot(points, shown, style, color=color, linewidth=1.0, label=label)
        axes.set(xlabel="point", ylabel="largest difference (mV)", yscale="log")
        axes.legend(fontsize=7)
        if title:
            axes.set_title(title, fontsize=9)
    return figure

"""Pictures of the comparison of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebana.reports.style import BLUE, GREY, ORANGE, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ebana.onchip.studies.cells import Comparison

TITLES = {"2t1c": "2T1C", "cmos": "CMOS pair"}
COLOURS = {"2t1c": ORANGE, "cmos": BLUE}
SENSITIVITIES = ("forward", "backward", "write")
SIGNALS = {
    "cosine": "cosine to the gradient",
    "reach": "reach, |d output / dw|",
    "returned": "dz hidden / dz output",
    "update": "wanted write (V)",
}


def cells(found: Comparison) -> Figure:
    """Absolute sensitivities over the row's voltage: a column for each kind, a line for each weight."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(7.6, 5.6), layout="constrained")
        grid = figure.subplots(len(SENSITIVITIES), len(found.cells), sharey="row", sharex=True, squeeze=False)
        for column, (kind, one) in enumerate(found.cells.items()):
            for row, name in enumerate(SENSITIVITIES):
                axes = grid[row, column]
                for k, w in enumerate(one.w):
                    shade = 0.25 + 0.7 * k / max(len(one.w) - 1, 1)
                    values = 1e6 * np.abs(getattr(one, name)[k])
                    axes.plot(
                        one.x,
                        values,
                        "-o",
                        color=COLOURS[kind],
                        alpha=shade,
                        markersize=3,
                        label=f"w = {w:g} V",
                    )
                axes.set_yscale("log")
                axes.set_ylim(0.5, 600.0)
                if column == 0:
                    axes.set_ylabel(f"|{name}| (uS)")
            grid[0, column].set_title(TITLES[kind])
            grid[-1, column].set_xlabel("row x (V)")
            grid[0, column].legend(fontsize=6, ncols=2)
    return figure


def trainings(found: Comparison) -> Figure:
    """Signals over training, each seed thin and their median thick."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(7.6, 5.0), layout="constrained")
        for axes, (name, label) in zip(figure.subplots(2, 2).ravel(), SIGNALS.items(), strict=True):
            for kind, one in found.trainings.items():
                values = getattr(one.signals, name)
                axes.plot(found.moments, values, color=COLOURS[kind], linewidth=0.5, alpha=0.35)
                title = f"{TITLES[kind]}, median R² {np.median(one.r2):.2f}"
                axes.plot(
                    found.moments,
                    np.median(values, axis=1),
                    "-o",
                    color=COLOURS[kind],
                    markersize=3,
                    label=title,
                )
            axes.set(xlabel="epoch", ylabel=label)
            if name == "cosine":
                axes.axhline(0.0, color=GREY, linewidth=0.6)
                axes.legend(fontsize=7)
            else:
                axes.set_yscale("log")
    return figure

"""The fits as a picture: what was wanted, and what the circuits answer."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from ebana.reports.style import BLUE, GREY, ORANGE, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ebana.reproductions.metzger2024.fits import Fits

COLOURS = (BLUE, ORANGE)


def fits(found: Sequence[tuple[str, Fits]]) -> Figure:
    """A panel for each case with its median seed, outputs in units of the amplitude.

    Args:
        found: what each case is called, and what its seeds learned.
    """
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(3.6 * len(found), 3.0), layout="constrained")
        panels = figure.subplots(1, len(found), squeeze=False)[0]
        for axes, colour, (told, case) in zip(panels, COLOURS, found, strict=False):
            fit = sorted(case.fits, key=lambda one: one.r2)[len(case.fits) // 2]
            x, target, output = (np.array(a) for a in (fit.x, fit.target, fit.output))
            order = np.argsort(x)
            axes.plot(x[order], target[order], color=GREY, linewidth=1.2, label="target")
            axes.plot(x[order], output[order], "o", color=colour, markersize=3.5, label="circuit")
            axes.set(xlabel="input", title=f"{told}, seed {fit.seed}: R² {fit.r2:.3f}")
            axes.legend(fontsize=7)
        panels[0].set_ylabel("output (of the amplitude)")
    return figure


def scores(found: Sequence[tuple[str, Fits]]) -> Figure:
    """R2 of every seed of each case as a point, and the median as a bar; what is below -1 is drawn at the edge."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(8.4, 0.8 + 0.48 * len(found)), layout="constrained")
        axes = figure.subplots()
        for row, (_, case) in enumerate(found):
            drawn = [max(fit.r2, LEAST) for fit in case.fits]
            axes.plot(drawn, [row] * len(drawn), "o", color=GREY, markersize=3.0, alpha=0.8)
            axes.plot([max(case.median, LEAST)], [row], "|", color=BLUE, markersize=12, markeredgewidth=2)
        axes.set_yticks(range(len(found)), [fill(told, 62) for told, _ in found], fontsize=7)
        axes.invert_yaxis()
        axes.set(xlabel="R² (points at the left edge are below it)", xlim=(LEAST - 0.05, 1.02))
        axes.axvline(0.0, color=GREY, linewidth=0.6)
    return figure


LEAST = -1.0

"""Pictures of what a chip adds: scores over a quantity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebana.onchip.studies.chips import STUDIES, Found
from ebana.reports.style import BLUE, GREY, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FLOOR = 0.0
"""Scores below are drawn here."""


def study(found: Found) -> Figure:
    """The score of each seed at each value, and the median."""
    from matplotlib.figure import Figure

    stated = STUDIES[found.study]
    rows = sorted(found.rows, key=lambda row: row.value) if not stated.words else list(found.rows)
    with styled():
        figure = Figure(figsize=(5.2, 3.2), layout="constrained")
        axes = figure.subplots()
        x = np.arange(len(rows)) if stated.words else np.array([row.value for row in rows])
        for at, row in zip(x, rows, strict=True):
            kept = np.maximum(row.scores, FLOOR)
            axes.plot(np.full(len(kept), at), kept, "o", color=GREY, markersize=3.5, alpha=0.7)
        axes.plot(
            x, np.maximum([row.median for row in rows], FLOOR), color=BLUE, marker="s", markersize=4,
            linestyle="none" if stated.words else "-", label=f"median of {len(found.seeds)} seeds",
        )  # fmt: skip
        if stated.words:
            axes.set_xticks(x, [row.label for row in rows])
        elif stated.logarithmic:
            axes.set_xscale("log")
        axes.set(
            xlabel=stated.quantity,
            ylabel="R² without updates" if found.task == "sine" else "accuracy without updates",
            ylim=(FLOOR - 0.03, 1.03),
            title=f"{found.task}, {found.network}, {found.process}",
        )
        axes.legend(loc="lower left", fontsize=7)
    return figure

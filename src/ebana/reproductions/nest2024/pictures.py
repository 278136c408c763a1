"""Figures of the reproduction."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {"EP": "equilibrium propagation", "BP": "backpropagation"}

WIDTH = 80 / 25.4
"""Inches of a column of a page."""
SIZE = 7.5
"""Points of its type."""
TIMES = ((3600.0, "h"), (60.0, "min"), (0.0, "s"))


def picture(trained: Sequence[tuple[int, str, float, float]]) -> Figure:
    """Accuracy by block size with every seed as a point, and beside it the time of a training; bars are medians.

    Args:
        trained: layers a block, method, test error in percent and seconds of each trained network.
    """
    import matplotlib as mpl

    from ebana.reports.rendering import Picture
    from ebana.reports.style import styled

    sizes = sorted({size for size, *_ in trained}, reverse=True)
    methods = [name for name in NAMES if any(method == name for _, method, *_ in trained)]
    unit, name = _unit([seconds for *_, seconds in trained])
    small = dict.fromkeys(("font.size", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"), SIZE)
    with styled(), mpl.rc_context({**small, "legend.fontsize": SIZE}):
        figure = Picture(figsize=(WIDTH, 0.72 * WIDTH), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, label, column, scaled in (
            (left, "test accuracy (%)", 2, lambda error: 100.0 - error),
            (right, f"time of a training ({name})", 3, lambda seconds: seconds / unit),
        ):
            for method in methods:
                found = [(sizes.index(t[0]), scaled(t[column])) for t in trained if t[1] == method]
                _points(axes, found, method)
            axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
            axes.set_xlim(-0.6, len(sizes) - 0.4)
            axes.set_xlabel("layers a block")
            axes.set_ylabel(label)
        right.set_ylim(bottom=0.0)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(methods), handletextpad=0.2)
    return figure


def _points(axes: Any, found: Sequence[tuple[int, float]], method: str) -> None:
    """Every seed of a method as a point, and a bar at the median of each block size."""
    from ebana.reports.style import BLUE, VERMILLION

    at, colour, marker = {"EP": (-0.15, BLUE, "o"), "BP": (0.15, VERMILLION, "s")}[method]
    places, values = [x + at for x, _ in found], [y for _, y in found]
    axes.plot(
        places, values, label=NAMES[method], color=colour, marker=marker, markersize=4, linestyle="none",
        markerfacecolor="none", markeredgewidth=1.0,
    )  # fmt: skip
    for place in sorted({x for x, _ in found}):
        median = statistics.median(y for x, y in found if x == place)
        axes.plot([place + at - 0.13, place + at + 0.13], [median] * 2, color=colour, linewidth=1.4)


def _unit(seconds: Sequence[float]) -> tuple[float, str]:
    """Seconds of a unit in which the longest time is at least 2, and its name."""
    most = max(seconds, default=0.0)
    found, name = next((unit, name) for unit, name in TIMES if most >= 2 * unit)
    return found or 1.0, name

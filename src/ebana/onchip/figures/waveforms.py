"""Voltages over time, with the phases of each point shaded and named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebana.reports.rendering import Picture
from ebana.reports.style import BLUE, GREEN, GREY, ORANGE, PALETTE, TEXT, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ebana.onchip.waveforms import Waveforms

SHADES = {"free": BLUE, "nudged": ORANGE, "update": GREEN, "gap": GREY}
"""Colour of each phase."""

HEIGHT = 1.25
"""Inches of a panel."""

NANO = 1e9


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a panel.

    Args:
        label: what it is.
        values: in the unit of its panel, ``(T,)``.
        dashed: whether it is something to be reached.
        color: number of its colour; lines of one number belong together.
    """

    label: str
    values: np.ndarray
    dashed: bool = False
    color: int = 0


@dataclass(frozen=True, eq=False)
class Panel:
    """Lines that share an axis.

    Args:
        title: what they are.
        lines: one or more.
        unit: of their values.
        stacked: whether they are clocks, drawn one above the other without a scale.
    """

    title: str
    lines: tuple[Line, ...]
    unit: str = "V"
    stacked: bool = False


def waveforms(waves: Waveforms, title: str = "") -> Figure:
    """Inputs, columns, outputs and targets, weights, bit line and clocks over a few points.

    Args:
        waves: of a transient.
        title: above all.
    """
    panels = waves.panels()
    with styled():
        figure = Picture(figsize=(7.6, 0.9 + HEIGHT * len(panels)), layout="constrained")
        grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(grid, panels, strict=True):
            _shade(axes, waves)
            (_clocks if panel.stacked else _lines)(axes, NANO * waves.time, panel)
            axes.set_title(panel.title, fontsize=9, weight="normal")
            axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        _name_phases(grid[0], waves)
        grid[-1].set_xlabel("time (ns)")
        grid[-1].set_xlim(NANO * waves.edges[0], NANO * waves.edges[-1])
        if title:
            figure.suptitle(title, fontsize=9)
    return figure


def _phases(waves: Waveforms) -> list[tuple[str, float, float]]:
    """Each phase with its begin and end, nanoseconds."""
    edges = NANO * waves.edges
    names = list(SHADES) * len(waves.learns)
    return list(zip(names, edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _shade(axes: Axes, waves: Waveforms) -> None:
    axes.grid(visible=False, axis="x")
    for name, begin, end in _phases(waves):
        axes.axvspan(begin, end, color=SHADES[name], alpha=0.16, linewidth=0, zorder=0)


def _name_phases(axes: Axes, waves: Waveforms) -> None:
    """Names above the first panel; the gap is too short for more than its shade."""
    for name, begin, end in _phases(waves):
        if name != "gap":
            axes.annotate(
                name, ((begin + end) / 2, 0.97), xycoords=("data", "axes fraction"), ha="center", va="top",
                fontsize=6.5, color=TEXT,
            )  # fmt: skip
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.18 * (high - low))


def _lines(axes: Axes, time: np.ndarray, panel: Panel) -> None:
    for line in panel.lines:
        style = "--" if line.dashed else "-"
        color = PALETTE[line.color % len(PALETTE)]
        axes.plot(time, line.values, style, color=color, linewidth=1.2, label=line.label)
    axes.set_ylabel(panel.unit)


def _clocks(axes: Axes, time: np.ndarray, panel: Panel) -> None:
    """Clocks one above the other, the first on top."""
    count = len(panel.lines)
    for k, line in enumerate(panel.lines):
        height = max(float(np.abs(line.values).max()), 1e-12)
        axes.plot(
            time, count - 1 - k + 0.7 * line.values / height, color=PALETTE[k % len(PALETTE)], linewidth=1.2,
            label=line.label,
        )  # fmt: skip
    axes.set_yticks([])
    axes.grid(visible=False)

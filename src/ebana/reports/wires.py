"""A map of a crossbar: the volts that its wires lose on the way to each cell."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ebana.reports.rendering import Picture
from ebana.reports.style import FONT_SIZE, styled

COLOURS = "cividis_r"
"""Darker is worse; alike to all eyes and in grey print."""

UNITS = ((1e-6, 1e-9, "nV"), (1e-3, 1e-6, "µV"), (1.0, 1e-3, "mV"), (np.inf, 1.0, "V"))
WIDTH, HEIGHT = 6.2, 4.6


def voltage_drop_map(lost: np.ndarray, applied: np.ndarray, name: str) -> Figure:
    """Mean size of the volts lost on the way to each cell, rows driven at the left, columns read at the bottom.

    Args:
        lost: volts lost in the wires, ``(B, m, n)``.
        applied: volts between each row's and each column's port, ``(B, m, n)``.
        name: of the layer, for the title.

    Raises:
        ValueError: for no sample, or volts that are not finite.
    """
    if not lost.size or not np.isfinite(lost).all():
        raise ValueError(
            f"volts lost in the wires of {name!r}: received {len(lost)} samples, {int((~np.isfinite(lost)).sum())} "
            "values not finite. Expected at least one sample whose operating point was found."
        )
    mean = np.abs(lost).mean(0)
    factor, unit = next((factor, unit) for below, factor, unit in UNITS if mean.max() < below)
    share = 100.0 * np.abs(lost).mean() / max(np.abs(applied).mean(), np.finfo(float).tiny)
    with styled():
        figure = Picture(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(mean / factor, cmap=COLOURS, aspect="auto", interpolation="nearest", vmin=0.0)
        _label(axes, mean, name, share)
        bar = figure.colorbar(image, ax=axes)
        samples = f"{len(lost)} sample" + "s" * (len(lost) > 1)
        bar.set_label(f"volts lost in the wires ({unit}), mean of {samples}")
    return figure


def _label(axes: Axes, mean: np.ndarray, name: str, share: float) -> None:
    i, j = np.unravel_index(int(mean.argmax()), mean.shape)
    axes.grid(visible=False)
    axes.set_title(
        f"{name}: wires lose {share:.2g} % of the volts, most at row {i}, column {j}", parse_math=False
    )
    axes.set_xlabel("column (read at the bottom)")
    axes.set_ylabel("row (driven at the left)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "clip_on": False}
    for colour, width in (("white", 2.6), ("black", 1.2)):
        axes.plot(j, i, markeredgecolor=colour, markeredgewidth=width, **ring)
    axes.tick_params(labelsize=FONT_SIZE - 1)
